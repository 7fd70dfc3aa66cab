"""`summary.json`: what the demo saw, for machines."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from demo.expectations import Expectation
from demo.observations import Story

VERSION = 2


def write(path: Path, story: Story, expectations: Sequence[Expectation], seconds: dict[str, float]) -> None:
    """Written whether or not everything was met; `met` says which."""
    content = {
        "version": VERSION,
        "met": all(expectation.is_met for expectation in expectations),
        "hours": [hour.to_json() for hour in story.hours],
        "trainings": [training.to_json() for training in story.trainings],
        "retraining": {
            "decisions": [decision.to_json() for decision in story.decisions],
            "challenger_wins": sum(release.verdict == "better" for release in story.releases),
            "deployed": sum(release.result == "deployed" for release in story.releases),
            "rolled_back": sum(release.result == "rolled_back" for release in story.releases),
            "releases": [release.to_json() for release in story.releases],
        },
        "review": story.review.to_json(),
        "deployment": {"stacks": story.stacks, "baselines": story.baselines, "image": story.image},
        "identity": {"calls": story.identity_calls, "beyond_policy": story.identity_findings},
        "expectations": [asdict(expectation) for expectation in expectations],
        "seconds": {name: round(value, 1) for name, value in seconds.items()},
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
