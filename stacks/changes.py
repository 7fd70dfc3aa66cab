"""What a change of the code or of an environment file does to what is deployed: two synths compared, without an account.

`python -m stacks.changes BEFORE AFTER` prints Markdown for a pull request. BEFORE and AFTER hold one assembly an environment, as
`make synth` leaves them below build/synth/.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

Template = Mapping[str, Any]
SUFFIX: Final = ".template.json"
HOLDS_DATA: Final = ("AWS::S3::Bucket", "AWS::DynamoDB::Table", "AWS::KMS::Key", "AWS::Cognito::UserPool")
DIGEST: Final = re.compile(r"[0-9a-f]{64}")  # of an asset: changed code, which its function shows


@dataclass(frozen=True)
class StackChange:
    """What became of one stack: logical ids with their types. is_new, is_gone: of the stack as a whole."""

    name: str
    added: Mapping[str, str] = field(default_factory=dict)
    removed: Mapping[str, str] = field(default_factory=dict)
    changed: Mapping[str, str] = field(default_factory=dict)
    code: Mapping[str, str] = field(default_factory=dict)
    is_new: bool = False
    is_gone: bool = False

    @property
    def lost(self) -> dict[str, str]:
        """Removed resources that hold data."""
        return {name: type_ for name, type_ in self.removed.items() if type_ in HOLDS_DATA}


def templates(folder: Path) -> dict[str, Template]:
    """Stack name → template, of every assembly in a folder and below it."""
    return {
        path.name.removesuffix(SUFFIX): json.loads(path.read_text(encoding="utf-8"))
        for path in sorted(folder.rglob(f"*{SUFFIX}"))
    }


def compare(before: Mapping[str, Template], after: Mapping[str, Template]) -> Iterator[StackChange]:
    """The stacks that differ, by name."""
    for name in sorted(before.keys() | after.keys()):
        old, new = (each.get(name, {}).get("Resources", {}) for each in (before, after))
        changed = {key for key in old.keys() & new.keys() if old[key] != new[key]}
        code = {key for key in changed if _masked(old[key]) == _masked(new[key])}
        change = StackChange(
            name=name,
            added=_types(new, new.keys() - old.keys()),
            removed=_types(old, old.keys() - new.keys()),
            changed=_types(new, changed - code),
            code=_types(new, code),
            is_new=name not in before,
            is_gone=name not in after,
        )
        if change.added or change.removed or changed or change.is_new or change.is_gone:
            yield change


def _types(resources: Mapping[str, Any], names: set[str]) -> dict[str, str]:
    return {name: str(resources[name]["Type"]) for name in sorted(names)}


def _masked(resource: Mapping[str, Any]) -> str:
    return DIGEST.sub("", json.dumps(resource, sort_keys=True))


def markdown(changes: list[StackChange], told: str = "") -> str:
    """The comment on a pull request. told: what the synth itself printed, such as findings and prices."""
    lines = ["### What this changes in AWS", ""]
    if not changes:
        lines.append("Nothing: every template is as before.")
    else:
        lines += ["| stack | new | changed | code | removed |", "|---|---|---|---|---|"]
        lines += [_row(change) for change in changes]
    lost = [f"- `{change.name}` loses {type_} `{name}`" for change in changes for name, type_ in change.lost.items()]
    if lost:
        lines += ["", "**Data would be lost or left behind:**", "", *lost]
    gone = [f"`{change.name}`" for change in changes if change.is_gone]
    if gone:
        lines += ["", f"**Stay deployed until somebody deletes them** (docs/remove.md): {', '.join(gone)}"]
    for change in changes:
        lines += _details(change)
    if told:
        lines += [
            "",
            "<details><summary>What synth says</summary>",
            "",
            "```text",
            told.strip(),
            "```",
            "",
            "</details>",
        ]
    return "\n".join(lines) + "\n"


def _row(change: StackChange) -> str:
    name = f"`{change.name}`" + (" (new)" if change.is_new else " (gone)" if change.is_gone else "")
    counts = (change.added, change.changed, change.code, change.removed)
    return f"| {name} | {' | '.join(str(len(each) or '') for each in counts)} |"


def _details(change: StackChange) -> list[str]:
    parts = {"+": change.added, "~": change.changed, "-": change.removed}
    lines = [f"{sign} {type_} {name}" for sign, found in parts.items() for name, type_ in found.items()]
    if not lines:
        return []
    return ["", f"<details><summary>{change.name}</summary>", "", "```diff", *lines, "```", "", "</details>"]


def main(arguments: list[str]) -> int:
    """Print what differs between two folders of synthesized environments."""
    parser = argparse.ArgumentParser(prog="python -m stacks.changes", description=__doc__)
    parser.add_argument("before", type=Path, help="the folder of the old assemblies")
    parser.add_argument("after", type=Path, help="the folder of the new ones")
    parser.add_argument("--told", type=Path, help="a file with what the new synth printed, to be shown below")
    options = parser.parse_args(arguments)
    told = options.told.read_text(encoding="utf-8") if options.told else ""
    sys.stdout.write(markdown(list(compare(templates(options.before), templates(options.after))), told))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
