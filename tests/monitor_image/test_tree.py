"""Files below a folder, as `Path.rglob` has them, but for hidden ones."""

from __future__ import annotations

import pytest

from model_monitor.tree import files_below


@pytest.fixture
def folder(tmp_path):
    """Files in folders, links to either, a link to nowhere, two links in a circle, and an empty folder."""
    root = tmp_path / "root"
    for name in ("a.jsonl", "2026/03/b.jsonl", "2026/03/.part", "_SUCCESS", "_temporary/c.jsonl"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    (root / "empty").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/c.jsonl").write_text("c")
    (root / "folder-link").symlink_to(tmp_path / "elsewhere")
    (root / "link.jsonl").symlink_to(tmp_path / "elsewhere/c.jsonl")
    (root / "nowhere.jsonl").symlink_to(tmp_path / "none")
    (root / "round.jsonl").symlink_to(root / "about.jsonl")
    (root / "about.jsonl").symlink_to(root / "round.jsonl")
    return root


def test_they_are_the_files_that_a_recursive_search_finds(folder):
    found = dict(files_below(folder))
    assert set(found) == {"a.jsonl", "2026/03/b.jsonl", "link.jsonl"}
    searched = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    assert set(found) == {path for path in searched if not any(part[0] in "._" for part in path.split("/"))}
    assert found["link.jsonl"].stat().st_size == 1


def test_each_comes_once(folder):
    names = [relative for relative, _ in files_below(folder)]
    assert len(names) == len(set(names))
