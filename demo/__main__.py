"""`python -m demo`: deploy the kit into an embedded AWS on this machine and watch it close the loop."""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from pathlib import Path

from demo import expectations, summary
from demo.deploy import OutputMissing
from demo.scenario import HOURS, START, Paths, Scenario
from demo.timeline import Timeline
from model_monitor.api import draw_index
from model_monitor.contract import REPORT_PAGE
from twin.deploying import DeployFailed
from twin.server import Twin

ROOT = Path(__file__).resolve().parent.parent
DEFAULT_OUTPUT = ROOT / "build" / "demo"
EXIT_UNMET = 1


def parser() -> argparse.ArgumentParser:
    """The arguments, with a description that teaches."""
    phases = ", ".join(dict.fromkeys(hour.phase for hour in HOURS))
    parser = argparse.ArgumentParser(
        prog="python -m demo",
        description="Deploys the kit with the real CDK CLI into an embedded AWS on this machine (no account, no Docker, "
        f"nothing leaves the loopback interface), then lives through {len(HOURS)} virtual hours of two endpoints: {phases}.",
        epilog="Exit status: 0 when everything that the scenario expects was observed, 1 otherwise, with a list of what was not.",
    )
    parser.add_argument(
        "--output", type=Path, default=DEFAULT_OUTPUT, help="where reports, captured files and summary.json go"
    )
    parser.add_argument(
        "--keep", action="store_true", help="leave the embedded AWS running afterwards, until Enter is pressed"
    )
    return parser


def main(arguments: list[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    paths = Paths(options.output.resolve())
    timeline = Timeline()
    timeline.title(
        "A monitoring loop, closed on this machine",
        "CDK stacks, the monitor image's entry point, alarms, retraining, in an embedded AWS. Time is virtual, the work is real.",
    )
    paths.clear()
    try:
        return _run(options.keep, paths, timeline)
    except Exception as error:  # noqa: BLE001 (whatever went wrong: one clear line, and where the rest is)
        log = paths.root / "failure.log"
        log.write_text("".join(traceback.format_exception(error)), encoding="utf-8")
        timeline.failure(_told(error))
        timeline.facts(
            [
                ("logs", f"{_relative(paths.root / 'twin')} (CLI output, calls of functions, jobs, containers)"),
                ("traceback", _relative(log)),
            ]
        )
        return EXIT_UNMET


def _told(error: Exception) -> str:
    """What went wrong, without the traceback that a container's answer may carry."""
    text = str(error).strip()
    if isinstance(error, (DeployFailed, OutputMissing)):
        return text
    lines = [line.strip() for line in text.splitlines() if line.strip()] or [type(error).__name__]
    return lines[0] if len(lines) == 1 else f"{lines[0]} … {lines[-1]}"


def _run(is_kept: bool, paths: Paths, timeline: Timeline) -> int:
    """The scenario in one twin, what was proven, and where things are."""
    with Twin(paths.root / "twin", start=START) as twin:
        scenario = Scenario(twin, paths, timeline)
        story = scenario.run()
        judged = expectations.judge(story)
        timeline.trainings(story.trainings)
        timeline.releases(story.releases)
        timeline.conclusion(judged)
        summary.write(paths.summary, story, judged, {**timeline.seconds, "total": timeline.elapsed})
        page, pages = drawn(paths.reports)
        timeline.chapter("Where things are")
        timeline.facts(
            [
                ("open", _relative(page)),
                ("reports", f"{_relative(paths.reports)} ({pages} pages: report.html beside each report.json)"),
                ("captured files", _relative(paths.capture)),
                ("labels", _relative(paths.labels)),
                ("new model", _relative(paths.training)),
                ("the twin", f"{_relative(paths.root / 'twin')} (CLI output, calls of functions, jobs)"),
                ("summary", _relative(paths.summary)),
                ("calls by role", _relative(paths.calls)),
                ("took", f"{timeline.elapsed:.0f} s"),
            ]
        )
        if is_kept:
            _wait(twin, timeline)
    return EXIT_UNMET if expectations.unmet(judged) else 0


def drawn(folder: Path) -> tuple[Path, int]:
    """The page to open, which leads to all others, and how many windows have one."""
    return draw_index(folder), len(list(folder.rglob(REPORT_PAGE)))


def _wait(twin: Twin, timeline: Timeline) -> None:
    """Hold the account open for somebody with an AWS client."""
    timeline.chapter("The embedded AWS is still running")
    timeline.facts([(f"export {name}={value}", "") for name, value in sorted(twin.environment.items())])
    if sys.stdin.isatty():
        input("  Press Enter to end it. ")


def _relative(path: Path) -> str:
    return os.path.relpath(path)


if __name__ == "__main__":
    sys.exit(main())
