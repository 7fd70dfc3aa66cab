"""Captures and late labels of published runs: read, joined, counted and measured by the core's own parts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model_monitor.contract import JobKind
from model_monitor.dataset.discover import discover
from model_monitor.dataset.resolve import resolve_schema
from model_monitor.dataset.rows import read_rows
from model_monitor.dataset.units import plan
from model_monitor.job.job import DatasetKind, DatasetSource, Job
from model_monitor.label_text import normalise
from model_monitor.labels.coverage import Coverage
from model_monitor.labels.keys import record_keys
from model_monitor.labels.label_reader import read_ground_truth
from model_monitor.monitors import thresholds as quality
from model_monitor.monitors.conclusion import Outcome
from model_monitor.monitors.model_quality import classification
from model_monitor.monitors.model_quality.confusion import Confusion
from model_monitor.monitors.model_quality.scores import Scores
from model_monitor.schema import Feature, OutputMapping, PayloadMapping, Rows, Schema

THRESHOLD = 0.5


def rows_of(capture: Path, schema: Schema) -> Iterator[Rows]:
    job = Job(JobKind.MONITOR, DatasetSource(capture, DatasetKind.CAPTURE), capture.parent, schema=schema)
    files = discover(job.dataset)
    resolved = Job(JobKind.MONITOR, job.dataset, job.output, schema=resolve_schema(job, files, {}))
    for unit in plan(files, unit_bytes=1 << 18):
        yield from read_rows(unit, resolved)


@pytest.fixture(scope="module")
def churn(shared: Path) -> tuple[Path, dict[str, Any]]:
    folder = shared / "data" / "churn_model_quality"
    return folder, json.loads((folder / "expected.json").read_text())


@pytest.mark.parametrize("captured", [1817, 1892])
def test_the_churn_runs_have_the_values_that_aws_published(
    churn: tuple[Path, dict[str, Any]], captured: int, tmp_path: Path
) -> None:
    """Both runs sent the same 334 rows round and round; the longer one went on where the capture here ends."""
    folder, expected = churn
    lines = (folder / "capture_2021-05-26.jsonl").read_text().splitlines()
    lines = [lines[i] if i < len(lines) else lines[i % 334] for i in range(captured)]
    capture = tmp_path / "capture.jsonl"
    capture.write_text("\n".join(lines))
    schema = Schema(
        tuple(Feature(f"f{i}") for i in range(69)), PayloadMapping(output=OutputMapping(score=0)), is_positional=False
    )
    truth = read_ground_truth([("groundtruth.jsonl", folder / "groundtruth.jsonl")])
    confusion, scores, coverage = Confusion(), Scores(), Coverage()
    for rows in rows_of(capture, schema):
        where = truth.find(record_keys(rows.events, rows.payload_index))
        coverage = coverage.merge(Coverage.of(where, len(truth), np.repeat(rows.events.times, rows.events.records), 0))
        assert rows.score is not None
        assert rows.score.numbers is not None
        score, label = rows.score.numbers.astype(float), truth.codes[where]
        confusion = confusion.merge(Confusion.of(label, score > THRESHOLD, truth.words))
        scores = scores.merge(Scores.of(score, label == truth.words.index("1")))
    run = next(run for run in expected["live"]["runs"].values() if run["captured_records"] == captured)
    assert (coverage.predictions, coverage.share, coverage.unused(len(truth))) == (captured, 1.0, 0)
    values = classification.binary(confusion.over(("0", "1")))
    values["auc"] = classification.area_under_roc(scores.negatives, scores.positives)
    block = {"binary_classification_constraints": expected["baseline"]["aws_published_constraints"]}
    checks = [quality.check(constraint, values) for constraint in quality.read(block, "expected.json")]
    violated = {
        quality.told_name(found.subject): found.observed for found in checks if found.outcome is Outcome.VIOLATED
    }
    assert violated.pop("f0_5")  # AWS gives it a constraint and never lists it
    published = {name: found["value"] for name, found in run["aws_published_violations"].items()}
    assert violated == pytest.approx(published, abs=1e-9)
    assert len(violated) == 10


def test_covertype_has_the_confusion_of_scikit_learn(shared: Path) -> None:
    folder = shared / "data" / "covertype_multi_payload"
    expected = json.loads((folder / "expected.json").read_text())
    header = (folder / "baseline.csv").open().readline().strip().split(",")
    output = OutputMapping(prediction="label", score="score", payload_index="payload_index")
    schema = Schema(tuple(map(Feature, header[:-1])), PayloadMapping(output=output))
    truth = read_ground_truth([("ground_truth.csv", folder / "ground_truth.csv")])
    confusion = Confusion()
    for rows in rows_of(folder / "capture.jsonl", schema):
        where = truth.find(record_keys(rows.events, rows.payload_index))
        assert rows.prediction is not None
        assert rows.prediction.numbers is not None
        predicted = [normalise(str(label)) for label in rows.prediction.numbers.tolist()]
        words = tuple(dict.fromkeys([*truth.words, *predicted]))
        confusion = confusion.merge(
            Confusion.of(truth.codes[where], np.array([words.index(label) for label in predicted]), words)
        )
        assert (where >= 0).all()
    assert confusion.labels == tuple("0123456")
    assert confusion.counts.tolist() == expected["confusion_matrix_rows_actual_columns_predicted"]
