"""ONNX models: one tensor of all features, or one input for each feature."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from model_monitor.errors import MonitorError, PredictorError
from model_monitor.predictors.base import Matrix
from model_monitor.predictors.libraries import library

NUMBERS: Final = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
}
TEXT: Final = "tensor(string)"
NO_TELEMETRY: Final = "ORT_DISABLE_TELEMETRY"  # read once, when the runtime is imported: else it reports to its maker


def load(name: str, content: bytes, output: str) -> Callable[[Matrix], np.ndarray]:
    """Probabilities where the model has such an output and they are asked for, else its first output.

    Raises: PredictorError.
    """
    where = f"model file {name}"
    os.environ.setdefault(NO_TELEMETRY, "1")
    runtime = library("onnxruntime", where)
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1
    try:
        session = runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise PredictorError(f"{where}: the ONNX runtime cannot read it ({type(error).__name__}).") from error
    inputs, answer = session.get_inputs(), _output([each.name for each in session.get_outputs()], output)

    def predict(rows: Matrix) -> np.ndarray:
        try:
            (found,) = session.run([answer], _feeds(inputs, rows, where))
        except MonitorError:
            raise
        except Exception as error:
            raise PredictorError(f"{where}: refused the rows ({type(error).__name__}).") from error
        return _numbers(found)

    return predict


def _output(names: list[str], wanted: str) -> str:
    if wanted == "probability":
        return next((name for name in names if "prob" in name.lower()), names[0])
    return next((name for name in names if "prob" not in name.lower()), names[0])


def _feeds(inputs: list[Any], rows: Matrix, where: str) -> dict[str, np.ndarray]:
    if len(inputs) == 1:
        return {inputs[0].name: _typed(inputs[0], rows, where)}
    places = {feature: place for place, feature in enumerate(rows.names)}
    missing = [each.name for each in inputs if each.name not in places]
    if missing:
        raise PredictorError(f"{where}: takes a feature '{missing[0]}' that the payload does not have.")
    feeds = {}
    for each in inputs:
        place = places[each.name]
        column = Matrix(rows.values[:, place : place + 1], (each.name,))
        feeds[each.name] = _typed(each, column, where)
    return feeds


def _typed(given: Any, rows: Matrix, where: str) -> np.ndarray:
    if given.type == TEXT:
        return np.array([["" if cell is None else str(cell) for cell in row] for row in rows.values], object)
    dtype = NUMBERS.get(given.type)
    if dtype is None:
        raise PredictorError(f"{where}: takes {given.type}, expected numbers or text.")
    return rows.numbers(where).astype(dtype)


def _numbers(found: Any) -> np.ndarray:
    """Also of a list of {label: probability}, as converters of scikit-learn write it."""
    if isinstance(found, list) and found and isinstance(found[0], dict):
        found = [list(each.values()) for each in found]
    return _positive_of_two(np.asarray(found, np.float64))


def _positive_of_two(found: np.ndarray) -> np.ndarray:
    """Of the two probabilities of a binary model the second: one label, as the model's score is."""
    is_binary = found.ndim == 2 and found.shape[1] == 2 and bool(np.allclose(found.sum(axis=1), 1.0, atol=1e-4))
    return found[:, 1] if is_binary else found
