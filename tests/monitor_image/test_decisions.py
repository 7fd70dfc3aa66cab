"""Which rule decides a run: calibrated for baselines of ours, AWS's own for AWS's, and what the configuration says."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from model_monitor import cli
from model_monitor.contract import OWN_BLOCK, Decision, JobKind, MonitoringType
from model_monitor.flow import with_decisions
from model_monitor.job.job import BaselineFiles, DatasetKind, DatasetSource, Job, MonitorSettings
from model_monitor.monitors.baseline_files import signed
from tests.captures import events_of, write_capture, write_csv
from tests.monitor_image.conftest import FEATURES, OUTPUT, land

NULLABLE = {"Slope": lambda record: None if record["Elevation"] % 25 == 0 else record["Slope"]}  # 4 % of the records


def run(*arguments: object) -> int:
    return cli.main([str(argument) for argument in arguments])


@pytest.fixture
def world(tmp_path: Path):
    """Makes a baseline and runs windows against it."""
    training = write_csv(tmp_path / "training.csv", land(600, seed=7, **NULLABLE))

    def config(**changes: Any) -> Path:
        path = tmp_path / "monitoring.json"
        payload = {"features": list(FEATURES), "output": OUTPUT}
        path.write_text(json.dumps({"version": 1, "payload": payload} | changes))
        return path

    assert run("baseline", "--dataset", training, "--output", tmp_path / "baseline", "--config", config()) == 0

    def window(records: list[dict[str, Any]], **changes: Any) -> tuple[int, dict[str, Any]]:
        capture = write_capture(tmp_path / "capture", events_of(records))
        given = ("--baseline", tmp_path / "baseline", "--output", tmp_path / "out", "--config", config(**changes))
        status = run("monitor", "--dataset", capture, *given)
        return status, json.loads((tmp_path / "out" / "report.json").read_text())

    window.baseline = tmp_path / "baseline"  # type: ignore[attr-defined]
    return window


def nulls(share: float) -> list[dict[str, Any]]:
    records = land(300, seed=11)
    for record in records[: round(share * 300)]:
        record["Slope"] = None
    return records


def check_of(report: dict[str, Any], type_: str, subject: str) -> dict[str, Any]:
    checks = report["monitors"][0]["checks"]
    return next(check for check in checks if (check["check_type"], check["subject"]) == (type_, subject))


def test_a_few_more_nulls_than_the_baseline_happened_to_have_are_no_news(world):
    status, report = world(nulls(0.06))
    assert (status, report["monitors"][0]["decision"]) == (0, "calibrated")
    found = check_of(report, "completeness_check", "Slope")
    assert found["outcome"] == "held"
    assert found["observed"] < found["allowed"]
    assert found["allowance"] < found["observed"]
    assert found["p_value"] > 1e-3
    assert "within what sampling explains" in found["sentence"]


def test_many_more_nulls_are(world, capsys):
    status, report = world(nulls(0.25))
    assert status == 2
    found = check_of(report, "completeness_check", "Slope")
    assert found["outcome"] == "violated"
    assert found["observed"] < found["allowance"] < found["allowed"] == found["baseline"]
    assert found["sentence"].startswith("no value in 25.0% of the records (baseline: ")
    assert "sampling explains" in capsys.readouterr().out


def test_awss_rule_can_be_chosen_and_decides_as_before(world):
    status, report = world(nulls(0.06), monitors={"data_quality": {"decision": "aws"}})
    assert (status, report["monitors"][0]["decision"]) == (2, "aws")
    assert check_of(report, "completeness_check", "Slope")["outcome"] == "violated"


def test_awss_own_files_are_judged_by_awss_rule(world):
    for path in (world.baseline / name for name in ("constraints.json", "statistics.json")):
        document = json.loads(path.read_text())
        assert document.pop(OWN_BLOCK)
        path.write_text(json.dumps(document))
    status, report = world(nulls(0.06))
    assert (status, report["monitors"][0]["decision"]) == (2, "aws")


def test_a_larger_budget_sees_more(world):
    assert world(nulls(0.1))[0] == 0
    assert world(nulls(0.1), false_alarms="100 per week")[0] == 2


def test_records_that_come_in_groups_are_fewer_for_every_test(world, capsys):
    """Nulls that alarm where records are independent, and that ten alike ones of each group explain."""
    status, report = world(nulls(0.15))
    assert (status, "design_effect" in report) == (2, False)
    status, report = world(nulls(0.15), design_effect=10)
    assert (status, report["design_effect"]) == (0, 10)
    assert check_of(report, "completeness_check", "Slope")["allowance"] > 0.05
    for wrong in (0.5, 1e9):
        assert world(nulls(0.15), design_effect=wrong)[0] == 1
        assert f"design_effect: should be from 1 to 10,000, found {wrong:g}" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["sometimes", "0 per week", "1 per fortnight", "per week"])
def test_a_budget_that_is_none_is_refused(world, text, capsys):
    assert world(nulls(0.0), false_alarms=text)[0] == 1
    assert "false_alarms: should be a number per period such as '1 per quarter'" in capsys.readouterr().err


def sessions(records: list[dict[str, Any]], length: int) -> list[dict[str, Any]]:
    """Each record several times in a row, as sessions and retries make them."""
    return [record for record in records for _ in range(length)]


def made(tmp_path: Path, dataset: Path, **changes: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """A baseline of a dataset, and a window judged by it: the baseline's report, and the window's."""
    tmp_path.mkdir(exist_ok=True)
    config = tmp_path / "monitoring.json"
    payload = {"features": list(FEATURES), "output": OUTPUT}
    config.write_text(json.dumps({"version": 1, "payload": payload} | changes))
    assert run("baseline", "--dataset", dataset, "--output", tmp_path / "baseline", "--config", config) == 0
    capture = write_capture(tmp_path / "window", events_of(land(300, seed=11)))
    given = ("--baseline", tmp_path / "baseline", "--output", tmp_path / "out", "--config", config)
    assert run("monitor", "--dataset", capture, *given) in (0, 2)
    return tuple(json.loads((tmp_path / name / "report.json").read_text()) for name in ("baseline", "out"))  # type: ignore[return-value]


def test_captured_traffic_shows_how_alike_neighbours_are_and_windows_are_judged_by_it(tmp_path, capsys):
    dataset = write_capture(tmp_path / "traffic", events_of(sessions(land(400, seed=7), 4)))
    baseline, window = made(tmp_path, dataset)
    assert 3 < baseline["design_effect"] == window["design_effect"] < 8
    block = json.loads((tmp_path / "baseline" / "statistics.json").read_text())[OWN_BLOCK]
    assert block["design_effect"] == baseline["design_effect"]
    printed = capsys.readouterr().out
    assert printed.count("records next to each other are alike in ") == 1
    assert "and windows are judged so" in printed
    as_many = round(300 / window["design_effect"])
    assert f"judged as {as_many} records drawn one by one (`design_effect`)" in printed


def test_independent_traffic_and_training_sets_in_any_order_count_one_each(tmp_path):
    apart = write_capture(tmp_path / "traffic", events_of(land(1600, seed=7)))
    assert ["design_effect" in report for report in made(tmp_path / "a", apart)] == [False, False]
    training = write_csv(tmp_path / "sorted.csv", sessions(land(400, seed=7), 4))
    assert ["design_effect" in report for report in made(tmp_path / "b", training)] == [False, False]


@pytest.mark.parametrize("declared", [1, 2.5])
def test_what_is_declared_wins_over_what_is_measured(tmp_path, declared, capsys):
    dataset = write_capture(tmp_path / "traffic", events_of(sessions(land(400, seed=7), 4)))
    baseline, window = made(tmp_path, dataset, design_effect=declared)
    assert baseline["design_effect"] > 3
    assert window.get("design_effect", 1) == declared
    assert f"windows with this configuration are judged by the declared {declared:g}" in capsys.readouterr().out


@pytest.mark.parametrize("told", [0.5, "4", True, 1e300])
def test_a_baseline_whose_effect_is_none_is_refused(tmp_path, told, capsys):
    dataset = write_capture(tmp_path / "traffic", events_of(sessions(land(400, seed=7), 4)))
    made(tmp_path, dataset)
    file = tmp_path / "baseline" / "statistics.json"
    content = json.loads(file.read_text())
    content[OWN_BLOCK]["design_effect"] = told
    file.write_text(json.dumps(content))
    capsys.readouterr()
    given = (
        "--baseline",
        tmp_path / "baseline",
        "--output",
        tmp_path / "out",
        "--config",
        tmp_path / "monitoring.json",
    )
    assert run("monitor", "--dataset", tmp_path / "window", *given) == 1
    assert f"{OWN_BLOCK}.design_effect should be a number from 1 to 10,000" in capsys.readouterr().err


def test_a_run_is_judged_by_the_baseline_in_which_neighbours_are_most_alike(tmp_path):
    """One number for all checks of a run; a monitor that AWS's rule decides has no say."""
    files = {}
    for name, effect in (("one", 2.0), ("other", 5.0)):
        (tmp_path / name).mkdir()
        files[name] = BaselineFiles(tmp_path / name / "constraints.json")
        files[name].constraints.write_text(json.dumps(signed({}, effect)))
    types = (MonitoringType.DATA_QUALITY, MonitoringType.MODEL_QUALITY)
    job = Job(
        JobKind.MONITOR,
        DatasetSource(tmp_path, DatasetKind.CAPTURE),
        tmp_path / "out",
        monitors=tuple(map(MonitorSettings, types)),
        baselines=dict(zip(types, files.values(), strict=True)),
    )
    assert with_decisions(job).effect == 5.0
    assert with_decisions(replace(job, design_effect=3.0)).effect == 3.0
    by_aws = replace(job, monitors=(job.monitors[0], replace(job.monitors[1], decision=Decision.AWS)))
    assert with_decisions(by_aws).effect == 2.0
