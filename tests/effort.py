"""How much random testing is done: on a developer's machine new examples each time, in CI a third of them, always the same."""

from __future__ import annotations

import os

from hypothesis import settings

USUAL = 100  # as hypothesis itself
PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "shared")


def examples(many: int = USUAL) -> int:
    """How many random examples a test gets that deserves so many."""
    return max(20, many // 3) if PROFILE == "ci" else many


def choose() -> None:
    """The profile of the whole run. No deadlines: the machine that runs the tests is shared."""
    settings.register_profile("shared", deadline=None)
    settings.register_profile(
        "ci", deadline=None, derandomize=True, max_examples=examples()
    )  # depends on the change alone
    settings.load_profile(PROFILE)
