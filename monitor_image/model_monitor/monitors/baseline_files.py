"""Opening the files of a baseline: the one place of this room that opens any."""

from __future__ import annotations

from pathlib import Path

import orjson

from model_monitor.errors import BaselineError


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
