"""Who calls what: credentials for each role, and the record of every API call by the principal that made it."""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from twin.api import Call
    from twin.server import Twin

DEPLOYER: Final = "deployer"
DEPLOYER_KEY: Final = "AKIADEPLOYER00000000"


def role_name(role: str) -> str:
    """The name in a role's ARN; a name stays as it is."""
    return role.rpartition("/")[2]


class Identity:
    """Hands out credentials per role and remembers which role a call came from."""

    def __init__(self, twin: Twin) -> None:
        self._twin = twin
        self._role_of_key: dict[str, str] = {DEPLOYER_KEY: DEPLOYER}
        self._calls: dict[str, Counter[tuple[str, str]]] = {}
        self._lock = threading.Lock()
        twin.api.observe(self._record)

    def credentials(self, role: str) -> dict[str, str]:
        """Environment variables that make a process act as a role (name or ARN)."""
        name = role_name(role)
        key = "ASIA" + hashlib.sha256(name.encode()).hexdigest()[:16].upper()
        self._role_of_key[key] = name
        return {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": "twin", "AWS_SESSION_TOKEN": "twin"}

    def environment(self, role: str) -> dict[str, str]:
        """A clean process environment for a role: its credentials, the region, the twin's endpoints and nothing else."""
        return {**self._twin.endpoints, **self.credentials(role)}

    def principal(self, access_key: str) -> str:
        """The role (or `deployer`) behind an access key."""
        return self._role_of_key.get(access_key, DEPLOYER)

    def calls(self, role: str) -> Counter[tuple[str, str]]:
        """(service, operation) → how often the role called it."""
        with self._lock:
            return Counter(self._calls.get(role_name(role), {}))

    def _record(self, call: Call) -> None:
        with self._lock:
            self._calls.setdefault(self.principal(call.access_key), Counter())[call.service, call.operation] += 1
