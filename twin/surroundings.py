"""What the twin's services need of the twin; `Twin` is one, and the tests build smaller ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from twin.api import Operation
from twin.clock import VirtualClock
from twin.journal import Journal


class Operations(Protocol):
    """Where a service's operations are registered (`twin.api.Api`)."""

    def register(self, service: str, operation: str, handler: Operation) -> None: ...

    def refuse(self, service: str, operation: str, reason: str) -> None: ...


class Bus(Protocol):
    """Where events of AWS services are sent (`twin.events.rules`)."""

    def emit(self, source: str, detail_type: str, detail: dict[str, Any], resources: list[str]) -> None: ...


class Roles(Protocol):
    """Who a job is (`twin.iam.identity`)."""

    def environment(self, role: str) -> dict[str, str]:
        """A clean process environment that acts as a role (name or ARN)."""
        ...


class Surroundings(Protocol):
    """The part of the twin that its services see."""

    @property
    def account(self) -> str: ...

    @property
    def region(self) -> str: ...

    @property
    def directory(self) -> Path:
        """Everything the twin keeps on disk lies below it."""
        ...

    @property
    def clock(self) -> VirtualClock: ...

    @property
    def journal(self) -> Journal: ...

    @property
    def api(self) -> Operations: ...

    @property
    def events(self) -> Bus: ...

    @property
    def identity(self) -> Roles: ...

    @property
    def image_python(self) -> Path:
        """The interpreter that holds what the monitor image holds, and nothing else."""
        ...

    @property
    def xgboost_python(self) -> Path:
        """The interpreter that holds what AWS's XGBoost framework container holds."""
        ...

    def client(self, service: str, role: str | None = None, principal: str | None = None) -> Any:
        """A boto3 client of the deployer, or of a role (name or ARN), or that of an AWS service's principal."""
        ...

    def on_stop(self, close: Callable[[], None]) -> None:
        """Have a function called when the twin stops."""
        ...
