"""Bias of 200,000 records without the flip test: ours from typed rows, or smclarify's from a data frame.

Prints the seconds of one report, without imports and without making the data, and two metrics that show that the work was done.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

ROWS, GROUPS = 200_000, 5
PRE = ("CDDL", "CI", "DPL", "JS", "KL", "KS", "LP", "TVD")
POST = ("AD", "CDDPL", "DAR", "DCA", "DCR", "DI", "DPPL", "DRR", "GE", "RD", "SD", "TE")
Columns = dict[str, np.ndarray]


def main(who: str) -> None:
    """Both measure the same records."""
    columns = data()
    measure = ours(columns) if who == "ours" else smclarify(columns)
    values, seconds = measure(), []
    for _ in range(5 if who == "ours" else 1):
        start = time.perf_counter()
        values = measure()
        seconds.append(time.perf_counter() - start)
    if len(values) != len(PRE) + len(POST) or abs(values["DPPL"] - acceptance_gap(columns)) > 1e-12:
        raise SystemExit(f"{who}: the metrics are not those of the data")
    print(json.dumps({"seconds": statistics.median(seconds), "DPPL": values["DPPL"], "CDDPL": values["CDDPL"]}))


def data() -> Columns:
    """A facet and a label that depend on each other, and a model that is right 85 times of 100."""
    chance = np.random.default_rng(0)
    facet, group = chance.integers(0, 2, ROWS), chance.integers(0, GROUPS, ROWS)
    label = (chance.random(ROWS) < 0.3 + 0.1 * facet).astype(np.int64)
    said = np.where(chance.random(ROWS) < 0.85, label, 1 - label)
    return {"facet": facet, "group": group, "label": label, "said": said}


def acceptance_gap(columns: Columns) -> float:
    """The difference of acceptance, computed beside either side."""
    said, facet = columns["said"], columns["facet"]
    return float(said[facet == 0].mean() - said[facet == 1].mean())


def ours(columns: Columns) -> Callable[[], dict[str, float]]:
    """This repository's, from the rows that the monitor is given."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "monitor_image"))
    from model_monitor.labels.join import join
    from model_monitor.monitors.model_bias.facets import Wanted
    from model_monitor.monitors.model_bias.profile import BiasProfile
    from model_monitor.monitors.model_bias.settings import BiasSettings, Facet
    from model_monitor.monitors.model_bias.statistics import read_statistics
    from model_monitor.schema import Column, Feature, Rows, Schema

    kinds = np.array([0, 0, ROWS, 0, 0], np.int64)
    features = (Column(kinds, columns["facet"]), Column(kinds, columns["group"]))
    schema = Schema((Feature("facet"), Feature("group")))
    label, said = Column(kinds, columns["label"]), Column(kinds, columns["said"])
    rows = join(Rows(schema, ROWS, features, label=label, prediction=said), None)
    settings = BiasSettings((Facet("facet", Wanted((1,))),), group="group", pre=PRE, post=POST)

    def measure() -> dict[str, float]:
        profile = BiasProfile.empty(settings, schema).merge(BiasProfile.of(rows, settings))
        (entry,) = read_statistics(profile, settings, schema, workers=1).entries
        return {name: float(found.value or 0.0) for name, found in (*entry.pre.items(), *entry.post.items())}

    return measure


def smclarify(columns: Columns) -> Callable[[], dict[str, float]]:
    """Clarify's library, both stages."""
    import pandas
    from smclarify.bias.report import FacetColumn, LabelColumn, StageType, bias_report

    frame = pandas.DataFrame({"facet": columns["facet"], "group": columns["group"]})
    label, said = pandas.Series(columns["label"]), pandas.Series(columns["said"])

    def measure() -> dict[str, float]:
        found = {}
        for stage, names in ((StageType.PRE_TRAINING, PRE), (StageType.POST_TRAINING, POST)):
            (report,) = bias_report(
                frame,
                FacetColumn("facet", [1]),
                LabelColumn("label", label, [1]),
                stage,
                LabelColumn("said", said, [1]),
                metrics=list(names),
                group_variable=frame["group"],
            )
            found |= {metric["name"]: metric["value"] for metric in report["metrics"]}
        return found

    return measure


if __name__ == "__main__":
    main(sys.argv[1])
