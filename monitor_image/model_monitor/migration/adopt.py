"""`model-monitor adopt`: an account's monitoring schedules as an environment file."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from model_monitor.command import Command, Outcome
from model_monitor.contract import EXIT_NOT_EVALUATED, EXIT_OK
from model_monitor.errors import MonitorError

DESCRIPTION: Final = """\
Reads the monitoring schedules of an account and Region, of all four types, with their job definitions, endpoints,
capture, baselines and the alarms on their metrics, and writes an environment file for the kit. What could not be taken
over stands in it as a comment, with the reason. Nothing in the account is changed.
"""
EXAMPLES: Final = """\
examples:
  model-monitor adopt --output environments/prod.yaml
  .venv/bin/python -m stacks.settings environments/prod.yaml

  # two endpoints, and Model Monitor goes on starting their runs
  model-monitor adopt --endpoint churn --endpoint fraud --scheduler model_monitor

  # what a role must be allowed to do for it, and for compare
  model-monitor adopt --policy

exit status:
  0  every schedule was taken over     3  none, or some were left out: the file says which and why
  1  error
"""
HEAD: Final = (
    "What model-monitor adopt found. Read the comments, then:",
    "  .venv/bin/python -m stacks.settings THIS_FILE",
    "docs/migrate.md says what is kept, and in which order the old schedules end.",
)
MANAGED, MODEL_MONITOR = "managed", "model_monitor"


def add_arguments(command: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    command.add_argument(
        "--endpoint", dest="endpoints", action="append", default=[], metavar="NAME", help="only this one; repeatable"
    )
    command.add_argument(
        "--output", type=Path, metavar="FILE", help="write the environment file here (default: print it)"
    )
    command.add_argument(
        "--scheduler",
        choices=(MANAGED, MODEL_MONITOR),
        default=MANAGED,
        help="who shall start runs: schedules of the kit, which work in any account (default), or Model Monitor",
    )
    command.add_argument("--policy", action="store_true", help="print the IAM policy that this needs, and read nothing")


def run(options: argparse.Namespace) -> Outcome:
    """The environment file, or where it was written. Raises: MonitorError."""
    if options.policy:
        return Outcome(json.dumps(policy(), indent=2), EXIT_OK)
    from model_monitor.aws import s3
    from model_monitor.aws.monitors import Account
    from model_monitor.migration import environment, text

    _refuse_existing(options.output)
    read = Reader(s3.read_object)
    found = environment.environment(Account(), read, options.scheduler, options.endpoints)
    head = HEAD if found.content["endpoints"] else (*HEAD, "There is no schedule to take over.")
    content = text.written(found.content, found.notes, head)
    told = f"{len(found.taken_over)} schedules taken over, {len(found.left_out)} left out"
    status = EXIT_OK if found.taken_over and not found.left_out else EXIT_NOT_EVALUATED
    if options.output is None:
        return Outcome(content.rstrip("\n"), status, told)
    _write(options.output, content)
    return Outcome(str(options.output), status, told)


class Reader:
    """Objects of S3; a bucket that refused once is not asked again, since a refusal is waited out for half a minute."""

    def __init__(self, read: Callable[[str], bytes | None]) -> None:
        self._read = read
        self._refused: dict[str, MonitorError] = {}

    def __call__(self, uri: str) -> bytes | None:
        """Raises: SettingsError."""
        bucket = uri.split("/")[2]
        if bucket in self._refused:
            raise self._refused[bucket]
        try:
            return self._read(uri)
        except MonitorError as error:
            self._refused[bucket] = error
            raise


def policy() -> dict[str, Any]:
    """What a role must be allowed: to read, and nothing else."""
    from model_monitor.aws.monitors import READS

    return {
        "Version": "2012-10-17",
        "Statement": [
            {"Sid": "ReadMonitors", "Effect": "Allow", "Action": list(READS), "Resource": "*"},
            {
                "Sid": "ReadBaselinesReportsAndCapture",
                "Effect": "Allow",
                "Action": ["kms:Decrypt", "s3:GetObject", "s3:ListBucket"],
                "Resource": "*",
            },
        ],
    }


def _refuse_existing(path: Path | None) -> None:
    from model_monitor.errors import SettingsError

    if path is not None and path.exists():
        raise SettingsError("--output", f"{path} exists already.", "Name another file, or move that one away.")
    if path is not None and not path.parent.is_dir():
        raise SettingsError("--output", f"there is no folder {path.parent}.", "Make it first.")


def _write(path: Path, content: str) -> None:
    from model_monitor.errors import OutputError

    try:
        path.write_text(content, encoding="utf-8")
    except OSError as error:
        raise OutputError(str(path), f"cannot be written ({error.strerror}).", "Choose another place.") from error


COMMAND: Final = Command(
    "adopt",
    "write an environment file from the monitoring schedules of an account",
    add_arguments,
    run,
    DESCRIPTION,
    EXAMPLES,
)
