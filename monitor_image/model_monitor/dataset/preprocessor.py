"""A user's `preprocess_handler`: loaded once in each process, called for each record, its answers checked and typed."""

from __future__ import annotations

import inspect
import logging
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final
from zlib import crc32

import numpy as np

from model_monitor.errors import MonitorError, ScriptError
from model_monitor.job.user_code import described, load_function

HANDLER: Final = "preprocess_handler"
LOGGER: Final = logging.getLogger("model_monitor.preprocessor")
PLAIN: Final = frozenset({type(None), bool, int, float, str})
Answer = Mapping[Any, Any]
Place = Callable[[], str]  # where a record stands: worked out only when something is wrong there


@dataclass(frozen=True, slots=True)
class Preprocessor:
    """A script's handler. `takes_logger`: it wants a logger beside the record."""

    path: Path
    handler: Callable[..., Any]
    takes_logger: bool

    def __call__(self, record: Any, place: Place) -> list[dict[str, Any]]:
        """The records that one record becomes: none when the script drops it.

        Raises: ScriptError with the place of the record and of the fault in the script; never a value.
        """
        try:
            answer = self.handler(record, LOGGER) if self.takes_logger else self.handler(record)
        except MonitorError:  # the job is being stopped
            raise
        except (Exception, SystemExit) as error:  # noqa: BLE001 - user code: whatever it raises is the script's fault
            raise ScriptError(
                f"preprocessor failed: {described(error, str(self.path))}, given the record at {place()}. "
                "The error's own words are left out: they may hold the record's values."
            ) from None
        if not answer:
            return []
        found = [answer] if isinstance(answer, Mapping) else answer
        if not isinstance(found, (list, tuple)) or not all(isinstance(each, Mapping) for each in found):
            kind = type(answer).__name__
            raise ScriptError(
                f"preprocessor {self.path.name}: {HANDLER} returned a {kind} for the record at {place()}. "
                "Expected a dict, a list of dicts, or None to drop the record."
            )
        return [self._plain(each, place) for each in found if each]

    def _plain(self, answer: Answer, place: Place) -> dict[str, Any]:
        if PLAIN.issuperset(map(type, answer.values())) and {str}.issuperset(map(type, answer)):
            return dict(answer)
        return {str(key): self._value(key, value, place) for key, value in answer.items()}

    def _value(self, key: Any, value: Any, place: Place) -> Any:
        """One cell; numbers of other libraries become Python's."""
        if isinstance(value, np.generic) or (isinstance(value, np.ndarray) and value.ndim == 0):
            value = value.item()
        for plain in (bool, int, float, str):
            if isinstance(value, plain):
                return plain(value)
        if value is None:
            return None
        raise ScriptError(
            f"preprocessor {self.path.name}: {HANDLER} gave key '{key}' a {type(value).__name__} for the record at {place()}. "
            "Expected text, a number, true or false, or None where the value is missing."
        )


@cache
def load_preprocessor(path: Path) -> Preprocessor:
    """The handler of a script.

    Raises: ScriptError.
    """
    handler = load_function(path, HANDLER)
    try:
        parameters = list(inspect.signature(handler).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    places = [each for each in parameters if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)]
    is_open = any(each.kind is each.VAR_POSITIONAL for each in parameters)
    return Preprocessor(path, handler, is_open or len(places) > 1)


def settle_chance(file: str, start: int) -> None:
    """Scripts that sample draw the same numbers for the same part of a file, whichever process reads it."""
    seed = crc32(f"{file}:{start}".encode())
    random.seed(seed)
    np.random.seed(seed)
