"""Twenty healthy windows of data as people have it, all monitors with their defaults: none is violated, and none is unjudged.

The features: a number with missing values, an amount with heavy tails, a boolean in two spellings, a city of many values with
rare ones, a label that is rare, a group that is small, and attributions in the responses.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from model_monitor import cli
from tests.captures import HOUR, batched, event, json_side, write_capture, write_lines

WINDOWS, RECORDS, TRAINING = 20, 300, 2000
WEIGHTS = (0.5, 0.3, 0.1, 0.05, 0.02)  # of the features, in their order
FEATURES = ["age", "amount", "member", "city", "sex"]
CONFIG = {
    "version": 1,
    "payload": {
        "features": [*FEATURES[:2], {"name": "member", "type": "Boolean"}, *FEATURES[3:]],
        "label": "churned",
        "prediction": "label",
        "score": "score",
        "output": {"prediction": "label", "score": "score", "attributions": "why"},
    },
    "monitors": {
        "data_quality": {},
        "model_quality": {"problem_type": "binary"},
        "model_bias": {"facets": [{"name": "sex", "values": ["f"]}], "label_values": [1]},
        "model_explainability": {"method": "captured"},
    },
}


def people(count: int, chance: random.Random) -> Iterator[tuple[dict[str, Any], dict[str, Any], int]]:
    """(what the model is given, what it answers, what comes true) of one population."""
    for _ in range(count):
        age = round(chance.gauss(45, 14), 1)
        given = {
            "age": None if chance.random() < 0.05 else age,
            "amount": round(math.exp(chance.gauss(3, 1.5)), 2),
            "member": chance.random() < 0.7,
            "city": f"city {int(1500 * chance.random() ** 3)}",
            "sex": "f" if chance.random() < 0.2 else "m",
        }
        risk = 1 / (1 + math.exp(-(age - 60) / 6))
        truth = int(chance.random() < risk)
        score = min(max(risk + chance.gauss(0, 0.1), 0.0), 1.0)
        why = [chance.gauss(weight, 0.05) for weight in WEIGHTS]
        yield given, {"label": int(score >= 0.5), "score": round(score, 4), "why": why}, truth


@pytest.fixture(scope="module")
def baseline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("healthy")
    (folder / "config.json").write_text(json.dumps(CONFIG))
    lines = [given | said | {"churned": truth} for given, said, truth in people(TRAINING, random.Random(1))]
    dataset = write_lines(folder / "training.jsonl", lines)
    given = ("--dataset", dataset, "--output", folder / "baseline", "--config", folder / "config.json")
    assert cli.main(["baseline", *map(str, given)]) == 0
    return folder


def window_of(folder: Path, seed: int, change: Any = None) -> tuple[int, dict[str, Any]]:
    """A window's status and report. change: what happens to a record."""
    records = list(people(RECORDS, random.Random(seed)))
    for each in records if change else ():
        change(*each[:2])
    events, labels = [], []
    for number, part in enumerate(batched(records, 5)):
        asked = {name: [each[0][name] for each in part] for name in FEATURES}
        sides = (json_side(asked), json_side([each[1] for each in part]))
        events.append(event(number, *sides, time=HOUR + timedelta(seconds=number)))
        labels += [
            {
                "groundTruthData": {"data": str(each[2]), "encoding": "CSV"},
                "eventMetadata": {"eventId": f"event-{number:06d}", "payload_index": place},
                "eventVersion": "0",
            }
            for place, each in enumerate(part)
        ]
    here = folder / f"window-{seed}-{change.__name__ if change else 'healthy'}"
    capture = write_capture(here / "capture", events)
    truth = write_lines(here / "truth" / "labels.jsonl", labels)
    given = ("--dataset", capture, "--ground-truth", truth, "--baseline", folder / "baseline")
    status = cli.main(["monitor", *map(str, (*given, "--output", here / "out", "--config", folder / "config.json"))])
    return status, json.loads((here / "out" / "report.json").read_text())


@pytest.mark.parametrize("seed", range(100, 100 + WINDOWS))
def test_a_healthy_window_is_ok_for_every_monitor(baseline: Path, seed: int) -> None:
    status, report = window_of(baseline, seed)
    found = {monitor["key"]: (monitor["verdict"], monitor["reason"]) for monitor in report["monitors"]}
    assert found == dict.fromkeys(CONFIG["monitors"], ("ok", ""))
    assert status == 0


def no_city(given: dict[str, Any], _: dict[str, Any]) -> None:
    given["city"] = "unknown"


def other_units(given: dict[str, Any], _: dict[str, Any]) -> None:
    given["age"] = None if given["age"] is None else given["age"] * 12


def never_right(_: dict[str, Any], said: dict[str, Any]) -> None:
    said["label"] = 1 - said["label"]
    said["score"] = 1 - said["score"]


def only_men_are_refused(given: dict[str, Any], said: dict[str, Any]) -> None:
    said["label"] = int(given["sex"] == "m")


def other_reasons(_: dict[str, Any], said: dict[str, Any]) -> None:
    said["why"] = said["why"][::-1]


@pytest.mark.parametrize(
    ("change", "key"),
    [
        (no_city, "data_quality"),
        (other_units, "data_quality"),
        (never_right, "model_quality"),
        (only_men_are_refused, "model_bias"),
        (other_reasons, "model_explainability"),
    ],
)
def test_every_fault_that_is_put_in_is_found(baseline: Path, change: Any, key: str) -> None:
    status, report = window_of(baseline, 99, change)
    verdicts = {monitor["key"]: monitor["verdict"] for monitor in report["monitors"]}
    assert (status, verdicts[key]) == (2, "violated")
    violated = next(monitor for monitor in report["monitors"] if monitor["key"] == key)
    sentences = [check["sentence"] for check in violated["checks"] if check["outcome"] == "violated"]
    assert all(sentences)
