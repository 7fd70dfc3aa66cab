"""What the compiled reader offers `model_monitor/dataset/native.py`, and `sketches/numbers.py` (count_whole)."""

from typing import Any

import numpy as np

sources: str  # a digest of what it was compiled from; empty when built by hand

_Side = tuple[bytearray, bytes, bytes, list[tuple[str | None, str | None] | None]]

def read_csv(
    texts: tuple[bytes | bytearray, np.ndarray],
    places: list[tuple[int, bool]],
    width: int,
    needed: int,
    is_exact: bool,
    /,
) -> tuple[bytearray, tuple[tuple[Any, ...], ...], dict[int, int], dict[int, int]]: ...
def read_envelopes(blocks: list[bytes], /) -> tuple[_Side, _Side, list[str], bytes, list[str], bytes, bytes, bytes]: ...
def open_texts(
    texts: tuple[bytes | bytearray, np.ndarray], is_binary: np.ndarray, /
) -> tuple[bytearray, bytearray, bytearray, list[int]]: ...
def read_json(
    texts: tuple[bytes | bytearray, np.ndarray],
    shape: int,
    container: str | None,
    is_alone: bool,
    is_closed: bool,
    keys: list[bytes],
    places: list[tuple[int, bool]],
    width: int,
    is_single: bool,
    needed: int,
    expected: np.ndarray | None,
    /,
) -> (
    tuple[
        bytearray,
        bytes,
        tuple[
            tuple[tuple[tuple[Any, ...], bytes | None], ...],
            tuple[list[str], bytes, bytes, bytes],
            bytes,
            dict[int, int],
        ],
    ]
    | None
): ...
def count_whole(numbers: np.ndarray, is_double: bool, /) -> tuple[bytearray, bytearray] | None: ...
def mentions(data: bytes | bytearray, word: bytes, /) -> bool: ...
