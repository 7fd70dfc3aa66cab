"""What every test shares: where the acceptance data lies, and the list of reasons a test may be skipped for."""

from __future__ import annotations

import gc
import os
from collections.abc import Generator
from pathlib import Path
from types import ModuleType

import pytest

from tests import effort
from twin.functions import runtime

gc.disable()  # until all tests are known: nothing of what is made on the way is thrown away
effort.choose()
runtime.share_descriptions()

ROOT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("SHARED", ROOT.parent / "shared"))

ALLOWED_SKIPS = {
    "acceptance data not here": "golden tests read published inputs and results that are not ours to commit; set SHARED",
    "compiled reader not installed": "it needs a C++ compiler; tests/monitor_image/native fails where one is and it is not",
    "no C++ compiler": "the compiled reader is optional, and built by `make setup` where a compiler and Python's headers are",
    "no address sanitizer": "not every compiler brings the libraries of its sanitizers",
    "no container builder": "`make image-test` builds the image as root with buildah and bubblewrap; the other tests do not",
    "no emulator of arm64": "the golden files of amd64 are held by the other tests of the image; a real arm64 machine needs none",
    "no Chromium": "the review page's tests drive one; its API and its files are tested without it, too",
    "duckdb not installed": "`make setup` installs it; the files are read with pyarrow, too",
    "no axe-core": "`make setup` installs it with the CDK CLI; the page is driven by keys alone without it, too",
    "hadolint environment not installed": "`make test` installs it in build/venv/hadolint; `make check` leaves it out",
    "models environment not installed": "`make test` installs it in build/venv/models; `make check` leaves it out",
    "other fonts than in the accepted pictures": "letters of another shape are other pictures; axe and the pages' texts need none",
    "peer of the calibration not installed": "`make calibrate` installs it in build/venv; tests leave it out",
    "polars not installed": "the protocol by which its DataFrames are taken is tested without it, too",
    "sagemaker SDK environment not installed": "`make test` installs it in build/venv/sdk; `make check` leaves it out",
    "shap environment not installed": "`make test` installs it in build/venv/shap; `make check` leaves it out",
    "smclarify environment not installed": "`make test` installs it in build/venv/smclarify; `make check` leaves it out",
}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """For several workers: what takes longest begins first, and each file stays on one of them with what its tests share."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)
    for item in items:
        if not item.get_closest_marker("xdist_group"):
            item.add_marker(pytest.mark.xdist_group(os.path.relpath(item.path, ROOT)))


def pytest_collection_finish() -> None:
    """Modules and tests stay: who looks for garbage need not look at them each time, which took a sixth of all time."""
    gc.freeze()
    gc.enable()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A skip whose reason is not on the list is a failure: nothing drops out of the suite unnoticed."""
    report = yield
    if call.excinfo is not None and call.excinfo.errisinstance(pytest.skip.Exception):
        reason = str(call.excinfo.value)
        if not reason.startswith(tuple(ALLOWED_SKIPS)):
            report.outcome = "failed"
            report.longrepr = f"skipped for a reason that is not in tests/conftest.py ALLOWED_SKIPS: {reason}"
    return report


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of published inputs and results; skips loudly where it is missing."""
    if not (SHARED / "data").is_dir():
        pytest.skip(f"acceptance data not here: {SHARED} (set SHARED to the folder that holds data/ and samples/)")
    return SHARED


@pytest.fixture
def fake_account(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys and a region that lead nowhere, whatever the developer's shell carries."""
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")


@pytest.fixture(scope="session")
def native() -> ModuleType:
    """The compiled reader."""
    from model_monitor import reader

    module = reader.load()
    if module is None:
        pytest.skip("compiled reader not installed (`make setup` builds it where a C++ compiler is), or not wanted")
    return module
