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
DESIGN_EFFECT: Final = "design_effect"


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


def signed(content: Mapping[str, Any], design_effect: float = 1.0) -> dict[str, Any]:
    """The content of a baseline's file with a block that says that it is ours: its numbers are counts of a sample that we know.

    design_effect: of the sample's records, as `sketches.neighbours` measures it; told where it is not 1.
    """
    block = content.get(OWN_BLOCK)
    effect = {} if design_effect == 1.0 else {DESIGN_EFFECT: design_effect}
    return {
        **content,
        OWN_BLOCK: {**(block if isinstance(block, Mapping) else {}), "version": SIGNATURE_VERSION, **effect},
    }


def is_signed(files: BaselineFiles) -> bool:
    """Whether a baseline job of ours wrote every file that is given, and any is given."""
    given = [path for path in (files.constraints, files.statistics) if path is not None]
    documents = [read_document(path) for path in given]
    return bool(documents) and all(own_block(each) is not None for each in documents)


def design_effect(files: BaselineFiles) -> float:
    """That of the records of a baseline; 1 where its files tell none.

    Raises: BaselineError where it is no number of at least 1.
    """
    found = 1.0
    for path in (path for path in (files.constraints, files.statistics) if path is not None):
        told = (own_block(read_document(path)) or {}).get(DESIGN_EFFECT, 1.0)
        if isinstance(told, bool) or not isinstance(told, (int, float)) or told < 1:
            raise BaselineError(
                path, f"{OWN_BLOCK}.{DESIGN_EFFECT} should be a number of at least 1.", "Make the baseline again."
            )
        found = max(found, float(told))
    return found


def own_block(document: object) -> Mapping[str, Any] | None:
    """The block of a file that a baseline job of ours signed; None of AWS's files, and of those of a window."""
    block = document.get(OWN_BLOCK) if isinstance(document, Mapping) else None
    return block if isinstance(block, Mapping) and "version" in block else None
