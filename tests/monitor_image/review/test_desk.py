"""What every back-end of the desk promises: one set of tests, over each store."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from model_monitor.review.backend import Put
from model_monitor.review.desk import Desk, Outcome
from model_monitor.review.records import DONE, EXPIRED, OPEN, UNSETTLED, Finished
from model_monitor.review.store import Store
from tests.monitor_image.review.conftest import CONTEXT, NOW, later, task

DeskOf = Callable[..., Desk]


def id_of(number: int) -> str:
    return task(number)["id"]


def take(desk: Desk, reviewer: str, now: datetime = NOW) -> str:
    """The event of the task that somebody gets; "" where there is none."""
    record = desk.lease(reviewer, now).task
    return record["task"]["event_id"] if record else ""


def answered(desk: Desk, reviewer: str, label: str, now: datetime = NOW, **more: Any) -> Outcome:
    """Take the next task and answer it."""
    record = desk.lease(reviewer, now).task
    assert record is not None
    return desk.answer(reviewer, record["task"]["id"], label, now, **more)


def labels_of(desk: Desk, now: datetime) -> list[tuple[str, str]]:
    return [(one.event_id, one.label) for one in desk.collect(now)]


def test_the_most_uncertain_task_comes_first(desk_of: DeskOf) -> None:
    desk = desk_of(task(1, 0.8), task(2, 0.5), task(3, 0.3))
    assert [record["task"]["event_id"] for record in desk.waiting("ann", NOW)] == ["event-2", "event-3", "event-1"]
    assert take(desk, "ann") == "event-2"


def test_a_sampled_task_does_not_wait_behind_all_uncertain_ones(desk_of: DeskOf) -> None:
    sampled = [task(number, 0.99, "sample") for number in range(4)]
    uncertain = [task(number, 0.5 + number / 60) for number in range(10, 22)]
    order = [record["task"]["reason"] for record in desk_of(*sampled, *uncertain).waiting("ann", NOW, 100)]
    assert order[-4:] != ["sample"] * 4


def test_a_task_that_is_put_twice_is_there_once(desk_of: DeskOf) -> None:
    desk = desk_of(task(1))
    assert desk.put([task(1), task(2)], CONTEXT, NOW) == Put(added=1, known=1)
    assert len(desk.waiting("ann", NOW)) == 2


def test_a_task_that_was_answered_does_not_come_back(desk_of: DeskOf) -> None:
    desk = desk_of(task(1))
    answered(desk, "ann", "1")
    desk.put([task(1)], CONTEXT, NOW)
    assert desk.lease("bob", NOW).problem == "nothing is left to review"


def test_a_day_takes_so_many_tasks_and_counts_the_others(desk_of: DeskOf) -> None:
    desk = desk_of(per_day=2)
    assert desk.put([task(1), task(2)], CONTEXT, NOW) == Put(added=2)
    assert desk.put([task(2), task(3)], CONTEXT, NOW) == Put(known=1, cut=1)


def test_two_people_never_have_one_task(desk_of: DeskOf) -> None:
    desk = desk_of(task(1), task(2))
    assert {take(desk, "ann"), take(desk, "bob")} == {"event-1", "event-2"}
    assert take(desk, "cid") == ""
    assert desk.lease("cid", NOW, id_of(1)).problem.startswith("somebody else has this task")


def test_a_reload_gives_the_same_task_again(desk_of: DeskOf) -> None:
    desk = desk_of(*map(task, range(5)))
    assert take(desk, "ann") == take(desk, "ann", later(minutes=5))


def test_a_task_goes_to_others_when_its_time_is_over(desk_of: DeskOf) -> None:
    desk = desk_of(task(1), lease_seconds=60)
    assert take(desk, "ann") == "event-1"
    assert take(desk, "bob", later(seconds=61)) == "event-1"
    late = desk.answer("ann", id_of(1), "1", later(seconds=62))
    assert late.problem.startswith("somebody else has it")


def test_an_answer_needs_the_task(desk_of: DeskOf) -> None:
    desk = desk_of(task(1))
    assert desk.answer("ann", id_of(1), "1", NOW).problem.endswith("take it first")
    assert desk.answer("ann", "none", "1", NOW).problem == "there is no such task"


def test_only_labels_to_choose_from_are_answers(desk_of: DeskOf) -> None:
    desk = desk_of(task(1))
    take(desk, "ann")
    assert "none of the labels" in desk.answer("ann", id_of(1), "2", NOW).problem


def test_an_answer_becomes_a_label_when_an_undo_would_come_too_late(desk_of: DeskOf) -> None:
    desk = desk_of(task(1), settle_seconds=120)
    answered(desk, "ann", "1")
    assert labels_of(desk, later(seconds=119)) == []
    assert desk.collect(later(seconds=120)) == [Finished(id_of(1), 1, "event-1", 0, "1", ("ann",), NOW)]


def test_a_label_is_collected_until_it_is_delivered_and_counts_once(desk_of: DeskOf) -> None:
    desk, soon = desk_of(task(1, 0.7)), later(hours=1)
    answered(desk, "ann", "1")
    [first], [again] = desk.collect(soon), desk.collect(soon)
    assert first == again
    assert [desk.delivered(first, soon), desk.delivered(first, soon)] == [True, False]
    assert desk.collect(soon) == []
    assert desk.report(soon)["labels"] == 1


def test_an_answer_that_is_sent_twice_counts_once(desk_of: DeskOf) -> None:
    desk = desk_of(task(1))
    first = answered(desk, "ann", "1", token="t1")
    again = desk.answer("ann", id_of(1), "1", NOW, token="t1")
    assert not again.problem
    assert first.task is not None
    assert again.task is not None
    assert len(again.task["history"]) == 1
    assert desk.progress("ann", NOW) == {"open": 0, "done_today": 1}


def test_a_correction_supersedes_the_label_that_was_delivered(desk_of: DeskOf) -> None:
    desk, soon = desk_of(task(1)), later(hours=1)
    answered(desk, "ann", "1")
    desk.delivered(desk.collect(soon)[0], soon)
    assert not desk.answer("ann", id_of(1), "0", soon).problem
    [corrected] = desk.collect(later(hours=2))
    assert (corrected.label, corrected.revision, corrected.at) == ("0", 2, soon)
    desk.delivered(corrected, soon)
    assert desk.report(soon)["labels"] == 1


def test_the_same_answer_again_is_no_new_label(desk_of: DeskOf) -> None:
    desk, soon = desk_of(task(1)), later(hours=1)
    answered(desk, "ann", "1")
    desk.delivered(desk.collect(soon)[0], soon)
    desk.answer("ann", id_of(1), "1", soon, comment="still so")
    assert desk.collect(later(hours=2)) == []


def test_an_undo_brings_the_task_back_to_the_same_person(desk_of: DeskOf) -> None:
    desk = desk_of(task(1, 0.5), task(2, 0.6))
    answered(desk, "ann", "1")
    assert not desk.undo("ann", NOW).problem
    assert take(desk, "bob") == "event-2"
    assert take(desk, "ann") == "event-1"
    assert labels_of(desk, later(hours=1)) == []
    assert desk.progress("ann", NOW)["done_today"] == 0


def test_there_is_nothing_to_undo_at_first_and_nobody_undoes_anothers(desk_of: DeskOf) -> None:
    desk = desk_of(task(1))
    answered(desk, "ann", "1")
    assert desk.undo("bob", NOW).problem == "there is nothing to take back"


def test_the_history_keeps_every_answer_with_its_person_and_time(desk_of: DeskOf) -> None:
    desk = desk_of(task(1))
    answered(desk, "ann", "1", comment="sure")
    desk.undo("ann", later(seconds=5))
    record = desk.answer("ann", id_of(1), "0", later(seconds=9)).task
    assert record is not None
    told = [(one["action"], one["reviewer"], one.get("label"), one["at"]) for one in record["history"]]
    assert told == [
        ("answer", "ann", "1", NOW.isoformat()),
        ("undo", "ann", None, later(seconds=5).isoformat()),
        ("answer", "ann", "0", later(seconds=9).isoformat()),
    ]


def test_a_skipped_task_is_for_others_and_after_three_for_nobody(desk_of: DeskOf) -> None:
    desk = desk_of(task(1))
    for reviewer in ("ann", "bob", "cid"):
        assert take(desk, reviewer) == "event-1"
        outcome = desk.skip(reviewer, id_of(1), NOW)
        assert take(desk, reviewer) == ""
    assert outcome.task is not None
    assert outcome.task["state"] == UNSETTLED


def test_a_second_opinion_is_another_persons(desk_of: DeskOf) -> None:
    desk = desk_of(task(1), second_opinions=1.0)
    assert answered(desk, "ann", "1").task["state"] == OPEN
    assert take(desk, "ann") == ""
    assert answered(desk, "bob", "1").task["state"] == DONE
    [found] = desk.collect(later(hours=1))
    assert (found.label, found.reviewers) == ("1", ("ann", "bob"))


def test_two_opinions_that_differ_call_for_a_third(desk_of: DeskOf) -> None:
    desk = desk_of(task(1, 0.4), second_opinions=1.0)
    answered(desk, "ann", "1")
    assert answered(desk, "bob", "0").task["state"] == OPEN
    answered(desk, "cid", "1")
    [found] = desk.collect(later(hours=1))
    assert (found.label, found.reviewers) == ("1", ("ann", "cid"))
    desk.delivered(found, NOW)
    report = desk.report(NOW)
    assert report["reviewer_agreement"] == pytest.approx(1 / 3)
    assert report["model_agreement"] == 0.0


def test_a_correction_leaves_the_second_person_their_task(desk_of: DeskOf) -> None:
    desk = desk_of(task(1), second_opinions=1.0)
    answered(desk, "ann", "1")
    assert take(desk, "bob") == "event-1"
    assert not desk.answer("ann", id_of(1), "0", NOW).problem
    assert not desk.answer("bob", id_of(1), "0", NOW).problem
    assert labels_of(desk, later(hours=1)) == [("event-1", "0")]


def test_only_a_share_of_the_tasks_gets_a_second_opinion(desk_of: DeskOf) -> None:
    desk = desk_of(*map(task, range(24)), second_opinions=0.25)
    needed = [record["needed"] for record in desk.waiting("ann", NOW, 100)]
    assert 0 < needed.count(2) < 12
    assert needed.count(1) == 24 - needed.count(2)


def test_what_waited_too_long_is_asked_of_nobody(desk_of: DeskOf) -> None:
    desk = desk_of(task(1), task(2), wait_days=3)
    answered(desk, "ann", "1")
    assert labels_of(desk, later(days=3, hours=1)) != []
    assert take(desk, "bob", later(days=3, hours=1)) == ""
    assert {desk.store.get(f"task#{id_of(number)}")["state"] for number in (1, 2)} == {DONE, EXPIRED}


def test_a_single_opinion_counts_where_a_second_never_came(desk_of: DeskOf) -> None:
    desk = desk_of(task(1), second_opinions=1.0, wait_days=3)
    answered(desk, "ann", "1")
    desk.collect(later(days=4))
    assert labels_of(desk, later(days=5)) == [("event-1", "1")]


def test_the_report_tells_how_long_the_oldest_waits_and_how_people_agree_with_the_model(desk_of: DeskOf) -> None:
    desk = desk_of(task(1, 0.7), task(2, 0.6), task(3, 0.55))
    for label in ("1", "0"):
        answered(desk, "ann", label)
    for one in desk.collect(later(hours=2)):
        desk.delivered(one, later(hours=2))
    report = desk.report(later(hours=2))
    assert report == {"open": 1, "oldest_hours": 2.0, "labels": 2, "model_agreement": 0.5, "reviewer_agreement": None}


def test_a_run_that_died_between_two_writes_is_made_good(desk_of: DeskOf) -> None:
    desk = desk_of(task(1))
    [(key, _)] = desk.store.page("open#", 10)
    desk.store.delete(key)
    assert take(desk, "ann") == ""
    desk.put([task(1)], CONTEXT, NOW)
    assert take(desk, "ann") == "event-1"


def test_a_label_is_not_lost_when_a_function_dies_after_the_answer(desk_of: DeskOf) -> None:
    desk = desk_of(task(1))
    [(key, entry)] = desk.store.page("open#", 10)
    answered(desk, "ann", "1")
    desk.store.delete(f"done#{id_of(1)}")
    desk.store.put(key, entry)
    assert labels_of(desk, later(hours=1)) == [("event-1", "1")]
    assert desk.store.page("open#", 10) == []


def test_endpoints_are_apart(desk_of: DeskOf) -> None:
    desk_of(task(1))
    assert take(desk_of(endpoint="clinic-2"), "ann") == ""


def test_a_store_gives_its_items_in_pages_by_key(store_of: Callable[[str], Store]) -> None:
    store = store_of("clinic")
    for key in ("open#3", "open#1", "open#2", "opened", "done#1", "open"):
        store.put(key, {"at": key})
    assert [key for key, _ in store.page("open#", 2)] == ["open#1", "open#2"]
    assert [key for key, _ in store.page("open#", 2, "open#2")] == ["open#3"]
    assert store.page("open#", 2, "open#3") == []


def test_a_store_replaces_only_what_nobody_changed(store_of: Callable[[str], Store]) -> None:
    store = store_of("clinic")
    assert store.insert("a", {"version": 1})
    assert not store.insert("a", {"version": 1})
    assert store.replace("a", {"version": 2}, 1)
    assert not store.replace("a", {"version": 2}, 1)
    assert not store.replace("b", {"version": 2}, 1)
    assert store.get("b") is None
