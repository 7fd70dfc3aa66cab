"""A linear or logistic model from its weights: {"weights": […], "bias": 0.1, "link": "logit"}."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import orjson

from model_monitor.errors import PredictorError
from model_monitor.predictors.base import Matrix


def is_linear(content: bytes) -> bool:
    """Whether a file is such a model."""
    if content[:1] != b"{" or len(content) > 1 << 20:
        return False
    try:
        return isinstance(_document(content).get("weights"), list)
    except ValueError:
        return False


def load(name: str, content: bytes) -> Callable[[Matrix], np.ndarray]:
    """Scores of rows. `weights` of several outputs are a list of lists, `bias` a list then.

    link: `identity`, or `logit` for probabilities; absent: by `type`, which may begin with `logistic`.
    Raises: PredictorError.
    """
    where = f"model file {name}"
    try:
        document = _document(content)
        weights = np.atleast_2d(np.array(document["weights"], np.float64))
        bias = np.atleast_1d(np.array(document.get("bias", 0.0), np.float64))
    except (ValueError, KeyError, TypeError) as error:
        raise PredictorError(f"{where}: should hold weights and a bias, as numbers.") from error
    link = document.get("link") or ("logit" if str(document.get("type", "")).startswith("logistic") else "identity")
    names = document.get("feature_names")
    if link not in ("logit", "identity") or len(bias) != len(weights):
        raise PredictorError(f"{where}: link should be logit or identity, and each output should have a bias.")

    def predict(rows: Matrix) -> np.ndarray:
        if weights.shape[1] != len(rows.names):
            raise PredictorError(f"{where}: takes {weights.shape[1]} features, the payload has {len(rows.names)}.")
        if names is not None and tuple(names) != rows.names:
            raise PredictorError(f"{where}: takes other features, or in another order, than the payload has.")
        scores = rows.numbers(where) @ weights.T + bias
        return np.asarray(1.0 / (1.0 + np.exp(-scores)) if link == "logit" else scores)

    return predict


def _document(content: bytes) -> Mapping[str, Any]:
    document = orjson.loads(content)
    if not isinstance(document, dict):
        raise ValueError("no object")
    return document
