"""The demo itself, as `make demo` runs it: minutes of real work, judged by the summary that it writes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from model_monitor.contract import CheckType
from tests.conftest import ROOT
from tests.monitor_image.pages.test_report import Page
from tests.twin import called

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("demo")]  # the demo runs once, on whichever worker is free
SECONDS = 600


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[subprocess.CompletedProcess[str], Path]:
    folder = tmp_path_factory.mktemp("demo")
    done = subprocess.run(
        [sys.executable, "-m", "demo", "--output", str(folder)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'monitor_image'}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )
    return done, folder


@pytest.fixture(scope="module")
def summary(run: tuple[subprocess.CompletedProcess[str], Path]) -> dict[str, Any]:
    done, folder = run
    assert (folder / "summary.json").is_file(), done.stdout[-4000:] + done.stderr[-4000:]
    content: dict[str, Any] = json.loads((folder / "summary.json").read_text())
    return content


def phases(summary: dict[str, Any], endpoint: str) -> dict[str, dict[str, Any]]:
    return {hour["phase"]: hour for hour in summary["hours"] if hour["endpoint"] == endpoint}


def test_the_demo_ends_well_and_says_so(
    run: tuple[subprocess.CompletedProcess[str], Path], summary: dict[str, Any]
) -> None:
    unmet = [expectation for expectation in summary["expectations"] if not expectation["is_met"]]
    assert unmet == []
    assert run[0].returncode == 0, run[0].stderr
    assert "the loop is closed" in run[0].stdout


def test_roles_call_what_is_kept_of_them(run: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    calls: called.Calls = {}
    for name, one in json.loads((run[1] / "calls.json").read_text()).items():
        role = calls.setdefault(called.role_of(*name.split("/")), {"actions": [], "services": []})
        for key, values in one.items():
            role[key] = sorted({*role[key], *values})
    assert called.gone("test_demo", {role: one for role, one in calls.items() if one["actions"]}) == []


def test_each_hour_has_the_verdict_of_its_traffic(summary: dict[str, Any]) -> None:
    verdicts = {phase: hour["verdict"] for phase, hour in phases(summary, "covertype").items()}
    assert verdicts == {
        "healthy": "ok",
        "quiet": "no_data",
        "broken": "violated",
        "drifting": "violated",
        "adapted": "ok",
        "drifting again": "violated",
    }
    assert {hour["verdict"] for hour in phases(summary, "breast-cancer").values()} == {"ok", "no_data"}


def test_one_training_job_in_all_and_none_for_broken_data(summary: dict[str, Any]) -> None:
    started = {hour["phase"]: len(hour["training_jobs"]) for hour in summary["hours"] if hour["training_jobs"]}
    assert started == {"drifting": 1}
    (training,) = summary["trainings"]
    assert training["rows"]["fresh"] > 0
    assert training["accuracy_after"] > training["accuracy_before"]


def test_the_loop_is_closed_by_a_better_model_that_serves(summary: dict[str, Any]) -> None:
    found = summary["retraining"]
    assert (found["challenger_wins"], found["deployed"], found["rolled_back"]) == (1, 1, 0)
    (release,) = found["releases"]
    assert release["is_live"]
    assert phases(summary, "covertype")["adapted"]["accuracy"] > summary["trainings"][0]["accuracy_before"]


def test_one_run_of_the_drifting_hour_finds_worse_answers_bias_and_other_reasons(summary: dict[str, Any]) -> None:
    hour = phases(summary, "covertype")["drifting"]
    assert set(hour["monitors"].values()) == {"violated"}
    assert len(hour["monitors"]) == 4
    assert hour["containers_started"] == 1
    assert hour["values"]["accuracy"] == pytest.approx(hour["accuracy"], abs=1e-9)
    assert hour["values"]["accuracy"] < 0.6
    assert "accuracy" in hour["features"]["LessThanThreshold"]
    assert hour["features"].keys() >= {"bias_drift_check", "feature_attribution_drift_check"}


def test_the_drift_is_the_temperature_and_the_broken_hour_is_no_drift(summary: dict[str, Any]) -> None:
    hours = phases(summary, "covertype")
    found = hours["drifting"]["features"]
    assert found["baseline_drift_check"] == ["Temperature"]
    assert not found.keys() & (set(CheckType) - {"baseline_drift_check"})
    assert "baseline_drift_check" not in hours["broken"]["violations"]
    assert hours["broken"]["features"] == {"data_type_check": ["Slope"], "missing_column_check": ["Hillshade_Noon"]}


def test_reports_and_captured_files_lie_where_it_says(
    run: tuple[subprocess.CompletedProcess[str], Path], summary: dict[str, Any]
) -> None:
    reports = [hour["report"] for hour in summary["hours"] if hour["verdict"] != "no_data"]
    assert all(Path(report).is_file() for report in reports)
    lines = [line for path in (run[1] / "capture").rglob("*.jsonl") for line in path.read_text().splitlines()]
    assert len(lines) == sum(hour["requests"] for hour in summary["hours"])


ANSWERS = {  # phase → what broke, since when, how bad, what to do, as its page says to somebody who knows nothing else
    "healthy": (
        "No violation All ",
        "No violation since 2026-03-02 06:00 UTC",
        "evaluated checks held over 360 records",
        "Nothing.",
    ),
    "broken": (
        "wrong types in Slope",
        "Violated since 2026-03-02 09:00 UTC, in this window alone so far.",
        "Slope: 100.0% of the values are not Integral",
        "Have the data mended where it comes from",
    ),
    "drifting": (
        "drift of Temperature; accuracy",
        "Violated since 2026-03-02 10:00 UTC, in this window alone so far.",
        "Temperature: median",
        "Ask what changed",
    ),
    "adapted": (
        "No violation All ",
        "No violation since 2026-03-02 11:00 UTC, in this window alone so far.",
        "evaluated checks held over 360 records",
        "Nothing.",
    ),
    "drifting again": (  # the model that learnt Celsius has seen Fahrenheit before, and is as often right
        "drift of Temperature; drift of the model's answers: score",
        "Violated since 2026-03-02 12:00 UTC, in this window alone so far.",
        "Temperature: median 15 -> 60",
        "if the model copes with it, make a new baseline",
    ),
}


@pytest.mark.parametrize("phase", ANSWERS)
def test_the_page_of_each_hour_answers_what_broke_since_when_how_bad_and_what_to_do(
    summary: dict[str, Any], phase: str
) -> None:
    page = Path(phases(summary, "covertype")[phase]["report"]).with_name("report.html")
    text = Page(page.read_text()).text
    assert [answer for answer in ANSWERS[phase] if answer not in text] == []
