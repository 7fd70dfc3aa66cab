"""Code that users bring, through both front doors: where it is found, what it leaves, and what its failures cost."""

from __future__ import annotations

import hashlib
import json
import os
import re
from pathlib import Path

import pytest

from model_monitor import cli
from model_monitor.aws import s3
from model_monitor.dataset import preprocessor
from model_monitor.errors import SettingsError
from model_monitor.job import user_code
from model_monitor.monitors.custom_metrics import loading
from tests.captures import csv_side, event, events_of, json_side, write_capture, write_csv
from tests.monitor_image.conftest import land

ROOT = Path(__file__).resolve().parents[3]
GUIDE = ROOT / "docs" / "scripts.md"
NEGATE = """
import json

def preprocess_handler(record):
    columns = json.loads(record.endpoint_input.data)
    columns["Elevation"] = [-value for value in columns["Elevation"]]
    return [dict(zip(columns, values)) for values in zip(*columns.values())]
"""
AFTER = """
import json
import os
from pathlib import Path

def postprocess_handler():
    output = Path(os.environ["output_path"])
    report = json.loads((output / "report.json").read_text())
    (output / "after.txt").write_text(report["verdict"])
    return "ignored"
"""


@pytest.fixture(autouse=True)
def _forgotten():
    yield
    preprocessor.load_preprocessor.cache_clear()
    loading.load.cache_clear()


def events(seed: int = 3):
    return events_of(land(120, seed=seed))


def put(tree, name: str, text: str) -> str:
    """A script where the service would mount it; its path as the contract names it."""
    path = tree.root / "processing/code" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return f"/opt/ml/processing/code/{name}"


# --- the container -------------------------------------------------------------------------------------------------------


def test_a_preprocessor_named_by_the_variable_makes_the_records(opt_ml, healthy_baseline):
    tree = opt_ml().configure().with_baseline(healthy_baseline).for_window(events())
    assert tree.run(record_preprocessor_script=put(tree, "negate.py", NEGATE)) == 0
    assert ("Elevation", "baseline_drift_check") in tree.violations()
    assert tree.report["reading"]["records"] == 120
    assert tree.report["provenance"]["script:preprocessor"] == hashlib.sha256(NEGATE.encode()).hexdigest()


def test_a_preprocessor_in_s3_is_fetched_and_the_variable_wins_over_the_configuration(
    opt_ml, healthy_baseline, monkeypatch
):
    stored = {"s3://bucket/code/negate.py": NEGATE.encode()}
    monkeypatch.setattr(s3, "read_object", stored.get)
    tree = opt_ml().configure(scripts={"preprocessor": "s3://bucket/code/other.py"})
    tree.with_baseline(healthy_baseline).for_window(events())
    assert tree.run(record_preprocessor_script="s3://bucket/code/negate.py") == 0
    assert ("Elevation", "baseline_drift_check") in tree.violations()


@pytest.mark.parametrize("location", ["s3://bucket/code/absent.py", "/opt/ml/processing/code/absent.py"])
def test_a_script_that_is_not_there_fails_the_run_with_its_location(opt_ml, location, monkeypatch):
    monkeypatch.setattr(s3, "read_object", lambda _: None)
    tree = opt_ml().configure(scripts={"preprocessor": location}).for_window(events())
    assert tree.run() == 1
    assert "absent.py" in tree.message
    assert "Check the location of the script" in tree.message


def test_a_failing_preprocessor_fails_the_run_and_tells_no_value(opt_ml):
    tree = opt_ml().configure().for_window(events_of(land(120, seed=3, Area="secret-area")))
    script = "def preprocess_handler(record):\n    raise ValueError(record.endpoint_input.data)\n"
    assert tree.run(record_preprocessor_script=put(tree, "bad.py", script)) == 1
    assert "preprocessor failed: ValueError at bad.py:2 in preprocess_handler, given the record at " in tree.message
    assert ".jsonl:1" in tree.message
    assert "secret-area" not in tree.message + json.dumps(tree.report)
    assert tree.report["error"]["type"] == "ScriptError"
    assert tree.metrics()["run_error"] == 1


def test_a_postprocessor_runs_last_and_finds_what_the_run_wrote(opt_ml, healthy_baseline):
    tree = opt_ml().configure().with_baseline(healthy_baseline).for_window(events())
    assert tree.run(post_analytics_processor_script=put(tree, "after.py", AFTER)) == 0
    assert (tree.output / "after.txt").read_text() == "ok"
    assert "output_path" not in os.environ


def test_a_postprocessor_may_add_metrics_to_the_service_s_file(opt_ml, healthy_baseline):
    tree = opt_ml().configure().with_baseline(healthy_baseline).for_window(events())
    line = json.dumps({"MetricName": "mine", "Value": 1.0})
    script = f"def postprocess_handler():\n    open({str(tree.metrics_file)!r}, 'a').write({line!r})\n"
    assert tree.run(post_analytics_processor_script=put(tree, "add.py", script)) == 0
    assert tree.metrics_file.read_text().splitlines()[-1] == line
    assert len(tree.metrics_file.read_text().splitlines()) > 5


def test_a_baseline_job_runs_its_postprocessor_too(opt_ml):
    tree = opt_ml().configure(scripts={"postprocessor": "/opt/ml/processing/code/after.py"}).for_baseline(land(60))
    put(tree, "after.py", AFTER)
    assert tree.run() == 0
    assert (tree.output / "after.txt").read_text() == "ok"


def test_a_failed_run_calls_no_postprocessor(opt_ml):
    tree = opt_ml().configure(baseline="/opt/ml/nowhere/at/all", max_rejected_fraction=0.0)
    tree.for_window([*events(), {"captureData": 1}])
    assert tree.run(post_analytics_processor_script=put(tree, "after.py", AFTER)) == 1
    assert not (tree.output / "after.txt").exists()


def test_a_failing_postprocessor_is_an_error_that_leaves_the_results(opt_ml, healthy_baseline):
    tree = opt_ml().configure().with_baseline(healthy_baseline).for_window(events())
    script = "def postprocess_handler():\n    raise KeyError('secret')\n"
    assert tree.run(post_analytics_processor_script=put(tree, "bad.py", script)) == 1
    assert tree.message == "Error: postprocessor failed: KeyError at bad.py:2 in postprocess_handler."
    assert (tree.output / "statistics.json").exists()
    assert tree.report["verdict"] == "error"
    assert tree.metrics()["run_error"] == 1
    published = [json.loads(line) for line in tree.metrics_file.read_text().splitlines()]
    assert [point["Value"] for point in published if point["MetricName"] == "run_error"] == [1.0]


def test_a_crashing_custom_metric_leaves_the_run_complete(opt_ml, healthy_baseline):
    monitors = {"data_quality": {}, "custom_metrics": {"module": "/opt/ml/processing/code/own.py"}}
    tree = (
        opt_ml()
        .configure(monitors=monitors)
        .with_baseline(healthy_baseline)
        .for_window(events_of(land(120, Slope=500.5)))
    )
    script = "from model_monitor.custom import metric\n\n@metric(name='crash')\ndef crash(table):\n    return 1 / 0\n"
    put(tree, "own.py", script)
    assert tree.run() == 0
    assert tree.message.startswith("CompletedWithViolations: Job completed successfully with 1 violations.")
    assert tree.violations() == [("Slope", "baseline_drift_check")]
    assert (tree.metrics()["run_error"], tree.metrics()["custom_metrics_failed"]) == (1, 1)
    assert tree.report["verdict"] == "error"
    assert tree.report["reason"] == "custom metric crash failed: ZeroDivisionError at own.py:5 in crash"
    assert "script:custom_metrics" in tree.report["provenance"]


def test_a_module_of_metrics_in_s3_is_fetched(opt_ml, monkeypatch):
    text = b"from model_monitor.custom import metric\n\n@metric(name='n', threshold=200)\ndef n(table):\n    return table.rows\n"
    monkeypatch.setattr(s3, "read_object", {"s3://bucket/own.py": text}.get)
    tree = opt_ml().configure(monitors={"custom_metrics": {"module": "s3://bucket/own.py"}}).for_window(events())
    assert tree.run() == 0
    assert tree.metrics()["custom_n"] == 120


# --- the laptop ----------------------------------------------------------------------------------------------------------


def on_laptop(tmp_path: Path, *arguments: object, **scripts: str) -> int:
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"version": 1, "scripts": scripts}))
    return cli.main([*map(str, arguments), "--config", str(config), "--workers", "1"])


def test_the_guide_s_script_serves_a_baseline_and_a_window(tmp_path, capsys):
    (script,) = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    path = tmp_path / "prepare.py"
    path.write_text(script)
    people = [{"age": 20 + i % 50, "income": 1000.5 + i} for i in range(90)]
    write_csv(tmp_path / "baseline.csv", people)
    captured = [event(n, csv_side(people[n * 3 : n * 3 + 3]), json_side(0.5)) for n in range(30)]
    captured[7]["eventMetadata"]["customAttributes"] = ["test"]
    write_capture(tmp_path / "capture", captured)
    assert (
        on_laptop(
            tmp_path,
            "baseline",
            "--dataset",
            tmp_path / "baseline.csv",
            "--output",
            tmp_path / "b",
            preprocessor=str(path),
        )
        == 0
    )
    arguments = ("--dataset", tmp_path / "capture", "--baseline", tmp_path / "b", "--output", tmp_path / "r")
    status = on_laptop(tmp_path, "monitor", *arguments, preprocessor=str(path))
    assert status == 0, capsys.readouterr()
    report = json.loads((tmp_path / "r" / "report.json").read_text())
    assert (report["reading"]["records"], report["reading"]["dropped_by_script"]) == (87, 1)
    assert {check["outcome"] for check in report["monitors"][0]["checks"]} == {"held"}
    assert "1 dropped by the preprocessor" in capsys.readouterr().out


def test_a_postprocessor_runs_on_a_laptop_and_its_failure_is_an_error(tmp_path, capsys):
    write_csv(tmp_path / "data.csv", [{"a": i} for i in range(40)])
    after, bad = tmp_path / "after.py", tmp_path / "bad.py"
    after.write_text(AFTER)
    bad.write_text("def postprocess_handler():\n    raise KeyError('secret')\n")
    arguments = ("baseline", "--dataset", tmp_path / "data.csv", "--output", tmp_path / "out")
    assert on_laptop(tmp_path, *arguments, postprocessor=str(after)) == 0
    assert (tmp_path / "out" / "after.txt").read_text() == "ok"
    assert on_laptop(tmp_path, *arguments, postprocessor=str(bad)) == 1
    assert "postprocessor failed: KeyError at bad.py:2" in capsys.readouterr().err
    assert json.loads((tmp_path / "out" / "report.json").read_text())["verdict"] == "error"


def test_what_user_code_prints_does_not_mix_with_the_report(tmp_path, capsys):
    write_csv(tmp_path / "data.csv", [{"a": i} for i in range(40)])
    loud = tmp_path / "loud.py"
    loud.write_text(
        "print('loaded')\n\ndef preprocess_handler(line):\n    print('called')\n    return {'a': line}\n\n"
        "def postprocess_handler():\n    print('after')\n"
    )
    arguments = ("baseline", "--dataset", tmp_path / "data.csv", "--output", tmp_path / "out", "--json")
    assert on_laptop(tmp_path, *arguments, preprocessor=str(loud), postprocessor=str(loud)) == 0
    told = capsys.readouterr()
    assert json.loads(told.out)["reading"]["records"] == 40
    assert {"loaded", "called", "after"} <= set(told.err.split())


# --- fetching ------------------------------------------------------------------------------------------------------------


def test_a_script_from_s3_keeps_its_name(monkeypatch):
    monkeypatch.setattr(s3, "read_object", lambda _: b"x = 1\n")
    path = user_code.fetch("s3://bucket/a/b/prepare.py")
    assert (path.name, path.read_text()) == ("prepare.py", "x = 1\n")


def test_a_script_that_is_no_file_is_told(tmp_path):
    with pytest.raises(SettingsError, match="is no file"):
        user_code.fetch(str(tmp_path))


def test_a_variable_that_is_set_stays_as_it_is(tmp_path, monkeypatch):
    monkeypatch.setenv("output_path", "/mine")
    path = tmp_path / "p.py"
    path.write_text(
        f"import os\n\ndef postprocess_handler():\n    open({str(tmp_path / 'seen')!r}, 'w').write(os.environ['output_path'])\n"
    )
    user_code.run_postprocessor(path, {"output_path": "/other"})
    assert (tmp_path / "seen").read_text() == "/mine"
