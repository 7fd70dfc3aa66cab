"""What a command of the command line is: a room of the core knows its arguments and carries it out."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple


class Outcome(NamedTuple):
    """told: on the terminal. status: of the command. beside: what to know, on the other stream."""

    told: str
    status: int = 0
    beside: str = ""


@dataclass(frozen=True, slots=True)
class Command:
    """One of them. run: raises what the front door tells."""

    name: str
    about: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], Outcome]
    description: str = ""
    examples: str = ""
