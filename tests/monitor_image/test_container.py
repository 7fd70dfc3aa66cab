"""The processing contract, end to end: a baseline job, then windows of every kind."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import jsonschema
import pytest

from model_monitor import container, flow, reader
from model_monitor.aws import s3
from model_monitor.contract import CONTAINER_ENTRYPOINT, EXIT_MESSAGE_MAX_BYTES
from model_monitor.errors import Stopped
from model_monitor.outputs.report import schema
from model_monitor.runners import stopping
from tests.captures import HOUR, event, events_of, json_side, outputs
from tests.monitor_image.conftest import FEATURES, OptMl, healthy_events, land

ROOT = Path(__file__).resolve().parents[2]
IMAGE_PYTHON = ROOT / "build/venv/image/bin/python"
SECRET = "Zanzibar-4711"


@pytest.fixture(autouse=True)
def report_keeps_its_schema_and_message_its_size(opt_ml, tmp_path):
    yield
    for path in tmp_path.rglob("report.json"):
        jsonschema.validate(json.loads(path.read_text()), schema())
    for path in tmp_path.rglob("output/message"):
        assert len(path.read_bytes()) <= EXIT_MESSAGE_MAX_BYTES


QUALITY = {"problem_type": "multiclass", "thresholds": {"accuracy": {"threshold": 0.5}}}


def first_line(tree: OptMl) -> str:
    return tree.message.splitlines()[0]


def test_a_baseline_job_leaves_statistics_constraints_and_where_they_came_from(healthy_baseline):
    names = sorted(path.relative_to(healthy_baseline).as_posix() for path in healthy_baseline.rglob("*.json"))
    assert names == [
        "constraints.json",
        "provenance.json",
        "report.json",
        "statistics.json",
    ]
    constraints = json.loads((healthy_baseline / "constraints.json").read_text())
    types = {feature["name"]: feature["inferred_type"] for feature in constraints["features"]}
    assert types == {"Elevation": "Integral", "Slope": "Fractional", "Area": "String"}
    provenance = json.loads((healthy_baseline / "provenance.json").read_text())
    assert provenance["records"] == 600
    assert len(provenance["dataset"]["sha256"]) == 64


def test_a_folder_holds_one_baseline_flat_of_one_monitor_and_apart_of_several(opt_ml):
    tree = opt_ml().configure().for_baseline(land(100))
    names = {"statistics.json", "constraints.json"}
    for monitors, places in (({}, {""}), ({"model_quality": QUALITY}, {"data_quality", "model_quality"}), ({}, {""})):
        tree.configure(monitors={"data_quality": {}} | monitors)
        assert tree.run() == 0, tree.message
        found = {
            path.parent.relative_to(tree.output).as_posix()
            for path in tree.output.rglob("*.json")
            if path.name in names
        }
        assert found == {place or "." for place in places}


@pytest.mark.parametrize("declared", [("Elevation", "Slopee", "Area"), ("a", "b", "c")])
def test_a_baseline_without_a_declared_feature_is_refused(opt_ml, declared):
    """A misspelt name, or a file whose first record was taken for its header: nothing to compare with, so no baseline."""
    tree = opt_ml().configure(declared).for_baseline(land(100))
    assert tree.run() == 1
    missing = [name for name in declared if name not in FEATURES]
    assert f"no column for {', '.join(map(repr, missing))} of the payload mapping" in first_line(tree)
    assert not (tree.output / "constraints.json").exists()


def test_a_baseline_job_says_so_in_the_prebuilt_images_words(opt_ml):
    tree = opt_ml().configure().for_baseline(land(100))
    assert tree.run() == 0
    assert first_line(tree) == "Completed: Job completed successfully with no violations."
    assert not (tree.output / "metrics.jsonl").exists()
    assert tree.report["kind"] == "baseline"


def test_a_healthy_window_completes_with_no_violations_and_emits_its_values(opt_ml, healthy_baseline):
    tree = opt_ml().configure().for_window(healthy_events()).with_baseline(healthy_baseline)
    assert tree.run() == 0, tree.message
    assert first_line(tree) == "Completed: Job completed successfully with no violations."
    assert tree.report["verdict"] == "ok"
    assert not (tree.output / "constraint_violations.json").exists()
    metrics = tree.metrics()
    assert (metrics["records"], metrics["rejected"], metrics["outside_window"]) == (120, 0, 0)
    assert (metrics["run_ok"], metrics["run_violated"], metrics["run_error"]) == (1, 0, 0)
    assert metrics["violations_data_type_check"] == 0
    assert 0 <= metrics["drift_max"] <= 0.1


def test_a_broken_window_completes_with_violations(opt_ml, healthy_baseline):
    events = healthy_events(Elevation=lambda record: float(record["Elevation"]), Slope=None)
    tree = opt_ml().configure().for_window(events).with_baseline(healthy_baseline)
    assert tree.run() == 0
    assert (
        first_line(tree)
        == f"CompletedWithViolations: Job completed successfully with {len(tree.violations())} violations."
    )
    assert ("Elevation", "data_type_check") in tree.violations()
    assert ("Slope", "completeness_check") in tree.violations()
    assert "Elevation" in tree.message
    metrics = tree.metrics()
    assert (metrics["run_violated"], metrics["violations_data_type_check"]) == (1, 1)
    assert metrics["violations_baseline_drift_check"] == 0


def test_a_drifting_window_is_told_from_a_broken_one(opt_ml, healthy_baseline):
    events = healthy_events(Elevation=lambda record: record["Elevation"] + 900)
    tree = opt_ml().configure().for_window(events).with_baseline(healthy_baseline)
    assert tree.run() == 0
    assert tree.violations() == [("Elevation", "baseline_drift_check")]
    assert tree.metrics()["drift_max"] > 0.1


def test_a_rerun_into_the_same_folder_removes_violations_that_are_gone(opt_ml, healthy_baseline):
    tree = opt_ml().configure().for_window(healthy_events(Slope=None)).with_baseline(healthy_baseline)
    tree.run()
    assert tree.violations()
    tree.for_window(healthy_events())
    tree.run()
    assert tree.violations() == []


def test_an_empty_window_is_no_data_and_no_error(opt_ml, healthy_baseline):
    tree = opt_ml().configure().for_window([]).with_baseline(healthy_baseline)
    assert tree.run() == 0
    assert first_line(tree).startswith("Completed: Not evaluated (no_data): Job inputs had no data")
    assert tree.report["verdict"] == "no_data"
    assert (tree.metrics()["records"], tree.metrics()["run_no_data"]) == (0, 1)


def test_events_outside_the_window_are_counted_and_not_analysed(opt_ml, healthy_baseline):
    late = events_of(land(40), time=HOUR + timedelta(hours=1))
    tree = opt_ml().configure().for_window([*healthy_events(), *late]).with_baseline(healthy_baseline)
    assert tree.run() == 0
    assert (tree.metrics()["records"], tree.metrics()["outside_window"]) == (120, 40)


def test_too_few_records_are_not_evaluated_whatever_they_hold(opt_ml, healthy_baseline):
    tree = opt_ml().configure().for_window(events_of(land(29, Slope=None))).with_baseline(healthy_baseline)
    assert tree.run() == 0
    assert first_line(tree).startswith("Completed: Not evaluated (insufficient_data): ")
    assert tree.violations() == []
    assert tree.metrics()["run_insufficient_data"] == 1


def test_without_a_baseline_the_run_completes_and_says_so(opt_ml):
    tree = opt_ml().configure().for_window(healthy_events())
    assert tree.run() == 0
    assert first_line(tree).startswith("Completed: Not evaluated (insufficient_data): ")
    assert "baseline" in first_line(tree)
    assert (tree.output / "statistics.json").exists()
    assert not (tree.output / "constraints.json").exists()


def test_the_pointer_in_the_configuration_wins_over_the_mounted_files(opt_ml, healthy_baseline, tmp_path):
    store = tmp_path / "store"
    store.mkdir()
    (store / "v3").symlink_to(healthy_baseline)
    (store / "current.json").write_text('{"version": "v3"}')
    tree = opt_ml().configure(baseline=str(store)).for_window(healthy_events())
    assert tree.run() == 0
    assert tree.report["monitors"][0]["baseline"]["version"] == "v3"


def test_unreadable_records_below_the_limit_are_counted_and_located(opt_ml, healthy_baseline):
    broken = event(
        900,
        {"observedContentType": "application/json", "encoding": "JSON", "data": "{" + SECRET},
        json_side(outputs(1)),
    )
    tree = opt_ml().configure().for_window([*healthy_events(), broken]).with_baseline(healthy_baseline)
    assert tree.run() == 0
    reading = tree.report["reading"]
    assert reading["rejected"] == 1
    assert sum(reading["rejects"]["by_reason"].values()) == 1
    assert reading["rejects"]["located"][0]["line"] == 31
    assert tree.metrics()["rejected"] == 1


def test_half_of_the_events_lost_is_half_of_the_records_lost(opt_ml, healthy_baseline):
    """Events hold four records here; 10 of 40 that nobody can read are 25 % of the traffic, not 7 %."""
    broken = {"observedContentType": "application/json", "encoding": "JSON", "data": "{"}
    events = [*healthy_events(), *(event(number, broken, json_side(outputs(1))) for number in range(900, 910))]
    tree = opt_ml().configure().for_window(events).with_baseline(healthy_baseline)
    assert tree.run() == 1
    assert tree.report["reading"]["rejected"] == 10
    assert tree.report["reading"]["rejected_fraction"] == 0.25


def test_unreadable_records_above_the_limit_fail_the_job_without_their_values(opt_ml, healthy_baseline, capsys):
    broken = [
        event(
            number,
            {"observedContentType": "application/json", "encoding": "JSON", "data": "{" + SECRET},
            json_side(outputs(1)),
        )
        for number in range(40)
    ]
    tree = opt_ml().configure().for_window([*healthy_events(), *broken]).with_baseline(healthy_baseline)
    assert tree.run() == 1
    assert first_line(tree).startswith(
        "Error: 40 events (each taken as 4 records, as the others hold) could not be read, 120 records could: "
        "57.1% of the records lost, allowed 10.0%. Mostly: malformed JSON payload, first at "
    )
    assert tree.report["verdict"] == "error"
    assert (tree.metrics()["run_error"], tree.metrics()["rejected"]) == (1, 40)
    left = b"".join(path.read_bytes() for path in tree.root.rglob("*") if path.is_file() and "input" not in path.parts)
    assert SECRET.encode() not in left + capsys.readouterr().out.encode()


def test_wrong_settings_are_an_error_that_is_told_everywhere_at_once(opt_ml):
    tree = opt_ml().configure().for_window(healthy_events())
    assert tree.run(dataset_format="orc", MODEL_MONITOR_WORKERS="many") == 1
    assert first_line(tree).startswith("Error: environment: 2 faults: ")
    assert tree.report["error"]["type"] == "SettingsError"
    assert tree.metrics()["run_error"] == 1
    points = [json.loads(line) for line in tree.metrics_file.read_text().splitlines()]
    assert {point["MetricName"]: point["Value"] for point in points}["run_error"] == 1


def test_an_unforeseen_error_tells_its_type_and_place_and_no_values(opt_ml, healthy_baseline, monkeypatch, capsys):
    def fail(job, progress):
        raise ValueError(f"could not convert {SECRET}")

    monkeypatch.setattr(flow, "run", fail)
    tree = opt_ml().configure().for_window(healthy_events()).with_baseline(healthy_baseline)
    assert tree.run() == 1
    assert "unexpected ValueError" in first_line(tree)
    assert SECRET not in tree.message + capsys.readouterr().out
    assert tree.metrics()["run_error"] == 1


def test_a_configuration_that_is_not_the_deployed_one_is_refused(opt_ml, healthy_baseline):
    tree = opt_ml().configure().for_window(healthy_events()).with_baseline(healthy_baseline)
    content = (tree.root / "processing/input/config/monitoring.json").read_bytes()
    assert tree.run(monitor_config_sha256="0" * 64) == 1
    assert "It was changed after deployment" in tree.message
    assert tree.run(monitor_config_sha256=hashlib.sha256(content).hexdigest()) == 0


def test_metrics_leave_by_the_file_only_when_they_are_enabled(opt_ml, healthy_baseline):
    tree = opt_ml().configure().for_window(healthy_events()).with_baseline(healthy_baseline)
    tree.run(publish_cloudwatch_metrics="Disabled")
    assert not tree.metrics_file.exists()
    tree.run(publish_cloudwatch_metrics="Enabled")
    lines = tree.metrics_file.read_text().splitlines()
    for line in lines:
        point = json.loads(line)
        assert ": " not in line.replace('": "', "")
        assert "Namespace" not in point
        assert point["Timestamp"] == "2026-03-02T05:00:00Z"
        assert point["Dimensions"][:2] == [
            {"Name": "Endpoint", "Value": "covertype"},
            {"Name": "MonitoringSchedule", "Value": "covertype-data-quality"},
        ]
        assert ("Value" in point) != ("StatisticValues" in point)
    published = [json.loads(line) for line in (tree.output / "metrics.jsonl").read_text().splitlines()]
    assert [{k: v for k, v in point.items() if k != "Namespace"} for point in published] == list(map(json.loads, lines))
    assert {point["Namespace"] for point in published} == {"aws/sagemaker/Endpoints/data-metrics"}


def test_the_put_route_sends_the_same_points_and_writes_no_file(opt_ml, healthy_baseline, monkeypatch):
    sent = []
    monkeypatch.setattr(s3, "put_metric_data", lambda namespace, data: sent.append((namespace, data)))
    tree = opt_ml().configure(metrics={"route": "put", "namespace": "Mine"}).for_window(healthy_events())
    assert tree.with_baseline(healthy_baseline).run() == 0
    ((namespace, data),) = sent
    assert namespace == "Mine"
    assert {point["MetricName"] for point in data} >= {"records", "run_ok", "drift_max"}
    assert not tree.metrics_file.exists()


def test_metrics_that_cannot_be_sent_fail_the_run_and_the_report_says_why(opt_ml, healthy_baseline, monkeypatch):
    def refuse(namespace, data):
        from model_monitor.errors import OutputError

        raise OutputError(f"CloudWatch namespace {namespace}", "metrics cannot be sent (AccessDenied).")

    monkeypatch.setattr(s3, "put_metric_data", refuse)
    tree = opt_ml().configure(metrics={"route": "put"}).for_window(healthy_events()).with_baseline(healthy_baseline)
    assert tree.run() == 1
    assert "metrics cannot be sent (AccessDenied)" in first_line(tree)
    assert tree.report["verdict"] == "error"


def test_what_the_service_mounts_about_the_job_becomes_provenance(opt_ml, healthy_baseline):
    tree = opt_ml().configure().for_window(healthy_events()).with_baseline(healthy_baseline)
    config = tree.root / "config"
    config.mkdir()
    (config / "processingjobconfig.json").write_text(
        json.dumps(
            {
                "ProcessingJobArn": "arn:aws:sagemaker:eu-west-1:123456789012:processing-job/x",
                "AppSpecification": {"ImageUri": "repository/monitor@sha256:1"},
                "ProcessingInputs": [
                    {"InputName": "input_1", "S3Input": {"S3Uri": "s3://bucket/capture"}},
                    {"S3Input": None},
                ],
                "ProcessingResources": {"ClusterConfig": {"InstanceType": "ml.m5.large"}},
                "Environment": None,
            }
        )
    )
    (config / "resourceconfig.json").write_text('{"current_host":"algo-1","hosts":["algo-1"]}')
    assert tree.run(image_digest="sha256:1") == 0
    assert tree.report["run"]["details"]["input:input_1"] == "s3://bucket/capture"
    assert tree.report["provenance"]["image"] == "repository/monitor@sha256:1"
    assert tree.report["run"]["host"] == "algo-1"
    assert tree.report["run"]["reader"] == reader.used()
    assert tree.report["run"]["details"]["instance_type"] == "ml.m5.large"


def test_a_cluster_of_several_instances_is_refused(opt_ml):
    tree = opt_ml().configure().for_window(healthy_events())
    (tree.root / "config").mkdir()
    (tree.root / "config/resourceconfig.json").write_text('{"current_host":"algo-1","hosts":["algo-1","algo-2"]}')
    assert tree.run() == 1
    assert "InstanceCount to 1" in tree.message


def test_log_lines_are_json_and_tell_the_outcome(opt_ml, healthy_baseline, capsys):
    tree = opt_ml().configure().for_window(healthy_events()).with_baseline(healthy_baseline)
    tree.run()
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (lines[0]["event"], lines[0]["reader"]) == ("started", reader.used())
    assert lines[-1] | {"time": ""} == {
        "time": "",
        "level": "info",
        "event": "finished",
        "verdict": "ok",
        "reason": "",
        "place": "",
        "violations": 0,
        "records": 120,
        "rejected": 0,
    }


def test_a_stop_request_ends_the_run_with_a_message(opt_ml, monkeypatch):
    def stopped(job, progress):
        stopping.stop(15, None)

    monkeypatch.setattr(flow, "run", stopped)
    tree = opt_ml().configure().for_window(healthy_events())
    assert tree.run() == 1
    assert first_line(tree).startswith("Error: the job was stopped before it finished")


def test_a_stop_request_that_nobody_could_hear_is_not_lost(opt_ml, monkeypatch):
    """As in a hook of a fork, where Python drops what a signal raises."""

    def deaf(job, progress):
        with contextlib.suppress(Stopped):
            signal.raise_signal(signal.SIGTERM)
        progress(1, 2)
        raise AssertionError("went on")

    monkeypatch.setattr(flow, "run", deaf)
    tree = opt_ml().configure().for_window(healthy_events())
    assert tree.run() == 1
    assert first_line(tree).startswith("Error: the job was stopped before it finished")


def test_a_stop_request_is_one_runs_and_not_the_nexts(opt_ml, healthy_baseline, monkeypatch):
    with monkeypatch.context() as changed:
        changed.setattr(flow, "run", lambda job, progress: signal.raise_signal(signal.SIGTERM))
        tree = opt_ml().configure().for_window(healthy_events()).with_baseline(healthy_baseline)
        assert tree.run() == 1
    assert tree.run() == 0


STOPPED_WHILE_IT_STARTS = """
import os, runpy, signal, sys
def stop(event, details):
    if event == "import" and details[0] == "model_monitor.container":
        os.kill(os.getpid(), signal.SIGTERM)
sys.addaudithook(stop)
sys.argv = ["model_monitor"]
runpy.run_module("model_monitor", run_name="__main__")
"""


def test_a_stop_request_while_the_entry_point_starts_is_not_lost(opt_ml):
    tree = opt_ml().configure().for_window(healthy_events())
    environment = tree.environment | {"MODEL_MONITOR_ROOT": str(tree.root), "PYTHONPATH": str(ROOT / "monitor_image")}
    command = [sys.executable, "-c", STOPPED_WHILE_IT_STARTS]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1, done.stderr
    assert first_line(tree).startswith("Error: the job was stopped before it finished")


def test_a_run_leaves_no_folder_behind(opt_ml, healthy_baseline, bucket, tmp_path, monkeypatch):
    for path in sorted(healthy_baseline.rglob("*.json")):
        bucket.put_object(
            Bucket="bucket", Key=f"b/{path.relative_to(healthy_baseline).as_posix()}", Body=path.read_bytes()
        )
    bucket.put_object(Bucket="bucket", Key="after.py", Body=b"def postprocess_handler():\n    pass\n")
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    seen = []
    monkeypatch.setattr(container, "_postprocess", lambda report: seen.extend(temporary.iterdir()))
    tree = opt_ml().configure().for_window(healthy_events())
    assert tree.run(monitor_baseline="s3://bucket/b", post_analytics_processor_script="s3://bucket/after.py") == 0, (
        tree.message
    )
    assert len(seen) == 2, seen
    assert list(temporary.iterdir()) == []


def test_the_entry_point_runs_with_the_images_packages_alone(opt_ml, healthy_baseline):
    tree = opt_ml().configure().for_window(healthy_events()).with_baseline(healthy_baseline)
    environment = tree.environment | {"MODEL_MONITOR_ROOT": str(tree.root), "PYTHONPATH": str(ROOT / "monitor_image")}
    done = subprocess.run(
        [str(IMAGE_PYTHON), *CONTAINER_ENTRYPOINT[1:]],
        env=environment | {"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    assert tree.report["verdict"] == "ok"


def test_a_first_record_is_never_taken_for_a_header_in_silence(opt_ml):
    tree = opt_ml().for_baseline([{"2": 3, "3009": 4, "Rawah": "Cache"}] * 40)
    assert tree.run() == 1
    assert "its first line cannot be a header: a number at columns 1, 2." in first_line(tree)
    assert "header: false" in first_line(tree)
    assert "3009" not in tree.message
    assert not (tree.output / "data_quality").exists()


def test_the_log_tells_the_window_as_times(opt_ml, healthy_baseline, capsys):
    tree = opt_ml().configure().for_window(healthy_events()).with_baseline(healthy_baseline)
    tree.run()
    started = next(
        event for line in capsys.readouterr().out.splitlines() if (event := json.loads(line))["event"] == "started"
    )
    assert started["window"] == {"start": "2026-03-02T04:00:00Z", "end": "2026-03-02T05:00:00Z"}


def test_a_mapping_and_a_baseline_that_disagree_are_told_once_and_plainly(opt_ml, healthy_baseline):
    tree = (
        opt_ml().configure(("Elevation", "Slopee", "Area")).for_window(healthy_events()).with_baseline(healthy_baseline)
    )
    assert tree.run() == 0
    (monitor,) = tree.report["monitors"]
    (note,) = monitor["notes"]
    assert (
        "mapping and the baseline disagree: only the mapping names 'Slopee'; only the baseline names 'Slope'." in note
    )
    assert note in tree.message
    assert [name for name, _ in tree.violations()] == ["Extra columns", "Missing columns"]
    descriptions = {check["subject"]: check["description"] for check in monitor["checks"]}
    assert note in descriptions["Missing columns"]
    assert note in descriptions["Extra columns"]
    of_slope = {check["description"] for check in monitor["checks"] if check["subject"] == "Slope"}
    assert of_slope == {"the payload mapping does not name the feature, the baseline does"}


def test_a_mapping_and_a_baseline_that_agree_need_no_note(opt_ml, healthy_baseline):
    tree = opt_ml().configure().for_window(healthy_events()).with_baseline(healthy_baseline)
    tree.run()
    assert tree.report["monitors"][0]["notes"] == []


def test_a_window_without_an_end_says_so(opt_ml):
    tree = opt_ml().for_window(healthy_events())
    del tree.environment["end_time"]
    assert tree.run() == 1
    assert first_line(tree) == "Error: environment: 1 fault: end_time: is missing; a window has a start and an end"
