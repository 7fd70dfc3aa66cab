"""A model that fails on most requests is never judged by the answers to the others, whichever monitor looks at them."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from model_monitor import cli
from model_monitor.monitors.model_quality.verdict import NO_SCORE
from tests.builders import Payload, capture_event, csv_payload, json_payload, write_capture

RECORDS = 200
PAYLOAD = {"features": ["a", "sex"], "label": "truth"}
SAID = ("label", "score", "why")
CASES: dict[str, tuple[str, dict[str, Any], tuple[str, ...], str, str]] = {
    # what fails → monitor, its options, keys of a response, the reason's words, its metric
    "predictions": (
        "model_quality",
        {"problem_type": "binary"},
        ("label", "score"),
        "have an answer of the model",
        "answered_share",
    ),
    "scores": ("model_quality", {"problem_type": "binary"}, ("score",), "that have an answer have a score", ""),
    "predictions of bias": (
        "model_bias",
        {"facets": [{"name": "sex", "values": [1]}], "flip_test": False},
        ("label", "score"),
        "with a label have an answer of the model",
        "answered_share",
    ),
    "attributions": ("model_explainability", {"method": "captured"}, ("why",), "have attributions", "attributed_share"),
}


def people(count: int) -> list[dict[str, Any]]:
    chance = random.Random(count)
    found = []
    for _ in range(count):
        truth = chance.randint(0, 1)
        label = truth if chance.random() < 0.9 else 1 - truth
        why = [chance.gauss(3, 1), chance.gauss(1, 1)]
        row = {"a": chance.random(), "sex": chance.randint(0, 1), "truth": truth, "label": label, "why": why}
        found.append(row | {"score": 0.3 + 0.4 * label})
    return found


def answer(person: dict[str, Any], failed: tuple[str, ...], failure: Any) -> dict[str, Any]:
    said = {key: person[key] for key in SAID} | {"model": "v1"}
    if failure == "absent":
        return {key: value for key, value in said.items() if key not in failed}
    return said | dict.fromkeys(failed, failure)


def response(said: dict[str, Any], form: str) -> Payload:
    """A response; of CSV label and score, as many cells as it has."""
    cells = [said[key] for key in ("label", "score") if key in said]
    return json_payload(said) if form == "json" else csv_payload([cells])


def run(folder: Path, case: str, failing: int, failure: Any, form: str = "json") -> dict[str, Any]:
    name, options, failed, _, _ = CASES[case]
    output: dict[str, Any] = {"prediction": "label", "score": "score"}
    output |= {"attributions": "why"} if name == "model_explainability" else {}
    output = {"prediction": 0, "score": 1} if form == "csv" else output
    config = {"version": 1, "payload": PAYLOAD | {"output": output}, "monitors": {name: options}}
    (folder / "config.json").write_text(json.dumps(config))
    for part, count in (("train", 400), ("live", RECORDS)):
        rows = people(count)
        events = [
            capture_event(
                csv_payload([[row["a"], row["sex"]]]),
                response(answer(row, failed if part == "live" and i < failing else (), failure), form),
                event_id=f"e{i}",
            )
            for i, row in enumerate(rows)
        ]
        write_capture(folder / part, events)
        lines = (json.dumps({"InferenceId": f"e{i}", "groundTruthLabel": row["truth"]}) for i, row in enumerate(rows))
        (folder / f"{part}.jsonl").write_text("\n".join(lines))
    for command, part, more in (("baseline", "train", ()), ("monitor", "live", ("--baseline", folder / "train.out"))):
        arguments = [command, "--dataset", folder / part, "--output", folder / f"{part}.out", *more]
        arguments += ["--ground-truth", folder / f"{part}.jsonl", "--config", folder / "config.json"]
        cli.main(list(map(str, arguments)))
    report: dict[str, Any] = json.loads((folder / "live.out/report.json").read_text())
    return report


@pytest.mark.parametrize("failure", [None, float("nan"), "absent"])
@pytest.mark.parametrize("case", CASES)
def test_survivors_are_not_judged_alone(tmp_path, case, failure):
    report = run(tmp_path, case, failing=120, failure=failure)
    assert report["verdict"] == "insufficient_data"
    assert report["reason"].endswith(f"80 of 200 records {CASES[case][3]} (40.0%)")
    points = [json.loads(line) for line in (tmp_path / "live.out/metrics.jsonl").read_text().splitlines()]
    shares = {point["MetricName"]: point["Value"] for point in points}
    assert not CASES[case][4] or shares[CASES[case][4]] == 0.4


@pytest.mark.parametrize("case", CASES)
def test_a_few_failures_are_borne(tmp_path, case):
    assert run(tmp_path, case, failing=20, failure=None)["verdict"] == "ok"


LOST = {
    "scores": "0 of 200 records that have an answer have a score (0.0%)",
    "predictions": "no record has a prediction",
    "predictions of bias": "no labelled record has a prediction",
    "attributions": "0 records explained, fewer than min_records = 30",
}


@pytest.mark.parametrize("failure", [None, float("nan"), "absent"])
@pytest.mark.parametrize(("case", "form"), [*((case, "json") for case in LOST), ("scores", "csv")])
def test_what_all_answers_have_lost_is_never_ok(tmp_path, case, form, failure):
    report = run(tmp_path, case, failing=RECORDS, failure=failure, form=form)
    if form == "csv" and failure == "absent":  # a line of another width is no record
        assert report["verdict"] == "error"
    else:
        assert (report["verdict"], LOST[case] in report["reason"]) == ("insufficient_data", True), report["reason"]


def test_a_lost_score_is_told_among_the_checks(tmp_path):
    monitor = run(tmp_path, "scores", failing=RECORDS, failure=None)["monitors"][0]
    drift = [check for check in monitor["checks"] if check["subject"] == "score"]
    assert [(check["outcome"], check["description"]) for check in drift] == [("not_evaluated", NO_SCORE)]
