"""XGBoost models saved as JSON or UBJSON."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from model_monitor.errors import PredictorError
from model_monitor.predictors.base import Matrix
from model_monitor.predictors.libraries import library


def load(name: str, content: bytes) -> Callable[[Matrix], np.ndarray]:
    """What the objective gives: probabilities of logistic and softprob models, values of regressions.

    Raises: PredictorError.
    """
    where = f"model file {name}"
    xgboost = library("xgboost", where)
    booster = xgboost.Booster()
    try:
        booster.load_model(bytearray(content))
    except xgboost.core.XGBoostError as error:
        raise PredictorError(
            f"{where}: XGBoost cannot read it. Expected JSON or UBJSON, as save_model writes it since version 1.0."
        ) from error
    features = booster.num_features()

    def predict(rows: Matrix) -> np.ndarray:
        if features != len(rows.names):
            raise PredictorError(f"{where}: takes {features} features, the payload has {len(rows.names)}.")
        return np.asarray(booster.inplace_predict(rows.numbers(where), validate_features=False))

    return predict
