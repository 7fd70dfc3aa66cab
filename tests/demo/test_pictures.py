"""The pictures of the documentation: each is of a page that the demo leaves, small, and shown."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from demo import pictures
from tests.conftest import ROOT


@pytest.mark.parametrize("picture", pictures.PICTURES, ids=lambda picture: picture.name)
def test_a_picture_is_there_small_and_shown(picture: pictures.Picture) -> None:
    file = ROOT / "docs" / "pictures" / f"{picture.name}.png"
    content = file.read_bytes()
    assert content.startswith(b"\x89PNG")
    assert [int.from_bytes(content[at : at + 4]) for at in (16, 20)] == [picture.width, picture.height]
    assert len(content) <= pictures.MOST_BYTES
    assert f"(pictures/{file.name})" in (ROOT / "docs" / "reports.md").read_text()


def test_without_reports_it_says_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: name)
    assert pictures.main(["--reports", str(tmp_path), "--output", str(tmp_path)]) == 1
    assert "run make demo first" in capsys.readouterr().err
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert pictures.main(["--reports", str(tmp_path), "--output", str(tmp_path)]) == 1
    assert "install one of them" in capsys.readouterr().err
