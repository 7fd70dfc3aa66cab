"""report.pdf: the page on paper, by a browser that is there; where none is, an error that says what to do."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from model_monitor import cli
from model_monitor.pages import pdf
from tests.monitor_image.pages.test_report import of


@pytest.fixture
def left(tmp_path: Path) -> Path:
    """What a run left."""
    (tmp_path / "report.json").write_text(json.dumps(of("broken")))
    return tmp_path


@pytest.mark.skipif(pdf.find() is None, reason="no Chromium: apt-get install chromium")
@pytest.mark.xdist_group("browser")
def test_a_report_is_printed_beside_itself(left: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["report", str(left), "--pdf"]) == 0
    made = left / "report.pdf"
    assert capsys.readouterr().out.strip() == str(made)
    content = made.read_bytes()
    assert content.startswith(b"%PDF-")
    assert len(re.findall(rb"/Type /Page\b", content)) >= 2, "what is folded on a screen is open on paper"
    assert [path.name for path in left.iterdir() if path.suffix == ".html"] == []


@pytest.mark.parametrize("browser", [None, "/bin/false"])
def test_without_a_browser_it_says_what_to_do(
    left: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, browser: str | None
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: browser)
    monkeypatch.setattr(pdf, "APPLICATIONS", ())
    assert cli.main(["report", str(left), "--pdf", str(left / "x.pdf")]) == 1
    told = capsys.readouterr().err
    assert ("none was found" if browser is None else "false did not print the page (CalledProcessError)") in told
    assert "Install Chromium or Chrome, or open report.html in any browser and print it." in told
    assert not (left / "x.pdf").exists()


def test_the_found_browser_is_the_first_that_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}" if name.startswith("google") else None)
    assert pdf.find() == "/usr/bin/google-chrome"
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr(pdf, "APPLICATIONS", ("/nowhere", __file__))
    assert pdf.find() == __file__
