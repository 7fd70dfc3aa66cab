"""What the repository says about itself is true: pins, links, the tree, commands and the workflow."""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
IMAGE = ROOT / "monitor_image"
PAGES = [
    README,
    IMAGE / "README.md",
    *sorted(ROOT.glob("docs/*.md")),
    *(ROOT / name for name in ("CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")),
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if target.startswith(("http://", "https://", "mailto:")):
            continue
        path, _, anchor = target.partition("#")
        found = (page.parent / path) if path else page
        assert found.exists(), f"{page.name} links to {target}"
        if anchor:
            assert anchor in anchors(found), f"{page.name} links to {target}"


def anchors(page: Path) -> set[str]:
    """The anchors that a forge makes of headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_tree_in_the_readme_is_the_real_one() -> None:
    """Every path it names is there, and every top-level folder that is tracked is named."""
    named = paths_of_the_tree(README, "The tree")
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []
    assert {path.split("/")[0] for path in tracked() if "/" in path and not path.startswith(".")} <= named


def test_the_rooms_of_the_core_are_the_real_ones() -> None:
    """Every path that the image's page names is there, and every room of the core is named, its monitors too."""
    named = paths_of_the_tree(IMAGE / "README.md", "The rooms")
    assert [path for path in sorted(named) if not (IMAGE / path).exists()] == []
    rooms = IMAGE / "model_monitor"
    folders = {path.parent for path in (*rooms.glob("*/__init__.py"), *rooms.glob("monitors/*/__init__.py"))}
    assert {folder.relative_to(IMAGE).as_posix() for folder in folders} <= named


def paths_of_the_tree(page: Path, heading: str) -> set[str]:
    """What the first text block below a heading names: one entry a line, or several with single spaces between them."""
    block = re.search(rf"## {heading}\n.*?```text\n(.*?)```", page.read_text(), re.DOTALL)
    assert block is not None
    folders: list[str] = []
    named = set()
    for line in block[1].splitlines():
        depth = (len(line) - len(line.lstrip())) // 2
        entry = next(word for word in line.split("  ") if word).strip()
        named |= {"/".join([*folders[:depth], name.rstrip("/")]) for name in entry.split(" ")}
        if entry.endswith("/"):
            folders[depth:] = [entry.rstrip("/")]
    return named


def tracked() -> list[str]:
    """Every path that git knows."""
    done = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.split()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_source_files_that_a_page_names_are_there(page: Path) -> None:
    """By the end of their path: a page may leave out the folder that it is about."""
    known = ["/" + path for path in tracked()]
    named = set(re.findall(r"`([\w./-]+\.(?:py|pyi|cpp|hpp))`", page.read_text()))
    assert sorted(name for name in named if not any(path.endswith("/" + name) for path in known)) == []


def test_every_make_target_that_is_written_about_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page in PAGES:
        for target in re.findall(r"(?:^ {4}|`)make ([a-z-]+)\b", page.read_text(), re.MULTILINE):
            assert target in targets, f"{page.name}: make {target}"


def test_modules_of_the_cdk_that_are_imported_are_those_whose_types_are_checked() -> None:
    checked = ["stacks", "twin", "demo", "lambda"]
    imported = {"aws_cdk"}
    for path in tracked():
        if path.endswith(".py") and (path == "app.py" or path.split("/")[0] in checked):
            for node in ast.walk(ast.parse((ROOT / path).read_text())):
                if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "aws_cdk":
                    imported |= {node.module or ""}
                    imported |= {f"{node.module}.{name.name}" for name in node.names if name.name.startswith("aws_")}
    overrides = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["mypy"]["overrides"]
    [followed] = [each["module"] for each in overrides if each.get("follow_imports") == "normal"]
    assert sorted(imported) == sorted(followed)


WORKFLOWS = {path.stem: yaml.safe_load(path.read_text()) for path in (ROOT / ".github" / "workflows").glob("*.yml")}
JOBS = [(name, job, WORKFLOWS[name]["jobs"][job]) for name in WORKFLOWS for job in WORKFLOWS[name]["jobs"]]
TAKES_A_ROLE = "aws-actions/configure-aws-credentials"


def triggers(name: str) -> set[str]:
    """What starts a workflow; YAML 1.1 reads `on` as true."""
    return set(WORKFLOWS[name][True])


@pytest.mark.parametrize("name", WORKFLOWS)
def test_workflows_read_alone_and_take_actions_by_commit(name: str) -> None:
    assert WORKFLOWS[name]["permissions"] == {"contents": "read"}
    uses = [step["uses"] for job in WORKFLOWS[name]["jobs"].values() for step in job["steps"] if "uses" in step]
    assert uses
    assert all(re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", use) for use in uses)
    runs = [step.get("run", "") for job in WORKFLOWS[name]["jobs"].values() for step in job["steps"]]
    shell = WORKFLOWS[name].get("defaults", {}).get("run", {}).get("shell")
    assert shell == "bash" or not any(" | " in run for run in runs), "else a pipe hides a failure"


def test_a_pull_request_runs_the_gate_and_is_told_what_it_changes_without_credentials() -> None:
    of_requests = [name for name in WORKFLOWS if "pull_request" in triggers(name)]
    assert set(of_requests) == {"pr", "changes"}
    texts = {name: (ROOT / ".github" / "workflows" / f"{name}.yml").read_text() for name in of_requests}
    assert "make check" in texts["pr"]
    assert "make parity SECONDS_BUDGET=60 " in texts["pr"], "other damage each time"
    assert "python -m stacks.changes" in texts["changes"]
    assert not any(re.search("id-token|secrets\\.|configure-aws-credentials", text) for text in texts.values())
    assert not any("pull_request_target" in triggers(name) for name in WORKFLOWS), (
        "it would run foreign code with rights"
    )


@pytest.mark.parametrize(("name", "job", "content"), JOBS, ids=[f"{name}-{job}" for name, job, _ in JOBS])
def test_a_job_that_may_more_than_read_is_bound(name: str, job: str, content: dict[str, Any]) -> None:
    """Who may comment runs no code of the pull request; who may take a role does so in an environment, after the synth."""
    rights = content.get("permissions", {})
    steps = content["steps"]
    if "pull-requests" in rights:
        assert not [step for step in steps if "uses" in step]
        assert rights == {"pull-requests": "write"}
    taking = [number for number, step in enumerate(steps) if TAKES_A_ROLE in step.get("uses", "")]
    assert bool(taking) == ("id-token" in rights)
    if taking:
        assert content["environment"], "its reviewers and variables are the environment's"
        synths = [number for number, step in enumerate(steps) if step.get("run", "").startswith("make synth")]
        assert synths
        assert synths[0] < taking[0]
        assert not set(steps[taking[0]]["with"]) & {"aws-access-key-id", "aws-secret-access-key"}
    assert not any("${{ github." in step.get("run", "") for step in steps), "what others write is no shell"


def test_main_is_deployed_in_order_and_looked_at_every_night() -> None:
    assert triggers("deploy") == {"push", "workflow_dispatch"}
    assert WORKFLOWS["deploy"][True]["push"] == {"branches": ["main"]}
    deploy, drift = WORKFLOWS["deploy"]["jobs"]["deploy"], WORKFLOWS["drift"]["jobs"]["drift"]
    assert deploy["strategy"]["max-parallel"] == 1
    assert WORKFLOWS["deploy"]["concurrency"]["cancel-in-progress"] is False
    assert WORKFLOWS["drift"][True]["schedule"]
    looks = drift["steps"][-2:]
    assert [step["run"].split()[-1] for step in looks] == ["--fail", "--fail"]
    assert "stacks.leftovers" in looks[0]["run"], "a deployment deletes no stack"
    assert looks[1]["if"] == "success() || failure()"
    assert drift["environment"] != deploy["environment"], "who looks may not change"


def test_hooks_download_nothing() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    assert {repository["repo"] for repository in hooks["repos"]} == {"local"}


def test_public_text_names_no_path_of_a_machine() -> None:
    for page in PAGES:
        assert not re.search(r"/(home|Users|work|root)/", page.read_text()), page.name
