"""Predictions of an endpoint: rows in requests of bounded size, some at a time, tried again when that helps, within the budget.

Every request carries an inference id of its own kind (`contract.OWN_REQUEST_PREFIX`), so that the reader of captures leaves
it out: asking an endpoint must not change what is found about its traffic.
"""

from __future__ import annotations

import random
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from model_monitor.aws import endpoints
from model_monitor.contract import INFERENCE_ID_MAX, OWN_REQUEST_PREFIX
from model_monitor.errors import BudgetExceeded, EndpointRefused, PredictorError
from model_monitor.predictors.base import Budget, Matrix, OpenPredictor
from model_monitor.predictors.responses import Responses
from model_monitor.predictors.settings import PredictorSettings
from model_monitor.predictors.templates import Template, compile_template

ATTEMPTS: Final = 6
ATTEMPTS_OF_A_BROKEN_MODEL: Final = 2
FIRST_PAUSE_SECONDS: Final = 0.5
LONGEST_PAUSE_SECONDS: Final = 20.0
NOTE: Final = (
    "Endpoint {}, which serves traffic, was asked for predictions. Monitoring leaves these requests out, but they add to its "
    "load and to its capture; a shadow endpoint (predictor.model_name) or an artefact spares it."
)


class Runtime(Protocol):
    """What asks (`endpoints.Runtime`)."""

    def ask(self, question: endpoints.Question) -> endpoints.Answer: ...


@dataclass(frozen=True, slots=True)
class EndpointSource:
    """An endpoint that is there. `run` tells the requests of one run from those of another."""

    name: str
    settings: PredictorSettings
    content_type: str
    run: str = "run"

    @property
    def label_headers(self) -> tuple[str, ...]:
        return self.settings.label_headers

    @property
    def is_local(self) -> bool:
        return False

    @property
    def notes(self) -> tuple[str, ...]:
        """For the conclusion of whoever asks."""
        return (NOTE.format(self.name),)

    def open(self, budget: Budget) -> EndpointPredictor:
        """Nothing is asked yet."""
        return EndpointPredictor(self, endpoints.Runtime(self.settings.concurrency), budget)


@dataclass(frozen=True, slots=True)
class _Batch:
    """One request's worth of rows."""

    number: int
    body: bytes
    records: int


class EndpointPredictor(OpenPredictor):
    """Asks an endpoint. `pause` waits so many seconds, or shorter when the predictor is closed meanwhile."""

    def __init__(
        self,
        source: EndpointSource,
        runtime: Runtime,
        budget: Budget,
        pause: Callable[[threading.Event, float], object] = threading.Event.wait,
    ) -> None:
        settings = source.settings
        self._source, self._runtime, self._budget, self._pause = source, runtime, budget, pause
        self._accept = settings.accept_type or source.content_type
        self._responses = Responses(self._accept, settings.selector, f"endpoint {source.name}")
        options = {
            "TargetVariant": settings.target_variant,
            "TargetModel": settings.target_model,
            "CustomAttributes": settings.custom_attributes,
        }
        self._options = {key: value for key, value in options.items() if value is not None}
        self._lock, self._closing = threading.Lock(), threading.Event()
        self._threads = ThreadPoolExecutor(settings.concurrency, thread_name_prefix="predictions")
        self._asked = 0
        self._outputs: int | None = None

    def predict(self, rows: Matrix) -> np.ndarray:
        """float64 (rows, outputs). Raises: BudgetExceeded, PredictorError."""
        settings = self._source.settings
        template = compile_template(
            self._source.content_type, settings.content_template, settings.record_template, rows.names
        )
        parts = list(self._ask_all(self._batches(template, template.encode(rows))))
        if not parts:
            return np.empty((0, self._outputs or 1))
        widths = {part.shape[1] for part in parts} | ({self._outputs} if self._outputs else set())
        if len(widths) > 1:
            raise PredictorError(f"endpoint {self._source.name}: answers of {len(widths)} widths; all should have one.")
        self._outputs = parts[0].shape[1]
        return np.concatenate(parts)

    def close(self) -> None:
        """Stop asking; requests on their way are not waited for."""
        self._closing.set()
        self._threads.shutdown(wait=False, cancel_futures=True)

    # --- requests ------------------------------------------------------------------------------------------------------

    def _batches(self, template: Template, records: list[bytes]) -> Iterator[_Batch]:
        """Records in order, as many a request as settings and service allow."""
        most = 1 if template.is_single else self._source.settings.batch_records
        start = size = 0
        for position, record in enumerate(records):
            if template.size_bytes(1, len(record)) > endpoints.BODY_MAX_BYTES:
                limit = endpoints.BODY_MAX_BYTES
                raise PredictorError(
                    f"endpoint {self._source.name}: a record is larger than a request may be, {limit} bytes."
                )
            count = position - start
            if count == most or template.size_bytes(count + 1, size + len(record)) > endpoints.BODY_MAX_BYTES:
                yield self._batch(template, records[start:position])
                start, size = position, 0
            size += len(record)
        if start < len(records):
            yield self._batch(template, records[start:])

    def _batch(self, template: Template, records: list[bytes]) -> _Batch:
        self._asked += 1
        return _Batch(self._asked, template.body(records), len(records))

    def _ask_all(self, batches: Iterator[_Batch]) -> Iterator[np.ndarray]:
        """Answers in the order of the requests; paid for in that order too, so that a budget always ends at the same row."""
        waiting: deque[Future[np.ndarray]] = deque()
        try:
            for batch in batches:
                self._spend(batch.records)
                waiting.append(self._threads.submit(self._ask, batch))
                if len(waiting) > 2 * self._source.settings.concurrency:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except BudgetExceeded:
            for future in waiting:
                future.cancel()
            raise
        except BaseException:  # an error, or the job was stopped: whoever waits for a second try gives up
            self.close()
            raise

    def _ask(self, batch: _Batch) -> np.ndarray:
        source = self._source
        inference_id = f"{OWN_REQUEST_PREFIX}{source.run}-{batch.number}"[:INFERENCE_ID_MAX]
        question = endpoints.Question(
            source.name, batch.body, source.content_type, self._accept, inference_id, self._options
        )
        answer = self._answer(question, batch.number)
        return self._responses.read(answer.body, answer.content_type, batch.records)

    def _answer(self, question: endpoints.Question, number: int) -> endpoints.Answer:
        """Ask, and ask again what may be answered later; every attempt is a call of the budget."""
        dice = random.Random(number)  # noqa: S311 - spreads attempts, protects nothing
        attempt = 0
        while True:
            attempt += 1
            try:
                return self._runtime.ask(question)
            except EndpointRefused as error:
                if attempt >= attempts_of(error) or self._closing.is_set():
                    raise
            longest = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2 ** (attempt - 1))
            self._pause(self._closing, self._affordable(longest * dice.uniform(0.5, 1.0)))
            self._spend(0)

    def _affordable(self, seconds: float) -> float:
        left = self._budget.seconds_left
        return seconds if left is None else min(seconds, left)

    def _spend(self, rows: int) -> None:
        with self._lock:
            self._budget.spend(rows)


def attempts_of(error: EndpointRefused) -> int:
    """How often a call that failed so is made at most."""
    if endpoints.is_temporary(error):
        return ATTEMPTS
    return ATTEMPTS_OF_A_BROKEN_MODEL if endpoints.is_models_fault(error) else 1
