"""Which reader runs: the compiled one where it is installed and nobody asks for Python's. The results are the same.

Light, so that the front doors can tell it without waiting for numpy and pyarrow.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from types import ModuleType

from model_monitor.contract import READER_CHOICES, Reader, Variable
from model_monitor.errors import SettingsError


def load(environment: Mapping[str, str] = os.environ) -> ModuleType | None:
    """The compiled reader; None where it is not installed or not wanted. Raises: SettingsError."""
    choice = environment.get(Variable.READER, "").strip().lower() or READER_CHOICES[0]
    if choice not in READER_CHOICES:
        raise SettingsError(Variable.READER, f"should be {' or '.join(READER_CHOICES)}.")
    if choice == Reader.PYTHON:
        return None
    try:
        import model_monitor_native
    except ModuleNotFoundError:  # not compiled for this machine
        return None
    except ImportError as error:  # compiled for another one
        warnings.warn(
            f"The compiled reader does not load, Python's runs instead: {error}", RuntimeWarning, stacklevel=2
        )
        return None
    return model_monitor_native


def used() -> Reader:
    """What reads in this process, for a run's facts. A wrong choice ends the run before anything is read."""
    try:
        return Reader.PYTHON if load() is None else Reader.COMPILED
    except SettingsError:
        return Reader.PYTHON
