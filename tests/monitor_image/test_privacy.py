"""Whatever a run writes keeps to the privacy class of each feature: looked for in every file, in both jobs, and on the terminal."""

from __future__ import annotations

import contextlib
import io
import json
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from model_monitor import cli
from tests.captures import HOUR, batched, columns_side, event, json_side, write_capture, write_csv, write_lines

RESTRICTED, INTERNAL = "-q7", "-i8"  # how texts of these classes end
ATTRIBUTIONS = "model_explainability"  # of which these endpoints tell themselves
METRIC = """
import numpy as np
from model_monitor.custom import Table, metric

@metric(name="mean_salary_over_amount", worse="greater", threshold=1e12, columns=("salary", "amount"))
def ratio(table: Table) -> float | None:
    return round(float(np.nansum(table["salary"]) / np.nansum(table["amount"])), 1)
"""
CONFIGURATION: dict[str, Any] = {
    "version": 1,
    "endpoint": "loans",
    "payload": {
        "features": [
            "amount",
            {"name": "city", "privacy": "internal"},
            {"name": "years", "type": "Integral", "privacy": "internal"},
            {"name": "salary", "type": "Fractional", "privacy": "restricted"},
            {"name": "illness", "privacy": "restricted"},
            {"name": "note", "privacy": "restricted"},
        ],
        "metadata": [{"name": "origin", "privacy": "restricted"}],
        "label": "repaid",
        "output": {"score": "score", "attributions": "why"},
    },
    "monitors": {
        "data_quality": {"min_records": 20},
        "model_quality": {"problem_type": "binary", "slices": ["amount"], "thresholds": {"accuracy": 0.99}},
        "model_bias": {
            "facets": [{"name": "salary", "values": [55_000], "read_as": "threshold"}],
            "group_variable": "illness",
        },
        ATTRIBUTIONS: {"method": "captured"},
        "custom_metrics": {"module": "metrics.py"},
    },
    "metrics": {"per_feature": "all", "feature_dimension": True},
    "review": {"features": ["amount", "city"], "low": 0.3, "high": 0.7},
    "ground_truth": "labels.jsonl",
    "max_rejected_fraction": 0.5,
}


PAYLOAD: dict[str, Any] = CONFIGURATION["payload"]
NAMES: tuple[str, ...] = tuple(each if isinstance(each, str) else each["name"] for each in PAYLOAD["features"])


def loans(
    count: int, seed: int, *, illness: tuple[str, ...] = ("none", "asthma", "gout"), more: int = 0
) -> list[dict[str, Any]]:
    """Records whose restricted texts are known by their ending, and whose salaries by their eighths."""
    chance = random.Random(seed)
    found = []
    for number in range(count):
        score = round(chance.random(), 2)
        found.append(
            {
                "amount": chance.randrange(1, 9),
                "city": f"{chance.choice(('lyon', 'porto', 'graz'))}{INTERNAL}",
                "years": chance.randrange(3),
                "salary": 41_000 + chance.randrange(20_000) + more + chance.choice((0.125, 0.375, 0.625, 0.875)),
                "illness": f"{chance.choice(illness)}{RESTRICTED}",
                "note": f"note {number} of {seed}{RESTRICTED}",
                "origin": f"{chance.choice(('here', 'there'))}{RESTRICTED}",
                "score": score,
                "repaid": int(chance.random() < score),
            }
        )
    return found


@dataclass(frozen=True)
class World:
    """What two jobs, their pages and the terminal hold. salaries: of every record."""

    files: dict[str, bytes]
    salaries: frozenset[float]

    def texts(self) -> Iterator[tuple[str, str]]:
        yield from ((name, content.decode("utf-8", "replace")) for name, content in self.files.items())

    def blocks(self, feature: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Every object of a JSON file that describes a feature by its name."""
        for name, text in self.texts():
            if name.endswith(".json"):
                yield from ((name, block) for block in _described(json.loads(text), feature))


def _described(content: Any, feature: str) -> Iterator[dict[str, Any]]:
    if isinstance(content, dict):
        if content.get("name") == feature and "inferred_type" in content:
            yield content
        for value in content.values():
            yield from _described(value, feature)
    elif isinstance(content, list):
        for value in content:
            yield from _described(value, feature)


def of_baseline(payload: dict[str, Any]) -> dict[str, Any]:
    """What a dataset without answers can be a baseline of: all but attributions."""
    monitors = {key: block for key, block in CONFIGURATION["monitors"].items() if key != ATTRIBUTIONS}
    return {**CONFIGURATION, "payload": payload, "monitors": monitors}


def answered(part: list[dict[str, Any]]) -> dict[str, Any]:
    names = [
        feature if isinstance(feature, str) else feature["name"] for feature in CONFIGURATION["payload"]["features"]
    ]
    return json_side(
        [{"score": each["score"], "why": [round(each["score"] * n, 2) for n in range(len(names))]} for each in part]
    )


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A baseline and an hour in which everything restricted is new, with labels, reviews, rejects, pages: all types at once."""
    root = tmp_path_factory.mktemp("privacy")
    before, now = loans(200, 1), loans(120, 2, illness=("plague", "gout"), more=8_000)
    now[5]["salary"] = f"much{RESTRICTED}"
    (root / "metrics.py").write_text(METRIC)
    (root / "config.json").write_text(json.dumps(CONFIGURATION))
    (root / "base.json").write_text(json.dumps(of_baseline(PAYLOAD)))
    names_alone = {**PAYLOAD, "features": list(NAMES), "metadata": ["origin"]}
    (root / "open.json").write_text(json.dumps(of_baseline(names_alone)))
    write_csv(root / "base.csv", [{**each, "why": ""} for each in before])
    inputs = [
        [{k: v for k, v in each.items() if k not in ("score", "repaid")} for each in part] for part in batched(now, 4)
    ]
    events = [
        event(n, columns_side(part), answered(list(whole)), HOUR + timedelta(seconds=n), f"loan-{n}")
        for n, (part, whole) in enumerate(zip(inputs, batched(now, 4), strict=True))
    ]
    write_capture(root / "capture", events, endpoint="loans")
    (broken,) = (root / "capture").rglob("*.jsonl")
    with broken.open("a") as file:
        file.write(f'{{"captureData": "no record{RESTRICTED}"\n')
    labels = [
        {"InferenceId": f"loan-{n // 4}", "payload_index": n % 4, "groundTruthLabel": each["repaid"]}
        for n, each in enumerate(now)
    ]
    write_lines(root / "labels.jsonl", labels)
    return World(
        _written(root), frozenset(each["salary"] for each in (*before, *now) if isinstance(each["salary"], float))
    )


def _written(root: Path) -> dict[str, bytes]:
    said = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        patch.chdir(root)
        common = ("--config", "config.json", "--workers", "1")
        window = ("--start", f"{HOUR:%Y-%m-%dT%H:%M:%SZ}", "--end", f"{HOUR + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}")
        learnt = ("--config", "base.json", "--workers", "1")
        assert cli.main(["baseline", "--dataset", "base.csv", "--output", "out/baseline", *learnt]) == 0, (
            said.getvalue()
        )
        given = ("--dataset", "capture", "--baseline", "out/baseline", "--output", "out/monitor")
        assert cli.main(["monitor", *given, *common, *window]) == 2, said.getvalue()
        opened = ("--config", "open.json", "--workers", "1")  # before anybody thought of classes
        assert cli.main(["baseline", "--dataset", "base.csv", "--output", "opened", *opened]) == 0
        since = ("--dataset", "capture", "--baseline", "opened", "--output", "out/changed")
        assert cli.main(["monitor", *since, *common, *window]) == 2
        assert cli.main(["report", "out/monitor/report.json"]) == 0, said.getvalue()
        assert cli.main(["report", "out/changed/report.json"]) == 0
        assert cli.main(["report", "out/baseline/report.json"]) == 0
        assert cli.main(["index", "out"]) == 0
    written = {p.relative_to(root).as_posix(): p.read_bytes() for p in sorted((root / "out").rglob("*")) if p.is_file()}
    return {**written, "terminal": said.getvalue().encode()}


def test_every_type_was_judged_and_every_kind_of_file_is_there(world: World) -> None:
    report = json.loads(world.files["out/monitor/report.json"])
    verdicts = {monitor["key"]: monitor["verdict"] for monitor in report["monitors"]}
    assert set(verdicts) == set(CONFIGURATION["monitors"])
    assert {key for key, verdict in verdicts.items() if verdict not in ("ok", "violated")} == {ATTRIBUTIONS}
    names = {Path(name).name for name in world.files}
    assert names >= {
        "report.json",
        "statistics.json",
        "constraints.json",
        "constraint_violations.json",
        "analysis.json",
    }
    assert names >= {"report.html", "index.html", "metrics.jsonl", "review_tasks.jsonl", "provenance.json"}


def test_no_file_holds_a_text_of_a_restricted_feature(world: World) -> None:
    assert [name for name, text in world.texts() if RESTRICTED in text] == []


def test_no_file_holds_a_number_of_a_restricted_feature(world: World) -> None:
    for name, text in world.texts():
        found = {float(token) for token in re.findall(r"\d+\.\d+", text)} & world.salaries
        assert found == set(), name


def test_of_an_internal_feature_no_category_is_named_but_in_the_files_of_the_baseline_s_kind(world: World) -> None:
    named = {Path(name).name for name, text in world.texts() if INTERNAL in text}
    assert named == {"statistics.json", "constraints.json", "review_tasks.jsonl", "review_context.json"}
    for _, block in world.blocks("years"):
        assert "sketch" not in json.dumps(block)


@pytest.mark.parametrize(
    ("feature", "privacy"), [("salary", "restricted"), ("note", "restricted"), ("years", "internal")]
)
def test_every_description_of_a_feature_that_is_not_open_names_its_class(
    world: World, feature: str, privacy: str
) -> None:
    found = list(world.blocks(feature))
    assert {Path(name).name for name, _ in found} >= {"report.json", "statistics.json", "constraints.json"}
    for name, block in found:
        told = block.get("privacy")
        assert (told.get("class") if isinstance(told, dict) else told) == privacy, name


def test_an_open_feature_needs_no_class(world: World) -> None:
    assert {name for name, block in world.blocks("amount") if "privacy" in block} == set()
