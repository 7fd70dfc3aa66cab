"""`model-monitor review`: predictions to people on a laptop, from a run's folder to labels that the monitors read."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

from model_monitor.command import Command, Outcome
from model_monitor.contract import REVIEW_CONTEXT_FILE, REVIEW_TASKS_FILE
from model_monitor.errors import SettingsError

QUEUE: Final = "review.sqlite"
DESCRIPTION: Final = """\
Predictions that people look at. A run whose configuration has a `review` block leaves review_tasks.jsonl beside its report.

  route    put a run's tasks into a queue, a file of this machine
  serve    the review app on this machine: sign in by name, agree or correct with keys alone
  export   write what people answered as labels, in the layout that model quality reads
"""
EXAMPLES: Final = """\
examples:
  model-monitor monitor --dataset capture/ --baseline baseline/ --output report/ --config monitoring.json
  model-monitor review route report/ --queue review.sqlite
  model-monitor review serve --queue review.sqlite --reviewer ann --reviewer bob=clinic
  model-monitor review export --queue review.sqlite --output labels/
  model-monitor monitor --dataset capture/ --baseline baseline/ --output report/ --config monitoring.json --ground-truth labels/
"""
Tell = Callable[[str], None]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the three steps."""
    steps = parser.add_subparsers(dest="step", required=True, metavar="{route,serve,export}")
    route = steps.add_parser("route", help="put a run's tasks into a queue")
    route.add_argument("report", type=Path, metavar="DIR", help="output folder of a run")
    serve = steps.add_parser("serve", help="the review app on this machine")
    serve.add_argument("--port", type=int, default=8321, metavar="N", help="port on loopback (default: 8321; 0: any)")
    serve.add_argument(
        "--reviewer",
        action="append",
        required=True,
        metavar="NAME[=ENDPOINT,…]",
        help="who may sign in, and for which endpoints (default: all); again for more people",
    )
    export = steps.add_parser("export", help="write answers as labels")
    export.add_argument("--output", type=Path, required=True, metavar="DIR", help="folder of ground truth")
    export.add_argument("--now", action="store_true", help="also what was answered in the last two minutes")
    for step in (route, serve, export):
        step.add_argument("--queue", type=Path, default=Path(QUEUE), metavar="FILE", help=f"default: {QUEUE}")


def run(options: argparse.Namespace) -> Outcome:
    """One step, which tells as it goes. Raises: SettingsError."""
    {"route": _route, "serve": _serve, "export": _export}[options.step](options, partial(print, flush=True))
    return Outcome("")


def _route(options: argparse.Namespace, tell: Tell) -> None:
    from model_monitor.review.desk import Desk, Rules
    from model_monitor.review.local_store import LocalStores

    context = json.loads(_read(options.report / REVIEW_CONTEXT_FILE))
    tasks = [json.loads(line) for line in _read(options.report / REVIEW_TASKS_FILE).splitlines()]
    stores = LocalStores(options.queue)
    put = Desk(stores.of(_named(context)), Rules(per_day=len(tasks) + 1)).put(tasks, context, datetime.now(UTC))
    tell(
        f"{put.added} tasks added, {put.known} known already. Next: model-monitor review serve --queue {options.queue}"
    )


def _named(context: dict[str, Any]) -> str:
    return str(context.get("endpoint") or "endpoint")


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError as error:
        raise SettingsError(
            str(path),
            f"cannot be read ({error.strerror}).",
            "Name the output folder of a run whose configuration has a review block.",
        ) from error


def _serve(options: argparse.Namespace, tell: Tell) -> None:
    from model_monitor.review.desk import Desk
    from model_monitor.review.local_store import LocalStores
    from model_monitor.review.serving import LOOPBACK, reviewers_of, serve

    stores = LocalStores(_existing(options.queue))
    desks = {endpoint: Desk(stores.of(endpoint)) for endpoint in stores.endpoints()}
    server = serve(desks, reviewers_of(options.reviewer, list(desks)), options.port)
    tell(f"http://{LOOPBACK}:{server.server_address[1]}/ (Ctrl-C ends it)")
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        tell("stopped")
    finally:
        server.server_close()
        stores.close()


def _export(options: argparse.Namespace, tell: Tell) -> None:
    from model_monitor.labels.truth_lines import reviewed_line
    from model_monitor.outputs.files import write_bytes
    from model_monitor.review.desk import Desk, Rules
    from model_monitor.review.local_store import LocalStores

    stores, now, written = LocalStores(_existing(options.queue)), datetime.now(UTC), 0
    for endpoint in stores.endpoints():
        rules = replace(Rules(), settle_seconds=0) if options.now else Rules()
        desk = Desk(stores.of(endpoint), rules)
        for one in desk.collect(now):
            line = reviewed_line(one.event_id, one.payload_index, one.label, one.reviewers)
            write_bytes(options.output / endpoint / one.path, f"{line}\n".encode())
            desk.delivered(one, now)
            written += 1
        tell(f"{endpoint}: {_told(desk.report(now))}")
    tell(f"{written} labels written to {options.output}")


def _existing(queue: Path) -> Path:
    if not queue.is_file():
        raise SettingsError(str(queue), "is no queue.", "Make one: model-monitor review route DIR --queue FILE.")
    return queue


def _told(report: dict[str, float | None]) -> str:
    shares = {"with the model": report["model_agreement"], "among reviewers": report["reviewer_agreement"]}
    agreed = "".join(f", {share:.0%} agreement {what}" for what, share in shares.items() if share is not None)
    return f"{report['open']} open, {report['labels']} labels this week{agreed}"


COMMAND: Final = Command("review", "predictions that people look at", add_arguments, run, DESCRIPTION, EXAMPLES)
