"""Windows judged under `calibrated` as a run of this monitor alone would, and chances of counts; shared by the tests beside it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import orjson

from model_monitor.contract import Decision, JobKind
from model_monitor.monitors.conclusion import Conclusion
from model_monitor.monitors.decision import settle
from model_monitor.monitors.model_bias.constraints import BiasConstraints, read
from model_monitor.monitors.model_bias.counted import Counted
from model_monitor.monitors.model_bias.metrics import post_training, pre_training
from model_monitor.monitors.model_bias.monitor import MONITOR
from model_monitor.monitors.model_bias.sampling import evidence
from model_monitor.schema import Rows
from tests.monitor_image.monitors.model_bias.test_monitor import job_for

BUDGET = 1 / (90 * 24)  # a run's, of one false alarm a quarter


def counted(cells: Any) -> Counted:
    """From (2, 2, 2) counts by side, observed and predicted label."""
    full = np.zeros((1, 2, 2, 3), np.int64)
    full[0, :, :, 1:] = cells
    return Counted(full)


def metrics_of(sample: Counted) -> dict[str, float]:
    found = pre_training(sample.counts.sum(axis=-1)) | post_training(sample.counts[..., 1:])
    return {name: float(value) for name, value in found.items()}


def chance(name: str, window: Counted, baseline: Counted) -> float:
    found = evidence(name, window, baseline, (metrics_of(window)[name], metrics_of(baseline)[name]))
    assert found is not None
    return found.p_value


def table(rng: np.random.Generator, size: int) -> np.ndarray:
    shares = np.array([[[0.25, 0.15], [0.05, 0.15]], [[0.15, 0.1], [0.05, 0.1]]])
    return rng.multinomial(size, shares.ravel()).reshape(2, 2, 2)


def calibrated(rows: Rows, baseline: BiasConstraints | None, **options: Any) -> Conclusion:
    """A window's conclusion, settled as a run of this monitor alone would."""
    job = job_for(rows, **options)
    job = replace(job, monitors=(replace(job.monitors[0], decision=Decision.CALIBRATED),))
    found = MONITOR.check(MONITOR.statistics(MONITOR.profile(rows, job), job), baseline, job)
    return settle([replace(found, decision=Decision.CALIBRATED)], BUDGET)[0]


def written(rows: Rows, **options: Any) -> dict[str, Any]:
    job = job_for(rows, JobKind.BASELINE, **options)
    found = MONITOR.statistics(MONITOR.profile(rows, job), job)
    content = MONITOR.files.constraints(MONITOR.suggest(found, job))
    assert content == MONITOR.files.statistics(found)
    document: dict[str, Any] = orjson.loads(orjson.dumps(content))
    return document


def baseline_of(rows: Rows, **options: Any) -> BiasConstraints:
    return read(written(rows, **options), "analysis.json")


def by_metric(conclusion: Conclusion) -> dict[str, Any]:
    return {check.metric_name: check for check in conclusion.checks}
