"""Past windows once more: what AWS reported and what we find, violation by violation."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from model_monitor import cli
from model_monitor.errors import SettingsError
from model_monitor.migration import reports, violations
from model_monitor.migration.differences import State, differences
from model_monitor.migration.violations import Violation
from tests.monitor_image.golden.published import content_of

CASES = Path(__file__).resolve().parents[2] / "golden" / "cases"
HOUR = "2026/03/02/05"


# --- texts -----------------------------------------------------------------------------------------------------------

WORDINGS = [
    ("Value: 0.4994994994994995 does not meet the constraint requirement! ", 0.4994994994994995, None),
    (
        "Data type match requirement is not met. Expected data type: Integral, Expected match: 100.0%. Observed: Only "
        "99.64592817400101% of data is Integral.",
        0.9964592817400101,
        1.0,
    ),
    ("Numerical distance: 0.27 exceeds numerical threshold: 0", 0.27, 0.0),
    ("Baseline drift distance: 0.63 exceeds threshold: 0.1", 0.63, 0.1),
    ("Metric truePositiveRate with 0.5 +/- 0.0039 was LessThanThreshold '0.57'", 0.5, 0.57),
    ("Metric auc with 0.5 was LessThanThreshold 0.57", 0.5, 0.57),
    ("Metric value Infinity doesn't meet the baseline constraint requirement 2.92", float("inf"), 2.92),
    ("Value 0.075 does not meet the constraint requirement", 0.075, None),
    ("Feature attribution drift 0.763 exceeds threshold 0.9", 0.763, 0.9),
    (
        "Number of columns in current dataset: 1, Number of columns in baseline constraints: 12",
        1.0,
        12.0,
    ),
    ("something new", None, None),
]


@pytest.mark.parametrize(("text", "value", "limit"), WORDINGS)
def test_value_and_limit_are_read_from_every_wording_that_is_known(
    text: str, value: float | None, limit: float | None
) -> None:
    content = {"violations": [{"feature_name": "x", "constraint_check_type": "c", "description": text}]}
    (found,) = violations.read(json.dumps(content).encode(), "here")
    assert (found.value, found.limit) == (pytest.approx(value), pytest.approx(limit))


@pytest.mark.parametrize(
    ("content", "subject"),
    [
        ({"feature_name": "age", "constraint_check_type": "data_type_check"}, "age"),
        ({"feature_name": "Missing columns", "constraint_check_type": "missing_column_check"}, "columns"),
        ({"metric_name": "truePositiveRate", "constraint_check_type": "LessThanThreshold"}, "true_positive_rate"),
        ({"metric_name": "f0_5", "feature_name": "f0_5", "constraint_check_type": "LessThanThreshold"}, "f0_5"),
        ({"metric_name": "DI", "facet": "Sex", "facet_value": "0", "constraint_check_type": "b"}, "DI of Sex 0"),
        ({"metric_name": "shap", "label": "label0", "constraint_check_type": "f"}, "shap of label0"),
    ],
)
def test_a_violation_is_known_by_what_it_is_about(content: dict[str, str], subject: str) -> None:
    (found,) = violations.read(json.dumps({"violations": [content]}).encode(), "here")
    assert found.subject == subject


@pytest.mark.parametrize("content", [b"", b"[]", b'{"violations": {}}', b'{"violations": ["x"]}', b'{"features": []}'])
def test_what_is_no_report_of_violations_is_refused(content: bytes) -> None:
    with pytest.raises(SettingsError, match="here: "):
        violations.read(content, "here")


def test_real_reports_of_aws_have_a_value_in_every_violation(shared: Path) -> None:
    samples = shared / "samples"
    for path in ("data_quality/sdk_constraint_violations.json", "bias/endpoint_json_constraint_violations.json"):
        found = violations.read_file(samples / path)
        assert found
        assert all(each.value is not None and each.subject for each in found)


# --- differences -----------------------------------------------------------------------------------------------------


def one(subject: str, value: float | None) -> Violation:
    return Violation("check", subject, value)


def test_each_violation_is_on_both_sides_or_on_one() -> None:
    aws = [one("same", 1.0), one("other", 1.0), one("theirs", 1.0), one("told", 0.5), one("far", float("inf"))]
    ours = [one("far", float("inf")), one("ours", 2.0), one("told", None), one("other", 1.1), one("same", 1 + 1e-9)]
    found = {each.either.subject: each.state for each in differences(aws, ours)}
    assert found == {
        "same": State.SAME,
        "other": State.DIFFERS,
        "theirs": State.ONLY_AWS,
        "told": State.SAME,
        "far": State.SAME,
        "ours": State.ONLY_OURS,
    }


def test_a_violation_told_twice_needs_two_on_the_other_side() -> None:
    states = [each.state for each in differences([one("a", 1.0), one("a", 1.0)], [one("a", 1.0)])]
    assert states == [State.SAME, State.ONLY_AWS]


def test_values_within_the_tolerance_are_the_same() -> None:
    pair = [one("a", 1.0)], [one("a", 1.05)]
    assert [differences(*pair, tolerance)[0].state for tolerance in (0.01, 0.1)] == [State.DIFFERS, State.SAME]


# --- windows ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A window of a day that went wrong, its baseline, and the report under AWS's rule, where a schedule leaves it."""
    folder = tmp_path_factory.mktemp("broken")
    case = CASES / "broken"
    config = ["--config", str(case / "config.json"), "--workers", "1"]
    assert cli.main(["baseline", "--dataset", str(case / "baseline.csv"), "--output", str(folder / "b"), *config]) == 0
    return folder


def reported(broken: Path, folder: Path, name: str = "constraint_violations.json") -> Path:
    """A copy of a schedule's reports: one window."""
    (folder / HOUR).mkdir(parents=True)
    shutil.copy(CASES / "broken" / "expected_aws" / "constraint_violations.json", folder / HOUR / name)
    return folder


def compare(broken: Path, aws: Path, *more: str) -> int:
    case = CASES / "broken"
    given = ["--dataset", str(case / "capture"), "--baseline", str(broken / "b"), "--config", str(case / "config.json")]
    return cli.main(["compare", "--reports", str(aws), *given, "--workers", "1", *more])


@pytest.mark.parametrize("name", violations.SPELLINGS)
def test_a_window_that_aws_judged_alike_has_no_difference(
    broken: Path, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert compare(broken, reported(broken, tmp_path / "aws", name)) == 0
    shown = capsys.readouterr().out
    assert "2026-03-02 05:00 data_type_check Elevation 0.533333 0.533333 same" in " ".join(shown.split())
    assert shown.endswith("1 window compared: 5 same, 0 value differs, 0 only AWS's, 0 only ours\n")


def test_what_differs_is_listed_and_told_by_the_exit_status(
    broken: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    aws = reported(broken, tmp_path / "aws")
    path = aws / HOUR / "constraint_violations.json"
    content = content_of(path)
    content["violations"][0]["description"] = "Value: 0.1 does not meet the constraint requirement! "
    content["violations"][1]["feature_name"] = "Aspect"
    path.write_text(json.dumps(content))
    (aws / HOUR / "statistics.json").write_text('{"dataset": {"item_count": 7}}')
    assert compare(broken, aws, "--json", "--output", str(tmp_path / "ours")) == 2
    found = json.loads(capsys.readouterr().out)
    (window,) = found["windows"]
    assert [found[str(state)] for state in State] == [3, 1, 1, 1]
    states = {each["of"]: each["state"] for each in window["violations"] if each["state"] != "same"}
    assert states == {"Elevation": "differs", "Aspect": "only_aws", "Slope": "only_ours"}
    assert window["violations"][0]["aws"]["value"] == 0.1
    assert window["violations"][0]["ours"]["value"] == pytest.approx(0.5333333333)
    assert (window["aws"]["records"], window["window"]["end"]) == (7, "2026-03-02T05:00:00Z")
    assert json.loads(Path(window["ours"]["report"]).read_text())["verdict"] == "violated"


def test_our_reports_are_kept_as_the_history_before_the_move(broken: Path, tmp_path: Path) -> None:
    compare(broken, reported(broken, tmp_path / "aws"), "--output", str(tmp_path / "ours"))
    assert cli.main(["index", str(tmp_path / "ours")]) == 0
    assert (tmp_path / "ours" / "index.html").is_file()


def test_a_table_tells_records_that_were_counted_otherwise(
    broken: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    aws = reported(broken, tmp_path / "aws")
    (aws / HOUR / "statistics.json").write_text('{"dataset": {"item_count": 7}}')
    compare(broken, aws)
    assert "AWS counted 7 records, we " in capsys.readouterr().out


def test_a_window_without_traffic_here_is_not_compared(
    broken: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "aws" / "2026" / "03" / "01" / "05").mkdir(parents=True)
    (tmp_path / "aws" / "2026" / "03" / "01" / "05" / "statistics.json").write_text("{}")
    assert compare(broken, tmp_path / "aws") == 3
    assert "not compared: ours: no_data" in capsys.readouterr().out


def test_of_a_configuration_with_several_monitors_awss_type_is_asked_alone(tmp_path: Path) -> None:
    case = CASES / "labelled"
    config = ["--config", str(case / "config.json"), "--workers", "1"]
    cli.main(["baseline", "--dataset", str(case / "baseline.csv"), "--output", str(tmp_path / "b"), *config])
    given = [
        "--dataset",
        str(case / "capture"),
        "--baseline",
        str(tmp_path / "b"),
        "--ground-truth",
        str(case / "labels"),
    ]
    reports_ = str(case / "expected_aws" / "model_quality")
    assert cli.main(["compare", "--reports", reports_, *given, *config, "--type", "model_quality"]) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--reports", "nowhere", "--dataset", "x", "--baseline", "y"], "there is no folder nowhere"),
        (["--reports", "."], "needs --dataset and --baseline"),
        (["--schedule", "s", "--dataset", "x"], "belongs to --reports"),
    ],
)
def test_wrong_arguments_are_told(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["compare", *arguments]) == 1
    assert message in capsys.readouterr().err


def test_the_hour_of_a_folder_is_that_in_which_its_window_ends(tmp_path: Path) -> None:
    folder = tmp_path / "2026" / "03" / "02" / "05"
    folder.mkdir(parents=True)
    (folder / "statistics.json").write_text("{}")
    (found,) = reports.of_folder(tmp_path, reports.HOUR)
    assert found.window is not None
    assert (found.window.start.hour, found.window.end.hour) == (4, 5)


# --- a real report of AWS --------------------------------------------------------------------------------------------


def test_a_bias_report_that_clarify_published_is_the_same_violation_by_violation(
    shared: Path, adult: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Clarify's baseline, its endpoint's capture and labels, its report of violations: nine, one of them infinite."""
    bias = shared / "samples" / "bias"
    copies = {
        "endpoint_json_baseline_analysis": "baseline/analysis",
        "endpoint_json_constraint_violations": "aws/constraint_violations",
    }
    for place, name in copies.items():
        (tmp_path / name).parent.mkdir()
        shutil.copy(bias / f"{place}.json", tmp_path / f"{name}.json")
    header = content_of(adult / "expected_bias_baseline.json")["aws_published"]["config"]["label_header_order"]
    payload: dict[str, Any] = {
        "features": header[:-1],
        "records": "instances[*].features",
        "output": {"records": "predictions", "prediction": "predicted_label"},
    }
    options = {"facets": [{"name": "Sex", "values": [0]}], "label_values": [1], "group_variable": "Age"}
    config = {"version": 1, "payload": payload, "monitors": {"model_bias": options}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    given = ["--dataset", str(adult / "capture_json_endpoint.jsonl"), "--baseline", str(tmp_path / "baseline")]
    given += [
        "--ground-truth",
        str(adult / "groundtruth_json_endpoint.jsonl"),
        "--config",
        str(tmp_path / "config.json"),
    ]
    assert (
        cli.main(["compare", "--reports", str(tmp_path / "aws"), *given, "--workers", "1", "--tolerance", "1e-9"]) == 0
    )
    assert "1 window compared: 9 same, 0 value differs, 0 only AWS's, 0 only ours" in capsys.readouterr().out
