"""`python -m stacks.price NAME FOLDER`: what a synthesized environment costs a month. Exit status 1 above its budget."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from stacks.price import estimate, reckoning
from stacks.settings import environment as settings


def main(arguments: list[str]) -> int:
    """Print the estimate; what is above the budget goes to stderr."""
    parser = argparse.ArgumentParser(prog="python -m stacks.price", description="What an environment costs a month.")
    parser.add_argument("environment", metavar="NAME", help="environments/NAME.yaml")
    parser.add_argument("folder", metavar="FOLDER", type=Path, help="what cdk synth wrote, such as build/synth/NAME")
    options = parser.parse_args(arguments)
    try:
        chosen = settings.find(options.environment)
    except settings.SettingsFaults as faults:
        sys.stderr.write(f"{faults}\n")
        return 1
    templates = estimate.templates_of(options.folder)
    if not templates:
        parser.error(f"{options.folder} holds no templates; run make synth first")
    items = reckoning.items(chosen, templates)
    sys.stdout.write(f"{estimate.text(chosen, items)}\n")
    above = list(estimate.faults(chosen, items))
    sys.stderr.write("".join(f"{fault}\n" for fault in above))
    return int(bool(above))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
