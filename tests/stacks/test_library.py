"""The stacks as an installed library: the example of the documentation, in an environment that knows nothing of the repository."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from tests.synthesis import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("synth")]

OFFLINE = (
    "--no-index",
    "--no-deps",
    "--no-build-isolation",
    "--no-cache-dir",
    "--disable-pip-version-check",
    "--quiet",
)


def run(*command: object, cwd: Path, **environment: str) -> str:
    """A process of its own; what it printed."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    words = [str(word) for word in command]
    done = subprocess.run(words, cwd=cwd, env=kept | environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("library")
    run(sys.executable, "-m", "pip", "wheel", *OFFLINE, "--wheel-dir", folder, ROOT, cwd=folder)
    (found,) = folder.glob("*.whl")
    return found


def test_the_wheel_holds_all_that_is_deployed_and_nothing_else(wheel):
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    functions = {f"stacks/sources/{path}" for path in tracked if path.startswith("lambda/")}
    core = {f"stacks/sources/{path}" for path in tracked if path.startswith("monitor_image/model_monitor/")}
    assert functions | core | {"stacks/sources/app.py", "stacks/library.py"} <= names
    assert {name.split("/")[0] for name in names} == {"stacks"}
    copied = re.findall(r"^COPY (?!--)(\S+)", (ROOT / "monitor_image" / "Dockerfile").read_text(), re.MULTILINE)
    assert all(any(n.startswith(f"stacks/sources/monitor_image/{path}") for n in names) for path in copied)


def test_the_documented_example_synthesizes_from_what_was_installed(wheel, tmp_path):
    environment = tmp_path / "environment"
    run(sys.executable, "-m", "venv", "--without-pip", environment, cwd=tmp_path)
    (packages,) = environment.glob("lib/python*/site-packages")
    zipfile.ZipFile(wheel).extractall(packages)
    # what the library depends on comes from here: only its own files are new
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    (example,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "library.md").read_text(), re.DOTALL)
    where = "import model_monitor, stacks\nprint(model_monitor.__file__, stacks.__file__)\n"
    (tmp_path / "app.py").write_text(f"{example}\n{where}")
    told = run(environment / "bin" / "python", "app.py", cwd=tmp_path, CDK_OUTDIR=str(tmp_path / "out"))
    assert [Path(path).is_relative_to(packages) for path in told.split()] == [True, True]

    found = {path.name: json.loads(path.read_text()) for path in (tmp_path / "out").glob("*.template.json")}
    kinds = [resource["Type"] for template in found.values() for resource in template.get("Resources", {}).values()]
    assert kinds.count("AWS::Scheduler::Schedule") == 1
    assert {"AWS::StepFunctions::StateMachine", "AWS::CloudWatch::Alarm", "AWS::DynamoDB::Table"} <= set(kinds)
    (yours,) = [template for name, template in found.items() if name.startswith("Yours")]
    assert "Fn::ImportValue" in json.dumps(yours["Outputs"])
