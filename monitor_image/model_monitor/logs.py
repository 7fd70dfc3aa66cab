"""Log lines of the container: one JSON object a line on stdout, which CloudWatch Logs can query. Never a value of the data."""

from __future__ import annotations

import json
import logging
import sys
import time
from typing import Any

LOGGER = logging.getLogger("model_monitor")


class JsonLines(logging.Formatter):
    """`log(event, **facts)` as one line."""

    def format(self, record: logging.LogRecord) -> str:
        facts: dict[str, Any] = getattr(record, "facts", {})
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created))
        return json.dumps(
            {"time": stamp, "level": record.levelname.lower(), "event": record.getMessage()} | facts, default=str
        )


def to_stdout() -> None:
    """Send our lines to stdout; what other libraries say stays at warnings."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    LOGGER.setLevel(logging.INFO)


def log(event: str, *, level: int = logging.INFO, **facts: object) -> None:
    """One event with its facts."""
    LOGGER.log(level, event, extra={"facts": facts})
