"""Whatever alarms do, in whatever order their messages come: limits hold, and drift that lasts is acted upon.

The handler is the deployed one, on a table with DynamoDB's conditional writes; time, alarms and training jobs are played.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from tests.lambda_.retraining.covertype import policy_json
from tests.lambda_.retraining.memory_table import MemoryTable

BEGIN = datetime(2026, 3, 2, tzinfo=UTC)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
ENDPOINTS = ("a", "b", "c")
ALARMS = ("drift", "quality")
RUNTIME = HOUR  # the longest that a training may take
Event = tuple[str, int, int, int, int, bool]  # kind, endpoint, alarm, minutes since the last one, versions behind, dies


def policies_of(room: Any) -> dict[str, Any]:
    """endpoint → its policy."""
    alarms = {f"{endpoint}-{alarm}": ["baseline_drift_check"] for endpoint in ENDPOINTS for alarm in ALARMS}
    text = {e: policy_json(endpoint=e, job_name_prefix=f"{e}-retraining", alarms=alarms) for e in ENDPOINTS}
    return {endpoint: room.policy.read(told) for endpoint, told in text.items()}


class Died(Exception):
    """The invocation was killed."""


@dataclass
class Play:
    """An environment of three endpoints with two alarms each."""

    room: Any
    usual: dict[str, Any]  # policies by endpoint
    cooldown: int
    weekly: int
    table: MemoryTable = field(default_factory=MemoryTable)
    ringing: dict[str, datetime] = field(default_factory=dict)
    started: dict[str, tuple[str, datetime]] = field(default_factory=dict)  # run → endpoint and time
    running: dict[str, str] = field(default_factory=dict)  # endpoint → run
    dies: bool = False

    def __post_init__(self) -> None:
        limits = {"cooldown_hours": self.cooldown, "max_per_week": self.weekly}
        self.policies = {endpoint: replace(policy, **limits) for endpoint, policy in self.usual.items()}

    def start(self, wanted: Any) -> None:
        """As the service: a name is accepted once."""
        if self.dies:
            self.dies = False
            raise Died
        if wanted.run in self.started:
            return
        before = self.running.get(wanted.endpoint)
        time = self.room.decisions.history(self.table, wanted.endpoint).starts[-1]
        if before is not None:
            assert time >= self.started[before][1] + RUNTIME, "two at once"
        self.started[wanted.run] = (wanted.endpoint, time)
        self.running[wanted.endpoint] = wanted.run

    def tell(self, *_: Any) -> None:
        if self.dies:
            self.dies = False
            raise Died

    def handle(self, event: dict[str, Any]) -> None:
        """One delivery; an invocation that dies is delivered again by someone, or not."""
        try:
            self.room.handler.handle(event)
        except (Died, self.room.handler.PassError):
            return
        finally:
            self.dies = False
            self.table.behind = 0

    def ring(self, name: str, time: datetime) -> dict[str, Any]:
        """The alarm goes to ALARM; the event about it."""
        self.ringing[name] = time
        state = {"value": "ALARM", "timestamp": time.isoformat()}
        detail = {"alarmName": name, "state": state, "previousState": {"value": "OK"}}
        return {"detail-type": "CloudWatch Alarm State Change", "time": time.isoformat(), "detail": detail}

    def look_again(self, time: datetime) -> None:
        self.handle({"detail-type": "Scheduled Event", "time": time.isoformat()})

    def end(self, endpoint: str, time: datetime) -> None:
        """The training of an endpoint ends, and the event is told."""
        run = self.running.pop(endpoint, None)
        if run is not None:
            detail = {"TrainingJobName": run, "TrainingJobStatus": "Completed"}
            kind = "SageMaker Training Job State Change"
            self.handle({"detail-type": kind, "time": time.isoformat(), "detail": detail})

    def times(self, endpoint: str) -> list[datetime]:
        """When the endpoint's trainings were started, as the table says."""
        partition = self.room.decisions.partition(endpoint)
        found = [
            sk.removeprefix("start#") for pk, sk in self.table.items if pk == partition and sk.startswith("start#")
        ]
        return sorted(self.room.decisions.time_of(time) for time in found)

    def faults(self) -> list[str]:
        """Starts within a cool-down, beyond the budget in any seven days, or that nobody decided on."""
        found = []
        for endpoint in ENDPOINTS:
            times, week = self.times(endpoint), timedelta(days=7)
            if any(later - earlier < timedelta(hours=self.cooldown) for earlier, later in pairwise(times)):
                found.append(f"{endpoint}: two within a cool-down")
            if any(sum(start <= other < start + week for other in times) > self.weekly for start in times):
                found.append(f"{endpoint}: more than {self.weekly} within a week")
            if not {time for of, time in self.started.values() if of == endpoint} <= set(times):
                found.append(f"{endpoint}: one that nobody decided on")
        return found


@pytest.fixture
def new_play(load: Callable[[str], SimpleNamespace], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Play]:
    """Plays, one at a time, each from the beginning."""
    room = load("retraining")
    monkeypatch.setenv("TABLE", "table")
    monkeypatch.setenv("ENVIRONMENT", "test")
    sound = room.case.Facts("InService", {"baseline_drift_check": 1}, ("violated",))
    playing: list[Play] = []
    usual = policies_of(room)
    content = {
        "alarms": {f"{endpoint}-{alarm}": endpoint for endpoint in ENDPOINTS for alarm in ALARMS},
        "policies": {endpoint: endpoint for endpoint in ENDPOINTS},
    }
    alarm_of = room.alarms.Alarm
    replaced = {
        (room.handler, "log"): lambda *_, **__: None,
        (room.index, "_content"): lambda: content,
        (room.handler, "_table"): lambda: playing[-1].table,
        (room.handler, "_policy"): lambda endpoint: playing[-1].policies[endpoint],
        (room.handler, "_completed"): lambda alarm: alarm,
        (room.handler, "_ringing"): lambda: [alarm_of(n, "ALARM", "", t) for n, t in playing[-1].ringing.items()],
        (room.gather, "facts"): lambda *_: sound,
        (room.start, "start"): lambda *given: playing[-1].start(*given),
        (room.tell, "everybody"): lambda *given: playing[-1].tell(*given),
        (room.tell, "count"): lambda *_: None,
    }
    for (module, name), value in replaced.items():
        monkeypatch.setattr(module, name, value)

    def begin(**limits: int) -> Play:
        playing[:] = [Play(room, usual, **limits)]
        return playing[0]

    return begin


def play_out(play: Play, events: list[Event]) -> list[str]:
    """What went wrong. Minutes may go backwards: messages come in any order."""
    now, sent = BEGIN + timedelta(days=1), []
    for kind, endpoint_at, alarm_at, minutes, behind, dies in events:
        now += minutes * MINUTE
        endpoint = ENDPOINTS[endpoint_at % len(ENDPOINTS)]
        name = f"{endpoint}-{ALARMS[alarm_at % len(ALARMS)]}"
        play.table.behind, play.dies = behind, dies
        if kind == "alarm":
            sent.append(play.ring(name, now))
            play.handle(sent[-1])
        elif kind == "again" and sent:  # a duplicate, soon or late
            play.handle(sent[alarm_at % len(sent)])
        elif kind == "pass":
            play.look_again(now)
        elif kind == "quiet":
            play.ringing.pop(name, None)
        elif kind == "ended":
            play.end(endpoint, now)
    return play.faults()


KINDS = ("alarm", "alarm", "alarm", "again", "pass", "quiet", "ended")
EVENTS = st.tuples(
    st.sampled_from(KINDS),
    st.integers(0, 2),
    st.integers(0, 20),
    st.one_of(st.integers(-90, 90), st.integers(-600, 3000)),
    st.integers(0, 2),
    st.booleans(),
)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None, max_examples=60
)
@given(events=st.lists(EVENTS, min_size=1, max_size=25), cooldown=st.integers(0, 72), weekly=st.integers(0, 4))
def test_no_order_of_alarms_makes_a_storm(
    new_play: Callable[..., Play], events: list[Event], cooldown: int, weekly: int
) -> None:
    assert play_out(new_play(cooldown=cooldown, weekly=weekly), events) == []


def chance(rng: random.Random) -> list[Event]:
    """A sequence, mostly of one endpoint and short steps, so that much happens at once."""
    spread = rng.choice((2, 30, 600))
    return [
        (
            rng.choice(KINDS),
            rng.choice((0, 0, 0, 1, 2)),
            rng.randrange(20),
            rng.randint(-spread, spread * 3),
            rng.choice((0, 0, 1, 2)),
            rng.random() < 0.1,
        )
        for _ in range(rng.randint(5, 25))
    ]


@pytest.mark.exhaustive
def test_a_hundred_thousand_sequences_make_no_storm(new_play: Callable[..., Play]) -> None:
    rng, started = random.Random(20260302), 0
    for _ in range(100_000):
        play = new_play(cooldown=rng.choice((0, 1, 6, 24, 72)), weekly=rng.choice((0, 1, 2, 4)))
        assert play_out(play, chance(rng)) == []
        started += len(play.started)
    assert started > 100_000, "most sequences start something"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=8)
@given(
    cooldown=st.integers(2, 72),  # shorter ones meet the budget of a week first
    minute=st.integers(0, 29),
    training=st.integers(5, 60),
    lost=st.sets(st.integers(0, 335), max_size=100),
    flaps=st.booleans(),
)
def test_drift_that_outlives_a_cooldown_is_acted_on_within_the_hour(
    new_play: Callable[..., Play], cooldown: int, minute: int, training: int, lost: set[int], flaps: bool
) -> None:
    """The alarm stays in ALARM for a week and says so once; passes come every half an hour, and now and then one is lost."""
    play = new_play(cooldown=cooldown, weekly=100)
    play.handle(play.ring("a-drift", BEGIN))
    for number in range(2 * 24 * 7):
        now = BEGIN + minute * MINUTE + number * HOUR / 2
        if "a" in play.running and now >= play.started[play.running["a"]][1] + training * MINUTE:
            play.end("a", now)
        if flaps and number % 7 == 0:  # another alarm of the endpoint comes and goes
            play.handle(play.ring("a-quality", now))
            play.ringing.pop("a-quality")
        if number not in lost or number - 1 in lost:  # never two in a row
            play.look_again(now)
    times = play.times("a")
    assert times[0] == BEGIN
    assert all(later - earlier <= timedelta(hours=cooldown) + HOUR for earlier, later in pairwise(times))
    assert now - times[-1] <= timedelta(hours=cooldown) + HOUR
