"""What every back-end promises: one set of tests over the page, Augmented AI, a queue and a webhook."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from model_monitor.review.backend import Put
from model_monitor.review.desk import Desk, Rules
from model_monitor.review.local_store import LocalStores
from model_monitor.review.records import DONE, EXPIRED, OPEN
from tests.monitor_image.review.conftest import CONTEXT, NOW, later, task
from tests.monitor_image.review.workforces import OfLoops, OfPage, OfQueue, OfWebhook, People
from tests.twin.accounts import EVERYTHING
from twin import Twin

ROOT = Path(__file__).resolve().parents[3]
TEMPLATE = ROOT / "monitor_image" / "model_monitor" / "review" / "worker_template.liquid.html"
SOON = later(hours=1)
PeopleOf = Callable[..., People]
numbers = count()


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Twin]:
    with Twin(tmp_path_factory.mktemp("twin"), start=NOW) as found:
        trust = {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}
        iam = found.client("iam")
        iam.create_role(RoleName="Reviews", AssumeRolePolicyDocument=json.dumps({"Statement": [trust]}))
        iam.put_role_policy(RoleName="Reviews", PolicyName="all", PolicyDocument=json.dumps(EVERYTHING))
        s3 = found.client("s3")
        s3.create_bucket(Bucket="answers", CreateBucketConfiguration={"LocationConstraint": found.region})
        found.client("sagemaker").create_human_task_ui(
            HumanTaskUiName="review", UiTemplate={"Content": TEMPLATE.read_text()}
        )
        yield found


@pytest.fixture(scope="module")
def flows(twin: Twin) -> dict[int, str]:
    """Flow definitions that ask one person, and two."""
    account = f"{twin.region}:{twin.account}"
    return {
        people: twin.client("sagemaker").create_flow_definition(
            FlowDefinitionName=f"reviews-{people}",
            RoleArn=f"arn:aws:iam::{twin.account}:role/Reviews",
            HumanLoopConfig={
                "WorkteamArn": f"arn:aws:sagemaker:{account}:workteam/private-crowd/doctors",
                "HumanTaskUiArn": f"arn:aws:sagemaker:{account}:human-task-ui/review",
                "TaskTitle": "Review",
                "TaskDescription": "Agree, or choose the other label.",
                "TaskCount": people,
            },
            OutputConfig={"S3OutputPath": "s3://answers/loops/"},
        )["FlowDefinitionArn"]
        for people in (1, 2)
    }


@pytest.fixture(params=["page", "a2i", "queue", "webhook"])
def people_of(request: pytest.FixtureRequest) -> PeopleOf:
    """`people_of()` with some tasks put; rules by name."""
    kind = request.param
    stores = LocalStores()

    def make(*tasks: dict[str, Any], endpoint: str = "clinic", **rules: Any) -> People:
        told = Rules(**{"second_opinions": 0.0, **rules})
        name = f"{endpoint}-{next(numbers)}"
        people: People
        if kind == "a2i":
            people = OfLoops(
                request.getfixturevalue("twin"), Desk(stores.of(name), told), request.getfixturevalue("flows")
            )
        elif kind == "queue":
            people = OfQueue(Desk(stores.of(name), told))
        elif kind == "webhook":
            people = OfWebhook(Desk(stores.of(name), told))
        else:
            people = OfPage(Desk(stores.of(name), told))
        people.backend.put([{**one, "endpoint": name, "id": _own(one["id"], name)} for one in tasks], CONTEXT, NOW)
        return people

    return make


def _own(task_id: str, name: str) -> str:
    """Loops have names of the whole account: a task of another desk is another task."""
    return f"{int(name.rpartition('-')[2]):06x}{task_id[6:]}"


def labels(people: People, now: Any = SOON) -> dict[str, str]:
    """What is collected, by event; each event once."""
    found = people.backend.collect(now)
    assert len({one.event_id for one in found}) == len(found)
    return {one.event_id: one.label for one in found}


def says(label: str | None) -> Callable[[Any], str | None]:
    return lambda _task: label


def agree(task_: Any) -> str:
    return str(task_["prediction"])


def test_each_task_is_asked_once_and_gives_one_label(people_of: PeopleOf) -> None:
    people = people_of(*map(task, range(7)))
    shown = people.work("ann", agree)
    assert sorted(shown) == [f"event-{number}" for number in range(7)]
    assert people.work("bob", agree) == []
    assert labels(people) == {f"event-{number}": "0" for number in range(7)}


def test_a_task_of_another_run_is_known_and_asked_once(people_of: PeopleOf) -> None:
    people = people_of(task(1))
    [known] = [entry["id"] for _, entry in people.desk.store.page("open#", 9)]
    again = {**task(1), "id": known}
    assert people.backend.put([again], CONTEXT, NOW) == Put(known=1)
    people.backend.collect(NOW)
    assert people.work("ann", agree) == ["event-1"]


def test_an_answer_that_comes_twice_counts_once(people_of: PeopleOf) -> None:
    people = people_of(task(1), task(2))
    people.work("ann", says("1"))
    people.repeat()
    [first, second] = people.backend.collect(SOON)
    assert [people.backend.delivered(first, SOON), people.backend.delivered(first, SOON)] == [True, False]
    people.backend.delivered(second, SOON)
    people.repeat()
    assert people.backend.collect(later(hours=2)) == []
    assert people.backend.report(SOON)["labels"] == 2


def test_a_label_is_collected_until_it_is_delivered(people_of: PeopleOf) -> None:
    people = people_of(task(1))
    people.work("ann", says("1"))
    assert people.backend.collect(NOW) == []  # an undo might come
    assert people.backend.collect(SOON) == people.backend.collect(later(hours=2)) != []


def test_what_is_above_a_days_cap_is_cut_and_counted(people_of: PeopleOf) -> None:
    people = people_of(task(1), per_day=2)
    more = [{**task(number), "id": f"{number:020x}"} for number in (2, 3, 4)]
    assert people.backend.put(more, CONTEXT, NOW) == Put(added=1, cut=2)
    assert len(people.work("ann", agree)) == 2


def test_a_second_opinion_is_another_persons_and_agreement_is_told(people_of: PeopleOf) -> None:
    people = people_of(task(1, 0.7), second_opinions=1.0)
    assert people.work("ann", says("1")) == ["event-1"]
    assert labels(people) == {}
    assert people.work("ann", says("1")) == []
    assert people.work("bob", says("1")) == ["event-1"]
    assert labels(people) == {"event-1": "1"}
    [found] = people.backend.collect(SOON)
    people.backend.delivered(found, SOON)
    told = people.backend.report(SOON)
    assert (told["model_agreement"], told["reviewer_agreement"]) == (1.0, 1.0)
    assert found.reviewers == ("ann", "bob")


def test_two_opinions_that_differ_call_for_a_third(people_of: PeopleOf) -> None:
    people = people_of(task(1), second_opinions=1.0)
    people.work("ann", says("1"))
    people.work("bob", says("0"))
    assert labels(people) == {}
    people.work("cid", says("1"))
    assert labels(people) == {"event-1": "1"}


def test_who_cannot_tell_gives_no_label_and_others_are_asked(people_of: PeopleOf) -> None:
    people = people_of(task(1))
    assert people.work("ann", says(None)) == ["event-1"]
    assert labels(people) == {}
    people.work("bob", says("1"))
    assert labels(people, later(hours=2)) == {"event-1": "1"}


def test_what_is_none_of_the_labels_is_refused(people_of: PeopleOf) -> None:
    people = people_of(task(1))
    people.desk.store.get("context")
    if isinstance(people, OfPage):
        [record] = people.desk.waiting("ann", NOW)
        people.desk.lease("ann", NOW)
        assert people.desk.answer("ann", record["task"]["id"], "malignant", NOW).problem
    else:
        people.work("ann", says("malignant"))
    assert labels(people) == {}


def test_a_run_that_died_halfway_is_made_good(people_of: PeopleOf) -> None:
    people = people_of(task(1), task(2))
    for key, entry in people.desk.store.page("parcel#", 9):
        people.desk.store.put(key, {**entry, "sent_at": ""})  # sent, but not written down
    for _ in range(2):
        people.backend.collect(NOW)
    assert sorted(people.work("ann", agree)) == ["event-1", "event-2"]
    assert people.work("bob", agree) == []


def test_nobody_is_asked_about_what_has_waited_too_long(people_of: PeopleOf) -> None:
    people = people_of(task(1), wait_days=3)
    late = later(days=3, hours=1)
    people.backend.collect(late)
    [(_, record)] = people.desk.store.page("task#", 9)
    assert record["state"] == EXPIRED
    if isinstance(people, OfLoops | OfPage):
        assert people.work("ann", agree, now=late) == []
    else:  # what a tool was given it keeps; its answer comes too late
        people.work("ann", agree, now=late)
    assert labels(people, late + timedelta(hours=1)) == {}
    assert people.backend.report(late)["open"] == 0


def test_endpoints_are_apart(people_of: PeopleOf) -> None:
    clinic, shop = people_of(task(1)), people_of(endpoint="shop")
    assert labels(shop) == {}
    assert clinic.backend.report(NOW)["open"] == 1
    assert shop.backend.report(NOW)["open"] == 0


# --- of people elsewhere -------------------------------------------------------------------------------------------------

OUTSIDE = pytest.mark.parametrize("people_of", ["a2i", "queue", "webhook"], indirect=True)
TOOLS = pytest.mark.parametrize("people_of", ["queue", "webhook"], indirect=True)


@OUTSIDE
def test_many_tasks_leave_in_parcels_and_each_lies_in_one(people_of: PeopleOf) -> None:
    people = people_of(*map(task, range(8)))
    parcels = [entry["ids"] for _, entry in people.desk.store.page("parcel#", 99)]
    assert sorted(map(len, parcels)) == [2, 3, 3]
    assert len({each for ids in parcels for each in ids}) == 8


@OUTSIDE
def test_parcels_that_are_answered_are_forgotten(people_of: PeopleOf) -> None:
    people = people_of(task(1))
    people.work("ann", agree)
    people.backend.collect(SOON)
    assert people.desk.store.page("parcel#", 9) == []


@TOOLS
def test_a_correction_supersedes(people_of: PeopleOf) -> None:
    people = people_of(task(1))
    people.work("ann", says("1"))
    [found] = people.backend.collect(SOON)
    people.backend.delivered(found, SOON)
    body = f'{{"answers": [{{"id": "{found.id}", "label": "0", "reviewer": "ann", "token": "later"}}]}}'
    people.give(body, SOON)
    people.backend.take_in(SOON)
    [corrected] = people.backend.collect(later(hours=2))
    assert (corrected.label, corrected.revision) == ("0", 2)


@pytest.mark.parametrize("people_of", ["webhook"], indirect=True)
def test_a_tool_that_is_down_gets_its_tasks_when_it_is_back(people_of: PeopleOf) -> None:
    people = people_of()
    people.is_down = True
    people.backend.put([task(1)], CONTEXT, NOW)
    assert people.work("ann", agree) == []
    people.is_down = False
    people.backend.collect(SOON)
    people.backend.collect(SOON)
    assert people.work("ann", agree) == ["event-1"]


@pytest.mark.parametrize("people_of", ["a2i"], indirect=True)
def test_tasks_of_a_loop_that_failed_go_out_again_three_times_at_most(people_of: PeopleOf, twin: Twin) -> None:
    people = people_of(task(1))
    for _ in range(3):
        [(key, _)] = people.desk.store.page("parcel#", 9)
        twin.human_loops.fail(key.removeprefix("parcel#"))
        people.backend.collect(NOW)
    assert people.desk.store.page("parcel#", 9) == []
    [(_, record)] = people.desk.store.page("task#", 9)
    assert record["state"] == OPEN


@pytest.mark.parametrize("people_of", ["a2i"], indirect=True)
def test_a_loop_that_nobody_has_to_answer_is_stopped(people_of: PeopleOf, twin: Twin) -> None:
    people = people_of(task(1), wait_days=1)
    [(key, _)] = people.desk.store.page("parcel#", 9)
    people.backend.collect(later(days=2))
    runtime = twin.client("sagemaker-a2i-runtime")
    assert runtime.describe_human_loop(HumanLoopName=key.removeprefix("parcel#"))["HumanLoopStatus"] == "Stopped"


@pytest.mark.parametrize("people_of", ["a2i"], indirect=True)
def test_loops_that_are_refused_now_start_in_the_next_round(
    people_of: PeopleOf, twin: Twin, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = people_of()
    runtime = twin.client("sagemaker-a2i-runtime")
    with monkeypatch.context() as busy:

        def refuse(**_: Any) -> None:
            raise runtime.exceptions.ThrottlingException({"Error": {"Code": "ThrottlingException"}}, "StartHumanLoop")

        busy.setattr(runtime, "start_human_loop", refuse)
        assert people.backend.put([{**task(1), "id": f"{next(numbers):020x}"}], CONTEXT, NOW) == Put(added=1)
    assert people.work("ann", agree) == []
    people.backend.collect(NOW)
    assert people.work("ann", agree) == ["event-1"]
    [(_, record)] = people.desk.store.page("task#", 9)
    assert record["state"] == DONE
