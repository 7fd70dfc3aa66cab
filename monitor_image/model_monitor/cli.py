"""The front door of a laptop: arguments in, a summary on the terminal and the same files as in the container out."""

from __future__ import annotations

import argparse
import sys
from typing import NoReturn

from model_monitor import __version__, laptop, reader
from model_monitor.command import Command
from model_monitor.comparison import command as comparison
from model_monitor.contract import EXIT_ERROR
from model_monitor.errors import SettingsError
from model_monitor.job import command as configuration
from model_monitor.labels import command as labels
from model_monitor.migration import adopt, compare
from model_monitor.pages import command as pages
from model_monitor.review import command as review
from model_monitor.runners import threads

FORM = argparse.RawDescriptionHelpFormatter
COMMANDS = {
    each.name: each
    for each in (
        *pages.COMMANDS,
        labels.COMMAND,
        review.COMMAND,
        configuration.COMMAND,
        comparison.COMMAND,
        adopt.COMMAND,
        compare.COMMAND,
    )
}
DESCRIPTION = """\
Watch the data a model sees. Two steps, the same code as in the SageMaker container:

  1. baseline   learn what the data looks like when all is well
  2. monitor    compare later data with that baseline

A run leaves report.json; to look at it:

     report     draw it as a page
     index      draw all windows below a folder: trends, a calendar of verdicts, a page for each window

And once the truth is known:

     labels     write it where the monitors that need it look

And before another model takes over:

     compare-models     is it better on the same held-out rows, and nowhere worse?

Coming from SageMaker's own monitors:

     adopt      write the environment file of the schedules that an account has
     compare    where our violations differ from those of SageMaker's reports

Where people should look at uncertain predictions:

     review     put them into a queue, serve the page that shows them, write the answers as labels
"""
EXAMPLES = """\
examples:
  model-monitor baseline --dataset training.csv --output baseline/
  model-monitor monitor --dataset capture/ --baseline baseline/ --output report/

  # one hour of the endpoint's capture, copied with `aws s3 cp --recursive s3://bucket/capture capture/`
  model-monitor monitor --dataset capture/ --baseline baseline/ --output report/ \\
      --start 2026-01-31T04:00:00Z --end 2026-01-31T05:00:00Z

  # every hour of it, one line each; reports in report/yyyy/mm/dd/hh
  model-monitor monitor --dataset capture/ --baseline baseline/ --output report/ --every 1h

  # requests that hold several records: say once what a payload means
  model-monitor monitor --dataset capture/ --baseline baseline/ --output report/ --config monitoring.json

  # an endpoint that the kit deployed: its configuration, in the repository
  model-monitor config --env dev covertype > monitoring.json

  # a baseline that SageMaker wrote years ago: a folder with constraints.json and statistics.json
  model-monitor monitor --dataset capture/ --baseline aws-baseline/ --output report/

exit status:
  0  no violation       2  violations found
  1  error              3  not evaluated: no data, too few records, no labels, no baseline (of any monitor that was due)

of several windows (--every) that of the worst: error, violations, not evaluated, none;
windows without traffic count for nothing, unless no window had any
"""


class Parser(argparse.ArgumentParser):
    """A wrong argument is an error like any other: status 1, since 2 means violations."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(EXIT_ERROR, f"{self.prog}: {message}\nTry '{self.prog} --help'.\n")


class Version(argparse.Action):
    """The version and the reader that runs; found when it is asked for, since a wrong choice of one is an error."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        try:
            reader.load()
        except SettingsError as error:
            parser.exit(EXIT_ERROR, f"{parser.prog}: {error}\n")
        print(f"{parser.prog} {__version__}, {reader.used()} reader")
        parser.exit()


def main(arguments: list[str] | None = None) -> int:
    """One command, from arguments to exit status."""
    options = parser().parse_args(arguments)
    threads.limit()
    from model_monitor.job import scratch

    with scratch.removed():
        command = COMMANDS.get(options.command)
        return laptop.run(options) if command is None else _carried_out(command, options)


def _carried_out(command: Command, options: argparse.Namespace) -> int:
    from model_monitor.outputs.report import Failure

    try:
        told, status, beside = command.run(options)
    except KeyboardInterrupt:
        print("model-monitor: stopped", file=sys.stderr)
        return EXIT_ERROR
    except Exception as error:  # noqa: BLE001 - the front door: a traceback may hold values of the data
        print(f"model-monitor: {Failure.of(error).message}", file=sys.stderr)
        return EXIT_ERROR
    if told:
        with laptop.short_reader():
            print(told)
    if beside:
        print(f"model-monitor: {beside}", file=sys.stderr)
    return status


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    top = Parser(prog="model-monitor", description=DESCRIPTION, epilog=EXAMPLES, formatter_class=FORM)
    top.add_argument("--version", action=Version, nargs=0, help="show the version and which reader runs, and exit")
    names = ",".join(("baseline", "monitor", *COMMANDS))
    commands = top.add_subparsers(dest="command", required=True, metavar=f"{{{names}}}")
    laptop.add_jobs(commands, epilog=EXAMPLES, formatter_class=FORM)
    for each in COMMANDS.values():
        command = commands.add_parser(
            each.name, help=each.about, description=each.description, epilog=each.examples, formatter_class=FORM
        )
        each.add_arguments(command)
    return top
