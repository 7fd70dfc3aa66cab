"""Tasks that wait for a token to come back: SendTaskSuccess, SendTaskFailure, SendTaskHeartbeat, and their time limits.

Limits are of virtual time: they are looked at at the first whole minute that has reached them.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from twin.api import ApiError, Call
from twin.states.errors import HEARTBEAT, TASK_FAILED, TIMEOUT, StatesError
from twin.surroundings import Surroundings

LARGEST_OUTPUT: Final = 256 * 2**10

Go = Callable[[Any, StatesError | None], None]
Later = Callable[[datetime, Callable[[], None]], None]


@dataclass(eq=False)
class Callback:
    """A task that waits. `is_wanted` tells whether its execution still waits for it, `beat` when it was last heard of."""

    go: Go
    is_wanted: Callable[[], bool]
    heartbeat: float | None
    beat: datetime
    is_over: bool = False


class Callbacks:
    """Every token that was handed out."""

    def __init__(self, twin: Surroundings, later: Later) -> None:
        self._twin, self._later = twin, later
        self._callbacks: dict[str, Callback] = {}
        self._lock = threading.Lock()
        twin.api.register(
            "stepfunctions",
            SendTaskSuccess=self.succeed,
            SendTaskFailure=self.fail,
            SendTaskHeartbeat=self.beat,
        )

    def expect(self, token: str, callback: Callback, timeout: float | None) -> None:
        """Let a task wait from now on."""
        self._callbacks[token] = callback
        now = self._twin.clock.now()

        def late() -> None:
            self.end(callback, error=StatesError(TIMEOUT))

        if timeout is not None:
            self._later(now + timedelta(seconds=timeout), late)
        if callback.heartbeat is not None:
            self._later(now + timedelta(seconds=callback.heartbeat), lambda: self._listen(callback))

    def end(self, callback: Callback, value: Any = None, error: StatesError | None = None) -> bool:
        """Hand a task what came of it; False when it had ended before."""
        with self._lock:
            if callback.is_over:
                return False
            callback.is_over = True
        callback.go(value, error)
        return True

    def _listen(self, callback: Callback) -> None:
        assert callback.heartbeat is not None
        due = callback.beat + timedelta(seconds=callback.heartbeat)
        if due <= self._twin.clock.now():
            self.end(callback, error=StatesError(HEARTBEAT))
        elif not callback.is_over:
            self._later(due, lambda: self._listen(callback))

    # --- the API -------------------------------------------------------------------------------------------------------

    def succeed(self, asked: dict[str, Any], _: Call) -> None:
        text = asked["output"]
        try:
            output = json.loads(text)
        except ValueError as error:
            raise ApiError("InvalidOutput", f"Invalid Output: '{error}'") from error
        if len(text.encode()) > LARGEST_OUTPUT:
            raise ApiError("InvalidOutput", f"Invalid Output: over {LARGEST_OUTPUT} bytes")
        self._answer(asked["taskToken"], output)

    def fail(self, asked: dict[str, Any], _: Call) -> None:
        error = StatesError(asked.get("error") or TASK_FAILED, asked.get("cause") or "")
        self._answer(asked["taskToken"], error=error)

    def beat(self, asked: dict[str, Any], _: Call) -> None:
        self._find(asked["taskToken"]).beat = self._twin.clock.now()

    def _answer(self, token: str, value: Any = None, error: StatesError | None = None) -> None:
        if not self.end(self._find(token), value, error):
            raise _gone()

    def _find(self, token: str) -> Callback:
        """The task of a token that still waits. Raises: ApiError."""
        found = self._callbacks.get(token)
        if found is None:
            raise ApiError("InvalidToken", "Invalid Token: 'Invalid token'")
        if found.is_over or not found.is_wanted():
            raise _gone()
        return found


def _gone() -> ApiError:
    return ApiError("TaskTimedOut", "Task Timed Out: 'Provided task does not exist anymore'")
