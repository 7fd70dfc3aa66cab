"""`model-monitor report` and `model-monitor index`: what is drawn of runs that have ended."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

from model_monitor import arguments
from model_monitor.command import Command, Outcome
from model_monitor.contract import REPORT_PRINT


def _add_of_report(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "file", type=arguments.local, metavar="FILE", help="report.json of a run, or the folder that holds it"
    )
    command.add_argument(
        "--html", type=arguments.local, metavar="OUT", help="the page (default: report.html beside the report)"
    )
    command.add_argument(
        "--pdf",
        type=arguments.local,
        metavar="OUT",
        nargs="?",
        const=Path(),
        help="print it (default: report.pdf beside the report)",
    )
    command.add_argument(
        "--notebook", type=arguments.local, metavar="OUT", help="a notebook that loads and draws it, and no page"
    )


def _add_of_index(command: argparse.ArgumentParser) -> None:
    command.add_argument("folder", type=arguments.local, metavar="FOLDER", help="holds what runs wrote, at any depth")
    command.add_argument(
        "--html",
        type=arguments.local,
        metavar="OUT",
        help="the page (default: index.html in the folder); history/ lies beside it",
    )


def _report(options: argparse.Namespace) -> Outcome:
    from model_monitor.pages import notebook, pdf, report

    written = []
    if options.pdf is not None:
        written.append(pdf.write(options.file, _beside(options.file, options.pdf, REPORT_PRINT)))
    if options.notebook is not None:
        written.append(notebook.write(options.file, options.notebook))
    if (options.notebook is None and options.pdf is None) or options.html is not None:
        written.append(report.write(options.file, options.html))
    return Outcome("\n".join(map(str, written)))


def _index(options: argparse.Namespace) -> Outcome:
    from model_monitor.pages import index

    return Outcome(str(index.write(options.folder, options.html)))


def _beside(file: Path, given: Path, name: str) -> Path:
    """Where it was said, else beside the report, which a folder stands for."""
    return given if given.name else (file if file.is_dir() else file.parent) / name


COMMANDS: Final = (
    Command("report", "draw report.json as a page: report.html, which needs nothing else", _add_of_report, _report),
    Command(
        "index",
        "draw all windows below a folder: index.html, and the history it is made of",
        _add_of_index,
        _index,
    ),
)
