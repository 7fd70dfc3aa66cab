"""Which stacks are deployed that an environment makes no more: a deployment deletes no stack, so they run, alarm and cost.

`aws cloudformation describe-stacks | python -m stacks.leftovers FOLDER` prints the commands that delete them, in their order, and
deletes nothing. FOLDER is what `cdk synth` wrote of the environment, such as build/synth/NAME.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

OURS: Final = "Model monitoring: "  # how the description of every stack begins
DELETED: Final = "DELETE_COMPLETE"
Stack = Mapping[str, Any]


@dataclass(frozen=True)
class Synthesized:
    """An environment as it was synthesized. stacks: their names; places: (account, Region) of each."""

    environment: str
    stacks: frozenset[str]
    places: frozenset[tuple[str, str]]


def synthesized(folder: Path) -> Synthesized:
    """Of an assembly. Raises: ValueError for a folder that holds none of one environment."""
    manifest = folder / "manifest.json"
    if not manifest.is_file():
        raise ValueError(f"{folder} holds no manifest.json; run make synth first")
    found = json.loads(manifest.read_text(encoding="utf-8"))["artifacts"]
    stacks = {name: each for name, each in found.items() if each["type"] == "aws:cloudformation:stack"}
    named = {each["properties"].get("tags", {}).get("Environment") for each in stacks.values()} - {None}
    if len(named) != 1:
        raise ValueError(f"{folder} should hold the stacks of one environment, found those of {sorted(named)}")
    places = {tuple(each["environment"].removeprefix("aws://").split("/")) for each in stacks.values()}
    names = {each["properties"].get("stackName", name) for name, each in stacks.items()}
    return Synthesized(named.pop(), frozenset(names), frozenset(places))


def leftovers(deployed: Iterable[Stack], made: Synthesized) -> list[Stack]:
    """Stacks to delete, in their order: those of endpoints first, and what was made later before what it was made upon.

    Raises: ValueError where nothing of the environment is deployed: those are the stacks of another account or Region.
    """
    ours = [stack for stack in deployed if _is_ours(stack, made)]
    if not ours:
        where = ", ".join("/".join(place) for place in sorted(made.places))
        raise ValueError(
            f"no stack of {made.environment} is among those that are deployed; ask with the credentials and the Region of {where}"
        )
    left = [stack for stack in ours if stack["StackName"] not in made.stacks]
    newest_first = sorted(left, key=lambda stack: str(stack["CreationTime"]), reverse=True)
    return sorted(newest_first, key=lambda stack: "Endpoint" not in _tags(stack))


def _is_ours(stack: Stack, made: Synthesized) -> bool:
    """Many things of a company are called as its environments are, and tagged so."""
    _, _, _, region, account, _ = stack["StackId"].split(":", 5)
    return (
        stack["StackStatus"] != DELETED
        and (account, region) in made.places
        and stack["StackName"].startswith(f"{made.environment}-")
        and _tags(stack).get("Environment") == made.environment
        and str(stack.get("Description", "")).startswith(OURS)
    )


def _tags(stack: Stack) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in stack.get("Tags", ())}


def text(left: list[Stack], made: Synthesized) -> str:
    """For whoever deletes them."""
    if not left:
        return f"{made.environment}: every stack that is deployed is one of the file's\n"
    lines = [
        f"{made.environment}: {len(left)} deployed {'stack is' if len(left) == 1 else 'stacks are'} none of the file's any more. "
        "What they hold runs, alarms and costs until somebody deletes them, in this order:",
        "",
    ]
    for stack in left:
        named = f"--region {stack['StackId'].split(':')[3]} --stack-name {stack['StackName']}"
        lines.append(f"    aws cloudformation delete-stack {named}")
        lines.append(f"    aws cloudformation wait stack-delete-complete {named}")
    return "\n".join(lines) + "\n"


def _stacks(given: str) -> list[Stack]:
    """What describe-stacks answered. Raises: ValueError for anything else."""
    expected = "standard input should be the JSON that aws cloudformation describe-stacks prints, whole"
    try:
        found: list[Stack] = json.loads(given)["Stacks"]
        lacking = {name for stack in found for name in ("StackId", "StackName", "StackStatus") if name not in stack}
    except ValueError as error:
        raise ValueError(f"{expected}; found none: {error}") from error
    except (LookupError, TypeError) as error:
        raise ValueError(f"{expected}; found no list of Stacks in it") from error
    if lacking:
        raise ValueError(f"{expected}; found stacks without {', '.join(sorted(lacking))}")
    return found


def main(arguments: list[str]) -> int:
    """Print what is left over of an environment; exit status 1 where that cannot be said."""
    parser = argparse.ArgumentParser(prog="python -m stacks.leftovers", description=__doc__)
    parser.add_argument("folder", metavar="FOLDER", type=Path, help="what cdk synth wrote, such as build/synth/NAME")
    parser.add_argument("--fail", action="store_true", help="exit with status 1 where some are left over, too")
    options = parser.parse_args(arguments)
    try:
        made = synthesized(options.folder)
        given = sys.stdin.read()
        if not given.strip():
            raise ValueError(
                "nothing came on standard input; pipe the output of aws cloudformation describe-stacks here"
            )
        left = leftovers(_stacks(given), made)
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(text(left, made))
    return int(bool(left) and options.fail)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
