"""What goes wrong in an execution, under the names of the Amazon States Language. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

ALL: Final = "States.ALL"
TASK_FAILED: Final = "States.TaskFailed"
TIMEOUT: Final = "States.Timeout"
HEARTBEAT: Final = "States.HeartbeatTimeout"
RUNTIME: Final = "States.Runtime"
DATA_LIMIT: Final = "States.DataLimitExceeded"
NO_CHOICE: Final = "States.NoChoiceMatched"
INTRINSIC: Final = "States.IntrinsicFailure"
RESULT_PATH: Final = "States.ResultPathMatchFailure"
NEVER_CAUGHT_BY_ALL: Final = (RUNTIME, DATA_LIMIT)
KNOWN: Final = frozenset(
    {
        *(ALL, TASK_FAILED, TIMEOUT, RUNTIME, DATA_LIMIT, NO_CHOICE, INTRINSIC, RESULT_PATH),
        *("States.ParameterPathFailure", "States.Permissions", "States.BranchFailed", HEARTBEAT),
    }
)


class StatesError(Exception):
    """A state failed: its error's name, and why."""

    def __init__(self, error: str, cause: str = "") -> None:
        super().__init__(f"{error}: {cause}")
        self.error, self.cause = error, cause

    def output(self) -> dict[str, str]:
        """As a catcher hands it on."""
        return {"Error": self.error, "Cause": self.cause}


def is_meant(names: Sequence[str], error: str) -> bool:
    """Whether a retrier or a catcher with these names is for this error."""
    if error in names or (error == HEARTBEAT and TIMEOUT in names):
        return True
    if ALL in names:
        return error not in NEVER_CAUGHT_BY_ALL
    return TASK_FAILED in names and error not in (TIMEOUT, *NEVER_CAUGHT_BY_ALL)
