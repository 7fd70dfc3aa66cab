"""`model-monitor compare-models`: on a laptop, whether a challenger is better than the champion."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, Final

from model_monitor.command import Command, Outcome
from model_monitor.contract import ComparisonVerdict

DESCRIPTION: Final = """\
Is a challenger better than the champion? Both have predicted the same held-out rows; the difference of a metric must
lie above the margin with its whole interval, and no named slice may be worse beyond chance.
HOLDOUT holds labelled rows that neither model was trained on: CSV, the label first, no header. CHAMPION and CHALLENGER
hold a line of predictions for each row, CSV or JSON, as a batch transform leaves them; all three are files, or folders
whose files have the same names (with .out behind them for predictions).
"""
EXAMPLES: Final = """\
examples:
  model-monitor compare-models holdout.csv champion.csv.out challenger.csv.out --config monitoring.json

  # at least one point better, with 99 % confidence, and worse in no area
  model-monitor compare-models holdout/ champion/ challenger/ --config monitoring.json \\
      --metric accuracy --margin 0.01 --confidence 0.99 --slice Wilderness_Area

The configuration says what the models predict (monitors.model_quality), where a line of predictions holds the answer
(payload.output), what the columns are called (payload.features) and which facets are compared (monitors.model_bias).

exit status:
  0  better             2  not better, worse in a slice, or less fair
  1  error              3  too little data
"""
STATUS: Final = {
    ComparisonVerdict.BETTER: 0,
    ComparisonVerdict.NOT_BETTER: 2,
    ComparisonVerdict.WORSE_SLICE: 2,
    ComparisonVerdict.WORSE_BIAS: 2,
    ComparisonVerdict.INSUFFICIENT_DATA: 3,
}
HEADS: Final = {
    ComparisonVerdict.BETTER: "Better",
    ComparisonVerdict.NOT_BETTER: "Not better",
    ComparisonVerdict.WORSE_SLICE: "Worse in a slice",
    ComparisonVerdict.WORSE_BIAS: "Less fair",
    ComparisonVerdict.INSUFFICIENT_DATA: "Too little data",
}


def add_arguments(command: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    for name, what in (
        ("holdout", "labelled rows: a CSV file without header, or a folder of them"),
        ("champion", "predictions of the model that serves"),
        ("challenger", "predictions of the model that might"),
    ):
        command.add_argument(name, type=Path, metavar=name.upper(), help=what)
    command.add_argument("--config", required=True, type=Path, metavar="FILE", help="the configuration (JSON)")
    command.add_argument("--output", type=Path, metavar="FILE", help="write comparison.json here")
    command.add_argument(
        "--metric", metavar="NAME", help="what is compared (default: auc where there are scores, accuracy, rmse)"
    )
    command.add_argument("--margin", type=float, metavar="X", help="by how much it must be better (default: 0)")
    command.add_argument("--confidence", type=float, metavar="X", help="of the interval (default: 0.95)")
    command.add_argument(
        "--slice", dest="slices", action="append", metavar="FEATURE", help="where it must not be worse; repeatable"
    )
    command.add_argument("--max-slice-loss", type=float, metavar="X", help="allowed in a slice (default: 0)")
    command.add_argument(
        "--facet", dest="facets", action="append", metavar="FACET", help="of monitors.model_bias; repeatable"
    )
    command.add_argument("--max-bias-loss", type=float, metavar="X", help="farther from fair by so much (default: 0)")
    command.add_argument("--min-records", type=int, metavar="N", help="fewest rows to conclude from (default: 100)")
    command.add_argument("--json", action="store_true", help="print comparison.json instead of a sentence")


def run(options: argparse.Namespace) -> Outcome:
    """Whether the challenger is better. Raises: MonitorError."""
    from model_monitor.comparison.document import document
    from model_monitor.comparison.reading import Places
    from model_monitor.comparison.request import asked_of
    from model_monitor.comparison.verdict import compare
    from model_monitor.job.configuration import read_configuration
    from model_monitor.outputs import files

    asked = asked_of(read_configuration(options.config), _deciding(options))
    found = compare(Places(options.holdout, options.champion, options.challenger), *asked)
    content = document(found)
    if options.output is not None:
        files.write_json(options.output, content)
    told = f"{HEADS[found.verdict]}: {found.reason}."
    return Outcome(files.to_json(content).decode().rstrip("\n") if options.json else told, STATUS[found.verdict])


def _deciding(options: argparse.Namespace) -> dict[str, Any]:
    names = ("metric", "margin", "confidence", "slices", "max_slice_loss", "facets", "max_bias_loss", "min_records")
    return {name: value for name in names if (value := getattr(options, name)) is not None}


COMMAND: Final = Command(
    "compare-models",
    "say whether one model is better than another on the same held-out rows",
    add_arguments,
    run,
    DESCRIPTION,
    EXAMPLES,
)
