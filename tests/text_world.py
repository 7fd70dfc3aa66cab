"""Text features as people have them, a baseline of one as a job of ours writes and reads it, and a window judged by it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

import numpy as np
import orjson

from model_monitor.contract import CheckType, Decision, JobKind, MonitoringType
from model_monitor.job.job import MonitorSettings
from model_monitor.monitors.baseline_files import signed
from model_monitor.monitors.conclusion import Check, Conclusion
from model_monitor.monitors.data_quality.baseline import Baseline, read_baseline
from model_monitor.monitors.decision import settle
from model_monitor.schema import Feature, FeatureType, Privacy, Rows
from tests.tables import DATA_QUALITY, checks_by_subject, job_for, table

NAME = "text"
BUDGET = 4.6e-4  # of a run of an hourly schedule


def rows_of(cells: Sequence[str | None], privacy: Privacy = Privacy.OPEN, is_text: bool = True) -> Rows:
    found = table({NAME: cells}, {NAME: FeatureType.STRING} if is_text else {})
    feature = Feature(NAME, FeatureType.STRING if is_text else None, privacy)
    return replace(found, schema=replace(found.schema, features=(feature,)))


def files_of(rows: Rows) -> tuple[bytes, bytes]:
    """constraints.json and statistics.json of a baseline job."""
    job = job_for(rows.schema, JobKind.BASELINE)
    statistics = DATA_QUALITY.statistics(DATA_QUALITY.profile(rows, job), job)
    contents = (
        DATA_QUALITY.files.constraints(DATA_QUALITY.suggest(statistics, job)),
        DATA_QUALITY.files.statistics(statistics),
    )
    first, second = (orjson.dumps(signed(content)) for content in contents)
    return first, second


def baseline_of(cells: Sequence[str | None], privacy: Privacy = Privacy.OPEN, is_text: bool = True) -> Baseline:
    """As it is read from its files."""
    with TemporaryDirectory() as folder:
        paths = Path(folder, "constraints.json"), Path(folder, "statistics.json")
        for path, content in zip(paths, files_of(rows_of(cells, privacy, is_text)), strict=True):
            path.write_bytes(content)
        found = read_baseline(*paths)
    assert found is not None
    return found


def judged(baseline: Baseline, rows: Rows, decision: Decision | None = None) -> Conclusion:
    """A window's checks after chance has had its say, with the budget of one run."""
    job = job_for(rows.schema)
    job = replace(job, monitors=(MonitorSettings(MonitoringType.DATA_QUALITY, 1, {}, decision=decision),))
    statistics = DATA_QUALITY.statistics(DATA_QUALITY.profile(rows, job), job)
    conclusion = DATA_QUALITY.check(statistics, baseline, job)
    return settle([replace(conclusion, decision=decision or Decision.CALIBRATED)], BUDGET)[0]


def drift_and_new_values(conclusion: Conclusion) -> tuple[Check, Check]:
    """The two checks that say something of values."""
    return (
        checks_by_subject(conclusion, CheckType.BASELINE_DRIFT)[NAME],
        checks_by_subject(conclusion, CheckType.CATEGORICAL_VALUES)[NAME],
    )


# --- features -------------------------------------------------------------------------------------------------------------


def uuids(random: np.random.Generator, size: int) -> list[str]:
    """An identifier of its own for every record."""
    return [str(UUID(bytes=random.bytes(16))) for _ in range(size)]


def digits(random: np.random.Generator, size: int) -> list[str]:
    """Another kind of identifier."""
    return [str(number) for number in random.integers(10**8, 10**9, size)]


def sessions(random: np.random.Generator, size: int) -> list[str]:
    """Identifiers that five records in a row share."""
    return [each for each in uuids(random, -(-size // 5)) for _ in range(5)][:size]


def cities(random: np.random.Generator, size: int) -> list[str]:
    """Ten thousand values, all as likely."""
    return [f"City {number}" for number in random.integers(0, 10_000, size)]


def words(random: np.random.Generator, size: int) -> list[str]:
    """An open vocabulary: some values are very common, and there are always new ones."""
    return [f"w{number}" for number in random.zipf(1.3, size)]


def products(random: np.random.Generator, size: int) -> list[str]:
    """A closed list of five hundred, the first far commoner than the last."""
    weights = 1 / np.arange(1, 501)
    return [f"P-{number:03}" for number in random.choice(500, size, p=weights / weights.sum())]


KINDS = {each.__name__: each for each in (uuids, sessions, cities, words, products)}
