"""Files below a folder, as `Path.rglob` has them, but for hidden ones and with folders that are linked."""

from __future__ import annotations

import os

import pytest

from model_monitor.errors import FolderUnreadable
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
    assert set(found) == {"a.jsonl", "2026/03/b.jsonl", "link.jsonl", "folder-link/c.jsonl"}
    searched = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    own = {path for path in found if not path.startswith("folder-link")}  # a recursive search leaves out what is linked
    assert own == {path for path in searched if not any(part[0] in "._" for part in path.split("/"))}
    assert found["link.jsonl"].stat().st_size == 1


def test_each_comes_once(folder):
    names = [relative for relative, _ in files_below(folder)]
    assert len(names) == len(set(names))


def test_what_is_linked_is_read_once_however_many_links_lead_to_it(folder, tmp_path):
    for name, target in (
        ("again", tmp_path / "elsewhere"),
        ("up", tmp_path),
        ("self", folder),
        ("inside", folder / "2026"),
        ("circle", folder / "circle"),
    ):
        (folder / name).symlink_to(target)
    (tmp_path / "elsewhere/deeper").symlink_to(folder / "2026/03")
    names = [relative for relative, _ in files_below(folder)]
    assert sorted(name.rpartition("/")[2] for name in names) == ["a.jsonl", "b.jsonl", "c.jsonl", "link.jsonl"]


def test_a_root_that_is_a_link_is_read(folder, tmp_path):
    (tmp_path / "root-link").symlink_to(folder)
    assert {relative for relative, _ in files_below(tmp_path / "root-link")} == {
        relative for relative, _ in files_below(folder)
    }


def test_a_folder_that_may_not_be_read_is_told(folder, monkeypatch):
    """Everything may be read by root, so the refusal is made."""
    listed = os.scandir

    def refusing(path):
        if str(path).endswith("03"):
            raise PermissionError(13, "Permission denied", str(path))
        return listed(path)

    monkeypatch.setattr(os, "scandir", refusing)
    with pytest.raises(FolderUnreadable, match=r"2026/03: permission denied.*right to list"):
        list(files_below(folder))
