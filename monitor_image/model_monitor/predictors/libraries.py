"""Libraries of the image's optional layer, loaded only when a model needs them."""

from __future__ import annotations

import importlib
from typing import Any

from model_monitor.errors import PredictorError


def library(name: str, what: str) -> Any:
    """A module. Raises: PredictorError that says which layer has it."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise PredictorError(
            f"{what}: needs {name.partition('.')[0]}, which is not installed. Build the image with its models layer "
            "(--build-arg MODELS=1), or install monitor_image/requirements-models.txt."
        ) from error
