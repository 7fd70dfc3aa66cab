"""What the windows before a report say, where an index was drawn in a folder above it."""

from __future__ import annotations

import os
from pathlib import Path

from model_monitor.errors import SettingsError


def of(file: Path) -> tuple[str, dict[tuple[str, str], str]]:
    """Since when it stands as it does, and each violation; nothing where no history knows the report as it is."""
    from model_monitor.pages import history, stretches  # reads Parquet, which no run does that has no index

    file = file.absolute()
    if not file.is_file():
        return "", {}
    for home in file.parents:
        if not (home / history.FOLDER / "runs").is_dir():
            continue
        try:
            runs = history.load(home / history.FOLDER)
        except SettingsError:  # a page is drawn without it
            continue
        place = Path(os.path.relpath(file, home)).as_posix()
        own = next((run for run in runs if run.report == place and run.modified_ns == file.stat().st_mtime_ns), None)
        if own is not None:
            of_schedule = history.latest(run for run in runs if run.key[:2] == own.key[:2])
            return stretches.since(of_schedule, own), stretches.apart(of_schedule, own)
    return "", {}
