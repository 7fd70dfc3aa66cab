"""A shadow endpoint: made of a model for one run, without capture, and removed by the run however it ends.

Its name follows from the run, so it can be removed without anybody remembering that it was made. A run that is killed
outright removes nothing; its endpoint carries the job's name and a time, by which the next run, or the reconciler, knows it.
"""

from __future__ import annotations

import hashlib
import logging
import time
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np

from model_monitor.aws import endpoints
from model_monitor.contract import SHADOW_EXPIRES_TAG, SHADOW_JOB_TAG, TIME_FORMAT, has_local_storage
from model_monitor.errors import EndpointRefused, PredictorError
from model_monitor.logs import log
from model_monitor.predictors.base import Budget, Matrix, OpenPredictor
from model_monitor.predictors.endpoint import EndpointPredictor, EndpointSource
from model_monitor.predictors.settings import PredictorSettings

LIFETIME_SECONDS: Final = 86_400  # the longest time a processing job may take
LOOK_AGAIN_SECONDS: Final = 5.0
NOT_REMOVED: Final = "shadow endpoint is not removed"
REMOVE_BY_HAND: Final = "It costs money. Remove it by hand: aws sagemaker delete-endpoint --endpoint-name"
PATIENCE_SECONDS: Final = 60.0  # with an endpoint that cannot be removed while it starts; a stopped job has 120


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Time, as a run has it."""

    seconds: Callable[[], float] = time.monotonic
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    sleep: Callable[[float], None] = time.sleep


@dataclass(frozen=True, slots=True)
class ShadowSource:
    """A model that gets an endpoint for one run.

    run: identifies the run; another run has another name, a repeated one the same.
    job: the processing job that is running, "" when there is none. lifetime_seconds: how long it may run at most.
    volume_key: KMS key of that job's volumes, and so of the endpoint's.
    """

    settings: PredictorSettings
    content_type: str
    run: str
    job: str = ""
    lifetime_seconds: int = LIFETIME_SECONDS
    volume_key: str | None = None

    @property
    def name(self) -> str:
        """At most 40 characters, the prefix's included."""
        return f"{self.settings.endpoint_name_prefix}-{hashlib.sha256(self.run.encode()).hexdigest()[:16]}"

    @property
    def label_headers(self) -> tuple[str, ...]:
        return self.settings.label_headers

    @property
    def is_local(self) -> bool:
        return False

    @property
    def notes(self) -> tuple[str, ...]:
        """Nothing that anybody else would notice."""
        return ()

    def open(self, budget: Budget) -> ShadowPredictor:
        """Make the endpoint and wait until it serves. Raises: PredictorError, and then there is no endpoint."""
        predictor = ShadowPredictor(self, endpoints.Control())
        predictor.start(EndpointSource(self.name, self.settings, self.content_type, self.run_id), budget)
        return predictor

    @property
    def run_id(self) -> str:
        """What tells its requests from others."""
        return self.name.rpartition("-")[2]


class ShadowPredictor(OpenPredictor):
    """Owns an endpoint from `start` to `close`; one that is forgotten in between removes it when it is collected."""

    def __init__(
        self, source: ShadowSource, control: endpoints.Control, surroundings: Surroundings | None = None
    ) -> None:
        self._source, self._control = source, control
        self._surroundings = surroundings or Surroundings()
        self._life = Life(source, control, self._surroundings)
        self._forgotten = weakref.finalize(self, self._life.end_quietly)  # at the end of the process, too
        self._asking: EndpointPredictor | None = None

    def start(self, questions: EndpointSource, budget: Budget) -> None:
        """Everything up to the first question; whatever stops it leaves nothing behind."""
        remove_leftovers(self._control, self._source, self._surroundings.now())
        try:
            self._life.begin()
        except BaseException as error:
            self.__exit__(type(error), error, None)
            raise
        self._asking = questions.open(budget)

    def predict(self, rows: Matrix) -> np.ndarray:
        """float64 (rows, outputs). Raises: BudgetExceeded, PredictorError."""
        if self._asking is None:
            raise PredictorError(f"endpoint {self._source.name}: is not there; it was not started, or is closed.")
        return self._asking.predict(rows)

    def close(self) -> None:
        """Remove the endpoint; a stop that arrives meanwhile waits until that is done. Raises: PredictorError."""
        if self._asking is not None:
            self._asking.close()
            self._asking = None
        try:
            self._life.end()
        finally:
            self._forgotten.detach()

    def __exit__(self, *details: object) -> None:
        """An error that is on its way already is the one that is told."""
        try:
            self.close()
        except EndpointRefused as problem:
            if details[0] is None:
                raise
            log(NOT_REMOVED, level=logging.ERROR, reason=str(problem))


class Life:
    """Of one endpoint, made and removed by its name."""

    def __init__(self, source: ShadowSource, control: endpoints.Control, surroundings: Surroundings) -> None:
        self._source, self._control, self._surroundings = source, control, surroundings
        self._is_over = False

    def begin(self) -> None:
        """Make it and wait until it serves. Raises: PredictorError; it may be there all the same."""
        source, settings = self._source, self._source.settings
        expires = self._surroundings.now() + timedelta(seconds=source.lifetime_seconds)
        tags = {SHADOW_JOB_TAG: source.job, SHADOW_EXPIRES_TAG: expires.strftime(TIME_FORMAT)}
        instance_type = settings.instance_type or ""
        shadow = endpoints.Shadow(
            source.name,
            settings.model_name or "",
            instance_type,
            settings.instance_count,
            tags,
            None if has_local_storage(instance_type) else source.volume_key,
        )
        self._remove(is_awaited=True)  # of an earlier attempt of this very run
        self._control.create(shadow)
        log("shadow endpoint is starting", endpoint=source.name, model=shadow.model, instances=shadow.instance_count)
        self._await_service()

    def end(self) -> None:
        """Once; a stop in the middle does not keep it from ending. Raises: EndpointRefused."""
        if self._is_over:
            return
        try:
            self._remove()
        except EndpointRefused:  # its patience is over, and a stopped job has no more of it
            raise
        except BaseException:
            self._remove()
            raise
        finally:
            self._is_over = True
        log("shadow endpoint is removed", endpoint=self._source.name)

    def end_quietly(self) -> None:
        """Where nobody is left to be told."""
        try:
            self.end()
        except EndpointRefused as problem:
            log(NOT_REMOVED, level=logging.ERROR, reason=str(problem))

    def _await_service(self) -> None:
        name, limit = self._source.name, self._source.settings.startup_seconds
        started = self._surroundings.seconds()
        while True:
            state = self._control.state(name)
            if state is None:
                raise PredictorError(f"endpoint {name}: was removed by somebody else while it started.")
            if state.status == "InService":
                return
            if state.status not in ("Creating", "SystemUpdating"):
                raise PredictorError(
                    f"endpoint {name}: should come into service, is {state.status}: {state.reason or 'no reason given'}"
                )
            if self._surroundings.seconds() - started > limit:
                raise PredictorError(
                    f"endpoint {name}: is not in service after {limit} seconds. Raise predictor.startup_seconds, or see "
                    "why the model takes so long."
                )
            self._surroundings.sleep(LOOK_AGAIN_SECONDS)

    def _remove(self, *, is_awaited: bool = False) -> None:
        """Have it removed; one that still starts may have to come up first. Waits until it is gone when that matters."""
        name, started = self._source.name, self._surroundings.seconds()
        while True:
            problem: EndpointRefused | None = None
            try:
                state = self._control.state(name)
                if state is None or state.status != "Deleting":
                    self._control.remove(name)
                if state is None or not is_awaited:
                    return
            except EndpointRefused as error:
                problem = error
            is_late = self._surroundings.seconds() - started > PATIENCE_SECONDS
            if problem is not None and (is_late or problem.code in endpoints.DENIED):
                remedy = f"{REMOVE_BY_HAND} {name}"
                where = f"endpoint {name}"
                raise EndpointRefused(where, problem.action, problem.code, problem.status, None, remedy) from None
            if is_late:
                return
            self._surroundings.sleep(LOOK_AGAIN_SECONDS)


def remove_leftovers(control: endpoints.Control, source: ShadowSource, now: datetime) -> list[str]:
    """Shadow endpoints of runs that were killed; the names of those removed. What may not be looked at does not stop a run."""
    removed = []
    try:
        found = list(control.tagged(f"{source.settings.endpoint_name_prefix}-"))
    except EndpointRefused as error:
        log("shadow endpoints of killed runs are not looked for", level=logging.WARNING, reason=str(error))
        return []
    for name, tags in found:
        try:
            if name != source.name and is_leftover(control, tags, source.job, now):
                control.remove(name)
                removed.append(name)
                log("shadow endpoint of a killed run is removed", endpoint=name, job=tags.get(SHADOW_JOB_TAG, ""))
        except EndpointRefused as error:
            log("shadow endpoint of another run is left", level=logging.WARNING, endpoint=name, reason=str(error))
    return removed


def is_leftover(control: endpoints.Control, tags: Mapping[str, str], own_job: str, now: datetime) -> bool:
    """Whether nobody uses such an endpoint any more: its job has ended, or its time is over."""
    expires, job = tags.get(SHADOW_EXPIRES_TAG), tags.get(SHADOW_JOB_TAG, "")
    if expires is None:
        return False  # not ours
    try:
        if datetime.strptime(expires, TIME_FORMAT).replace(tzinfo=UTC) < now:
            return True
    except ValueError:
        return False
    return bool(job) and job != own_job and control.has_ended(job)
