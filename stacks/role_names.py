"""What roles are called that somebody else creates for an environment: known before a deployment, by stack and place in it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Final

PREFIX: Final = "model-monitor:role-prefix"  # context of the app, below which roles are brought
LONGEST: Final = 64  # IAM's limit
_HASH: Final = re.compile("[0-9A-F]{8}$")


def logical(ids: Sequence[str]) -> str:
    """The readable part of a logical id, of the construct's ids below its stack, as the CDK makes it."""
    return "".join(re.sub("[^A-Za-z0-9]", "", each) for each in ids)


def readable(logical_id: str) -> str:
    """The same of a logical id in a template."""
    return _HASH.sub("", logical_id)


def name(prefix: str, stack: str, role: str) -> str:
    """Of one role; what is too long ends in a hash of the whole."""
    whole = f"{prefix}{stack}-{role}"
    if len(whole) <= LONGEST:
        return whole
    return f"{whole[: LONGEST - 9]}-{hashlib.sha256(whole.encode()).hexdigest()[:8]}"
