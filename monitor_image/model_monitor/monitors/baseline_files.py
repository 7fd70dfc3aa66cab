"""Opening the files of a baseline, the one place of this room that opens any."""

from __future__ import annotations

from pathlib import Path

import orjson

from model_monitor.errors import BaselineError
from model_monitor.monitors.data_quality.comparison import Baseline
from model_monitor.monitors.data_quality.constraints_reader import constraints_of_types, read_constraints
from model_monitor.monitors.feature_reader import read_dataset_statistics


def read_baseline(constraints: Path | None, statistics: Path | None) -> Baseline | None:
    """Either file or both; None without any.

    Raises: BaselineError when a file is unreadable or of another monitor.
    """
    numbers = None if statistics is None else read_dataset_statistics(read_document(statistics), str(statistics))
    if constraints is not None:
        return Baseline(read_constraints(read_document(constraints), str(constraints)), numbers)
    if numbers is not None:
        return Baseline(constraints_of_types(numbers), numbers)
    return None


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
