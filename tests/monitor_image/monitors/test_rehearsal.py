"""A rehearsal: exactly one violation more, on its way through everything, and marked everywhere."""

from __future__ import annotations

import json
import re
import sys

import jsonschema
import pytest

from model_monitor import __main__, cli, flow, late
from model_monitor.contract import CHECK_CUSTOM_METRIC, CHECK_TYPES, REHEARSAL_ARGUMENT, MonitoringType, Verdict
from model_monitor.monitors import registry
from model_monitor.monitors.conclusion import Conclusion
from model_monitor.monitors.rehearsal import rehearsed
from model_monitor.outputs.report import schema
from tests.captures import events_of, write_capture
from tests.monitor_image.conftest import land

PARSED_BY_OTHERS = re.compile("distance: (.+) exceeds threshold: (.+)")


def forced_of(monitor):
    """The check type that a rehearsal of a monitor violates."""
    return registry.monitors()[monitor].forced


def window(opt_ml, baseline, **changes):
    return opt_ml().configure().with_baseline(baseline).for_window(events_of(land(120, seed=3, **changes)))


def test_a_healthy_window_has_exactly_one_violation(opt_ml, healthy_baseline):
    tree = window(opt_ml, healthy_baseline)
    assert tree.run(create_violation_tests="Enabled") == 0
    first, second, *_ = tree.message.splitlines()
    assert first == "CompletedWithViolations: Job completed successfully with 1 violations."
    assert second.startswith("REHEARSAL: one violation was forced")
    assert second.endswith("Without it data_quality is: ok")
    (violation,) = json.loads((tree.output / "constraint_violations.json").read_text())["violations"]
    assert violation["feature_name"] == "REHEARSAL"
    assert violation["constraint_check_type"] == "baseline_drift_check"
    assert violation["description"].startswith("REHEARSAL")
    distance, threshold = PARSED_BY_OTHERS.search(violation["description"]).groups()
    assert float(distance) > float(threshold)
    metrics = tree.metrics()
    assert (metrics["rehearsal"], metrics["run_violated"], metrics["run_ok"]) == (1, 1, 0)
    assert (metrics["violations_baseline_drift_check"], metrics["drift_max"]) == (1, 1.0)
    assert sum(value for name, value in metrics.items() if name.startswith("violations_")) == 1
    assert tree.report["rehearsal"] is True
    assert tree.report["verdict"] == "violated"
    jsonschema.validate(tree.report, schema())


def test_every_other_run_says_that_it_is_none(opt_ml, healthy_baseline):
    tree = window(opt_ml, healthy_baseline)
    assert tree.run() == 0
    assert tree.metrics()["rehearsal"] == 0
    assert "rehearsal" not in tree.report
    assert "REHEARSAL" not in tree.message


def test_all_points_of_a_rehearsal_have_the_dimensions_and_time_of_its_marker(opt_ml, healthy_baseline):
    tree = window(opt_ml, healthy_baseline)
    tree.run(create_violation_tests="true")
    points = [json.loads(line) for line in tree.metrics_file.read_text().splitlines()]
    kept = {json.dumps([point["Dimensions"], point["Timestamp"]]) for point in points}
    assert len(kept) == 1


def test_real_violations_stand_beside_the_forced_one(opt_ml, healthy_baseline):
    tree = window(opt_ml, healthy_baseline, Slope=500.5)
    tree.run(create_violation_tests="1")
    assert tree.violations() == [("REHEARSAL", "baseline_drift_check"), ("Slope", "baseline_drift_check")]
    assert "Without it data_quality is: violated" in tree.message
    assert "violations of any other name are real" in tree.message
    assert "the data has no part" not in tree.message


@pytest.mark.parametrize("count", [0, 3])
def test_a_window_that_concludes_nothing_rings_the_alarms_too(opt_ml, healthy_baseline, count):
    tree = opt_ml().configure().with_baseline(healthy_baseline).for_window(events_of(land(count)))
    assert tree.run(create_violation_tests="Enabled") == 0
    assert tree.violations() == [("REHEARSAL", "baseline_drift_check")]
    assert tree.metrics()["run_violated"] == 1
    assert f"Without it data_quality is: {'insufficient_data' if count else 'no_data'} (" in tree.message


def test_the_configuration_can_ask_for_it_and_a_baseline_job_ignores_that(opt_ml, healthy_baseline):
    tree = (
        opt_ml().configure(create_violation_tests=True).with_baseline(healthy_baseline).for_window(events_of(land(120)))
    )
    tree.run()
    assert tree.report["rehearsal"] is True
    baseline = opt_ml().configure(create_violation_tests=True).for_baseline(land(60))
    assert baseline.run() == 0
    assert "rehearsal" not in baseline.report
    assert "REHEARSAL" not in (baseline.output / "constraints.json").read_text()


def test_a_baseline_job_refuses_the_variable(opt_ml):
    tree = opt_ml().configure().for_baseline(land(60))
    assert tree.run(create_violation_tests="Enabled") == 1
    assert "create_violation_tests: only a monitoring job can be rehearsed" in tree.message


def test_the_argument_of_a_schedule_reaches_the_container(opt_ml, healthy_baseline, monkeypatch):
    tree = window(opt_ml, healthy_baseline)
    for name, value in (tree.environment | {"MODEL_MONITOR_ROOT": str(tree.root)}).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "argv", ["model_monitor", REHEARSAL_ARGUMENT])
    assert __main__.main() == 0
    assert tree.report["rehearsal"] is True


def test_log_lines_are_marked(opt_ml, healthy_baseline, capsys):
    tree = window(opt_ml, healthy_baseline)
    tree.run(create_violation_tests="Enabled")
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {line["event"] for line in lines if line.get("rehearsal") is True} >= {"started", "finished"}


def test_of_several_monitors_the_first_one_is_rehearsed_alone(opt_ml, healthy_baseline):
    tree = opt_ml().configure(monitors={"data_quality": {}, "custom_metrics": {}})
    tree.with_baseline(healthy_baseline).for_window(events_of(land(120)))
    tree.run(create_violation_tests="Enabled")
    assert [m["violations"] for m in tree.report["monitors"]] == [{"baseline_drift_check": 1}, {}]


def test_a_laptop_rehearses_too_and_its_summary_says_so(tmp_path, healthy_baseline, capsys):
    write_capture(tmp_path / "capture", events_of(land(120, seed=3)))
    config = tmp_path / "config.json"
    output = {"prediction": "label", "score": "score", "payload_index": "payload_index"}
    config.write_text(json.dumps({"payload": {"features": ["Elevation", "Slope", "Area"], "output": output}}))
    arguments = [
        "--dataset",
        tmp_path / "capture",
        "--baseline",
        healthy_baseline,
        "--output",
        tmp_path / "out",
        "--config",
        config,
    ]
    assert cli.main(["monitor", *map(str, arguments), REHEARSAL_ARGUMENT]) == 2
    assert capsys.readouterr().out.startswith("REHEARSAL: violated (1): REHEARSAL: one violation was forced")
    with pytest.raises(SystemExit):
        cli.main(["baseline", *map(str, arguments), REHEARSAL_ARGUMENT])


def test_a_rehearsal_remembers_nothing(opt_ml, healthy_baseline, tmp_path, monkeypatch):
    seen = []
    run = flow.run
    monkeypatch.setattr(flow, "run", lambda job, progress: seen.append(job) or run(job, progress))
    monkeypatch.setattr(late, "with_late", lambda *_: pytest.fail("the history was opened"))
    history = tmp_path / "history"
    tree = opt_ml().configure(monitors={"custom_metrics": {}}, history=str(history)).for_window(events_of(land(120)))
    assert tree.run(create_violation_tests="Enabled") == 0
    assert seen[0].is_rehearsal
    assert not history.exists()


@pytest.mark.parametrize("monitor", MonitoringType)
def test_the_forced_check_is_one_that_the_monitor_counts(monitor):
    assert forced_of(monitor) in CHECK_TYPES[monitor]
    conclusion = rehearsed(Conclusion(Verdict.OK), monitor, forced_of(monitor))
    assert [check.check_type for check in conclusion.violations] == [forced_of(monitor)]
    assert conclusion.verdict is Verdict.VIOLATED


@pytest.mark.parametrize("monitor", ["custom_metrics", "model_quality"])
def test_a_monitor_that_waits_for_labels_rings_its_alarm_and_tells_no_value(opt_ml, monitor, tmp_path):
    own = tmp_path / "own.py"
    own.write_text(
        "from model_monitor.custom import metric\n\n@metric(name='n')\ndef n(table):\n    return table.rows\n"
    )
    options = {"label_delay": "P7D", "min_coverage": 0.5}
    options |= {"module": str(own)} if monitor == "custom_metrics" else {"problem_type": "multiclass"}
    tree = opt_ml().configure(monitors={monitor: options}).for_window(events_of(land(120)))
    assert tree.run(create_violation_tests="Enabled") == 0
    forced = forced_of(MonitoringType.CUSTOM_METRICS if monitor == "custom_metrics" else MonitoringType.MODEL_QUALITY)
    assert tree.violations() == [("REHEARSAL", forced)]
    assert tree.metrics()[f"violations_{forced}"] == 1
    assert not {"custom_n", "accuracy"} & set(tree.metrics())
    assert f"Without it {monitor} is: waiting (0 of 120 predictions have a label" in tree.message


def test_a_monitor_that_failed_stays_failed():
    failed = Conclusion(Verdict.ERROR, reason="custom metric x failed")
    assert rehearsed(failed, MonitoringType.CUSTOM_METRICS, CHECK_CUSTOM_METRIC).verdict is Verdict.ERROR
    assert rehearsed(failed, MonitoringType.CUSTOM_METRICS, CHECK_CUSTOM_METRIC).reason == failed.reason


def test_what_hangs_on_the_window_is_the_same_as_without(opt_ml, healthy_baseline):
    tree = window(opt_ml, healthy_baseline)
    tree.run()
    plain = (tree.output / "statistics.json").read_bytes()
    tree.run(create_violation_tests="Enabled")
    assert (tree.output / "statistics.json").read_bytes() == plain
