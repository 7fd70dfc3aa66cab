"""A laptop's configuration of an endpoint that an environment file declares. The stacks write it: here they are asked.

Environment files belong to the repository, as the stacks do; the core knows neither and runs without them.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from model_monitor.errors import SettingsError

COMMAND = "stacks.configuration"
MARKS = ("environments", "stacks/configuration.py")  # what the repository has and no other folder


def configuration_of(environment: str, endpoint: str, monitor: str | None = None, here: Path | None = None) -> str:
    """The content of a configuration file.

    Raises: SettingsError outside of the repository, and with the stacks' own words where they refuse.
    """
    root = _repository(here or Path.cwd())
    wanted = [environment, endpoint, *(() if monitor is None else ("--monitor", monitor))]
    known = {"PYTHONPATH": os.pathsep.join((str(root), str(root / "monitor_image")))}  # this repository's own words
    done = subprocess.run(
        [sys.executable, "-m", COMMAND, *wanted],
        cwd=root,
        env=os.environ | known,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SettingsError("--env", _problem(done.stderr))
    return done.stdout


def _repository(here: Path) -> Path:
    for folder in (here.resolve(), *here.resolve().parents):
        if all((folder / mark).exists() for mark in MARKS):
            return folder
    raise SettingsError(
        "--env",
        f"{here} is not in the kit's repository, where environment files lie.",
        "Run it there, write the answer to a file, and use that file anywhere.",
    )


def _problem(said: str) -> str:
    """What the stacks say; of a Python that lacks their libraries what to do."""
    if "ModuleNotFoundError" in said:
        missing = said.strip().rpartition("No module named ")[2]
        return (
            f"this Python lacks {missing}, which environment files need. Run `make setup` in the repository and use "
            "its .venv/bin/model-monitor, or install here what they need: pip install pydantic pyyaml."
        )
    return said.strip().removeprefix(f"{COMMAND}: ") or "the environment could not be read."
