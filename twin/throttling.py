"""Requests beyond an operation's rate (`twin.quotas.requests`) are refused as the service refuses them.

A bucket fills with the virtual clock, which stands still within a minute: what a scenario meets is the same on every machine.
"""

from __future__ import annotations

import threading
from typing import Final

from twin.api import ApiError, Call
from twin.iam.identity import SERVICE
from twin.quotas import Rate
from twin.surroundings import Surroundings

RATE_EXCEEDED: Final = "Rate exceeded"
CODES: Final = {  # by service; the others say ThrottlingException
    **dict.fromkeys(("cloudwatch", "cloudformation", "iam", "sts"), "Throttling"),
    **dict.fromkeys(("lambda", "apigateway", "cognito-idp"), "TooManyRequestsException"),
    "s3": "SlowDown",
    "sns": "Throttled",
    "sqs": "RequestThrottled",
}
GENERAL: Final = "ThrottlingException"
STATUSES: Final = {"SlowDown": 503}  # others are in botocore's models, or 400
WORDS: Final = {"SlowDown": "Please reduce your request rate."}


def refused(service: str) -> ApiError:
    """One request too many, in the words of the service."""
    code = CODES.get(service, GENERAL)
    return ApiError(code, WORDS.get(code, RATE_EXCEEDED), STATUSES.get(code, 0))


class Bucket:
    """What is left of a rate. now: seconds of a clock that never goes back."""

    def __init__(self, rate: Rate, now: float) -> None:
        self.rate, self._left, self._since = rate, float(rate.burst), now

    def take(self, now: float) -> bool:
        """Whether there was room for one more request, which is taken."""
        self._left = min(self.rate.burst, self._left + (now - self._since) * self.rate.per_second)
        self._since = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


class Throttling:
    """Holds whoever calls in the account to its rates; AWS's own services have theirs."""

    def __init__(self, twin: Surroundings) -> None:
        self._twin = twin
        self._buckets: dict[str, Bucket] = {}
        self._lock = threading.Lock()
        twin.api.gate(self._check)

    def _check(self, call: Call) -> None:
        name = f"{call.service}:{call.operation}"
        rate = self._twin.quotas.requests.get(name)
        if rate is None or self._twin.identity.principal(call.access_key).endswith(SERVICE):
            return
        with self._lock:
            now = self._twin.clock.now().timestamp()
            bucket = self._buckets.get(name)
            if bucket is None or bucket.rate != rate:
                bucket = self._buckets[name] = Bucket(rate, now)
            is_taken = bucket.take(now)
        if not is_taken:
            raise refused(call.service)
