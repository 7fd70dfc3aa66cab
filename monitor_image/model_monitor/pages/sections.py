"""Which windows belong together where a report names no endpoint, as on a laptop: those of one folder.

good/2026/03/02/06/report.json      good: the folder above the times
monday/report.json                  the folder above, since each run has one of its own
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from model_monitor.pages.history import Run

TIMES: Final = re.compile(r"\d{4}/\d\d/\d\d/\d\d(\d\d)?", re.ASCII)
DEPTH: Final = 4  # of such times


def of(own: Path) -> str:
    """The section of a report's folder, both as they lie in the folder that is drawn."""
    is_dated = TIMES.fullmatch("/".join(own.parts[-DEPTH:]))
    return "/".join(own.parts[: -DEPTH if is_dated else -1])


def parted(runs: Iterable[Run], folders: Mapping[str, Path]) -> list[Run]:
    """The runs, none lost: of reports in one section that tell of one window, each gets its own folder as its section.

    folders: place of a report → its folder, of those that name no endpoint.
    """
    found = list(runs)
    times = Counter(run.key for run in found if run.report in folders)
    return [
        _renamed(run, folders[run.report].as_posix()) if run.report in folders and times[run.key] > 1 else run
        for run in found
    ]


def _renamed(run: Run, section: str) -> Run:
    return replace(run, endpoint=section, metrics=tuple(replace(each, endpoint=section) for each in run.metrics))
