"""How often, how much and by what a monitor runs: what is accepted, and what each scheduler is told."""

from __future__ import annotations

from datetime import timedelta

import pytest

from stacks.settings.cadence import cadence, is_of_model_monitor
from tests.analyses import BUCKET, MONITOR, faults

LATER = timedelta(minutes=15)
PLAIN = {"monitors": {"all": {"baseline": {"dataset": f"{BUCKET}/baseline.csv"}}}}
MANAGED = {**PLAIN, f"{MONITOR}scheduler": "managed"}
OF_THE_SERVICE = {**PLAIN, f"{MONITOR}scheduler": "model_monitor"}
AT = "endpoints.fraud.monitors.all"


@pytest.mark.parametrize(
    ("text", "expression", "gap"),
    [
        ("hourly", "cron(15 * * * ? *)", timedelta(hours=1)),
        ("cron(0 * ? * * *)", "cron(15 * * * ? *)", timedelta(hours=1)),
        ("daily", "cron(15 0 * * ? *)", timedelta(days=1)),
        ("cron(0 4 ? * * *)", "cron(15 4 * * ? *)", timedelta(days=1)),
        ("cron(0 0/6 ? * * *)", "cron(15 0/6 * * ? *)", timedelta(hours=6)),
        ("cron(0 5/12 ? * * *)", "cron(15 5/12 * * ? *)", timedelta(hours=12)),
        ("cron(0 0/24 ? * * *)", "cron(15 0 * * ? *)", timedelta(days=1)),
        ("weekly", "cron(15 0 ? * MON *)", timedelta(weeks=1)),
        ("monthly", "cron(15 0 1 * ? *)", timedelta(days=31)),
        ("every 5 minutes", "cron(0/5 * * * ? *)", timedelta(minutes=5)),
        ("every 10 minutes", "cron(5/10 * * * ? *)", timedelta(minutes=10)),
        ("every 15 minutes", "cron(0/15 * * * ? *)", timedelta(minutes=15)),
        ("every 20 minutes", "cron(15/20 * * * ? *)", timedelta(minutes=20)),
        ("every 30 minutes", "cron(15/30 * * * ? *)", timedelta(minutes=30)),
    ],
)
def test_schedules_are_written_as_eventbridge_takes_them_a_while_after_each_window(text, expression, gap):
    assert (cadence(text).scheduler_expression(LATER), cadence(text).gap) == (expression, gap)


@pytest.mark.parametrize("text", ["weekly", "monthly", "every 5 minutes", "every 30 minutes"])
def test_the_service_knows_hours_and_days_alone(text):
    assert not is_of_model_monitor(text)
    assert faults(**MANAGED, **{f"{MONITOR}schedule": text}) == []
    assert faults(**OF_THE_SERVICE, **{f"{MONITOR}schedule": text}) == [
        f"{AT}.schedule: Model Monitor runs by the hour or the day, found {text}; let scheduler be managed"
    ]


@pytest.mark.parametrize("text", ["every 7 minutes", "every 60 minutes", "every 1 minutes", "cron(0 24 ? * * *)"])
def test_other_schedules_are_refused_with_those_there_are(text):
    (fault,) = faults(**MANAGED, **{f"{MONITOR}schedule": text})
    assert fault.startswith(
        f"{AT}.schedule: should be hourly, daily, weekly, monthly, every N minutes (5, 10, 15, 20 or 30)"
    )


@pytest.mark.parametrize("text", ["cron(0 17/12 ? * * *)", "cron(0 0/10 ? * * *)"])
def test_gaps_that_are_not_alike_are_refused_where_a_window_is_what_came_since_the_run_before(text):
    (fault,) = faults(**MANAGED, **{f"{MONITOR}schedule": text})
    assert f"schedule: {text} starts anew each day, so its gaps are not alike" in fault
    assert faults(**OF_THE_SERVICE, **{f"{MONITOR}schedule": text}) == []


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("delay", "PT1H", "delay: should be from PT2M to PT59M, found PT1H"),
        ("delay", "PT1M", "delay: should be from PT2M to PT59M, found PT1M"),
        ("delay", "15 minutes", "delay: should be a duration of weeks, days, hours and minutes"),
        ("window", "PT50M", "window: PT50M is shorter than the 1 hours between two runs; make it as long"),
        ("window", "P32D", "window: should be from PT5M to P31D, found P32D"),
        ("runner", "fargate", "runner: should be one of 'auto', 'lambda' or 'processing'"),
        ("function_megabytes", 256, "function_megabytes: input should be greater than or equal to 512"),
        ("function_max_megabytes", 0, "function_max_megabytes: input should be greater than or equal to 1"),
        ("scheduler", "cron", "scheduler: should be one of 'managed' or 'model_monitor'"),
    ],
)
def test_how_a_managed_monitor_runs_has_bounds(key, value, expected):
    found = faults(**MANAGED | {f"{MONITOR}{key}": value})
    assert [fault for fault in found if expected in fault], found


@pytest.mark.parametrize(
    ("key", "value"),
    [("delay", "PT2M"), ("delay", "PT59M"), ("window", "PT1H"), ("window", "P31D"), ("runner", "lambda")],
)
def test_what_is_at_its_bounds_is_accepted(key, value):
    assert faults(**MANAGED, **{f"{MONITOR}{key}": value}) == []


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("window", "P1D"),
        ("delay", "PT15M"),
        ("runner", "auto"),
        ("time_zone", "UTC"),
        ("function_megabytes", 2048),
        ("function_max_megabytes", 64),
    ],
)
def test_what_only_a_managed_monitor_has_is_refused_for_the_service_s_own_even_at_its_default(key, value):
    assert faults(**OF_THE_SERVICE, **{f"{MONITOR}{key}": value}) == [
        f"{AT}.{key}: is a matter of scheduler managed; take it away, or choose that scheduler"
    ]


def test_managed_monitors_of_an_endpoint_bring_one_role_at_most():
    role = "arn:aws:iam::123456789012:role/one"
    daily = {"schedule": "daily", "baseline": {"dataset": f"{BUCKET}/baseline.csv"}}
    both = {**MANAGED, "retraining": None, f"{MONITOR}role_arn": role}
    assert faults(**both, monitors__daily={**daily, "role_arn": role}) == []
    (fault,) = faults(**both, monitors__daily={**daily, "role_arn": role.replace("one", "other")})
    assert "monitors: bring different roles" in fault


@pytest.mark.parametrize(
    ("schedule", "zone", "expected"),
    [
        ("daily", "Europe/Nowhere", "time_zone: should be a time zone of the IANA's database, such as Europe/Berlin"),
        ("hourly", "Europe/Berlin", "time_zone: means nothing to a schedule that is hourly; take it away"),
        (
            "cron(0 2 ? * * *)",
            "Europe/Berlin",
            "schedule: a run at 02:15 falls into a change of the clocks of Europe/Berlin, such as on 2026-03-29",
        ),
        ("cron(0 2/6 ? * * *)", "America/New_York", "schedule: a run at 02:15 falls into a change of the clocks"),
        ("cron(0 1 ? * * *)", "America/New_York", "schedule: a run at 01:15 falls into a change of the clocks"),
    ],
)
def test_a_run_that_the_clocks_would_leave_out_is_refused(schedule, zone, expected):
    found = faults(**MANAGED, **{f"{MONITOR}schedule": schedule, f"{MONITOR}time_zone": zone})
    assert [fault.startswith(f"{AT}.{expected}") for fault in found] == [True], found


@pytest.mark.parametrize(
    ("schedule", "zone"),
    [("daily", "Europe/Berlin"), ("cron(0 3 ? * * *)", "Europe/Berlin"), ("monthly", "Asia/Kolkata")],
)
def test_runs_at_hours_that_every_day_has_once_are_accepted(schedule, zone):
    assert faults(**MANAGED, **{f"{MONITOR}schedule": schedule, f"{MONITOR}time_zone": zone}) == []


TRANSFORM = {"inputs": f"{BUCKET}/in", "outputs": f"{BUCKET}/out", "inference_id": True}
BATCH = {
    **MANAGED,
    "model": None,
    "retraining": None,
    "capture": {"destination": f"{BUCKET}/captured", "transform": TRANSFORM},
}


def test_transform_jobs_are_accepted_in_the_place_of_an_endpoint():
    assert faults(**BATCH) == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"capture": {"transform": TRANSFORM}}, "capture.destination: is missing"),
        ({"capture__variants": ["Blue"]}, "capture.variants: belongs to endpoints; transform jobs have none"),
        (
            {f"{MONITOR}scheduler": "model_monitor"},
            "monitors.all.scheduler: should be managed, as capture.transform is read",
        ),
        ({"capture__transform__longest": "P6D"}, "capture.transform.longest: should be at most P5D"),
        (
            {"capture__transform__inference_id": False},
            "capture.transform.inference_id: is false, so no label finds its record",
        ),
    ],
)
def test_what_only_an_endpoint_has_is_refused_of_transform_jobs(changes, expected):
    found = faults(**BATCH | changes)
    assert [fault for fault in found if fault.startswith(f"endpoints.fraud.{expected}")], found
