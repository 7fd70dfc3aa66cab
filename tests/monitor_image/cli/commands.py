"""The laptop's commands as functions: what a shell would start, with its exit status."""

from __future__ import annotations

from model_monitor import cli
from tests.captures import write_capture


def run(*arguments: object) -> int:
    try:
        return cli.main([str(argument) for argument in arguments])
    except SystemExit as stop:
        return int(stop.code or 0)


def monitor(tmp_path, config, baseline, events, *more: object) -> int:
    capture = write_capture(tmp_path / "capture", events)
    arguments = ("--dataset", capture, "--baseline", baseline, "--output", tmp_path / "report", "--config", config)
    return run("monitor", *arguments, *more)
