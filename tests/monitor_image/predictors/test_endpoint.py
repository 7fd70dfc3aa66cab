"""Rows are asked in order, in bounded requests, again where that helps, and never beyond the budget."""

import threading
from dataclasses import dataclass, field

import numpy as np
import pytest

from model_monitor.aws import endpoints
from model_monitor.contract import INFERENCE_ID_MAX, OWN_REQUEST_PREFIX
from model_monitor.errors import BudgetExceeded, EndpointRefused, PredictorError
from model_monitor.predictors.base import Budget, Matrix
from model_monitor.predictors.endpoint import ATTEMPTS, EndpointPredictor, EndpointSource, attempts_of
from model_monitor.predictors.settings import PredictorSettings


def error(code, status=400, model_status=None):
    return EndpointRefused("endpoint e", "InvokeEndpoint", code, status, model_status)


@dataclass
class Doubling:
    """Answers twice the first value of each line; `failures` are raised first, one a question."""

    failures: list[Exception] = field(default_factory=list)
    asked: list[endpoints.Question] = field(default_factory=list)
    together: int = 0
    most: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def ask(self, question):
        with self.lock:
            self.asked.append(question)
            self.together += 1
            self.most = max(self.most, self.together)
            failure = self.failures.pop(0) if self.failures else None
        try:
            if failure:
                raise failure
            lines = question.body.decode().split("\n")
            return endpoints.Answer(
                "\n".join(str(2 * float(line.split(",")[0])) for line in lines).encode(), "text/csv"
            )
        finally:
            with self.lock:
                self.together -= 1


class Pauses(list):
    def __call__(self, _event, seconds):
        self.append(seconds)


def opened(runtime, budget=None, pauses=None, **settings):
    source = EndpointSource("e", PredictorSettings(**settings), "text/csv", "run-1")
    return EndpointPredictor(source, runtime, budget or Budget(), Pauses() if pauses is None else pauses)


def matrix(count):
    return Matrix(np.arange(count * 2, dtype=float).reshape(count, 2), ("a", "b"), (True, True))


def test_answers_come_in_the_order_of_the_rows_however_many_requests_run_at_a_time():
    runtime = Doubling()
    with opened(runtime, batch_records=3, concurrency=4) as predictor:
        found = predictor.predict(matrix(100))
    assert found[:, 0].tolist() == [4.0 * i for i in range(100)]
    assert (len(runtime.asked), runtime.most <= 4) == (34, True)


def test_a_request_says_whose_it_is_and_what_it_wants():
    runtime = Doubling()
    with opened(
        runtime, accept_type="text/csv", target_variant="blue", custom_attributes="c=1", target_model="m"
    ) as predictor:
        predictor.predict(matrix(1))
        predictor.predict(matrix(1))
    assert [question.inference_id for question in runtime.asked] == [f"{OWN_REQUEST_PREFIX}run-1-{n}" for n in (1, 2)]
    assert all(len(question.inference_id) <= INFERENCE_ID_MAX for question in runtime.asked)
    assert runtime.asked[0].options == {"TargetVariant": "blue", "TargetModel": "m", "CustomAttributes": "c=1"}
    assert (runtime.asked[0].endpoint, runtime.asked[0].content_type, runtime.asked[0].body) == (
        "e",
        "text/csv",
        b"0,1",
    )


def test_requests_stay_within_the_services_limit(monkeypatch):
    monkeypatch.setattr(endpoints, "BODY_MAX_BYTES", 10)
    runtime = Doubling()
    with opened(runtime) as predictor:
        predictor.predict(matrix(9))
    assert max(len(question.body) for question in runtime.asked) <= 10
    assert b"\n".join(
        question.body for question in sorted(runtime.asked, key=lambda q: q.body and int(q.body.split(b",")[0]))
    ) == (b"\n".join(b"%d,%d" % (2 * i, 2 * i + 1) for i in range(9)))


def test_a_record_that_fits_no_request_is_told(monkeypatch):
    monkeypatch.setattr(endpoints, "BODY_MAX_BYTES", 2)
    with opened(Doubling()) as predictor, pytest.raises(PredictorError, match="larger than a request may be"):
        predictor.predict(matrix(1))


def test_no_rows_are_no_request():
    runtime = Doubling()
    with opened(runtime) as predictor:
        assert predictor.predict(matrix(0)).shape == (0, 1)
    assert runtime.asked == []


@pytest.mark.parametrize(
    ("failure", "attempts"),
    [
        (error("ThrottlingException"), ATTEMPTS),
        (error("ServiceUnavailable", 503), ATTEMPTS),
        (error("InternalFailure", 500), ATTEMPTS),
        (error("ModelNotReadyException", 429), ATTEMPTS),
        (error("ReadTimeoutError", 0), ATTEMPTS),
        (error("EndpointConnectionError", 0), ATTEMPTS),
        (error("ModelError", 424, 503), ATTEMPTS),
        (error("ModelError", 424, 500), 2),
        (error("ModelError", 424, 400), 1),
        (error("ModelError", 424, 415), 1),
        (error("ValidationError", 400), 1),
        (error("AccessDeniedException", 403), 1),
        (error("NoCredentialsError", 0), 1),
    ],
)
def test_only_what_may_be_answered_later_is_asked_again(failure, attempts):
    runtime, pauses = Doubling([failure] * 20), Pauses()
    assert attempts_of(failure) == attempts
    with opened(runtime, pauses=pauses) as predictor, pytest.raises(EndpointRefused):
        predictor.predict(matrix(1))
    assert (len(runtime.asked), len(pauses)) == (attempts, attempts - 1)


def test_a_throttled_request_is_answered_in_the_end_and_every_attempt_is_a_call():
    runtime, budget, pauses = Doubling([error("ThrottlingException")] * 3), Budget(), Pauses()
    with opened(runtime, budget, pauses) as predictor:
        assert predictor.predict(matrix(2)).tolist() == [[0.0], [4.0]]
    assert (budget.spent_predictions, budget.spent_calls) == (2, 4)
    assert len({question.inference_id for question in runtime.asked}) == 1


def test_pauses_grow_and_are_spread():
    runtime, pauses = Doubling([error("ThrottlingException")] * 5), Pauses()
    with opened(runtime, pauses=pauses) as predictor:
        predictor.predict(matrix(1))
    limits = [0.5, 1.0, 2.0, 4.0, 8.0]
    assert all(limit / 2 <= pause <= limit for pause, limit in zip(pauses, limits, strict=True))
    assert [pause / limit for pause, limit in zip(pauses, limits, strict=True)] != [pauses[0] / limits[0]] * 5


def test_a_budget_of_predictions_ends_at_the_same_row_every_time():
    for _ in range(3):
        runtime, budget = Doubling(), Budget(predictions=50)
        with (
            opened(runtime, budget, batch_records=20) as predictor,
            pytest.raises(BudgetExceeded, match=r"predictions.*50"),
        ):
            predictor.predict(matrix(100))
        assert (budget.spent_predictions, budget.spent_calls) == (40, 2)


def test_what_fits_the_budget_is_answered_after_something_did_not():
    with opened(Doubling(), Budget(predictions=5)) as predictor:
        with pytest.raises(BudgetExceeded):
            predictor.predict(matrix(6))
        assert len(predictor.predict(matrix(5))) == 5


def test_a_budget_of_calls_counts_attempts():
    runtime = Doubling([error("ThrottlingException")] * 20)
    with opened(runtime, Budget(calls=3)) as predictor, pytest.raises(BudgetExceeded, match="calls"):
        predictor.predict(matrix(1))
    assert len(runtime.asked) == 3


def test_no_pause_is_longer_than_the_seconds_that_are_left():
    now = [0.0]
    budget, pauses = Budget(seconds=10, clock=lambda: now[0]), Pauses()

    def pause(event, seconds):
        pauses(event, seconds)
        now[0] += 9.9

    runtime = Doubling([error("ThrottlingException")] * 20)
    with opened(runtime, budget, pause) as predictor, pytest.raises(BudgetExceeded, match="seconds"):
        predictor.predict(matrix(1))
    assert pauses[1] <= 0.1 + 1e-9


def test_a_stop_ends_the_waiting_of_every_thread_at_once():
    class Stopped(BaseException):
        pass

    class Stopping:
        def ask(self, question):
            raise Stopped if question.body.startswith(b"0,") else error("ThrottlingException")

    source = EndpointSource("e", PredictorSettings(batch_records=1, concurrency=2), "text/csv")
    predictor = EndpointPredictor(source, Stopping(), Budget())
    with pytest.raises(Stopped):
        predictor.predict(matrix(4))
    predictor._threads.shutdown(wait=True)  # returns: nobody sleeps through the back-off any more


def test_an_answer_of_another_width_is_refused():
    class Widening(Doubling):
        def ask(self, question):
            answer = super().ask(question)
            return answer if len(self.asked) == 1 else endpoints.Answer(b"1,2", "text/csv")

    with (
        opened(Widening(), batch_records=1, concurrency=1) as predictor,
        pytest.raises(PredictorError, match="2 widths"),
    ):
        predictor.predict(matrix(2))


def test_a_source_says_that_a_serving_endpoint_is_asked():
    source = EndpointSource("churn", PredictorSettings(label_headers=("stays",)), "text/csv")
    assert "churn, which serves traffic" in source.notes[0]
    assert (source.label_headers, source.is_local) == (("stays",), False)
