"""The real CDK CLI against the embedded account: `cdk bootstrap`, then `cdk deploy --all -c env=dev`."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CDK = ROOT / "node_modules" / ".bin" / "cdk"
ENVIRONMENT = "dev"
DEPLOYED = re.compile(r"✅\s+(\S+)")
LINES_OF_A_FAILURE = 40
Outputs = dict[str, dict[str, str]]  # stack → output → value


class DeployFailed(RuntimeError):
    """The CLI ended with an error; the message carries the end of what it said."""


def bootstrap(account: str, region: str, folder: Path, variables: Mapping[str, str]) -> None:
    """Create the CLI's own stack. Run outside the app's folder, so that nothing is synthesized for it."""
    folder.mkdir(parents=True, exist_ok=True)
    _run(
        ["bootstrap", f"aws://{account}/{region}", "--no-notices"], folder, variables, folder / "bootstrap.log", _ignore
    )


def deploy(folder: Path, variables: Mapping[str, str], report: Callable[[str], None]) -> Outputs:
    """Deploy every stack of the environment; returns their outputs.

    `--method=direct`: a change set of the embedded CloudFormation leaves the outputs of a new stack empty.
    """
    outputs = folder / "outputs.json"
    outputs.unlink(missing_ok=True)
    arguments = ["deploy", "--all", "-c", f"env={ENVIRONMENT}", "--method=direct", "--require-approval=never"]
    arguments += ["--concurrency=4", "--no-notices", "--progress=events", f"--outputs-file={outputs}"]
    done: list[str] = []

    def follow(line: str) -> None:
        if match := DEPLOYED.search(line):
            done.append(match.group(1))
            report(f"{len(done)} stacks, last {match.group(1)}")

    _run([*arguments, f"--output={folder / 'cdk.out'}"], ROOT, variables, folder / "deploy.log", follow)
    found: Outputs = json.loads(outputs.read_text()) if outputs.is_file() else {}
    for stack in done:
        found.setdefault(stack, {})
    return found


def _ignore(_line: str) -> None:
    """Bootstrapping says nothing that a reader needs."""


def _run(
    arguments: list[str], folder: Path, variables: Mapping[str, str], log: Path, follow: Callable[[str], None]
) -> None:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    process = subprocess.Popen(
        [str(CDK), *arguments],
        cwd=folder,
        env={**os.environ, **variables, "PATH": path},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    said: list[str] = []
    assert process.stdout is not None
    with log.open("w", encoding="utf-8") as file:
        for line in process.stdout:
            file.write(line)
            said.append(line)
            follow(line)
    if process.wait() != 0:
        end = "".join(said[-LINES_OF_A_FAILURE:])
        raise DeployFailed(f"cdk {arguments[0]} failed (all of it is in {log}):\n{end}")
