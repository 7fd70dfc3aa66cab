"""Which reader runs: the compiled one where it is installed and nobody asks for Python's. The results are the same.

Light, so that the front doors can tell it without waiting for numpy and pyarrow.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, MutableMapping
from types import ModuleType

from model_monitor.contract import READER_CHOICES, Reader, Variable
from model_monitor.errors import SettingsError

LOGGER = logging.getLogger("model_monitor.reader")
FOUND_SHOWN = 40
NEWEST = "mentions"  # what an older compiled reader lacks


def load(environment: MutableMapping[str, str] = os.environ) -> ModuleType | None:
    """The compiled reader; None where it is not installed or not wanted. Raises: SettingsError.

    One that does not load is told and then no longer asked for, here and in processes that are started from here.
    """
    problem = fault(environment)
    if problem is not None:
        raise SettingsError(f"environment variable {Variable.READER}", f"{problem}.", "Correct it, or unset it.")
    if _choice(environment) == Reader.PYTHON:
        return None
    try:
        import model_monitor_native
    except ModuleNotFoundError:  # not compiled for this machine
        return None
    except ImportError as error:  # damaged, or compiled for another one
        _leave_out(str(error), environment)
        return None
    if not hasattr(model_monitor_native, NEWEST):
        _leave_out("it is older than this version", environment)
        return None
    return model_monitor_native


def _leave_out(why: str, environment: MutableMapping[str, str]) -> None:
    LOGGER.warning(
        "The compiled reader does not load, Python's runs instead (the same results, more slowly): %s. "
        "Build it again (make setup), or install its wheel again.",
        why,
    )
    environment[Variable.READER] = Reader.PYTHON


def fault(environment: Mapping[str, str]) -> str | None:
    """What is wrong with the choice; None if nothing is."""
    choice = _choice(environment)
    if choice in READER_CHOICES:
        return None
    found = choice if len(choice) <= FOUND_SHOWN else f"{choice[:FOUND_SHOWN]}..."
    return f"should be {' or '.join(READER_CHOICES)}, found {found!r}"


def used() -> Reader:
    """What reads in this process, for a run's facts. A wrong choice ends the run before anything is read."""
    try:
        return Reader.PYTHON if load() is None else Reader.COMPILED
    except SettingsError:
        return Reader.PYTHON


def _choice(environment: Mapping[str, str]) -> str:
    return environment.get(Variable.READER, "").strip().lower() or READER_CHOICES[0]
