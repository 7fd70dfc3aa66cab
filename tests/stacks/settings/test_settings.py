"""Environment files: what is accepted, and how faults are told."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
import textwrap
from datetime import timedelta
from typing import Any

import botocore.session
import jsonschema
import pytest
import yaml

from stacks.settings import command, environment as settings
from stacks.settings.account import LACKING, SERVING
from stacks.settings.cadence import cadence, is_of_model_monitor, model_monitor_expression
from stacks.settings.environment import ENVIRONMENTS, SettingsFaults
from stacks.settings.fields import has_local_storage
from tests.synthesis import ROOT

SMALL = """
version: 1
account: "123456789012"
region: eu-west-1
endpoints:
  shop:
    model:
      image: 123456789012.dkr.ecr.eu-west-1.amazonaws.com/xgboost:3
      artifact: s3://models/shop/model.tar.gz
    payload:
      features: [age, {name: income, type: Fractional, privacy: restricted}]
    monitors:
      data-quality:
        baseline: {dataset: s3://models/shop/baseline.csv}
"""


def faults_of(**changes: Any) -> list[str]:
    """Faults of the small file with some values replaced; paths are written with double underscores."""
    document = yaml.safe_load(SMALL)
    for path, value in changes.items():
        *parents, last = path.split("__")
        block = document
        for key in parents:
            block = block.setdefault(key.replace("_", "-") if key == "data_quality" else key, {})
        block[last] = copy.deepcopy(value)
    try:
        settings.parse(document, "test", "test.yaml")
    except SettingsFaults as error:
        return error.faults
    return []


SHOP = "endpoints__shop__"
MONITOR = f"{SHOP}monitors__data_quality__"
AT = "endpoints.shop."


@pytest.mark.parametrize("path", sorted(ENVIRONMENTS.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_environment_is_valid_and_matches_the_schema(path):
    assert settings.load(path).environment == path.stem
    validator = jsonschema.Draft202012Validator(settings.schema())
    assert list(validator.iter_errors(yaml.safe_load(path.read_text()))) == []


def test_all_faults_are_told_at_once_by_path():
    faults = faults_of(
        account="12",
        region="Ireland",
        colour="blue",
        **{
            f"{SHOP}capture": {"sampling_percentage": 0},
            f"{SHOP}metrics": {"critical": ["height"], "namespace": "shop", "route": "file"},
            f"{MONITOR}schedule": "every morning",
        },
    )
    paths = [fault.split(":")[0] for fault in faults]
    assert sorted(paths) == [
        "account",
        "colour",
        f"{AT}capture.sampling_percentage",
        f"{AT}metrics.critical[0]",
        f"{AT}metrics.namespace",
        f"{AT}monitors.data-quality.schedule",
        "region",
    ]


RETRAINING = {"image": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/xgboost:3", "training_data": "s3://models/train/"}


@pytest.mark.parametrize(
    ("broken", "path"),
    [
        ({f"{SHOP}retraining": {**RETRAINING, "cooldown_hours": -3}}, "retraining.cooldown_hours"),
        ({f"{MONITOR}schedule": "every morning"}, "monitors.data-quality.schedule"),
        ({f"{SHOP}metrics": {"critical": ["age", "height"], "per_feature": "some"}}, "metrics.per_feature"),
        ({f"{SHOP}model__image": "xgboost"}, "model.image"),
        ({f"{SHOP}model": "xgboost"}, "model"),
    ],
)
def test_a_faulty_field_hides_no_fault_of_what_belongs_together(broken, path):
    faults = faults_of(**{f"{SHOP}metrics": {"critical": ["age", "height"]}} | broken)
    assert sorted(fault.split(":")[0] for fault in faults) == sorted([f"{AT}{path}", f"{AT}metrics.critical[1]"])


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        (
            {"persistent_windows": 3, "persistent_of": 2},
            "persistent_of: should be at least persistent_windows, 3, found 2; raise it, or leave it out",
        ),
        (
            {"min_new_labels": 5, "training_script": "none"},
            "min_new_labels: counts the rows of fresh_data, which this training does not read; give fresh_data, or 0",
        ),
        (
            {"freeze": [{"start": "friday", "end": "mon 08:00"}]},
            "freeze[0].start: should be a time such as 2026-12-18T18:00Z or of the week such as fri 18:00, found friday",
        ),
        (
            {"freeze": [{"start": "2026-12-18", "end": "mon 08:00"}]},
            "freeze[0].end: should be of the same form as start; give two times, or a day and an hour of the week twice",
        ),
        (
            {"freeze": [{"start": "2026-12-18T18:00Z", "end": "2026-12-18"}]},
            "freeze[0].end: should be after start, 2026-12-18T18:00Z, found 2026-12-18; give a later one",
        ),
        (
            {"more_alarms": ["Größe"]},
            "more_alarms[0]: should be the name of an alarm: 1 to 255 printable ASCII characters",
        ),
    ],
)
def test_what_a_decision_cannot_be_made_by_is_told(given, fault):
    (found,) = faults_of(**{f"{SHOP}retraining": {**RETRAINING, **given}})
    assert found.startswith(f"{AT}retraining.{fault}")


def test_a_freeze_may_be_a_time_that_yaml_has_read():
    freeze = yaml.safe_load("[{start: 2026-12-18T18:00:00Z, end: 2027-01-04}, {start: fri 18:00, end: mon 08:00}]")
    freeze[0]["end"] = "2027-01-04"
    assert faults_of(**{f"{SHOP}retraining": {**RETRAINING, "freeze": freeze}}) == []


def test_an_alarm_is_of_one_endpoint():
    shop = {**RETRAINING, "more_alarms": ["any"]}
    other = {**yaml.safe_load(SMALL)["endpoints"]["shop"], "retraining": shop}
    (fault,) = faults_of(**{f"{SHOP}retraining": shop, "endpoints__store": other})
    assert fault == (
        "endpoints.store.retraining.more_alarms: names any, which endpoints.shop.retraining.more_alarms names too; "
        "make an alarm for each endpoint"
    )


def test_checks_deep_inside_a_faulty_block_are_told_too():
    retraining = {**RETRAINING, "cooldown_hours": -3, "monitor": "other", "instance_type": "ml.m5d.large"}
    baseline = {"dataset": "s3://models/x", "constraints": "s3://models/c.json", "revision": 0}
    faults = faults_of(**{f"{SHOP}retraining": retraining, f"{MONITOR}baseline": baseline}, tags={"Endpoint": "shop"})
    assert sorted(fault.split(":")[0] for fault in faults) == [
        f"{AT}monitors.data-quality.baseline.dataset",
        f"{AT}monitors.data-quality.baseline.revision",
        f"{AT}retraining.cooldown_hours",
        f"{AT}retraining.instance_type",
        f"{AT}retraining.monitor",
        "tags",
    ]


def test_no_fault_is_made_up_where_a_faulty_field_would_be_asked():
    assert faults_of(**{f"{MONITOR}baseline": {"dataset": 5}}) == [
        f"{AT}monitors.data-quality.baseline.dataset: should be text; quote it"
    ]
    feature = {"name": "income", "type": "Number"}
    faults = faults_of(**{f"{SHOP}payload": {"features": ["age", feature]}, f"{SHOP}metrics": {"critical": ["income"]}})
    assert [fault.split(":")[0] for fault in faults] == [f"{AT}payload.features[1].type"]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {f"{SHOP}metrics": {"critical": ["height"]}},
            f"{AT}metrics.critical[0]: 'height' is no feature of the payload",
        ),
        ({f"{MONITOR}features": {"height": {}}}, "'height' is no feature of the payload"),
        ({f"{MONITOR}alarms": {"drift_features": {"age": 0.2}}}, "'age' has no metric; add it to metrics.critical"),
        (
            {f"{MONITOR}scheduler": "model_monitor", f"{MONITOR}max_runtime_seconds": 7200},
            "an hourly schedule allows at most 3600, found 7200",
        ),
        ({f"{MONITOR}schedule": "cron(30 * ? * * *)"}, f"{AT}monitors.data-quality.schedule: should be hourly, daily"),
        ({f"{MONITOR}schedule": "cron(0 0/25 ? * * *)"}, "N from 1 to 24"),
        (
            {f"{MONITOR}thresholds": {"comparison_threshold": 1.5}},
            "thresholds.comparison_threshold: input should be less",
        ),
        ({f"{MONITOR}thresholds": {"comparison_treshold": 0.2}}, "thresholds.comparison_treshold: is unknown"),
        ({f"{MONITOR}baseline": {}}, "baseline.dataset: is missing"),
        (
            {f"{MONITOR}baseline": {"dataset": "s3://models/x", "constraints": "s3://models/c.json"}},
            "baseline.dataset: excludes constraints",
        ),
        ({f"{SHOP}payload": {"features": ["age", "age"]}}, f"{AT}payload.features: 'age' is declared 2 times"),
        ({f"{SHOP}payload": {"features": ["age"], "label": "age"}}, f"{AT}payload.label: 'age' is a feature too"),
        ({f"{SHOP}payload": None}, f"{AT}payload: is missing; the kit's serving script"),
        ({f"{SHOP}model": None}, f"{AT}capture.destination: is missing"),
        (
            {f"{SHOP}capture": {"destination": "s3://elsewhere/x"}},
            "capture.destination: belongs to endpoints that exist",
        ),
        ({f"{SHOP}capture": {"variants": ["Blue"]}}, f"{AT}capture.variants: belongs to endpoints that exist"),
        (
            {
                f"{SHOP}capture": {"json_content_types": []},
                f"{SHOP}payload": {"features": ["age"], "records": "instances"},
            },
            f"{AT}capture.json_content_types: is empty",
        ),
        (
            {f"{SHOP}metrics": {"namespace": "shop", "route": "file"}},
            f"{AT}metrics.namespace: route file publishes to aws/sagemaker/Endpoints/data-metrics or /aws/sagemaker",
        ),
        ({f"{SHOP}metrics": {"namespace": "AWS/x", "route": "put"}}, "AWS/ is reserved"),
        ({f"{SHOP}model__artifact": "model.tar.gz"}, "model.artifact: should be the S3 URI of an object"),
        ({f"{SHOP}model__instance_type": "m5.large"}, "model.instance_type: should be an instance type"),
        ({f"{SHOP}model__image": "xgboost"}, "model.image: should be the URI of an image in ECR"),
        (
            {
                f"{SHOP}monitors": {
                    "hourly": {"baseline": {"dataset": "s3://models/a"}},
                    "daily": {"schedule": "daily", "baseline": {"dataset": "s3://models/b"}},
                }
            },
            f"{AT}monitors: compute different baselines",
        ),
        ({"account": 123456789012}, "account: should be text; quote it"),
        (
            {"network": {"subnets": ["subnet-0a"]}},
            "network.security_groups: subnets and security groups are given together",
        ),
        ({"network": {"isolation": True}}, "network.isolation: an isolated container cannot fetch its configuration"),
        ({"security": {"kms_key_arn": "key"}}, "security.kms_key_arn: should be the ARN of a kms"),
        ({"environment": "dev"}, "environment: is unknown; an environment is named by its file"),
        ({"endpoints": {}}, "endpoints: dictionary should have at least 1 item"),
        ({"version": 2}, "version: should be 1, found 2"),
        ({"region": "eu-centrl-1"}, "region: should be a region such as eu-west-1"),
    ],
)
def test_a_fault_is_told_with_its_path(changes, expected):
    assert [fault for fault in faults_of(**changes) if expected in fault], faults_of(**changes)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"regoin": "eu-west-1"}, ["regoin: is unknown; did you mean region?"]),
        ({"colour": "blue"}, ["colour: is unknown"]),
        (
            {f"{MONITOR}thresholds": {"comparison_treshold": 0.2}},
            [
                f"{AT}monitors.data-quality.thresholds.comparison_treshold: is unknown; did you mean comparison_threshold?"
            ],
        ),
        (
            {f"{SHOP}payload": {"features": ["age", {"name": "income", "privcy": "open"}]}},
            [f"{AT}payload.features[1].privcy: is unknown; did you mean privacy?"],
        ),
        (
            {f"{MONITOR}alarms": {"custom": {"above": {"abov": 3, "above": 2}}}},
            [
                f"{AT}monitors.data-quality.alarms.custom.above.abov: is unknown; did you mean above?",
                f"{AT}monitors.data-quality.alarms.custom: watches custom_metrics, which is none of the types",
            ],
        ),
        (
            {
                f"{MONITOR}types": ["data_quality", "model_bias"],
                f"{MONITOR}model_bias": {"facets": [], "facet_sorce": 1},
            },
            [f"{AT}monitors.data-quality.model_bias.facet_sorce: is unknown; did you mean facet_source?"],
        ),
        (
            {
                f"{MONITOR}types": ["data_quality", "model_bias"],
                f"{MONITOR}model_bias": {"facets": ["age"], "flip_test": {"sampel": 5}},
            },
            [f"{AT}monitors.data-quality.model_bias.flip_test.sampel: is unknown; did you mean sample?"],
        ),
    ],
)
def test_what_may_have_been_meant_is_told(changes, expected):
    assert set(expected) <= set(faults_of(**changes)), faults_of(**changes)


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("flip_test", {"sampel": 5}, "flip_test.sampel: is unknown; did you mean sample?"),
        ("flip_test", {"sample": "x"}, "flip_test.sample: should be a whole number"),
        ("bootstrap", "yes please", "bootstrap: should be true or false, or keys and values"),
        ("methods", "DPL", "methods: should be 'all', or a list"),
        ("methods", ["DPL", 5], "methods[1]: should be text; quote it"),
        ("label_values", [], "label_values: tuple should have at least 1 item after validation, not 0"),
        ("class_labels", [["a"]], "class_labels[0]: should be text, or a whole number"),
    ],
)
@pytest.mark.filterwarnings("error")
def test_a_value_that_may_have_several_forms_has_one_fault(key, value, expected):
    changes = {
        f"{SHOP}ground_truth": {},
        f"{SHOP}payload": {"features": ["age"], "label": "bought"},
        f"{MONITOR}types": ["model_bias"],
        f"{MONITOR}model_bias": {"facets": ["age"], key: value},
    }
    assert faults_of(**changes) == [f"{AT}monitors.data-quality.model_bias.{expected}"]


def test_an_endpoint_named_like_a_key_has_its_own_keys():
    document = yaml.safe_load(SMALL)
    document["endpoints"] = {"model": {**document["endpoints"]["shop"], "caputre": {}}}
    with pytest.raises(SettingsFaults, match=r"endpoints.model.caputre: is unknown; did you mean capture\?"):
        settings.parse(document, "test", "test.yaml")


def test_every_region_of_aws_is_taken():
    partitions = botocore.session.get_session().get_component("data_loader").load_data("endpoints")["partitions"]
    regions = [region for partition in partitions for region in partition["regions"]]
    assert len(regions) > 30
    images = {
        region: f"123456789012.dkr.ecr.{region}.amazonaws.com{'.cn' * region.startswith('cn-')}/xgboost:3"
        for region in regions
    }
    faults = {region: faults_of(region=region, **{f"{SHOP}model__image": images[region]}) for region in regions}
    without_endpoints = {region for region, types in LACKING.items() if SERVING[0] in types}
    assert {region for region in regions if faults[region]} == without_endpoints & set(regions)
    assert all("AWS::SageMaker::Endpoint" in "".join(faults[region]) for region in without_endpoints & set(regions))


def test_a_small_file_has_no_faults():
    assert faults_of() == []


def test_two_monitors_may_not_make_one_schedule():
    document = yaml.safe_load(SMALL)
    monitor = document["endpoints"]["shop"]["monitors"]["data-quality"]
    other = copy.deepcopy(document["endpoints"]["shop"])
    other["monitors"] = {"quality": monitor}
    document["endpoints"]["shop-data"] = other
    with pytest.raises(SettingsFaults, match="makes the schedule shop-data-quality, which"):
        settings.parse(document, "test", "test.yaml")


def test_values_are_not_repeated_in_faults():
    assert not [fault for fault in faults_of(account="hunter2", region="hunter2") if "hunter2" in fault]


def test_a_key_given_twice_is_refused(tmp_path):
    path = tmp_path / "twice.yaml"
    path.write_text(SMALL + "version: 1\n")
    with pytest.raises(SettingsFaults, match="the key 'version' is given twice"):
        settings.load(path)


def test_a_name_that_no_environment_may_have_is_told_as_the_file_s(tmp_path):
    path = tmp_path / "My_Team.yaml"
    path.write_text((settings.ENVIRONMENTS / "dev.yaml").read_text())
    with pytest.raises(settings.SettingsFaults) as caught:
        settings.load(path)
    assert "environment: should be 1 to 16 lower-case letters" in str(caught.value)
    assert "it is the file's name, without .yaml" in str(caught.value)


def test_text_that_is_no_yaml_is_told_with_its_line(tmp_path):
    path = tmp_path / "broken.yaml"
    path.write_text("version: [1\n")
    with pytest.raises(SettingsFaults, match=r"no YAML: .*line 2"):
        settings.load(path)


@pytest.mark.parametrize("chosen", [None, "", "nowhere", "../dev", 5])
def test_there_is_no_environment_to_fall_back_to(chosen):
    with pytest.raises(SettingsFaults, match="Environments: dev, fleet, prod, staging"):
        settings.find(chosen)


@pytest.mark.parametrize(
    ("text", "expression", "hours"),
    [
        ("hourly", "cron(0 * ? * * *)", 1),
        ("daily", "cron(0 0 ? * * *)", 24),
        ("cron(0 12 ? * * *)", "cron(0 12 ? * * *)", 24),
        ("cron(0 0/6 ? * * *)", "cron(0 0/6 ? * * *)", 6),
        ("cron(0 0/10 ? * * *)", "cron(0 0/10 ? * * *)", 10),
        ("cron(0 17/12 ? * * *)", "cron(0 17/12 ? * * *)", 24),
        ("cron(0 20/6 ? * * *)", "cron(0 20/6 ? * * *)", 24),
        ("cron(0 5/8 ? * * *)", "cron(0 5/8 ? * * *)", 8),
        ("cron(0 8/2 ? * * *)", "cron(0 8/2 ? * * *)", 10),
    ],
)
def test_schedules_are_written_as_the_service_takes_them(text, expression, hours):
    assert is_of_model_monitor(text)
    assert (model_monitor_expression(text), cadence(text).gap) == (expression, timedelta(hours=hours))


@pytest.mark.parametrize(
    ("instance_type", "expected"),
    [
        ("ml.m5.large", False),
        ("ml.m5d.large", True),
        ("ml.g4dn.xlarge", True),
        ("ml.g5.xlarge", True),
        ("ml.c6i.large", False),
        ("ml.g6e.xlarge", True),
        ("ml.gr6.4xlarge", True),
        ("ml.p5en.48xlarge", True),
        ("ml.p6-b200.48xlarge", True),
        ("ml.trn2.48xlarge", True),
        ("ml.i4i.large", True),
        ("ml.inf2.xlarge", False),
        ("ml.m8g.large", False),
    ],
)
def test_instances_that_encrypt_their_own_volumes_are_known(instance_type, expected):
    assert has_local_storage(instance_type) is expected


def test_settings_cannot_be_changed():
    loaded = settings.load(ENVIRONMENTS / "dev.yaml")
    with pytest.raises(ValueError, match="frozen"):
        loaded.region = "us-east-1"


def test_settings_are_read_without_the_cdk():
    code = "import sys; from stacks.settings import environment; environment.find('dev'); sys.exit('aws_cdk' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_the_command_validates_files_and_prints_the_schema(capsys, tmp_path):
    broken = tmp_path / "broken.yaml"
    broken.write_text(SMALL.replace("eu-west-1\n", "nowhere\n"))
    assert command.main([str(ENVIRONMENTS / "dev.yaml")]) == 0
    assert command.main([str(broken)]) == 1
    assert "region: should be a region such as eu-west-1" in capsys.readouterr().err
    assert command.main(["--schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    assert "environment" not in schema["properties"]
    assert schema["additionalProperties"] is False


def properties(schema):
    blocks = {"Settings": schema, **schema["$defs"]}
    return {
        f"{block}.{name}": content
        for block, part in blocks.items()
        for name, content in part.get("properties", {}).items()
    }


def test_the_schema_describes_every_setting_and_tells_every_default():
    described = properties(settings.schema())
    assert len(described) > 100
    assert [path for path, content in described.items() if len(content.get("description", "")) < 10] == []
    words = ("default", "left out", "leave it out")
    silent = [
        path
        for path, content in described.items()
        if "default" in content and not any(word in content["description"].lower() for word in words)
    ]
    assert silent == []


@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help_ends_well_and_shows_a_file_that_is_valid(option, capsys, tmp_path):
    with pytest.raises(SystemExit) as ended:
        command.main([option])
    assert ended.value.code == 0
    told = capsys.readouterr().out
    assert "--schema" in told
    start, end = told.index("  version: 1"), told.index("For help while you write")
    path = tmp_path / "shown.yaml"
    path.write_text(textwrap.dedent(told[start:end]))
    assert command.main([str(path)]) == 0


def test_without_arguments_the_command_says_what_it_needs(capsys):
    with pytest.raises(SystemExit) as ended:
        command.main([])
    assert ended.value.code == 2
    assert "name an environment file" in capsys.readouterr().err


def test_more_bad_periods_than_are_looked_at_are_refused():
    (fault,) = faults_of(endpoints__shop__monitors__data_quality__alarms={"periods": 3, "of_periods": 2})
    assert "alarms.of_periods: 3 of 2 periods can never be bad" in fault


def test_the_rule_and_its_budget_are_set_by_schedule():
    place = "endpoints__shop__monitors__data_quality__"
    assert faults_of(**{f"{place}decision": "calibrated", f"{place}false_alarms": "2 per week"}) == []
    assert len(faults_of(**{f"{place}decision": "maybe", f"{place}false_alarms": "often"})) == 2
    for none in ("0 per day", "0.0 per week", "00 per year"):
        assert len(faults_of(**{f"{place}false_alarms": none})) == 1
    for some in ("0.5 per year", "10 per day", "1.0 per month", "0.05 per quarter"):
        assert faults_of(**{f"{place}false_alarms": some}) == []
