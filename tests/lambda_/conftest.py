"""Loads a Lambda's folder as the runtime does: its files import each other by their bare names."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

LAMBDA = Path(__file__).resolve().parents[2] / "lambda"


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], SimpleNamespace]]:
    """`load("retraining").decide` is that folder's module, fresh; nothing of it stays behind for other tests."""
    loaded: list[str] = []

    def load_folder(name: str) -> SimpleNamespace:
        names = [path.stem for path in sorted((LAMBDA / name).glob("*.py"))]
        for module in names:
            sys.modules.pop(module, None)
        monkeypatch.syspath_prepend(str(LAMBDA / name))
        loaded.extend(names)
        return SimpleNamespace(**{module: importlib.import_module(module) for module in names})

    yield load_folder
    for module in loaded:
        sys.modules.pop(module, None)


@pytest.fixture(autouse=True)
def fake_account(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys and a region that lead nowhere, whatever the developer's shell carries."""
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
