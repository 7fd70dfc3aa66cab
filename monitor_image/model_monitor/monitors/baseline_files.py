"""Opening the files of a baseline: the one place of this room that opens any."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import orjson

from model_monitor.contract import OWN_BLOCK
from model_monitor.errors import BaselineError
from model_monitor.job.job import BaselineFiles

SIGNATURE_VERSION: Final = 1


def read_document(path: Path) -> object:
    """The content of a JSON file of a baseline.

    Raises: BaselineError.
    """
    try:
        document: object = orjson.loads(path.read_bytes())
    except OSError as error:
        raise BaselineError(path, f"cannot be read ({error.strerror}).", "Check the baseline's location.") from error
    except orjson.JSONDecodeError as error:
        raise BaselineError(path, f"is no JSON ({error}).", "Run the baseline job again.") from error
    return document


def signed(content: Mapping[str, Any]) -> dict[str, Any]:
    """The content of a baseline's file with a block that says that it is ours: its numbers are counts of a sample that we know."""
    block = content.get(OWN_BLOCK)
    return {**content, OWN_BLOCK: {**(block if isinstance(block, Mapping) else {}), "version": SIGNATURE_VERSION}}


def is_signed(files: BaselineFiles) -> bool:
    """Whether a baseline job of ours wrote every file that is given, and any is given."""
    given = [path for path in (files.constraints, files.statistics) if path is not None]
    documents = [read_document(path) for path in given]
    return bool(documents) and all(own_block(each) is not None for each in documents)


def own_block(document: object) -> Mapping[str, Any] | None:
    """The block of a file that a baseline job of ours signed; None of AWS's files, and of those of a window."""
    block = document.get(OWN_BLOCK) if isinstance(document, Mapping) else None
    return block if isinstance(block, Mapping) and "version" in block else None
