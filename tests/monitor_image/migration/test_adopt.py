"""From an account's schedules to an environment file that the settings take; what could not be taken over stands in it."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from model_monitor import cli
from model_monitor.contract import MonitoringType
from model_monitor.errors import SettingsError
from model_monitor.migration import adopt, text
from model_monitor.migration.environment import Written, environment
from stacks.settings.environment import Settings, parse
from tests.monitor_image.migration.accounts import KEY, TOPIC, PaperAccount, drift_alarm

DATA_QUALITY = MonitoringType.DATA_QUALITY
WHERE = ("endpoints", "churn", "monitors")


@pytest.fixture
def account() -> PaperAccount:
    return PaperAccount()


def adopted(account: PaperAccount, scheduler: str = "managed") -> tuple[Written, Settings]:
    """What is found, and the settings that its text parses to."""
    found = environment(account, account.read, scheduler)
    written = text.written(found.content, found.notes, adopt.HEAD)
    return found, parse(yaml.safe_load(written), "adopted", "adopted.yaml")


def said(found: Written, *path: str) -> str:
    return "\n".join(found.notes.get(path, ()))


def test_all_four_types_are_taken_over(account: PaperAccount) -> None:
    account.add_all()
    found, settings = adopted(account)
    monitors = settings.endpoints["churn"].monitors
    assert {name: monitor.types for name, monitor in monitors.items()} == {
        "data-quality": ("data_quality",),
        "quality-of-churn": ("model_quality",),
        "bias": ("model_bias",),
        "attribution": ("model_explainability",),
    }
    assert (len(found.taken_over), found.left_out) == (4, [])
    assert settings.endpoints["churn"].capture.destination == "s3://capture/data"
    assert settings.endpoints["churn"].ground_truth.location == "s3://labels/churn"
    assert settings.security.read_key_arns == (KEY,)
    assert (settings.account, settings.region) == ("123456789012", "eu-west-1")


def test_each_monitor_has_the_times_the_machine_and_the_analysis_that_it_had(account: PaperAccount) -> None:
    account.add_all()
    found, settings = adopted(account)
    monitors = settings.endpoints["churn"].monitors
    assert [monitor.schedule for monitor in monitors.values()] == ["hourly", "daily", "daily", "cron(0 2/6 ? * * *)"]
    assert "has even gaps" in said(found, *WHERE, "attribution")
    quality = monitors["quality-of-churn"]
    assert (quality.instance_type, quality.volume_size_gb, quality.max_runtime_seconds) == ("ml.m5.xlarge", 30, 1800)
    assert (quality.model_quality.problem, quality.model_quality.label_delay) == ("binary", "P7D")
    assert quality.model_quality.probability_threshold == 0.8
    bias = monitors["bias"].model_bias
    assert [(facet.name, facet.values) for facet in bias.facets] == [("age", (60,))]
    assert (bias.label_values, "DI" in bias.methods, "AD" in bias.methods) == ((1,), True, False)
    shap = monitors["attribution"].model_explainability
    assert (shap.predictor.model_name, shap.num_samples, shap.baseline_rows) == ("churn-model", 50, ((40, 2),))
    assert "predictor.accelerator_type has no counterpart" in said(found, *WHERE, "attribution")
    assert "methods.pdp is computed by Clarify alone" in said(found, *WHERE, "attribution")
    payload = settings.endpoints["churn"].payload
    assert (payload.names, payload.label) == (("age", "calls"), "churned")
    assert (payload.output.prediction, payload.output.score, payload.output.payload_index) == (0, 1, None)


def test_the_baseline_is_awss_own_and_is_judged_by_its_rule(account: PaperAccount) -> None:
    account.add("churn-data-quality", DATA_QUALITY)
    _, settings = adopted(account)
    monitor = settings.endpoints["churn"].monitors["data-quality"]
    assert monitor.baseline.constraints == "s3://baselines/DataQuality/constraints.json"
    assert monitor.baseline.statistics == "s3://baselines/DataQuality/statistics.json"
    assert monitor.decision is None  # AWS's rule where the files are AWS's


def test_an_endpoint_with_defaults_is_five_lines(account: PaperAccount) -> None:
    made = account.add("churn-data-quality", DATA_QUALITY)
    made["JobResources"]["ClusterConfig"] |= {"InstanceType": "ml.m5.large", "VolumeSizeInGB": 20}
    del made["StoppingCondition"]
    found, _ = adopted(account)
    lines = text.written(found.content, found.notes, ()).splitlines()
    block = [line for line in lines[lines.index("endpoints:") + 1 :] if not line.lstrip().startswith("#")]
    assert block == [
        "  churn:",
        "    capture: {destination: s3://capture/data}",
        "    monitors:",
        "      data-quality:",
        "        baseline: {constraints: s3://baselines/DataQuality/constraints.json, "
        "statistics: s3://baselines/DataQuality/statistics.json}",
    ]


@pytest.mark.parametrize(("name", "monitor", "is_kept"), [
    ("churn-data-quality", "data-quality", True),
    ("My-Schedule", "my-schedule", False),
    ("churn-UPPER", "upper", False),
    ("churn-" + "x" * 50, "x" * 32, False),
])  # fmt: skip
def test_a_schedule_keeps_its_name_where_the_kit_can_give_it(
    account: PaperAccount, name: str, monitor: str, is_kept: bool
) -> None:
    account.add(name, DATA_QUALITY)
    found, settings = adopted(account)
    assert list(settings.endpoints["churn"].monitors) == [monitor]
    assert ("from now on" in said(found, *WHERE, monitor)) is not is_kept


def test_two_schedules_never_become_one_monitor(account: PaperAccount) -> None:
    account.add("churn-a_b", DATA_QUALITY)
    account.add("churn-a-b", DATA_QUALITY)
    _, settings = adopted(account)
    assert list(settings.endpoints["churn"].monitors) == ["a-b", "a-b-2"]


def test_model_monitor_may_go_on_starting_the_runs(account: PaperAccount) -> None:
    account.add_all()
    found, settings = adopted(account, "model_monitor")
    monitors = settings.endpoints["churn"].monitors
    assert {monitor.scheduler for monitor in monitors.values()} == {"model_monitor"}
    assert "delete churn-data-quality before the deployment" in said(found, *WHERE, "data-quality")


def test_alarms_go_on_ringing(account: PaperAccount) -> None:
    account.add("churn-data-quality", DATA_QUALITY)
    account.rung = [drift_alarm("churn-data-quality", "age", 0.2), drift_alarm("another", "calls", 0.3)]
    found, settings = adopted(account)
    endpoint = settings.endpoints["churn"]
    assert endpoint.monitors["data-quality"].alarms.drift_features == {"age": 0.2}
    assert (endpoint.metrics.namespace, endpoint.metrics.critical) == ("aws/sagemaker/Endpoints/data-metrics", ("age",))
    assert settings.alarms.topic_arn == TOPIC
    assert "drift of age" in said(found, *WHERE, "data-quality")
    assert "make them anew" not in said(found, *WHERE, "data-quality")


def test_alarms_on_other_metrics_go_on_ringing_too(account: PaperAccount) -> None:
    account.add("churn-data-quality", DATA_QUALITY)
    account.rung = [drift_alarm("churn-data-quality", "age", 0.2) | {"MetricName": "feature_non_null_age"}]
    found, settings = adopted(account)
    assert settings.endpoints["churn"].metrics.level == "full"
    assert settings.endpoints["churn"].monitors["data-quality"].alarms.drift_features == {}
    assert "drift of age" in said(found, "endpoints", "churn", "metrics")


def test_alarms_of_a_name_that_changes_are_told(account: PaperAccount) -> None:
    account.add("My-Schedule", DATA_QUALITY)
    account.rung = [drift_alarm("My-Schedule", "age", 0.2)]
    found, _ = adopted(account)
    assert "make them anew" in said(found, *WHERE, "my-schedule")


def baselining_job(account: PaperAccount, made: dict[str, Any]) -> None:
    made["DataQualityBaselineConfig"] = {"BaseliningJobName": "base"}
    output = {"S3Output": {"S3Uri": "s3://baselines/job/"}}
    account.jobs["base"] = {"ProcessingOutputConfig": {"Outputs": [output]}}


def test_the_baseline_of_a_baselining_job_is_what_it_left(account: PaperAccount) -> None:
    baselining_job(account, account.add("churn-data-quality", DATA_QUALITY))
    found, settings = adopted(account)
    baseline = settings.endpoints["churn"].monitors["data-quality"].baseline
    assert (baseline.constraints, baseline.statistics) == (
        "s3://baselines/job/constraints.json",
        "s3://baselines/job/statistics.json",
    )
    assert "baseline.constraints is not there" in said(found, *WHERE, "data-quality")


def batch(account: PaperAccount, made: dict[str, Any]) -> None:
    del account
    made["DataQualityJobInput"] = {"BatchTransformInput": {"DataCapturedDestinationS3Uri": "s3://x"}}


def own_image(account: PaperAccount, made: dict[str, Any]) -> None:
    del account
    made["DataQualityAppSpecification"]["ImageUri"] = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/mine:1"


def without_baseline(account: PaperAccount, made: dict[str, Any]) -> None:
    del account
    made["DataQualityBaselineConfig"] = {}


def without_capture(account: PaperAccount, made: dict[str, Any]) -> None:
    del made
    account.capture = None


def without_endpoint(account: PaperAccount, made: dict[str, Any]) -> None:
    del account
    made["DataQualityJobInput"]["EndpointInput"]["EndpointName"] = "gone"


def switched_off(account: PaperAccount, made: dict[str, Any]) -> None:
    del made
    account.capture["EnableCapture"] = False


def once(account: PaperAccount, made: dict[str, Any]) -> None:
    del made
    account.described[0]["MonitoringScheduleConfig"]["ScheduleConfig"]["ScheduleExpression"] = "NOW"


@pytest.mark.parametrize(("spoil", "reason"), [
    (batch, "watches batch transforms"),
    (own_image, "runs an image of yours"),
    (without_baseline, "has no baseline"),
    (without_capture, "captures nothing"),
    (switched_off, "switched off"),
    (without_endpoint, "does not exist"),
    (once, "its schedule is NOW"),
])  # fmt: skip
def test_what_cannot_be_taken_over_stands_in_the_file_with_the_reason(
    account: PaperAccount, spoil: Any, reason: str
) -> None:
    spoil(account, account.add("churn-data-quality", DATA_QUALITY))
    found = environment(account, account.read)
    written = text.written(found.content, found.notes, ())
    assert (found.taken_over, found.left_out) == ([], ["churn-data-quality"])
    (comment,) = [line for line in written.splitlines() if line.lstrip().startswith("#")]
    assert "left out: schedule churn-data-quality: " in comment
    assert reason in comment


def test_of_two_schedules_the_one_without_a_counterpart_is_left_out_alone(account: PaperAccount) -> None:
    account.add("churn-data-quality", DATA_QUALITY)
    own_image(account, account.add("churn-own", DATA_QUALITY))
    found, settings = adopted(account)
    assert list(settings.endpoints["churn"].monitors) == ["data-quality"]
    assert "left out: schedule churn-own" in text.written(found.content, found.notes, ())


def test_what_has_no_counterpart_is_named_and_no_value_of_a_variable_told(account: PaperAccount) -> None:
    made = account.add("churn-data-quality", DATA_QUALITY)
    made["DataQualityAppSpecification"]["Environment"] |= {"api_token": "hush"}
    made["DataQualityAppSpecification"]["RecordPreprocessorSourceUri"] = "s3://code/pre.py"
    made["DataQualityAppSpecification"]["PostAnalyticsProcessorSourceUri"] = "s3://code/post.sh"
    made["JobResources"]["ClusterConfig"]["InstanceCount"] = 3
    made["DataQualityJobInput"]["EndpointInput"]["ExcludeFeaturesAttribute"] = "3,4"
    made["NetworkConfig"] = {
        "EnableNetworkIsolation": True,
        "VpcConfig": {"Subnets": ["subnet-0a1b"], "SecurityGroupIds": ["sg-0a1b"]},
    }
    found, settings = adopted(account)
    notes = said(found, *WHERE, "data-quality")
    for part in (
        "variables without a counterpart: api_token",
        "post.sh",
        "3 instances",
        "ExcludeFeatures",
        "isolation",
    ):
        assert part in notes
    assert "hush" not in text.written(found.content, found.notes, ())
    assert settings.endpoints["churn"].monitors["data-quality"].scripts.preprocessor == "s3://code/pre.py"
    assert (settings.network.subnets, settings.network.security_groups) == (("subnet-0a1b",), ("sg-0a1b",))


def test_of_quality_alone_nobody_names_features(account: PaperAccount) -> None:
    """The settings take places in a response without the names of features, as AWS's analyzer does."""
    account.add("churn-quality", MonitoringType.MODEL_QUALITY, ProblemType="BinaryClassification")
    found, settings = adopted(account)
    payload = settings.endpoints["churn"].payload
    assert (payload.names, payload.output.score) == ((), 1)
    assert "by position" in said(found, "endpoints", "churn", "payload")


AWKWARD = [
    "0",
    "yes",
    "null",
    "2026-03-02",
    "a: b",
    "# x",
    "1e3",
    "~",
    "*x",
    "été",
    'a"b',
    "-",
    "a #b",
    "x:",
    "s3://b/k",
]


@pytest.mark.parametrize("value", AWKWARD)
def test_text_survives_yaml(value: str) -> None:
    content = {"endpoints": {"e": {"monitors": {"m": {"types": [value], value: value}}}}}
    assert yaml.safe_load(text.written(content, {}, ("head",))) == content


def test_a_bucket_that_refuses_is_asked_once_and_said(account: PaperAccount) -> None:
    """Each refusal is waited out for half a minute, and a fleet has hundreds of files."""
    asked = []

    def refuse(uri: str) -> bytes | None:
        asked.append(uri)
        raise SettingsError(uri, "cannot be read (AccessDenied).")

    account.add("churn-data-quality", DATA_QUALITY)
    found = environment(account, adopt.Reader(refuse))
    assert (len(asked), found.taken_over) == (1, ["churn-data-quality"])
    assert "baseline.statistics could not be read" in said(found, *WHERE, "data-quality")


def test_the_policy_only_reads(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["adopt", "--policy"]) == 0
    shown = yaml.safe_load(capsys.readouterr().out)
    actions = [action for statement in shown["Statement"] for action in statement["Action"]]
    assert all(action.partition(":")[2].startswith(("Describe", "List", "Get", "Decrypt")) for action in actions)
    assert "sagemaker:DescribeModelBiasJobDefinition" in actions


def test_a_file_that_exists_is_not_overwritten(tmp_path: Any, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "prod.yaml").write_text("mine")
    assert cli.main(["adopt", "--output", str(tmp_path / "prod.yaml")]) == 1
    assert "exists already" in capsys.readouterr().err
    assert (tmp_path / "prod.yaml").read_text() == "mine"
