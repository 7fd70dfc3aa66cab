"""What a retraining is made of: rows, digests, what is left out, and requests whose names are the run's."""

from __future__ import annotations

import json
from datetime import timedelta

import botocore.session
import pytest
from botocore.validate import ParamValidator

from tests.lambda_.releases.conftest import (
    BASELINE,
    BUCKET,
    CHAMPION,
    ENDPOINT,
    HOUR,
    NOON,
    RUN,
    SETS,
    SETTINGS,
    World,
)


def faults(operation: str, request: dict) -> str:
    """What the API's own model finds wrong with a request."""
    model = botocore.session.get_session().get_service_model("sagemaker").operation_model(operation)
    return str(ParamValidator().validate(request, model.input_shape).generate_report())


def channel(world: World, plan: dict, name: str) -> list:
    (found,) = [each for each in plan["training_job"]["InputDataConfig"] if each["ChannelName"] == name]
    source = found["DataSource"]["S3DataSource"]
    assert source["S3DataType"] == "ManifestFile"
    return json.loads(world.text(source["S3Uri"]))


def test_a_training_reads_what_its_manifests_name_and_no_row_that_is_held_out(world: World):
    plan = world.collect()
    assert (plan["path"], plan["run"]) == ("train", RUN)
    assert channel(world, plan, "train") == [{"prefix": f"s3://{BUCKET}/team/train/"}, "a.csv"]
    _, *fresh = channel(world, plan, "fresh")
    assert fresh == ["2026-03-02T1000.csv", "2026-03-02T1100.csv"]
    assert "holdout" not in json.dumps(plan["training_job"])


def test_every_request_is_what_sagemaker_takes(world: World):
    plan = world.collect()
    assert faults("CreateTrainingJob", plan["training_job"]) == ""
    for name in ("champion_job", "challenger_job", "recent_job"):
        assert faults("CreateTransformJob", plan[name]) == ""
    assert plan["champion_job"]["ModelName"] == "m"
    assert plan["challenger_job"]["ModelName"] == RUN


def test_both_models_are_asked_about_rows_without_their_labels(world: World):
    plan = world.collect()
    assert world.text(f"{SETS}/{RUN}/questions/rows.csv") == "10,\n10,7.5\n11,\n11,7.5\n"
    assert world.text(f"{SETS}/{RUN}/holdout/rows.csv").splitlines()[0] == '"a ""b"", c",10,'
    asked = plan["comparison"]["event"]["comparison"]
    assert asked["holdout_uri"] == f"{SETS}/{RUN}/holdout/rows.csv"
    assert asked["champion_uri"] == plan["champion_job"]["TransformOutput"]["S3OutputPath"] + "/rows.csv.out"
    assert asked["challenger_uri"] != asked["champion_uri"]


@pytest.mark.parametrize(
    ("content_type", "strategy", "first"),
    [
        ("application/jsonlines", "MultiRecord", '{"size": {"height": "10"}, "rest": [null]}'),
        ("application/json", "SingleRecord", '{"instances": [{"size": {"height": "10"}, "rest": [null]}]}'),
    ],
)
def test_models_that_speak_json_are_asked_as_the_payload_says(
    world: World, content_type: str, strategy: str, first: str
):
    transform = {**SETTINGS["transform"], "content_type": content_type, "records": ["instances"]}
    world.configure("release", {**SETTINGS, "transform": transform})
    world.configure("places/000", [[["size", "height"], "String"]])
    world.configure("places/001", [[["rest", 0], ""]])
    plan = world.collect()
    asked = world.text(f"{SETS}/{RUN}/questions/rows.csv").splitlines()
    assert asked[0] == first
    assert json.loads(asked[1]) == json.loads(first.replace("null", "7.5"))
    assert len(asked) == 4
    for name in ("champion_job", "challenger_job", "recent_job"):
        assert (plan[name]["BatchStrategy"], plan[name]["TransformInput"]["ContentType"]) == (strategy, content_type)
        assert faults("CreateTransformJob", plan[name]) == ""


def test_the_next_baseline_is_made_of_all_recent_rows_and_the_comparison_of_recent_ones(world: World):
    world.put("shop/training/2026-02-01T1000.csv", b"1,1,1\n")
    world.put("shop/holdout/2026-02-01T1000.csv", b"1,2,2\n")
    plan = world.collect()
    assert ",1,1" not in world.text(f"{SETS}/{RUN}/recent/rows.csv")
    assert world.text(f"{SETS}/{RUN}/recent/rows.csv").count("\n") == 6
    assert "2,2" not in world.text(f"{SETS}/{RUN}/questions/rows.csv")
    assert "2026-02-01T1000.csv" in channel(world, plan, "fresh"), "a training learns from old rows, too"


def test_windows_of_broken_data_teach_nothing_and_the_manifest_says_why(world: World):
    broken = {"monitors": [{"key": "data_quality", "violations": {"data_type_check": 3}}]}
    drifted = {"monitors": [{"key": "data_quality", "violations": {"baseline_drift_check": 3}}]}
    world.window(NOON - HOUR, "violated", broken)
    world.window(NOON, "violated", drifted)
    plan = world.collect()
    assert channel(world, plan, "fresh")[1:] == ["2026-03-02T1100.csv"]
    told = json.loads(world.text(plan["manifest"]))
    (window,) = told["left_out"]
    assert (window["start"][11:16], window["reason"]) == ("10:00", "its data was broken: data_type_check")
    assert [each["uri"][-19:] for each in told["channels"]["holdout"]] == ["2026-03-02T1100.csv"]
    assert all(each["etag"] and each["bytes"] for objects in told["channels"].values() for each in objects)


def test_reviewed_answers_are_rows_and_the_manifest_says_whose_they_are(world: World):
    world.put("shop/training/2026-03-02T1100-review.csv", b"1,5,5\n")
    world.put("shop/holdout/2026-03-02T1100-review.csv", b"")
    world.window(NOON - HOUR, "error")  # of the window before
    plan = world.collect()
    assert channel(world, plan, "fresh")[1:] == ["2026-03-02T1100-review.csv", "2026-03-02T1100.csv"]
    told = json.loads(world.text(plan["manifest"]))["channels"]
    assert [each["source"] for each in told["fresh"]] == ["review", "labels"]
    assert len(told["holdout"]) == 1, "an emptied file holds nothing"


def test_a_window_whose_run_died_teaches_nothing(world: World):
    world.window(NOON, "error")
    assert channel(world, world.collect(), "fresh")[1:] == ["2026-03-02T1000.csv"]


@pytest.mark.parametrize(("gone", "reason"), [("holdout", "held-out rows"), ("training", None)])
def test_without_held_out_rows_nothing_is_trained(world: World, gone: str, reason: str | None):
    for hour in (10, 11):
        world.s3.delete_object(Bucket=BUCKET, Key=f"shop/{gone}/2026-03-02T{hour}00.csv")
    plan = world.collect()
    if reason is None:
        assert [each["ChannelName"] for each in plan["training_job"]["InputDataConfig"]] == ["train"]
        return
    assert (plan["path"], plan["result"]) == ("nothing", "not_better")
    assert reason in plan["reason"]


def test_fewer_held_out_rows_than_the_gate_asks_for_train_nothing(world: World):
    world.configure("release", {**SETTINGS, "gate": {"min_records": 5}})
    plan = world.collect()
    assert (plan["path"], plan["result"]) == ("nothing", "not_better")
    assert "4 held-out rows of the last 24 hours are there, fewer than gate.min_records, 5" in plan["reason"]
    world.configure("release", {**SETTINGS, "gate": {"min_records": 4}})
    assert world.collect()["path"] == "train"


def test_a_run_by_hand_has_a_name_that_the_roles_know(world: World):
    plan = world.collect(execution="3fa85f64-5717-4562-b3fc-2c963f66afa6", run="")
    assert plan["run"] == "shop-retraining-202603021200-0"


def test_names_fit_however_long_the_endpoint_is_called(load):
    decide = load("collect").decide
    run = "e" * 48 + "-202603021200-1"
    names = {decide.name_of(run, what) for what in ("old", "new", "now", "base")}
    assert len(names) == 4
    assert all(len(name) <= 63 and name.startswith("e" * 48) for name in names)


EARLIER = "arn:aws:sagemaker:eu-west-1:123456789012:model-package/model-monitor-dev-shop/1"
PACKAGE = {
    "ModelPackageArn": EARLIER,
    "ModelApprovalStatus": "Approved",
    "CustomerMetadataProperties": {"endpoint": ENDPOINT, "baseline_version": "v0"},
    "InferenceSpecification": {"Containers": [{"Image": "image", "ModelDataUrl": "s3://old/model.tar.gz"}]},
}


@pytest.fixture
def earlier(world: World) -> World:
    """A package that served, with its baseline."""
    world.sagemaker.packages[EARLIER] = PACKAGE
    for name in BASELINE["files"]:
        world.put(f"baselines/shop/v0/{name}", {})
    return world


def test_only_an_approved_package_of_the_endpoint_serves_again(earlier: World):
    plan = earlier.collect(rollback_to=EARLIER)
    assert (plan["path"], plan["artifact"], plan["version"]) == ("release", "s3://old/model.tar.gz", "v0")
    for change in ({"ModelApprovalStatus": "Rejected"}, {"CustomerMetadataProperties": {"endpoint": "other"}}):
        earlier.sagemaker.packages[EARLIER] = PACKAGE | change
        with pytest.raises(ValueError, match=r"approve it first|not of shop"):
            earlier.collect(rollback_to=EARLIER)


def test_the_watch_undoes_what_a_training_made_and_not_what_a_person_chose_unless_asked(earlier: World):
    chosen = {"rollback_to": EARLIER}
    for given, undoes in (({}, True), (chosen, False), (chosen | {"on_violation": "undo"}, True)):
        assert earlier.collect(**given)["watch"]["undoes"] is undoes
    with pytest.raises(ValueError, match="on_violation should be tell or undo, found never"):
        earlier.collect(**chosen, on_violation="never")


def test_a_package_that_never_served_gets_its_baseline_first(earlier: World):
    earlier.s3.delete_object(Bucket=BUCKET, Key=f"baselines/shop/v0/{BASELINE['files'][0]}")
    plan = earlier.collect(rollback_to=EARLIER)
    assert (plan["path"], plan["version"], plan["has_baseline"]) == ("renew", "v0", True)
    assert (plan["recent_job"]["ModelName"], faults("CreateTransformJob", plan["recent_job"])) == (RUN, "")
    assert earlier.text(f"{SETS}/{RUN}/recent/rows.csv").count("\n") == 6
    for hour in (10, 11):
        for part in ("training", "holdout"):
            earlier.s3.delete_object(Bucket=BUCKET, Key=f"shop/{part}/2026-03-02T{hour}00.csv")
    with pytest.raises(ValueError, match="has no baseline yet, and no labelled rows are there"):
        earlier.collect(rollback_to=EARLIER)


def test_a_package_of_this_account_is_asked_for_in_our_own_name_whatever_registry_came_later(earlier: World):
    registry = {**SETTINGS["registry"], "is_own": False, "role": "arn:aws:iam::210987654321:role/registers"}
    earlier.configure("release", {**SETTINGS, "registry": registry})
    earlier.collect(rollback_to=EARLIER)
    assert earlier.assumed == []


def test_a_live_artefact_that_nobody_serves_is_told(world: World):
    world.ssm.put_parameter(Name=SETTINGS["live_parameter"], Value="s3://other/model.tar.gz", Overwrite=True)
    with pytest.raises(LookupError, match=r"no variant serves s3://other/model.tar.gz"):
        world.collect()


def test_the_champion_is_remembered_as_it_serves(world: World):
    champion = world.collect()["champion"]
    assert (champion["model"], champion["artifact"], champion["variants"]) == ("m", CHAMPION, ["AllTraffic"])
    assert champion["container"] == {"Image": "image", "Environment": {"SAGEMAKER_PROGRAM": "inference.py"}}


def test_an_endpoint_without_a_computed_baseline_gets_no_new_one(world: World):
    world.ssm.delete_parameter(Name="/model-monitor/dev/shop/retraining/baseline")
    assert world.collect()["has_baseline"] is False


def test_of_old_rows_the_newest_window_stays(load):
    decide = load("collect").decide
    rows = [decide.Rows(f"s3://b/{n}", 1, "e", NOON - timedelta(days=90 + n), None) for n in range(3)]
    assert [each.uri for each in decide.recent(rows, NOON, 24)] == ["s3://b/0"]
