"""Runs in the environment of smclarify: tables from standard input, its bias reports to standard output, both as JSON."""

import json
import logging
import sys
import warnings

import pandas
from smclarify.bias.report import FacetColumn, LabelColumn, StageType, bias_report

warnings.filterwarnings("ignore")
logging.disable(logging.CRITICAL)


def report(case):
    columns = {
        name: pandas.Series(cells, dtype="object" if isinstance(cells[0], str) else None)
        for name, cells in case["columns"].items()
    }
    frame, group = pandas.DataFrame(columns), case["group"]
    label, said = pandas.Series(case["label"]), pandas.Series(case["said"])
    found = {}
    for stage in (StageType.PRE_TRAINING, StageType.POST_TRAINING):
        is_post = stage is StageType.POST_TRAINING
        try:
            entries = bias_report(
                frame,
                FacetColumn(case["facet"], case["values"]),
                LabelColumn("label", label, case["label_values"]),
                stage,
                LabelColumn("said", said, case["label_values"]) if is_post else None,
                metrics=["all"],
                group_variable=frame[group] if group else None,
            )
        except ValueError as error:
            entries = str(error)
        found["post" if is_post else "pre"] = entries
    return found


json.dump([report(case) for case in json.load(sys.stdin)], sys.stdout)
