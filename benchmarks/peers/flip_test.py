"""The flip test on 200,000 records of 13 features: ours exact, ours from a sample, or smclarify's.

Prints the seconds of one test, without imports and without making the data, and its value; of the sample half its 95 % interval
and how far it is from the exact value.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

ROWS, FEATURES, FACTORS, SAMPLE = 200_000, 13, 5, 20_000
EXACT = Path(__file__).resolve().parents[2] / "build" / "bench" / "flip_test_exact.json"  # what the exact side found


def main(who: str) -> None:
    """All sides test the same records; the exact ones must agree."""
    values, facet, said = data()
    test = (
        smclarify(values, facet, said) if who == "smclarify" else ours(values, facet, said, is_sample=who == "sample")
    )
    start = time.perf_counter()
    value, half_interval = test()
    told = {"seconds": time.perf_counter() - start, "FT": value}
    exact = json.loads(EXACT.read_text()) if EXACT.exists() else None
    if who == "sample":
        told |= {"half_interval": half_interval} | ({} if exact is None else {"error": abs(value - exact)})
    elif exact is not None and abs(value - exact) > 1e-12:
        raise SystemExit(f"{who}: the value is not that of the other side")
    else:
        EXACT.parent.mkdir(parents=True, exist_ok=True)
        EXACT.write_text(json.dumps(value))
    print(json.dumps(told))


def data() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features that hang together, as those of people do: five factors and noise. No two records are equally far."""
    chance = np.random.default_rng(0)
    facet = chance.random(ROWS) < 0.33
    factors = chance.normal(size=(ROWS, FACTORS)) + 0.3 * facet[:, None]
    values = factors @ chance.normal(size=(FACTORS, FEATURES)) + 0.3 * chance.normal(size=(ROWS, FEATURES))
    said = values[:, 0] + 0.5 * facet + 0.5 * chance.normal(size=ROWS) > 0.5
    return values, facet, said


def ours(
    values: np.ndarray, facet: np.ndarray, said: np.ndarray, *, is_sample: bool
) -> Callable[[], tuple[float, float]]:
    """This repository's."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "monitor_image"))
    from model_monitor.monitors.model_bias.flip_test import flip_test, interval
    from model_monitor.sketches.numeric_rows import row_keys

    def test() -> tuple[float, float]:
        chosen = np.arange(ROWS)
        if is_sample:
            chosen = np.argsort(row_keys(values, [], 0))[:SAMPLE]
        x, d, p = values[chosen], facet[chosen], said[chosen]
        value, flips = flip_test(x[~d], p[~d], x[d], p[d])
        low, high = interval(flips)
        return value, (high - low) / 2

    return test


def smclarify(values: np.ndarray, facet: np.ndarray, said: np.ndarray) -> Callable[[], tuple[float, float]]:
    """Clarify's library, the one metric."""
    import pandas
    from smclarify.bias.report import FacetColumn, LabelColumn, StageType, bias_report

    frame = pandas.DataFrame(values, columns=[f"x{i}" for i in range(FEATURES)])
    frame["facet"] = facet.astype(np.int64)
    label = pandas.Series(said.astype(np.int64))

    def test() -> tuple[float, float]:
        (report,) = bias_report(
            frame,
            FacetColumn("facet", [1]),
            LabelColumn("label", label, [1]),
            StageType.POST_TRAINING,
            LabelColumn("said", label, [1]),
            metrics=["FT"],
        )
        (metric,) = report["metrics"]
        return float(metric["value"]), 0.0

    return test


if __name__ == "__main__":
    main(sys.argv[1])
