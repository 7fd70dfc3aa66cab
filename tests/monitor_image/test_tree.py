"""Files below a folder, as `Path.rglob` has them, but for hidden ones and with folders that are linked."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from model_monitor.errors import FolderUnreadable, LinkBroken
from model_monitor.tree import files_below


def made(root: Path, *names: str) -> Path:
    """A folder with files that hold their names."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    return root


def names(root: Path) -> list[str]:
    return sorted(relative for relative, _ in files_below(root))


@pytest.fixture
def folder(tmp_path):
    """Files in folders, links to either, and an empty folder."""
    root = made(tmp_path / "root", "a.jsonl", "2026/03/b.jsonl", "2026/03/.part", "_SUCCESS", "_temporary/c.jsonl")
    made(root, "lost+found/d.jsonl")
    (root / "empty").mkdir()
    elsewhere = made(tmp_path / "elsewhere", "c.jsonl")
    (root / "folder-link").symlink_to(elsewhere)
    (root / "link.jsonl").symlink_to(elsewhere / "c.jsonl")
    return root


def test_they_are_the_files_that_a_recursive_search_finds(folder):
    found = dict(files_below(folder))
    assert set(found) == {"a.jsonl", "2026/03/b.jsonl", "link.jsonl", "folder-link/c.jsonl"}
    searched = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    own = {path for path in found if not path.startswith("folder-link")}  # a recursive search leaves out what is linked
    assert own == {path for path in searched if not path.startswith(("_", "lost")) and "/." not in path}
    assert found["link.jsonl"].stat().st_size == len("c.jsonl")


def test_each_folder_is_read_once_however_many_links_lead_to_it(folder, tmp_path):
    for name, target in (
        ("again", tmp_path / "elsewhere"),
        ("up", tmp_path),
        ("self", folder),
        ("inside", folder / "2026"),
    ):
        (folder / name).symlink_to(target)
    (tmp_path / "elsewhere/deeper").symlink_to(folder / "2026/03")
    assert [name.rpartition("/")[2] for name in names(folder)] == ["b.jsonl", "a.jsonl", "c.jsonl", "link.jsonl"]


@pytest.mark.parametrize(("first", "second"), [("x/deep", "x"), ("x", "x/deep")])
def test_of_links_one_of_which_leads_into_the_other_nothing_is_lost(tmp_path, first, second):
    made(tmp_path / "e", "x/top.jsonl", "x/deep/d.jsonl")
    root = made(tmp_path / "root", "own.jsonl")
    (root / "a").symlink_to(tmp_path / "e" / first)
    (root / "b").symlink_to(tmp_path / "e" / second)
    assert sorted(name.rpartition("/")[2] for name in names(root)) == ["d.jsonl", "own.jsonl", "top.jsonl"]


def test_a_link_that_leads_higher_is_followed_first(tmp_path):
    """Hours and variants are read off the path: `latest` beside the variant it lies in must not take its day away."""
    made(tmp_path / "e", "AllTraffic/2026/03/02/a.jsonl", "AllTraffic/2026/03/01/b.jsonl")
    root = made(tmp_path / "root")
    root.mkdir()
    (root / "latest").symlink_to(tmp_path / "e/AllTraffic/2026/03/02")
    (root / "variant").symlink_to(tmp_path / "e/AllTraffic")
    assert names(root) == ["variant/2026/03/01/b.jsonl", "variant/2026/03/02/a.jsonl"]


def test_whoever_says_what_to_do_with_faults_is_told_and_reads_on(folder):
    (folder / "2026/03/gone.jsonl").symlink_to(folder / "nowhere")
    found: list[str] = []
    told = sorted(
        name for name, _ in files_below(folder, sees_hidden=True, told=lambda fault: found.append(str(fault)))
    )
    assert told == [
        "2026/03/.part",
        "2026/03/b.jsonl",
        "_SUCCESS",
        "_temporary/c.jsonl",
        "a.jsonl",
        "folder-link/c.jsonl",
        "link.jsonl",
    ]
    assert found == [
        f"{folder}/2026/03/gone.jsonl: a link that leads nowhere, so what it stands for would be missing. "
        "Mend or remove it."
    ]


@pytest.mark.parametrize("hidden", [".store/v1", "..data/sub"])
def test_what_is_hidden_is_read_where_a_link_leads_to_it(tmp_path, hidden):
    """As releases are switched, and volumes of Kubernetes are made."""
    root = made(tmp_path / "root", f"{hidden}/a.jsonl")
    (root / "current").symlink_to(root / hidden)
    assert names(root) == ["current/a.jsonl"]


def test_a_root_that_is_a_link_is_read(folder, tmp_path):
    (tmp_path / "root-link").symlink_to(folder)
    assert names(tmp_path / "root-link") == names(folder)


@pytest.mark.parametrize("target", ["nowhere", "round.jsonl"])
def test_a_link_that_leads_nowhere_is_told(folder, target):
    (folder / "round.jsonl").symlink_to(folder / target)
    with pytest.raises(LinkBroken, match=r"round.jsonl: a link that leads nowhere"):
        names(folder)


@pytest.mark.parametrize("call", ["scandir", "stat"])
def test_a_folder_that_may_not_be_read_is_told(folder, monkeypatch, call):
    """Everything may be read by root, so the refusal is made."""
    known = getattr(os, call)

    def refusing(path, **options):
        if str(path).endswith("03"):
            raise PermissionError(13, "Permission denied", str(path))
        return known(path, **options)

    monkeypatch.setattr(os, call, refusing)
    with pytest.raises(FolderUnreadable, match=r"2026/03: permission denied.*right to list"):
        names(folder)
