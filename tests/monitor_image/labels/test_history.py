"""The history of a schedule, in a folder and in S3: entries that wait, scores that are written once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from model_monitor.contract import MonitoringType, Verdict
from model_monitor.errors import SettingsError
from model_monitor.job.job import Maturity
from model_monitor.labels.history import History
from model_monitor.labels.maturity import Waiting
from model_monitor.outputs.metric import Metric, StatisticValues
from model_monitor.outputs.score import Score, State
from model_monitor.schema import Window

pytestmark = pytest.mark.xdist_group("moto")
QUALITY = MonitoringType.MODEL_QUALITY
START = datetime(2026, 3, 2, 4, tzinfo=UTC)
HOUR = timedelta(hours=1)
WINDOW = Window(START, START + HOUR)
WAITING = Waiting(QUALITY, WINDOW, "s3://bucket/capture/covertype")
SCORE = Score(
    QUALITY,
    WINDOW,
    State.SCORED,
    Verdict.VIOLATED,
    START + timedelta(days=7),
    records=50,
    violations=({"feature_name": "accuracy", "constraint_check_type": "LessThanThreshold", "description": "d"},),
    metrics=(Metric("accuracy", 0.6), Metric("sizes", StatisticValues(2, 3, 1, 2), "Count", {"Facet": "Sex"})),
    summary={"accuracy": 0.6},
    baseline="v1",
    job="job-1",
    files={"statistics.json": {}},
)


@pytest.fixture(params=["folder", "s3"])
def history(request, tmp_path):
    if request.param == "folder":
        return History(str(tmp_path / "history"))
    request.getfixturevalue("bucket")
    return History("s3://bucket/history/covertype/")


def test_a_window_waits_once_and_remembers_its_attempts(history):
    assert history.wait(WAITING) is True
    assert history.wait(WAITING) is False
    tried = WAITING.at_attempt(START + HOUR)
    history.try_again(tried)
    assert history.wait(WAITING) is False
    assert history.waiting(QUALITY, Maturity(), START + 2 * HOUR) == ([tried], 1)
    history.forget(QUALITY, WINDOW)
    history.forget(QUALITY, WINDOW)
    assert history.waiting(QUALITY, Maturity(), START + 2 * HOUR) == ([], 0)


def test_windows_that_cannot_be_due_are_counted_and_not_opened(history, monkeypatch):
    history.wait(WAITING)
    later = Waiting(QUALITY, Window(START + HOUR, START + 2 * HOUR), "x")
    history.wait(later)
    read = []
    monkeypatch.setattr(history, "_read", lambda name, parse: read.append(name))
    history.waiting(QUALITY, Maturity(delay=timedelta(days=7)), START + timedelta(days=7))
    assert read == ["model_quality/pending/202603020400.json"]


def test_a_score_is_written_once_and_read_back_whole(history):
    assert history.score(QUALITY, WINDOW) is None
    assert history.record(SCORE) is True
    other = Score(QUALITY, WINDOW, State.EXPIRED, Verdict.INSUFFICIENT_DATA, START)
    assert history.record(other) is False
    found = history.score(QUALITY, WINDOW)
    assert found == Score(**{name: getattr(SCORE, name) for name in SCORE.__slots__} | {"files": {}})


def test_monitors_keep_apart(history):
    history.wait(WAITING)
    history.record(SCORE)
    assert history.waiting(MonitoringType.MODEL_BIAS, Maturity(), START + 2 * HOUR) == ([], 0)
    assert history.score(MonitoringType.MODEL_BIAS, WINDOW) is None


def test_a_file_that_is_no_entry_is_named(tmp_path):
    folder = tmp_path / "model_quality/pending"
    folder.mkdir(parents=True)
    (folder / "202603020400.json").write_text('{"version": 1}')
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(SettingsError, match=r"pending/202603020400\.json: is no entry"):
        History(str(tmp_path)).waiting(QUALITY, Maturity(), START + HOUR)


def test_what_cloudwatch_would_refuse_is_no_part_of_a_score():
    score = Score(QUALITY, WINDOW, State.SCORED, Verdict.OK, START, metrics=(Metric("auc", float("nan")),))
    assert score.to_json()["metrics"] == []
