"""What a model is to a monitor: rows in, numbers out, within a declared budget.

Every source of predictions is one file of this package: an endpoint, a shadow endpoint, an artefact.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import Protocol, Self

import numpy as np

from model_monitor.errors import BudgetExceeded, PredictorError


@dataclass(frozen=True, slots=True, eq=False)
class Matrix:
    """Rows as a model takes them: the feature columns in the schema's order.

    values: (rows, features), float64 with NaN where a value is missing; or object with None there, when some feature is
        text. The cells of an object matrix are str, float or None.
    names: of the features.
    is_integral: which features hold whole numbers only, so that a writer says `39` and not `39.0`.
    """

    values: np.ndarray
    names: tuple[str, ...]
    is_integral: tuple[bool, ...] = ()

    def __len__(self) -> int:
        return len(self.values)

    @property
    def is_numeric(self) -> bool:
        return self.values.dtype != np.object_

    def with_values(self, values: np.ndarray) -> Matrix:
        """Other rows of the same features."""
        return replace(self, values=values)

    def numbers(self, what: str) -> np.ndarray:
        """float64 (rows, features) for a model that takes nothing else; `what` names it in the error.

        Raises: PredictorError naming the features that hold text.
        """
        if self.is_numeric:
            return self.values
        texts = [name for name, column in zip(self.names, self.values.T, strict=True) if any(map(_is_text, column))]
        if texts:
            named = ", ".join(f"'{name}'" for name in texts[:5])
            raise PredictorError(
                f"{what}: takes numbers only, found text in {named}. "
                "Ask the endpoint, or a pipeline that encodes text itself (ONNX, scikit-learn)."
            )
        return self.values.astype(np.float64)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


class Predictor(AbstractContextManager["Predictor"], Protocol):
    """A model that is open for questions. Closing it gives back whatever it took, and may be done twice."""

    def predict(self, rows: Matrix) -> np.ndarray:
        """float64 (rows, outputs), in the order of the rows; the number of outputs never changes.

        Every request is paid for first: `budget.spend(rows)`. Raises: BudgetExceeded, PredictorError.
        """
        ...

    def close(self) -> None:
        """Give back what was taken."""
        ...


class PredictorSource(Protocol):
    """Where predictions come from, as configured: frozen, picklable, and free until it is opened."""

    @property
    def label_headers(self) -> tuple[str, ...]:
        """Names of the outputs; () when they are `label0`, `label1`, …"""
        ...

    @property
    def is_local(self) -> bool:
        """Predictions cost no request, so that many more of them may be asked for."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the results should know of asking this model."""
        ...

    def open(self, budget: Budget) -> Predictor:
        """Raises: PredictorError."""
        ...


@dataclass(slots=True)
class Budget:
    """What a run may ask of a model. None: no limit.

    predictions: rows that the model scores. calls: requests. seconds: from the first question on.
    """

    predictions: int | None = None
    calls: int | None = None
    seconds: float | None = None
    clock: Callable[[], float] = time.monotonic
    spent_predictions: int = 0
    spent_calls: int = 0
    started: float | None = field(default=None)

    def spend(self, rows: int, calls: int = 1) -> None:
        """Pay for a request before it is made. Raises: BudgetExceeded, and then nothing is spent."""
        if self.started is None:
            self.started = self.clock()
        self.check_time()
        if self.predictions is not None and self.spent_predictions + rows > self.predictions:
            raise BudgetExceeded("predictions", self.predictions)
        if self.calls is not None and self.spent_calls + calls > self.calls:
            raise BudgetExceeded("calls", self.calls)
        self.spent_predictions += rows
        self.spent_calls += calls

    def check_time(self) -> None:
        """For long waits. Raises: BudgetExceeded."""
        if self.seconds is not None and self.spent_seconds > self.seconds:
            raise BudgetExceeded("seconds", self.seconds)

    @property
    def spent_seconds(self) -> float:
        return 0.0 if self.started is None else self.clock() - self.started

    @property
    def seconds_left(self) -> float | None:
        """For time limits of single requests; None without a limit."""
        return None if self.seconds is None else max(0.0, self.seconds - self.spent_seconds)


class OpenPredictor:
    """A base for predictors: a context that closes itself."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Nothing was taken."""
