"""What hostile inputs cost: `python cost.py BYTES`, one JSON object a line and input. A program of its own, which forks for each.

Memory is the peak of the fork's resident set above what it starts with, processor time its own, whatever else the machine does.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from model_monitor import packing
from model_monitor.dataset import native
from model_monitor.errors import MonitorError
from tests import hostile

MOST_SECONDS, MOST_BYTES = 60, 8 << 30  # so that a defect ends a measurement and not the machine
WARM_BYTES = 2000


def measured(name: str, size: int, reader: str) -> dict[str, Any]:
    """The cost of one run over an input."""
    with TemporaryDirectory() as folder:
        read = (hostile.READ_TWICE | hostile.READ_ONCE)[name](size, Path(folder))
        given = sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())
        given = packing.LEAST_LIMIT if name in hostile.BOMBS else given
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
        before, started = peak(), time.process_time()
        try:
            rejects = dict(read())
        except MonitorError as error:
            rejects = {type(error).__name__: 1}
        seconds = time.process_time() - started
    cost = {"bytes": given, "peak": peak() - before, "seconds": seconds, "rejects": rejects}
    return {"name": name, "reader": reader} | cost


def peak() -> int:
    """The largest resident set of this process so far, in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    (found,) = (line.split()[1] for line in lines if line.startswith("VmHWM:"))
    return int(found) * 1024


def in_a_fork(function: Callable[..., dict[str, Any]], *arguments: Any) -> None:
    """What the function finds in a process of its own, as a line of JSON."""
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return
    resource.setrlimit(resource.RLIMIT_CPU, (MOST_SECONDS, MOST_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
    try:
        os.write(1, json.dumps(function(*arguments)).encode() + b"\n")
    finally:
        os._exit(0)


def main(size: int) -> None:
    """All inputs in both readers, after small ones that load every library; of packed ones a file may hold as much."""
    compiled = native._native
    vars(packing)["LEAST_LIMIT"] = size
    for reader, module, inputs in (
        ("compiled", compiled, hostile.READ_TWICE),
        ("python", None, hostile.READ_TWICE | hostile.READ_ONCE),
    ):
        if reader == "compiled" and compiled is None:
            continue
        native._native = module
        for name in inputs:
            measured(name, WARM_BYTES, reader)
        for name in inputs:
            in_a_fork(measured, name, size, reader)


if __name__ == "__main__":
    main(int(sys.argv[1]))
