"""Types of arguments that several commands take: each says what it should be."""

from __future__ import annotations

import argparse
import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

MINUTES: Final = {"m": 1, "h": 60, "d": 24 * 60}


def time(text: str) -> datetime:
    """A moment, UTC."""
    from model_monitor.job.variables import parse_time

    try:
        return parse_time(text)
    except ValueError:
        raise argparse.ArgumentTypeError("should be a UTC time such as 2026-01-31T04:00:00Z") from None


def length(text: str) -> timedelta:
    """A length of time: minutes, hours or days."""
    found = re.fullmatch(r"(\d{1,6})([mhd])", text.strip().lower())
    length = timedelta(minutes=int(found[1]) * MINUTES[found[2]]) if found else timedelta(0)
    if not length:
        raise argparse.ArgumentTypeError("should be a length of time such as 1h, 30m or 1d")
    return length


def local(text: str) -> Path:
    """A path of this machine; `Path` would turn an S3 URI into one."""
    from model_monitor.aws.s3 import is_s3

    if is_s3(text):
        raise argparse.ArgumentTypeError(f"should be a path on this machine, found {text}")
    return Path(text)


def dataset(text: str) -> Path:
    """The same of what is read, with the way to have it here."""
    try:
        return local(text)
    except argparse.ArgumentTypeError as error:
        raise argparse.ArgumentTypeError(f"{error}. Copy it first: aws s3 sync {text} DIR") from None


def positive(text: str) -> int:
    """A whole number of at least 1."""
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError("should be a whole number of at least 1")
    return int(text)
