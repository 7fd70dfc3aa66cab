"""Custom metrics as a monitor: values, limits, crashes, samples; and the example of the guide as it stands there."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

from model_monitor import flow
from model_monitor.configuration import parse_configuration
from model_monitor.contract import JobKind, MonitoringType, Verdict
from model_monitor.custom import loading
from model_monitor.custom.evaluation import columns_of
from model_monitor.dataset.units import plan
from model_monitor.errors import BaselineError, MonitorError, SettingsError
from model_monitor.job import BaselineFiles, DatasetKind, DatasetSource, Job, MonitorSettings
from model_monitor.outputs.cloudwatch import metrics_of
from model_monitor.outputs.exit_message import exit_message
from model_monitor.outputs.folder import write_folder
from model_monitor.outputs.report import Report, Run, schema, to_json
from model_monitor.profiles.kept import KeptRows, Part, Values
from tests.captures import HOUR, event, json_side, write_capture, write_csv, write_lines

ROOT = Path(__file__).resolve().parents[3]
GUIDE = ROOT / "docs" / "custom-metrics.md"
HEAD = "import numpy as np\nfrom model_monitor.custom import metric\n"
REVIEW = 5.0


@pytest.fixture(autouse=True)
def _forgotten():
    loading.load.cache_clear()
    yield
    loading.load.cache_clear()


def block_of_guide(language: str) -> str:
    (text,) = re.findall(rf"```{language}\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    return text


def payments(count: int, seed: int, missed: float = 0.1, alarms: float = 0.02) -> list[dict[str, Any]]:
    """Payments with what the model said of them and what was true."""
    chance = random.Random(seed)
    found = []
    for _ in range(count):
        is_fraud = chance.random() < 0.2
        wrong = chance.random() < (missed if is_fraud else alarms)
        found.append(
            {
                "amount": round(chance.uniform(10, 500), 2),
                "country": chance.choice(["DE", "FR", "PT"]),
                "label": int(is_fraud != wrong),
                "is_fraud": int(is_fraud),
            }
        )
    return found


def cost_of(found: list[dict[str, Any]]) -> float:
    """The example's metric, record by record."""
    cost = 0.0
    for payment in found:
        if payment["is_fraud"] and not payment["label"]:
            cost += payment["amount"]
        elif payment["label"] and not payment["is_fraud"]:
            cost += REVIEW
    return cost / sum(payment["amount"] for payment in found)


def capture_of(
    root: Path, found: list[dict[str, Any]], *, size: int = 3, with_labels: bool = True
) -> tuple[Path, Path | None]:
    """A capture of requests of several payments, and their labels, the last request first."""
    events, truths = [], []
    for number, start in enumerate(range(0, len(found), size)):
        part = found[start : start + size]
        given = json_side([{"amount": p["amount"], "country": p["country"]} for p in part])
        answer = json_side([{"label": p["label"], "score": 0.5} for p in part])
        events.append(event(number, given, answer, inference_id=f"id-{number}"))
        labels = json.dumps([p["is_fraud"] for p in part])
        truths.append(
            {"groundTruthData": {"data": labels, "encoding": "JSON"}, "eventMetadata": {"eventId": f"id-{number}"}}
        )
    write_capture(root / "capture", events, files=3)
    if not with_labels:
        return root / "capture", None
    write_lines(root / "truth" / f"{HOUR:%Y/%m/%d/%H}" / "labels.jsonl", truths[::-1])
    return root / "capture", root / "truth"


def job_of(module: Path, dataset: DatasetSource, kind: JobKind, **changes: Any) -> Job:
    options = {"module": str(module), "max_rows": 5_000_000} | changes.pop("options", {})
    document = {"payload": json.loads(block_of_guide("json"))["payload"]}
    return replace(
        Job(
            kind,
            dataset,
            module.parent / "output",
            parse_configuration(json.dumps(document).encode(), "test").schema,
            (MonitorSettings(MonitoringType.CUSTOM_METRICS, 30, options),),
            workers=1,
        ),
        **changes,
    )


def module_of(tmp_path: Path, *functions: str) -> Path:
    path = tmp_path / "own_metrics.py"
    path.write_text(HEAD + "\n\n".join(functions))
    return path


def watched(tmp_path: Path, module: Path, found: list[dict[str, Any]], **changes: Any) -> Report:
    capture, truth = capture_of(tmp_path, found)
    source = DatasetSource(capture, DatasetKind.CAPTURE)
    return flow.run(job_of(module, source, JobKind.MONITOR, ground_truth=truth, **changes))


def values(report: Report) -> dict[str, float]:
    return {metric.name: metric.value for metric in metrics_of(report)}


def outcomes(report: Report) -> dict[str, tuple[str, str]]:
    return {check.subject: (check.outcome, check.description) for check in report.results[0].conclusion.checks}


def declared(name: str, body: str, **arguments: Any) -> str:
    listed = "".join(f", {key}={value!r}" for key, value in arguments.items())
    return f"@metric(name={name!r}{listed})\ndef {name}(table):\n    {body}\n"


# --- the guide -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def example(tmp_path: Path) -> Path:
    path = tmp_path / "fraud_metrics.py"
    path.write_text(block_of_guide("python"))
    return path


def test_the_guide_s_example_measures_what_mistakes_cost(tmp_path, example):
    found = payments(600, 7)
    report = watched(tmp_path, example, found)
    cost = values(report)["custom_cost_weighted_error"]
    assert cost == pytest.approx(cost_of(found), rel=1e-12)
    assert cost < 0.2
    assert values(report)["custom_flagged_share"] == pytest.approx(sum(p["label"] for p in found) / 600)
    assert outcomes(report)["cost_weighted_error"][0] == "held"
    assert outcomes(report)["flagged_share"][0] == "not_evaluated"  # it has no limit before there is a baseline
    assert report.verdict is Verdict.OK


def test_the_guide_s_baseline_takes_the_declared_limit_or_the_value_and_a_bad_hour_violates_it(tmp_path, example):
    data = payments(600, 7)
    dataset = write_csv(tmp_path / "baseline.csv", data)
    suggested = flow.run(job_of(example, DatasetSource(dataset, DatasetKind.CSV), JobKind.BASELINE))
    files = suggested.results[0].files
    limits = files["constraints.json"]["custom_metrics_constraints"]
    assert limits["cost_weighted_error"] == {"threshold": 0.2, "comparison_operator": "GreaterThanThreshold"}
    assert limits["flagged_share"]["threshold"] == pytest.approx(sum(p["label"] for p in data) / 600)
    assert files["statistics.json"]["custom_metrics"]["cost_weighted_error"]["value"] == pytest.approx(cost_of(data))
    write_folder(suggested, Run(HOUR, HOUR))
    folder = tmp_path / "output" / "custom_metrics"
    baseline = {MonitoringType.CUSTOM_METRICS: BaselineFiles(folder / "constraints.json", folder / "statistics.json")}

    bad = payments(600, 8, missed=0.9)
    report = watched(tmp_path, example, bad, baselines=baseline)
    assert report.verdict is Verdict.VIOLATED
    (violation,) = report.results[0].files["constraint_violations.json"]["violations"]
    cost = cost_of(bad)
    assert violation["feature_name"] == "cost_weighted_error"
    assert violation["constraint_check_type"] == "custom_metric_check"
    assert re.fullmatch(
        r"Metric cost_weighted_error with 0\.\d+ was GreaterThanThreshold '0.2'", violation["description"]
    )
    assert values(report)["violations_custom_metric_check"] == 1
    assert values(report)["custom_cost_weighted_error"] == pytest.approx(cost)
    assert values(report)["custom_metrics_failed"] == 0
    content = json.loads(json.dumps(to_json(report, Run(HOUR, HOUR))))
    jsonschema.validate(content, schema())
    (entry,) = (m for m in content["monitors"][0]["summary"]["metrics"] if m["name"] == "cost_weighted_error")
    assert (entry["status"], entry["unit"], entry["worse"]) == ("ok", "None", "greater")


def test_the_guide_s_configuration_is_valid_and_its_limit_wins(tmp_path, example):
    document = json.loads(block_of_guide("json"))
    configuration = parse_configuration(json.dumps(document).encode(), "guide")
    (settings,) = configuration.monitors
    assert settings.options == {
        "module": "fraud_metrics.py",
        "max_rows": 5_000_000,
        "thresholds": {"flagged_share": 0.1},
    }
    report = watched(tmp_path, example, payments(600, 7), options={"thresholds": {"flagged_share": 0.1}})
    assert outcomes(report)["flagged_share"] == (
        "violated",
        f"Metric flagged_share with {values(report)['custom_flagged_share']} was GreaterThanThreshold '0.1'",
    )


def test_without_labels_only_the_metric_that_needs_them_says_nothing(tmp_path, example):
    capture, _ = capture_of(tmp_path, payments(60, 1), with_labels=False)
    report = flow.run(job_of(example, DatasetSource(capture, DatasetKind.CAPTURE), JobKind.MONITOR))
    assert "custom_cost_weighted_error" not in values(report)
    assert "custom_flagged_share" in values(report)
    assert outcomes(report)["cost_weighted_error"] == ("not_evaluated", "the function gave no value for these records")
    assert report.verdict is Verdict.INSUFFICIENT_DATA


# --- crashes -------------------------------------------------------------------------------------------------------------


def test_a_crash_costs_its_metric_alone_and_tells_no_value(tmp_path):
    module = module_of(
        tmp_path,
        declared("crash", "raise ValueError(f\"bad amount {table['amount'][0]}\")", threshold=1.0, columns=("amount",)),
        declared("leave", "raise SystemExit(3)"),
        declared("fine", "return 3.0", threshold=2.0),
        declared("quiet", "return 1.0", threshold=2.0),
    )
    found = payments(60, 1)
    report = watched(tmp_path, module, found)
    assert outcomes(report)["crash"] == ("not_evaluated", "error: ValueError at own_metrics.py:5 in crash")
    assert outcomes(report)["leave"][1].startswith("error: SystemExit at own_metrics.py:")
    assert outcomes(report)["fine"][0] == "violated"
    assert outcomes(report)["quiet"][0] == "held"
    assert (values(report)["custom_fine"], values(report)["custom_quiet"]) == (3.0, 1.0)
    assert values(report)["custom_metrics_failed"] == 2
    assert values(report)["violations_custom_metric_check"] == 1
    assert report.verdict is Verdict.ERROR
    assert report.error is None  # the run is complete: its exit status in a job is 0
    assert report.reason == "custom metric crash failed: ValueError at own_metrics.py:5 in crash (and 1 more)"
    told = json.dumps(to_json(report, Run(HOUR, HOUR))) + exit_message(report)
    assert str(found[0]["amount"]) not in told
    assert exit_message(report).splitlines()[0] == (
        "CompletedWithViolations: Job completed successfully with 1 violations."
    )


def test_a_crash_alone_is_told_on_the_first_line_and_never_as_a_pass(tmp_path):
    module = module_of(
        tmp_path, declared("crash", "return 1 / 0", threshold=1.0), declared("fine", "return 1", threshold=2.0)
    )
    message = exit_message(watched(tmp_path, module, payments(60, 1)))
    assert message.splitlines()[0] == (
        "Completed: Not evaluated (error): custom metric crash failed: ZeroDivisionError at own_metrics.py:5 in crash"
    )


def test_other_monitors_of_the_run_are_not_touched_by_a_crash(tmp_path):
    module = module_of(tmp_path, declared("crash", "return 1 / 0"))
    capture, truth = capture_of(tmp_path, payments(60, 1))
    job = job_of(module, DatasetSource(capture, DatasetKind.CAPTURE), JobKind.MONITOR, ground_truth=truth)
    alone = flow.run(replace(job, monitors=(MonitorSettings(MonitoringType.DATA_QUALITY),)))
    both = flow.run(replace(job, monitors=(MonitorSettings(MonitoringType.DATA_QUALITY), *job.monitors)))
    assert both.results[0] == alone.results[0]
    assert both.results[1].conclusion.verdict is Verdict.ERROR


def test_a_job_that_is_stopped_inside_a_metric_stops(tmp_path):
    body = "from model_monitor.errors import MonitorError; raise MonitorError('the job was stopped')"
    with pytest.raises(MonitorError, match="stopped"):
        watched(tmp_path, module_of(tmp_path, declared("slow", body)), payments(60, 1))


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        ("return None", "the function gave no value for these records"),
        ("return float('nan')", "the value is not finite"),
        ("return np.float64('inf')", "the value is not finite"),
        ("return 10**400", "the value is not finite"),
        ("return 'much'", "error: returned str, expected a number or None"),
        ("return [1.0]", "error: returned list, expected a number or None"),
        ("return table['salary'].mean()", "column 'salary' is not declared; declared here: prediction, score, label"),
    ],
)
def test_what_is_no_number_is_never_a_pass(tmp_path, body, outcome):
    report = watched(tmp_path, module_of(tmp_path, declared("odd", body, threshold=1.0)), payments(60, 1))
    assert outcomes(report)["odd"][0] == "not_evaluated"
    assert outcome in outcomes(report)["odd"][1]
    assert report.verdict in (Verdict.INSUFFICIENT_DATA, Verdict.ERROR)
    assert "custom_odd" not in values(report)


@pytest.mark.parametrize("body", ["return np.float32(0.5)", "return np.array(0.5)", "return 0.5", "return True"])
def test_numbers_of_every_kind_are_taken(tmp_path, body):
    report = watched(tmp_path, module_of(tmp_path, declared("fine", body, threshold=1.0)), payments(60, 1))
    assert values(report)["custom_fine"] in (0.5, 1.0)
    assert report.verdict is Verdict.OK


def test_a_module_that_cannot_be_imported_is_an_error_of_this_monitor(tmp_path):
    report = watched(tmp_path, tmp_path / "absent.py", payments(60, 1))
    assert report.verdict is Verdict.ERROR
    assert "cannot be imported: FileNotFoundError" in report.reason
    assert values(report)["custom_metrics_failed"] == 1


def test_a_limit_on_a_metric_that_nobody_declares_is_an_error(tmp_path):
    module = module_of(tmp_path, declared("fine", "return 1.0", threshold=2.0))
    report = watched(tmp_path, module, payments(60, 1), options={"thresholds": {"fien": 0.1}})
    assert report.verdict is Verdict.ERROR
    assert "fien failed: the configuration limits it, and no metric has this name" in report.reason


def test_a_column_that_no_record_has_is_an_error(tmp_path):
    module = module_of(tmp_path, declared("typo", "return 1.0", threshold=2.0, columns=("amuont",)))
    report = watched(tmp_path, module, payments(60, 1))
    assert "column 'amuont' is neither a feature nor a field" in outcomes(report)["typo"][1]
    assert report.verdict is Verdict.ERROR


# --- the table -----------------------------------------------------------------------------------------------------------


def seen_by(
    tmp_path: Path, found: list[dict[str, Any]], columns: tuple[str, ...], **changes: Any
) -> Mapping[str, np.ndarray]:
    """The table that a function got, by way of a file."""
    body = f"np.save({str(tmp_path / 'seen.npy')!r}, dict(table), allow_pickle=True); return 1.0"
    watched(tmp_path, module_of(tmp_path, declared("look", body, columns=columns)), found, **changes)
    return np.load(tmp_path / "seen.npy", allow_pickle=True).item()


def test_the_table_holds_what_is_declared_in_the_order_of_the_records(tmp_path):
    found = payments(50, 3)
    columns = ("amount", "country", "event_id", "payload_index", "variant", "time")
    table = seen_by(tmp_path, found, columns)
    assert sorted(table) == sorted((*columns, "prediction", "score", "label"))
    assert table["amount"].tolist() == [p["amount"] for p in found]
    assert table["country"].tolist() == [p["country"] for p in found]
    assert table["prediction"].tolist() == [p["label"] for p in found]
    assert table["label"].tolist() == [p["is_fraud"] for p in found]
    assert table["event_id"].tolist() == [f"id-{i // 3}" for i in range(50)]
    assert table["payload_index"].tolist() == [i % 3 for i in range(50)]
    assert set(table["variant"]) == {"AllTraffic"}
    assert set(table["time"]) == {HOUR.timestamp()}


def test_codes_of_a_csv_payload_equal_their_labels():
    label = Values(codes=np.array([0, 1, 2], np.int32), words=("01", "02", "a"))
    prediction = Values(np.array([1.0, 2.0, np.nan]), np.array([-1, -1, 0], np.int32), ("a",))
    columns = columns_of(
        KeptRows(
            ("prediction", "label"),
            9,
            3,
            (Part(np.arange(3, dtype=np.uint64), {"prediction": prediction, "label": label}),),
        ),
        {},
    )
    assert columns["label"].tolist() == columns["prediction"].tolist() == ["1", "2", "a"]


def test_predictions_and_labels_are_texts_when_one_of_them_is(tmp_path):
    found = payments(50, 3)
    found[4]["is_fraud"] = "unclear"
    table = seen_by(tmp_path, found, ())
    assert table["prediction"].tolist() == [str(p["label"]) for p in found]
    assert table["label"].tolist() == [str(p["is_fraud"]) for p in found]


def test_a_function_cannot_change_what_the_next_one_sees(tmp_path):
    module = module_of(
        tmp_path,
        declared("spoil", "table['score'][:] = 0; return 1.0"),
        declared("after", "return table['score'].mean()"),
    )
    report = watched(tmp_path, module, payments(60, 1))
    assert outcomes(report)["spoil"][1].startswith("error: ValueError at own_metrics.py")
    assert values(report)["custom_after"] == 0.5


def test_above_max_rows_a_sample_is_used_and_the_run_says_so(tmp_path, example):
    found = payments(600, 7)
    report = watched(tmp_path, example, found, options={"max_rows": 100})
    assert report.results[0].summary["rows_used"] == 100
    assert report.results[0].summary["is_sample"] is True
    assert report.results[0].conclusion.notes == (
        "custom metrics were computed from a sample of 100 of 600 records (monitors.custom_metrics.max_rows)",
    )
    again = watched(tmp_path, example, found, options={"max_rows": 100})
    assert values(again) == values(report)


@pytest.mark.parametrize("max_rows", [1000, 100])
def test_any_number_of_workers_gives_the_same_values(tmp_path, example, monkeypatch, max_rows):
    monkeypatch.setattr(flow, "plan", partial(plan, unit_bytes=3000))
    found = payments(600, 7)
    one, two = (watched(tmp_path, example, found, options={"max_rows": max_rows}, workers=n) for n in (1, 2))
    assert one.results[0] == two.results[0]
    assert values(one) == values(two)


def test_metadata_that_the_mapping_names_can_be_read(tmp_path):
    data = [{**payment, "channel": ["web", "shop"][i % 2]} for i, payment in enumerate(payments(60, 1))]
    dataset = write_csv(tmp_path / "baseline.csv", data)
    body = "return float((table['channel'] == 'web').mean())"
    module = module_of(tmp_path, declared("web", body, columns=("channel",)))
    job = job_of(module, DatasetSource(dataset, DatasetKind.CSV), JobKind.BASELINE)
    payload = replace(job.schema.payload, metadata=("channel",))
    report = flow.run(replace(job, schema=replace(job.schema, payload=payload)))
    assert report.results[0].files["statistics.json"]["custom_metrics"]["web"]["value"] == 0.5


# --- limits and settings -------------------------------------------------------------------------------------------------


def test_below_min_records_nothing_is_evaluated(tmp_path, example):
    report = watched(tmp_path, example, payments(12, 7))
    assert report.verdict is Verdict.INSUFFICIENT_DATA
    assert report.reason == "12 records, fewer than min_records = 30"
    assert report.results[0].conclusion.checks == ()


def test_a_lower_value_violates_a_metric_that_gets_worse_downwards(tmp_path):
    module = module_of(tmp_path, declared("recall", "return 0.4", worse="less", threshold=0.5))
    report = watched(tmp_path, module, payments(60, 1))
    assert outcomes(report)["recall"] == ("violated", "Metric recall with 0.4 was LessThanThreshold '0.5'")


def test_a_baseline_of_another_monitor_is_refused(tmp_path, example):
    wrong = tmp_path / "constraints.json"
    wrong.write_text('{"features": []}')
    with pytest.raises(BaselineError, match="holds no threshold"):
        watched(tmp_path, example, payments(60, 1), baselines={MonitoringType.CUSTOM_METRICS: BaselineFiles(wrong)})


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        (
            {"thresholds": [1]},
            "monitors.custom_metrics.thresholds: should be an object of metric → number, found a list",
        ),
        ({"thresholds": {"a": "x"}}, "monitors.custom_metrics.thresholds.a: should be a number, found text"),
        ({"max_rows": 0}, "monitors.custom_metrics.max_rows: should be at least 1"),
        ({"modul": "x"}, "monitors.custom_metrics.modul: is unknown"),
    ],
)
def test_wrong_options_are_told_by_path(options, fault):
    with pytest.raises(SettingsError) as caught:
        parse_configuration(json.dumps({"monitors": {"custom_metrics": options}}).encode(), "test")
    assert fault in str(caught.value)
