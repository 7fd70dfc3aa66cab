"""A shadow endpoint is removed however its run ends, and what a killed run left behind is found by its tags."""

import gc
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from model_monitor.aws import endpoints
from model_monitor.contract import SHADOW_EXPIRES_TAG, SHADOW_JOB_TAG
from model_monitor.errors import EndpointRefused, PredictorError
from model_monitor.predictors.base import Budget, Matrix
from model_monitor.predictors.endpoint import EndpointPredictor, EndpointSource
from model_monitor.predictors.settings import PredictorSettings
from model_monitor.predictors.shadow import PATIENCE_SECONDS, ShadowPredictor, ShadowSource, Surroundings

NOW = datetime(2026, 3, 2, 7, tzinfo=UTC)
SETTINGS = PredictorSettings(model_name="churn-7", instance_type="ml.m5.large", instance_count=2)
SOURCE = ShadowSource(SETTINGS, "text/csv", run="churn/explain/2026-03-02T06", job="job-1", lifetime_seconds=3600)


class Stopped(BaseException):
    """As the container raises it on SIGTERM."""


@dataclass
class Account:
    """Endpoints as the service keeps them: they start, go, and cannot be removed while they start."""

    there: dict[str, tuple[str, dict[str, str]]] = field(default_factory=dict)  # name → (status, tags)
    ended: set[str] = field(default_factory=set)
    starting: list[str] = field(default_factory=lambda: ["Creating", "InService"])  # one a look
    made: list[endpoints.Shadow] = field(default_factory=list)
    failures: dict[str, list[BaseException]] = field(default_factory=dict)

    def _fail(self, what):
        if self.failures.get(what):
            raise self.failures[what].pop(0)

    def create(self, shadow):
        self._fail("before create")
        assert shadow.name not in self.there
        self.made.append(shadow)
        self.there[shadow.name] = ("Creating", dict(shadow.tags))
        self._fail("create")

    def state(self, name):
        self._fail("state")
        if name not in self.there:
            return None
        status, tags = self.there[name]
        if status == "Deleting":
            del self.there[name]
        elif self.starting and self.made and self.made[-1].name == name:
            self.there[name] = (self.starting.pop(0), tags)
            status = self.there[name][0]
        return endpoints.State(status, "no ping")

    def remove(self, name):
        self._fail("remove")
        if name in self.there and self.there[name][0] == "Creating" and self.starting:
            raise refusal("ValidationException")
        self.there.pop(name, None)

    def tagged(self, prefix):
        self._fail("tagged")
        yield from [(name, tags) for name, (_, tags) in self.there.items() if name.startswith(prefix)]

    def has_ended(self, job):
        self._fail("has_ended")
        return job in self.ended


class Clock:
    def __init__(self):
        self.seconds = 0.0

    def surroundings(self):
        return Surroundings(lambda: self.seconds, lambda: NOW, self.sleep)

    def sleep(self, seconds):
        self.seconds += seconds


class Halves:
    def ask(self, question):
        lines = question.body.decode().split("\n")
        return endpoints.Answer(b"\n".join(b"0.5" for _ in lines), "text/csv")


@dataclass(frozen=True)
class Questions(EndpointSource):
    def open(self, budget):
        return EndpointPredictor(self, Halves(), budget)


def refusal(code):
    return EndpointRefused("endpoint e", "DeleteEndpoint", code, 400)


def started(account, source=SOURCE, clock=None):
    predictor = ShadowPredictor(source, account, (clock or Clock()).surroundings())
    predictor.start(Questions(source.name, source.settings, source.content_type), Budget())
    return predictor


def rows(count=3):
    return Matrix(np.zeros((count, 2)), ("a", "b"))


def test_an_endpoint_is_made_asked_and_removed():
    account = Account()
    with started(account) as predictor:
        (made,) = account.made
        assert (made.name, made.model, made.instance_type, made.instance_count) == (
            SOURCE.name,
            "churn-7",
            "ml.m5.large",
            2,
        )
        assert made.tags == {SHADOW_JOB_TAG: "job-1", SHADOW_EXPIRES_TAG: "2026-03-02T08:00:00Z"}
        assert predictor.predict(rows()).tolist() == [[0.5]] * 3
        assert list(account.there) == [SOURCE.name]
    assert account.there == {}


@pytest.mark.parametrize(("instance_type", "expected"), [("ml.m5.large", "arn:key"), ("ml.m5d.large", None)])
def test_its_volumes_are_encrypted_as_the_jobs_are_unless_the_instance_does_that_itself(instance_type, expected):
    account, settings = Account(), replace(SETTINGS, instance_type=instance_type)
    with started(account, replace(SOURCE, settings=settings, volume_key="arn:key")):
        assert account.made[0].volume_key == expected


def test_a_name_follows_from_the_run_and_fits_the_service():
    same, other = ShadowSource(SETTINGS, "text/csv", SOURCE.run), ShadowSource(SETTINGS, "text/csv", "another run")
    assert same.name == SOURCE.name != other.name
    assert SOURCE.name.startswith("sm-clarify-")
    longest = PredictorSettings(model_name="m", instance_type="i", endpoint_name_prefix="p" * 23)
    assert len(ShadowSource(longest, "text/csv", "r").name) <= 63


@pytest.mark.parametrize("error", [ValueError("a defect"), Stopped(), KeyboardInterrupt(), PredictorError("no answer")])
def test_an_error_or_a_stop_while_asking_removes_it(error):
    account = Account()
    with pytest.raises(type(error)), started(account):
        raise error
    assert account.there == {}


@pytest.mark.parametrize("what", ["before create", "create", "state"])
def test_a_stop_while_it_is_made_removes_it(what):
    account = Account(failures={what: [Stopped()]}, starting=[])
    with pytest.raises(Stopped):
        started(account)
    assert account.there == {}


def test_a_stop_while_it_is_removed_waits_until_that_is_done():
    account = Account()
    predictor = started(account)
    account.failures["remove"] = [Stopped()]
    with pytest.raises(Stopped):
        predictor.close()
    assert account.there == {}


def test_one_that_still_starts_is_removed_when_it_may_be():
    account = Account(starting=["Creating"] * 8)
    account.failures["create"] = [Stopped()]
    clock = Clock()
    with pytest.raises(Stopped):
        started(account, clock=clock)
    assert account.there == {}
    assert 0 < clock.seconds <= PATIENCE_SECONDS


def test_a_stopped_job_gives_up_on_a_removal_before_it_is_killed():
    account, clock = Account(), Clock()
    predictor = started(account, clock=clock)
    account.failures["remove"] = [refusal("ValidationException")] * 1000
    began = clock.seconds
    with pytest.raises(EndpointRefused, match="Remove it by hand"):
        predictor.close()
    assert clock.seconds - began < 90  # of 120 that SIGTERM leaves


def test_an_endpoint_that_fails_is_told_with_the_services_reason_and_removed():
    account = Account(starting=["Creating", "Failed"])
    with pytest.raises(PredictorError, match="is Failed: no ping"):
        started(account)
    assert account.there == {}


def test_one_that_does_not_come_up_is_given_up():
    account, clock = Account(starting=["Creating"] * 400), Clock()
    account.failures["remove"] = []
    with pytest.raises(PredictorError, match=r"not in service after 1800 seconds.*startup_seconds"):
        started(account, clock=clock)
    assert clock.seconds > 1800


def test_an_earlier_attempt_of_the_same_run_is_replaced():
    account = Account(there={SOURCE.name: ("Deleting", {})})
    with started(account):
        assert [shadow.name for shadow in account.made] == [SOURCE.name]
    assert account.there == {}


def tags(job="", expires=NOW + timedelta(hours=1)):
    return ("InService", {SHADOW_JOB_TAG: job, SHADOW_EXPIRES_TAG: f"{expires:%Y-%m-%dT%H:%M:%SZ}"})


def test_what_killed_runs_left_behind_is_removed_by_the_next_and_nothing_else():
    account = Account(
        there={
            "sm-clarify-killed": tags("job-0"),
            "sm-clarify-running": tags("job-2"),
            "sm-clarify-expired": tags("", NOW - timedelta(seconds=1)),
            "sm-clarify-laptop": tags(""),
            "sm-clarify-foreign": ("InService", {}),
            "churn": ("InService", {}),
        },
        ended={"job-0"},
    )
    with started(account):
        pass
    assert sorted(account.there) == ["churn", "sm-clarify-foreign", "sm-clarify-laptop", "sm-clarify-running"]


def test_a_role_that_may_not_look_for_leftovers_runs_all_the_same():
    account = Account(failures={"tagged": [refusal("AccessDeniedException")]})
    with started(account) as predictor:
        assert len(predictor.predict(rows())) == 3


def test_a_job_that_may_not_be_looked_at_keeps_its_endpoint_and_no_other_from_being_removed():
    there = {"sm-clarify-1": tags("job-0"), "sm-clarify-2": tags("job-3", NOW - timedelta(seconds=1))}
    account = Account(there=there, ended={"job-0"}, failures={"has_ended": [refusal("AccessDeniedException")]})
    with started(account):
        pass
    assert list(account.there) == ["sm-clarify-1"]


def test_what_cannot_be_removed_is_an_error_that_says_what_to_do():
    account = Account()
    predictor = started(account)
    account.failures["remove"] = [refusal("AccessDeniedException")] * 9
    with pytest.raises(EndpointRefused, match=rf"costs money.*delete-endpoint --endpoint-name {SOURCE.name}"):
        predictor.close()


def test_an_error_on_its_way_is_not_hidden_by_a_removal_that_fails(caplog):
    account = Account()
    predictor = started(account)
    account.failures["remove"] = [refusal("AccessDeniedException")] * 9
    with pytest.raises(ValueError, match="first"), predictor:
        raise ValueError("first")
    assert "shadow endpoint is not removed" in caplog.text


def test_closing_twice_is_closing_once():
    account = Account()
    predictor = started(account)
    predictor.close()
    account.failures["remove"] = [AssertionError("asked again")]
    predictor.close()
    with pytest.raises(PredictorError, match="closed"):
        predictor.predict(rows())


def test_one_that_nobody_closed_is_removed_when_it_is_forgotten():
    account = Account()
    predictor = started(account)
    assert list(account.there) == [SOURCE.name]
    del predictor
    gc.collect()
    assert account.there == {}
