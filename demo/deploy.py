"""The real CDK CLI against the embedded account: `cdk bootstrap`, then `cdk deploy --all -c env=dev`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from twin.journal import Entry
from twin.server import Twin

ENVIRONMENT = "dev"
NOT_BUILT = "not built (no container builder here)"
Outputs = dict[str, dict[str, str]]  # stack → output → value


def bootstrap(twin: Twin) -> None:
    """Create the CLI's own stack; nothing is synthesized for it."""
    twin.cdk("bootstrap", f"aws://{twin.account}/{twin.region}")


def deploy(twin: Twin, folder: Path, report: Callable[[str], None]) -> Outputs:
    """Deploy every stack of the environment; returns their outputs."""
    folder.mkdir(parents=True, exist_ok=True)
    outputs = folder / "outputs.json"
    outputs.unlink(missing_ok=True)
    done: list[str] = []

    def follow(entry: Entry) -> None:
        if entry.kind == "deploy" and entry.data.get("status") in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            done.append(entry.data["stack"])
            report(f"{len(done)} stacks, last {done[-1]}")

    twin.journal.listen(follow)
    arguments = ["--all", "-c", f"env={ENVIRONMENT}", "--concurrency=4", "--progress=events"]
    twin.cdk("deploy", *arguments, f"--outputs-file={outputs}", f"--output={folder / 'cdk.out'}")
    found: Outputs = json.loads(outputs.read_text()) if outputs.is_file() else {}
    return {stack: found.get(stack, {}) for stack in dict.fromkeys([*found, *done])}


def image(twin: Twin) -> str:
    """What became of the monitor image: built where docker or buildah works, else recorded only."""
    entries = twin.journal.of("image")
    if not entries or not all(entry.data.get("built") for entry in entries):
        return NOT_BUILT
    return f"built with {entries[-1].data.get('builder', 'a container builder')}"


class OutputMissing(LookupError):
    """A stack output that the demo reads is not there."""


def output(outputs: Outputs, word: str) -> str:
    """The stack output whose name ends with a word."""
    found = [value for stack in outputs.values() for name, value in stack.items() if name.endswith(word)]
    if not found:
        raise OutputMissing(f"no stack has an output named {word}: the demo cannot go on without it")
    return found[0]
