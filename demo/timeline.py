"""What the demo prints: a timeline in colour on a terminal, the same lines plainly where there is none."""

from __future__ import annotations

import textwrap
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

from rich.console import Console
from rich.markup import escape

from demo.expectations import Expectation
from demo.observations import Hour, Observed, Release, Reviewed, Training

RULE_WIDTH = 90
PLAIN_WIDTH = 200  # where output goes to a file, lines are not cut
VERDICT_STYLES = {
    "ok": "green",
    "violated": "red",
    "no_data": "blue",
    "insufficient_data": "yellow",
    "waiting": "cyan",
    "error": "bold red",
}
Report = Callable[[str], None]


class Timeline:
    """Writes to a console; knows nothing of how things came about."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False)
        if not self.console.is_terminal:
            self.console.width = PLAIN_WIDTH
        self._started = time.monotonic()
        self.seconds: dict[str, float] = {}

    def title(self, text: str, *notes: str) -> None:
        self.console.print(f"\n[bold]{escape(text)}[/bold]")
        for note in notes:
            self.console.print(f"[dim]{escape(note)}[/dim]")

    def chapter(self, text: str) -> None:
        line = ("─" if self._is_unicode else "-") * max(RULE_WIDTH - len(text), 3)
        self.console.print(f"\n[bold]{escape(text)}[/bold] [dim]{line}[/dim]")

    @property
    def _is_unicode(self) -> bool:
        return self.console.encoding.lower().startswith("utf")

    def mark(self, is_good: bool) -> str:
        good, bad = ("✓", "✗") if self._is_unicode else ("ok", "!!")
        return f"[green]{good}[/green]" if is_good else f"[bold red]{bad}[/bold red]"

    @contextmanager
    def step(self, text: str) -> Iterator[Report]:
        """A long step: a spinner with what is going on, then one line with what came of it and how long it took.

        The function handed out says what is going on; what it was told last stands in the line.
        """
        started = time.monotonic()
        told = ""
        with self.console.status(escape(text)) as status:
            if not self.console.is_terminal:
                self.console.print(f"  … {escape(text)}" if self._is_unicode else f"  .. {escape(text)}")

            def report(detail: str) -> None:
                nonlocal told
                told = detail
                status.update(f"{escape(text)}: {escape(detail)}")

            try:
                yield report
            except BaseException:
                self.console.print(f"  {self.mark(False)} {escape(text)}")
                raise
        seconds = self.seconds[text] = time.monotonic() - started
        detail = f": {escape(told)}" if told else ""
        self.console.print(f"  {self.mark(True)} {escape(text)}{detail} [dim]({seconds:.1f} s)[/dim]")

    @contextmanager
    def working(self, text: str) -> Iterator[None]:
        """A spinner on a terminal, nothing elsewhere: its result is printed by whoever called."""
        with self.console.status(escape(text)):
            yield

    def failure(self, text: str) -> None:
        self.console.print(f"\n[bold red]{escape(text)}[/bold red]")

    def note(self, text: str) -> None:
        self.console.print(f"    [dim]{escape(text)}[/dim]")

    def hour(self, phase: Hour, start: datetime, end: datetime) -> None:
        self.chapter(f"{start:%a %d %b %H:%M}-{end:%H:%M}  {phase.phase}")
        self.console.print(f"  [italic]{escape(phase.story)}[/italic]")

    def observed(self, hour: Observed) -> None:
        """One endpoint's hour: traffic, verdict, then what it set in motion."""
        style = VERDICT_STYLES.get(hour.verdict, "bold red")
        traffic = "no traffic"
        if hour.sent.records:
            traffic = (
                f"{hour.sent.requests:3} requests, {hour.sent.records:4} records, {hour.sent.accuracy or 0:4.0%} right"
            )
        self.console.print(
            f"  {hour.endpoint:14} {traffic:44} [{style}]{hour.verdict or 'no verdict'}[/{style}]  {hour.runner}"
        )
        if hour.verdict == "no_data":
            self._line("run", f"{hour.reason}; containers started: {hour.containers_started}")
        if hour.report:
            self._line("report", hour.report)
        if len(hour.monitors) > 1:
            self._line("monitors", ", ".join(f"{key} {verdict}" for key, verdict in hour.monitors.items()))
        for check in hour.violations:
            self._line("violation", f"{check}: {', '.join(hour.features.get(check, ()))}", "red")
        for alarm in hour.alarms:
            self._line("alarm", alarm, "red")
        for message in hour.messages:
            self._line("e-mail", message, "yellow")
        for decision in dict.fromkeys(one.text for one in hour.decisions):
            self._line("retraining", decision, "cyan")
        for job in hour.training_jobs:
            self._line("training", job, "magenta")

    def reviewed(self, found: Reviewed) -> None:
        """What people did with predictions that the model was not sure of."""
        self.chapter("Human review")
        shares = ", ".join(f"{share:.0%}" for share in found.agreement)
        self.console.print(f"  {found.routed} predictions went to people, {found.answered} were answered")
        self._line(
            "labels", f"{found.labels} in the ground truth; the model was right in {shares} of them, hour by hour"
        )

    def _line(self, kind: str, text: str, style: str = "dim") -> None:
        self.console.print(f"    [{style}]{kind:10}[/{style}] {escape(text)}")

    def trainings(self, jobs: Sequence[Training]) -> None:
        """What the training jobs gave, and whether it helps with what the old model got wrong."""
        self.chapter("Retraining")
        if not jobs:
            self.console.print("  no training job was started")
        for job in jobs:
            rows = ", ".join(f"{count} {name}" for name, count in job.rows.items())
            self.console.print(f"  {escape(job.name)}  {job.status}  [dim]rows: {rows}[/dim]")
            self._line("artefact", job.artifact, "magenta")
            if job.accuracy_before is not None and job.accuracy_after is not None:
                shares = f"{job.accuracy_before:.0%} → {job.accuracy_after:.0%} right"
                text = f"an hour of Celsius that it never saw, first model → new model: {shares}"
                self._line("accuracy", text, "green")

    def releases(self, found: Sequence[Release]) -> None:
        """How retrainings ended."""
        for release in found:
            self._line("release", f"{release.run} {release.result}: {release.reason}", "green")
            if release.is_live:
                self._line("live", f"{release.artifact}, baseline {release.version}", "green")

    def facts(self, rows: Sequence[tuple[str, str]]) -> None:
        width = max((len(name) for name, _ in rows), default=0)
        for name, text in rows:
            self.console.print(f"  {escape(name):{width}}  {escape(text)}")

    def conclusion(self, expectations: Sequence[Expectation]) -> None:
        """What was proven; of what was not, what was found instead."""
        self.chapter("What was proven")
        width = max((len(expectation.phase) for expectation in expectations), default=0)
        for phase in dict.fromkeys(expectation.phase for expectation in expectations):
            of_phase = [expectation for expectation in expectations if expectation.phase == phase]
            met = dict.fromkeys(expectation.text for expectation in of_phase if expectation.is_met)
            if met:
                self._proof(True, f"{phase:{width}}", "; ".join(met))
            for expectation in of_phase:
                if not expectation.is_met:
                    self._proof(False, f"{phase:{width}}", f"{expectation.text}. Found: {expectation.found}")
        missing = sum(not expectation.is_met for expectation in expectations)
        self.console.print()
        if missing:
            self.console.print(f"  [bold red]{missing} of {len(expectations)} expectations were not met.[/bold red]")
        else:
            self.console.print(
                f"  [bold green]All {len(expectations)} expectations were met: the loop is closed.[/bold green]"
            )

    def _proof(self, is_met: bool, phase: str, text: str) -> None:
        """One line, wrapped below its own text where it is longer than the terminal, and nothing behind its end."""
        indent = len(f"  {'✓' if self._is_unicode else 'ok'}  {phase}  ")
        lines = textwrap.wrap(text, max(min(self.console.width, RULE_WIDTH + 30) - indent, 30)) or [""]
        self.console.print(f"  {self.mark(is_met)}  [bold]{escape(phase)}[/bold]  {escape(lines[0])}")
        for line in lines[1:]:
            self.console.print(" " * indent + escape(line))

    @property
    def elapsed(self) -> float:
        """Seconds since the timeline began."""
        return time.monotonic() - self._started
