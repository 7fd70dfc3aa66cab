"""Labels that come later: windows wait, are scored once, expire; reruns and crashes add and lose nothing."""

from __future__ import annotations

import json
from datetime import timedelta

import jsonschema
import pytest

from model_monitor import container, flow, late
from model_monitor.contract import EXIT_ERROR
from model_monitor.labels.history import History
from model_monitor.outputs.report import schema
from tests.captures import write_lines
from tests.monitor_image.conftest import ENDPOINT, FEATURES
from tests.monitor_image.late_world import DAY, ONE_HOUR, RECORDS, World, hour, points

pytestmark = pytest.mark.xdist_group("moto")
WEEK = 7 * 24  # windows
NAME = "202603020400.json"


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path)
    made.serve(0)
    yield made
    for path in tmp_path.rglob("report.json"):
        jsonschema.validate(json.loads(path.read_text()), schema())


def first_line(tree):
    return tree.message.splitlines()[0]


def matured(world, number=WEEK, **how):
    """The run of a later window, with traffic."""
    world.serve(number)
    return world.run(number, **how)


def test_a_window_whose_labels_are_not_due_waits_and_publishes_nothing_of_its_own(world):
    world.label(0, hour(1), right=range(RECORDS))
    tree = world.run(0)
    assert world.status == 0, tree.message
    assert first_line(tree).startswith("Completed: Not evaluated (waiting)")
    assert "labels are due at 2026-03-09T05:00:00Z" in first_line(tree)
    assert world.kept("pending") == [NAME]
    assert points(tree, "accuracy") == points(tree, "label_coverage") == []
    assert points(tree, "windows_waiting") == [("2026-03-02T05:00:00Z", 1.0)]
    assert tree.report["waiting"] == {"windows": 1, "due": 0}


def test_a_window_is_scored_once_when_its_labels_are_due(world):
    world.run(0)
    world.label(0, hour(30), right=range(24), wrong=range(24, RECORDS))
    before = matured(world, WEEK - 1)
    tree = matured(world, WEEK)
    after = matured(world, WEEK + 1)
    assert points(before, "accuracy") == points(after, "accuracy") == []
    assert points(tree, "accuracy") == [("2026-03-09T05:05:00Z", 0.6)]
    assert points(tree, "violations_LessThanThreshold") == [("2026-03-09T05:05:00Z", 1.0)]
    assert points(tree, "run_violated") == [("2026-03-09T05:00:00Z", 1.0)]
    assert first_line(tree) == "CompletedWithViolations: Job completed successfully with 1 violations."
    assert "model_quality of 2026-03-02T04:00:00Z: violated: accuracy" in tree.message
    (entry,) = tree.report["late"]
    assert (entry["verdict"], entry["metrics"]["accuracy"], entry["records"]) == ("violated", 0.6, RECORDS)
    assert tree.report["verdict"] == "violated"
    folder = tree.output / "late/model_quality/202603020400"
    (violation,) = json.loads((folder / "constraint_violations.json").read_text())["violations"]
    assert (violation["feature_name"], violation["constraint_check_type"]) == ("accuracy", "LessThanThreshold")
    assert (folder / "statistics.json").exists()
    assert NAME not in world.kept("pending")
    score = world.score(0)
    assert (score["state"], score["verdict"], score["scored_at"]) == ("scored", "violated", "2026-03-09T05:05:00Z")


@pytest.mark.parametrize(("others", "shares"), [({}, 2), ({"data_quality": {}}, 3)])
def test_late_windows_and_the_runs_own_share_its_false_alarms(world, healthy_baseline, monkeypatch, others, shares):
    """Its own counts where anything can be said of it already."""
    for number in (0, 1):
        world.serve(number)
        world.run(number)
        world.label(number, hour(30), right=range(RECORDS))
    world.changes |= {"monitors": {"model_quality": world.quality} | others, "baseline": str(healthy_baseline)}
    budgets, settle = [], flow.settle
    monkeypatch.setattr(flow, "settle", lambda found, budget: budgets.append(budget) or settle(found, budget))
    tree = matured(world, WEEK + 1)
    assert len(tree.report["late"]) == 2
    assert budgets == [pytest.approx(1 / 2160 / shares)] * 3


def test_a_rerun_of_the_run_that_scored_a_window_adds_nothing(world):
    world.run(0)
    world.label(0, hour(30), right=range(RECORDS))
    first = matured(world)
    again = world.run(WEEK, late_minutes=45)
    assert len(points(first, "accuracy")) == 1
    assert points(again, "accuracy") == []
    assert again.report["late"] == []
    assert world.score(0)["scored_at"] == "2026-03-09T05:05:00Z"


@pytest.mark.parametrize(("labels", "is_scored"), [(31, False), (32, True)])
def test_a_share_of_labels_just_below_the_minimum_waits_and_just_at_it_is_scored(world, labels, is_scored):
    world.run(0)
    world.label(0, hour(30), right=range(labels))
    tree = matured(world)
    assert bool(points(tree, "accuracy")) is is_scored
    assert (NAME in world.kept("pending")) is not is_scored
    assert (world.kept("scored") == [NAME]) is is_scored


def test_the_share_of_labels_is_published_at_each_attempt_while_a_window_that_is_due_waits(world):
    world.run(0)
    world.label(0, hour(30), right=range(10))
    before, tree, soon = matured(world, WEEK - 1), matured(world, WEEK), matured(world, WEEK + 1)
    assert points(before, "label_coverage") == []  # not due: nobody expects a label
    assert points(tree, "label_coverage") == [("2026-03-09T05:05:00Z", 0.25)]
    assert points(soon, "label_coverage") == [("2026-03-09T06:05:00Z", 0.25)]
    assert points(tree, "accuracy") == []
    assert NAME in world.kept("pending")


def test_a_window_whose_labels_are_not_due_counts_for_nothing_beside_a_monitor_that_held(world, healthy_baseline):
    world.changes["monitors"] = {"model_quality": world.quality, "data_quality": {}}
    world.changes["baseline"] = str(healthy_baseline)
    tree = world.run(0)
    verdicts = {monitor["key"]: monitor["verdict"] for monitor in tree.report["monitors"]}
    assert verdicts == {"model_quality": "waiting", "data_quality": "ok"}, tree.message
    assert tree.report["verdict"] == "ok"
    assert points(tree, "run_ok") == [("2026-03-02T05:00:00Z", 1.0)]
    assert points(tree, "run_waiting") == [("2026-03-02T05:00:00Z", 0.0)]
    assert "Not evaluated: model_quality (waiting): 0 of 40 predictions have a label" in tree.message
    late_one = world.run(0, now=hour(0) + 8 * DAY)  # the same labels, which were due a day ago
    assert late_one.report["verdict"] == "insufficient_data"
    assert first_line(late_one).startswith("Completed: Not evaluated (insufficient_data): 0 of 40")


def test_a_run_that_remembers_nothing_has_no_windows_that_wait(world):
    world.changes["history"] = None
    tree = world.run(0)
    assert tree.report["verdict"] == "insufficient_data"
    assert "nothing remembers the window until then (monitor_history is not set)" in first_line(tree)


def test_labels_of_other_ids_are_told_by_the_form_of_both(world):
    world.quality |= {"label_delay": "PT0H", "min_coverage": 0.0}
    world.labels.mkdir()
    lines = [
        {"groundTruthData": {"data": "1", "encoding": "CSV"}, "eventMetadata": {"eventId": f"{number:03d}"}}
        for number in range(300)
    ]
    write_lines(world.labels / f"{hour(0):%Y/%m/%d/%H}/0.jsonl", lines)
    tree = world.run(0)
    assert first_line(tree).startswith(
        "Completed: Not evaluated (insufficient_data): 300 labels read, none matches a captured id: the first captured id "
        'looks like 1 digit, "-", 5 letters, "-" and 6 digits, the first label\'s id like 3 digits; 0 of 40 predictions'
    )
    assert "event-0" not in tree.message


def test_labels_of_another_place_in_the_payload_are_told_apart_from_those_of_other_ids(world):
    world.quality |= {"label_delay": "PT0H", "min_coverage": 0.0}
    world.label(0, hour(0), right=range(RECORDS))
    (file,) = world.labels.rglob("*.jsonl")
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    for line in lines:
        line["eventMetadata"]["payload_index"] += 4  # requests have four records: 0 to 3
    write_lines(file, lines)
    tree = world.run(0)
    assert first_line(tree).startswith(
        "Completed: Not evaluated (insufficient_data): 40 labels read, none matches a record: of 10 captured ids they have "
        "another payload_index than any record; the first of a payload has 0; 0 of 40 predictions"
    )


def test_a_window_below_its_coverage_is_scored_when_the_rest_has_come(world):
    world.run(0)
    world.label(0, hour(30), right=range(20))
    assert points(matured(world), "accuracy") == []
    world.label(0, hour(WEEK + 1), right=range(20, RECORDS))
    tree = matured(world, WEEK + 1)
    assert points(tree, "accuracy") == [("2026-03-09T06:05:00Z", 1.0)]


def test_a_window_without_labels_until_its_horizon_expires_and_is_counted(world):
    world.run(0)
    matured(world)
    tree = matured(world, 2 * WEEK)
    (entry,) = [entry for entry in tree.report["late"] if entry["window"]["start"] == "2026-03-02T04:00:00Z"]
    assert (entry["state"], entry["verdict"]) == ("expired", "insufficient_data")
    assert points(tree, "windows_expired") == [("2026-03-16T05:00:00Z", 1.0)]
    assert (
        points(tree, "label_coverage") == [("2026-03-16T05:05:00Z", 0.0)] * 2
    )  # of the expired, and of one that waits
    assert points(tree, "accuracy") == []
    assert NAME not in world.kept("pending")
    assert world.score(0)["state"] == "expired"
    assert "given up at its horizon" in tree.message
    again = matured(world, 2 * WEEK + 1)
    assert points(again, "windows_expired") == [("2026-03-16T06:00:00Z", 0.0)]


def test_a_window_is_tried_once_more_past_its_horizon_but_with_no_label_collected_after_it(world):
    world.run(0)
    world.label(0, hour(2 * WEEK - 5), right=range(RECORDS))
    scored = matured(world, 2 * WEEK + 30)
    assert [entry["state"] for entry in scored.report["late"]] == ["scored"]


def test_labels_collected_after_the_horizon_do_not_save_a_window(world):
    world.run(0)
    world.label(0, hour(2 * WEEK + 3), right=range(RECORDS))
    tree = matured(world, 2 * WEEK + 30)
    assert [entry["state"] for entry in tree.report["late"]] == ["expired"]


def test_an_empty_window_does_not_wait(world):
    (world.capture / "covertype/AllTraffic/2026/03/02/06").mkdir(parents=True)
    tree = world.run(2)
    assert tree.report["verdict"] == "no_data"
    assert world.kept("pending") == []


def test_a_run_that_dies_while_publishing_loses_no_score_and_a_rerun_does_not_double_it(world, monkeypatch):
    world.run(0)
    world.label(0, hour(30), right=range(RECORDS))
    world.serve(WEEK)
    with monkeypatch.context() as broken:
        broken.setattr(container, "_publish", lambda report, variables: 1 / 0)
        died = world.run(WEEK)
    assert world.status == 1
    assert points(died, "accuracy") == []
    assert (world.score(0)["state"], NAME in world.kept("pending")) == ("scored", True)
    rerun = world.run(WEEK, late_minutes=30)
    assert points(rerun, "accuracy") == []  # the first may still be about to publish
    later = matured(world, WEEK + 3)
    assert points(later, "accuracy") == [("2026-03-09T08:05:00Z", 1.0)]
    assert later.report["late"][0]["metrics"]["accuracy"] == 1.0
    assert NAME not in world.kept("pending")
    assert points(matured(world, WEEK + 4), "accuracy") == []


def test_a_run_that_dies_before_it_recorded_a_score_leaves_it_to_the_next(world, monkeypatch):
    world.run(0)
    world.label(0, hour(30), right=range(RECORDS))
    world.serve(WEEK)
    with monkeypatch.context() as broken:
        broken.setattr(History, "record", lambda self, score: 1 / 0)
        world.run(WEEK)
    assert world.status == 1
    assert world.kept("scored") == []
    assert points(matured(world, WEEK + 1), "accuracy") == [("2026-03-09T06:05:00Z", 1.0)]


def test_a_window_of_more_than_two_weeks_ago_is_run_again_without_metrics_of_its_own(world):
    world.label(0, hour(5), right=range(RECORDS))
    tree = world.run(0, now=hour(0) + 20 * DAY)
    assert tree.report["verdict"] == "ok"
    assert tree.metrics_file.read_text() == ""
    assert world.score(0)["verdict"] == "ok"


def test_metrics_of_a_users_own_wait_for_labels_when_they_are_told_to(world):
    module = world.root / "own_share.py"
    module.write_text(
        "import numpy as np\nfrom model_monitor.custom import metric\n\n\n"
        "@metric(name='right', worse='less', threshold=0.8)\n"
        "def right(table):\n    return float(np.mean(table['prediction'] == table['label']))\n"
    )
    own = {name: world.quality[name] for name in ("label_delay", "min_coverage", "label_horizon")}
    world.changes["monitors"] = {"custom_metrics": own | {"module": str(module)}}
    waited = world.run(0)
    world.label(0, hour(30), right=range(24), wrong=range(24, RECORDS))
    tree = matured(world)
    assert points(waited, "custom_right") == points(waited, "label_coverage") == []
    assert points(tree, "custom_right") == [("2026-03-09T05:05:00Z", 0.6)], tree.message
    assert [entry["verdict"] for entry in tree.report["late"]] == ["violated"]


def test_a_metric_that_fails_on_an_earlier_window_is_told_and_the_window_tried_again(world):
    module = world.root / "own_share.py"
    text = "from model_monitor.custom import metric\n\n\n@metric(name='n', threshold=0.8)\ndef n(table):\n    return "
    module.write_text(text + "1 / 0\n")
    own = {name: world.quality[name] for name in ("label_delay", "min_coverage", "label_horizon")}
    world.changes["monitors"] = {"custom_metrics": own | {"module": str(module)}}
    world.run(0)
    world.label(0, hour(30), right=range(RECORDS))
    tree = matured(world)
    (entry,) = tree.report["late"]
    assert (entry["state"], entry["verdict"]) == ("failed", "error")
    assert "ZeroDivisionError" in entry["reason"]
    assert world.status == 0
    assert (world.history / "custom_metrics/pending" / NAME).exists()


def test_a_failing_postprocessor_leaves_the_score_to_a_later_run(world, monkeypatch):
    world.run(0)
    world.label(0, hour(30), right=range(RECORDS))
    world.serve(WEEK)
    with monkeypatch.context() as broken:
        broken.setattr(container, "_postprocess", lambda report: 1 / 0)
        world.run(WEEK)
    assert world.status == 1
    assert NAME in world.kept("pending")
    assert points(matured(world, WEEK + 3), "accuracy") == [("2026-03-09T08:05:00Z", 1.0)]


def test_labels_in_the_customary_mount_are_found_without_a_word(world):
    world.quality |= {"label_delay": "PT0H"}
    world.changes["ground_truth"] = None
    world.label(0, hour(0), right=range(RECORDS))
    target = world.root / f"job_{world.jobs + 1}/processing/groundtruth"
    target.parent.mkdir(parents=True)
    world.labels.rename(target)
    assert points(world.run(0), "accuracy") == [("2026-03-02T05:00:00Z", 1.0)]


def test_of_two_runs_at_a_time_one_publishes(world, monkeypatch):
    world.run(0)
    world.label(0, hour(30), right=range(RECORDS))
    record = History.record

    def second(self, score):
        record(self, score)  # the other run was faster by a moment
        return record(self, score)

    monkeypatch.setattr(History, "record", second)
    tree = matured(world)
    assert points(tree, "accuracy") == []
    assert tree.report["late"] == []


def test_a_window_that_cannot_be_read_is_told_and_tried_again_and_stops_nobody(world):
    world.run(0)
    world.serve(72)
    world.run(72)
    (file,) = (world.capture / "covertype/AllTraffic/2026/03/02/04").glob("*.jsonl")
    file.write_text("{broken\n" * 30)
    for number in (0, 72):
        world.label(number, hour(80), right=range(RECORDS))
    tree = matured(world, WEEK + 72)
    assert world.status == 0
    states = {entry["window"]["start"]: entry["state"] for entry in tree.report["late"]}
    assert states == {"2026-03-02T04:00:00Z": "failed", "2026-03-05T04:00:00Z": "scored"}
    assert "could not be read" in tree.message
    assert NAME in world.kept("pending")
    assert json.loads((world.history / "model_quality/pending" / NAME).read_text())["attempts"] == 1


def test_a_window_whose_capture_is_gone_expires_with_that_reason(world):
    world.run(0)
    (file,) = (world.capture / "covertype/AllTraffic/2026/03/02/04").glob("*.jsonl")
    file.unlink()
    tree = matured(world, 2 * WEEK)
    (entry,) = [entry for entry in tree.report["late"] if entry["state"] == "expired"]
    assert "Job inputs had no data" in entry["reason"]


def test_no_more_windows_are_tried_than_there_is_time_for(world, monkeypatch):
    for number in range(3):
        world.serve(number)
        world.run(number)
        world.label(number, hour(30), right=range(RECORDS))
    monkeypatch.setattr(late, "SECONDS_FOR_EARLIER_WINDOWS", -1.0)
    tree = matured(world, WEEK + 3)
    assert tree.report["late"] == []
    assert tree.report["waiting"] == {"windows": 4, "due": 3}
    assert "4 wait for labels, 3 of them due" in tree.message


def test_the_files_of_an_earlier_job_in_the_same_folder_do_not_stay(world):
    world.run(0)
    world.label(0, hour(30), right=range(24), wrong=range(24, RECORDS))
    tree = matured(world)
    assert (tree.output / "late").exists()
    tree.run(MODEL_MONITOR_NOW=f"{hour(WEEK + 1) + timedelta(minutes=20):%Y-%m-%dT%H:%M:%SZ}")
    assert not (tree.output / "late").exists()
    assert not (tree.output / "constraint_violations.json").exists()


def test_the_window_of_a_run_that_failed_waits_and_is_scored_by_a_later_run(world):
    """Once per window, however the first run failed: its labels could not be reached, or its capture could not be read."""
    world.serve(0)
    world.serve(1)
    world.serve(200)
    world.changes = {"ground_truth": str(world.root / "nothing" / "labels.csv")}
    world.run(0)
    assert world.status == EXIT_ERROR
    broken = world.capture / ENDPOINT / "AllTraffic" / f"{hour(1):%Y/%m/%d/%H}"
    whole = {path: path.read_bytes() for path in broken.glob("*.jsonl")}
    for path in whole:
        path.write_bytes(b"no json\n")
    world.changes = {}
    world.run(1)
    assert world.status == EXIT_ERROR
    assert len(world.kept("pending")) == 2
    for path, content in whole.items():
        path.write_bytes(content)
    world.label(0, hour(20), range(40))
    world.label(1, hour(20), range(40))
    world.run(200)
    assert world.score(0)["verdict"] == world.score(1)["verdict"] == "ok"
    assert f"{hour(0):%Y%m%d%H%M}.json" not in world.kept("pending")


def test_ninety_days_of_delay_work_like_an_hour(world):
    world.quality |= {"label_delay": "P90D", "label_horizon": "P120D"}
    world.run(0)
    world.label(0, hour(0) + 80 * DAY, right=range(RECORDS))
    early = matured(world, 89 * 24)
    tree = matured(world, 90 * 24)
    assert points(early, "accuracy") == []
    assert points(tree, "accuracy") == [(f"{hour(0) + 90 * DAY + ONE_HOUR:%Y-%m-%dT%H}:05:00Z", 1.0)]


def test_labels_history_and_capture_in_s3_named_by_the_original_frameworks_variables(world, bucket):
    """Unpadded folders below the endpoint's name, a table, and a correction collected hours later: the last label wins."""
    world.variables |= {
        "ground_truth_s3_uri_path": "s3://bucket/truth",
        "monitor_history": "s3://bucket/history/covertype",
        "sagemaker_endpoint_datacapture_prefix": "s3://bucket/capture",
    }
    world.changes |= {"ground_truth": None, "history": None}

    def put(key, body):
        bucket.put_object(Bucket="bucket", Key=key, Body=body)

    def table(right):
        rows = [(f"0-event-{r // 4:06d}", r % 4, (r % 4 + (not right)) % 3) for r in range(RECORDS)]
        named = [{"InferenceId": i, "payload_index": p, "groundTruthLabel": t} for i, p, t in rows]
        return json.dumps(named).encode()

    for file in world.capture.rglob("*.jsonl"):
        put(f"capture/{file.relative_to(world.capture)}", file.read_bytes())
    put("truth/covertype/2026/3/2/9/ground_truth.json", table(right=False))
    put("truth/covertype/2026/3/2/11/ground_truth.json", table(right=True))
    put("truth/churn/2026/3/2/12/ground_truth.json", table(right=False))
    waited = world.run(0)
    tree = matured(world)
    again = matured(world, WEEK + 1)
    keys = [item["Key"] for item in bucket.list_objects_v2(Bucket="bucket", Prefix="history/")["Contents"]]
    assert world.status == 0, again.message
    assert points(waited, "accuracy") == points(again, "accuracy") == []
    assert points(tree, "accuracy") == [("2026-03-09T05:05:00Z", 1.0)]
    assert keys == [
        "history/covertype/model_quality/pending/202603090400.json",
        "history/covertype/model_quality/pending/202603090500.json",
        f"history/covertype/model_quality/scored/{NAME}",
    ]


def test_rows_to_learn_from_are_kept_once_labels_are_due_under_their_own_window(world, bucket):
    world.variables |= {
        "monitor_fresh_rows": "s3://bucket/covertype/training",
        "monitor_holdout_rows": str(world.root / "holdout"),
    }
    world.label(0, hour(1), right=range(RECORDS))
    world.run(0)
    assert "Contents" not in bucket.list_objects_v2(Bucket="bucket"), "what is labelled at once may be of one kind"
    matured(world)
    (stored,) = bucket.list_objects_v2(Bucket="bucket")["Contents"]
    assert stored["Key"] == "covertype/training/2026-03-02T0400.csv"
    fresh = bucket.get_object(Bucket="bucket", Key=stored["Key"])["Body"].read().decode().splitlines()
    held = (world.root / "holdout" / "2026-03-02T0400.csv").read_text().splitlines()
    assert len(fresh) + len(held) == RECORDS
    assert 0 < len(held) < RECORDS / 2
    assert {len(line.split(",")) for line in fresh + held} == {1 + len(FEATURES)}


def test_a_history_in_s3_needs_to_know_where_the_capture_lies(world):
    world.variables |= {"monitor_history": "s3://bucket/history", "sagemaker_endpoint_datacapture_prefix": ""}
    tree = world.run(0)
    assert world.status == 1
    assert first_line(tree).startswith("Error: sagemaker_endpoint_datacapture_prefix: is needed")


def test_labels_that_are_mounted_win_over_labels_elsewhere(world, monkeypatch):
    world.quality |= {"label_delay": "PT0H"}
    world.label(0, hour(0), right=range(RECORDS))
    world.variables |= {"ground_truth_s3_uri_path": "s3://nowhere/x", "ground_truth_source": str(world.labels)}
    assert points(world.run(0), "accuracy") == [("2026-03-02T05:00:00Z", 1.0)]


def test_the_prebuilt_analyzers_variables_stand_above_the_configuration(world):
    world.quality |= {"label_delay": "PT0H", "problem_type": "binary"}
    world.changes["payload"] = {"features": ["Elevation", "Slope", "Area"]}
    world.label(0, hour(0), right=range(30), wrong=range(30, RECORDS))
    world.variables |= {"problem_type": "MulticlassClassification", "inference_attribute": "label"}
    tree = world.run(0)
    assert points(tree, "accuracy") == [("2026-03-02T05:00:00Z", 0.75)], tree.message
