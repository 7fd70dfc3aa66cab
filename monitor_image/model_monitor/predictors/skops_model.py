"""scikit-learn models in skops files, which are read without running what they hold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from model_monitor.errors import MonitorError, PredictorError
from model_monitor.predictors.base import Matrix
from model_monitor.predictors.libraries import library


def load(name: str, content: bytes, output: str, trusted: tuple[str, ...]) -> Callable[[Matrix], np.ndarray]:
    """Probabilities where the model gives them and they are asked for (of two classes the second's), else predictions.

    Raises: PredictorError, also when the file holds types that nobody has declared to be trusted.
    """
    where = f"model file {name}"
    skops = library("skops.io", where)
    try:
        unknown = sorted(set(skops.get_untrusted_types(data=content)) - set(trusted))
        if unknown:
            raise PredictorError(
                f"{where}: holds types that are not trusted: {', '.join(unknown[:10])}. "
                "If you know them, list them in predictor.trusted_types."
            )
        model = skops.loads(content, trusted=list(trusted))
    except MonitorError:
        raise
    except Exception as error:
        raise PredictorError(f"{where}: skops cannot read it ({type(error).__name__}).") from error
    ask = model.predict_proba if output == "probability" and hasattr(model, "predict_proba") else model.predict

    def predict(rows: Matrix) -> np.ndarray:
        try:
            found: Any = np.asarray(ask(_cells(model, rows)), np.float64)
        except MonitorError:  # the job was stopped meanwhile
            raise
        except Exception as error:
            raise PredictorError(f"{where}: refused the rows ({type(error).__name__}).") from error
        is_binary = ask is not model.predict and found.ndim == 2 and found.shape[1] == 2
        return np.asarray(found[:, 1] if is_binary else found)

    return predict


def _cells(model: Any, rows: Matrix) -> Any:
    """A model that was trained on named columns is given them, where pandas is there."""
    if not hasattr(model, "feature_names_in_"):
        return rows.values
    frame = library("pandas", "a model that takes named columns").DataFrame
    return frame(rows.values, columns=list(rows.names)).infer_objects()[list(model.feature_names_in_)]
