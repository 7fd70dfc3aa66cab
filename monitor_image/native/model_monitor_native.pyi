"""What the compiled reader offers; `model_monitor/dataset/native.py` is its only user."""

from typing import Any

import numpy as np

def read_csv(
    texts: tuple[bytes | bytearray, np.ndarray], places: list[tuple[int, bool]], width: int, needed: int, /
) -> tuple[bytearray, tuple[tuple[Any, ...], ...], dict[int, int], dict[int, int]]: ...
