"""A test may only be skipped for a reason that is on the list."""

import subprocess
import sys
from pathlib import Path

import pytest

SUITE = """
import pytest

@pytest.mark.skip(reason="just because")
def test_by_mark(): assert True

def test_by_call(): pytest.skip("no container builder: neither docker nor buildah")

def test_that_runs(): assert True
"""


def test_a_skip_for_another_reason_fails_the_suite(tmp_path: Path):
    conftest = Path(__file__).with_name("conftest.py")
    (tmp_path / "conftest.py").write_text(conftest.read_text())
    (tmp_path / "test_suite.py").write_text(SUITE)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == pytest.ExitCode.TESTS_FAILED
    assert "1 passed, 1 skipped, 1 error" in done.stdout  # a mark skips before the call: an error in setup
    assert "not in tests/conftest.py ALLOWED_SKIPS: just because" in done.stdout
