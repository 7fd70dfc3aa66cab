"""What a service of the twin sees of it: the account around it. The server (`twin.server.Twin`) is one, and makes all services.

No service knows the server. Where one needs another, it is given it when it is made, or finds it here as what it does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from twin.api import Api
from twin.clock import VirtualClock
from twin.journal import Journal
from twin.quotas import Quotas


class Bus(Protocol):
    """Where events of AWS services are sent (`twin.events.rules`)."""

    def emit(self, source: str, detail_type: str, detail: dict[str, Any], resources: list[str]) -> None: ...


class Roles(Protocol):
    """Who acts, and who called (`twin.iam.identity`)."""

    def environment(self, role: str) -> dict[str, str]:
        """A clean process environment that acts as a role (name or ARN)."""
        ...

    def principal(self, access_key: str) -> str:
        """The role (or `deployer`, or an AWS service) behind an access key."""
        ...

    def account_of(self, access_key: str) -> str:
        """The account that a caller belongs to."""
        ...

    def arn_of(self, access_key: str) -> str:
        """The ARN of the role behind an access key; "" for who is none."""
        ...

    def may(self, role: str, action: str, resource: str) -> bool:
        """Whether a role's policies allow an action on a resource."""
        ...

    def trusts(self, role: str, service: str) -> bool:
        """Whether there is such a role and an AWS service may take it."""
        ...


class RecordedPolicies(Protocol):
    """The policies of buckets, topics and queues as deployed (`twin.iam.policies`)."""

    def put(self, resource: str, document: Mapping[str, Any]) -> None: ...

    def get(self, resource: str) -> Mapping[str, Any] | None: ...

    def forget(self, resource: str) -> None: ...


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
    def api(self) -> Api:
        """Where a service registers its operations."""
        ...

    @property
    def events(self) -> Bus: ...

    @property
    def identity(self) -> Roles: ...

    @property
    def resource_policies(self) -> RecordedPolicies: ...

    @property
    def url(self) -> str:
        """Where the twin is served."""
        ...

    @property
    def endpoints(self) -> dict[str, str]:
        """Variables that lead any AWS client to the twin, without credentials."""
        ...

    @property
    def python(self) -> Path:
        """The interpreter of the Lambdas."""
        ...

    @property
    def image_python(self) -> Path:
        """The interpreter that holds what the monitor image holds, and nothing else."""
        ...

    @property
    def image_entry(self) -> Sequence[str]:
        """What stands for the monitor image's entry point where the image is a function."""
        ...

    @property
    def quotas(self) -> Quotas:
        """What the account may run at once."""
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
