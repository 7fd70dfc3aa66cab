"""The model-quality monitor as a whole: against scikit-learn, however records are cut, and when nothing can be said."""

from __future__ import annotations

import math
import warnings
from datetime import UTC, datetime
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given, strategies as st
from sklearn import metrics as sk

from model_monitor.job.job import Job
from model_monitor.schema import Rows, Window
from tests.labelled import MODEL_QUALITY, labelled, measured, quality_job

BINARY = quality_job()
MULTICLASS = quality_job({"problem_type": "multiclass"})
REGRESSION = quality_job({"problem_type": "regression"})
WINDOW = Window(datetime(2026, 3, 2, 4, tzinfo=UTC), datetime(2026, 3, 2, 5, tzinfo=UTC))
END = int(WINDOW.end.timestamp())

scores = st.one_of(st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]), st.floats(0, 1))
numbers = st.floats(-1e3, 1e3)
binary_records = st.lists(st.tuples(st.sampled_from([0, 1]), scores), min_size=1, max_size=60)
class_records = st.lists(st.tuples(*[st.sampled_from(["a", "b", "c", "7", 7, 2])] * 2), min_size=1, max_size=60)
number_records = st.lists(st.tuples(numbers, numbers), min_size=1, max_size=60)


def conclusion_of(rows: Rows, job: Job, baseline: Any = None) -> Any:
    return MODEL_QUALITY.check(measured(rows, job), baseline, job)


def values_of(rows: Rows, job: Job) -> dict[str, float]:
    values: dict[str, float] = measured(rows, job).quality.values
    return values


@given(records=binary_records)
def test_binary_metrics_are_those_of_scikit_learn(records: list[tuple[int, float]]) -> None:
    truth, score = zip(*records, strict=True)
    said = [int(value > 0.5) for value in score]
    found = values_of(labelled(truth, score=score), BINARY)
    assert found["accuracy"] == pytest.approx(sk.accuracy_score(truth, said), abs=1e-12)
    assert found["precision"] == pytest.approx(sk.precision_score(truth, said, zero_division=0), abs=1e-12)
    matrix = sk.confusion_matrix(truth, said, labels=[0, 1])
    assert measured(labelled(truth, score=score), BINARY).quality.counts.tolist() == matrix.tolist()
    majority = [int(2 * sum(truth) > len(truth))] * len(truth)
    assert found["accuracy_best_constant_classifier"] == pytest.approx(sk.accuracy_score(truth, majority), abs=1e-12)
    if sum(truth):
        assert found["recall"] == pytest.approx(sk.recall_score(truth, said), abs=1e-12)
        for name, beta in (("f0_5", 0.5), ("f1", 1.0), ("f2", 2.0)):
            assert found[name] == pytest.approx(sk.fbeta_score(truth, said, beta=beta, zero_division=0), abs=1e-12)
    else:
        assert math.isnan(found["recall"])
    if 0 < sum(truth) < len(truth):
        assert found["auc"] == pytest.approx(sk.roc_auc_score(truth, score), abs=1e-12)
    else:
        assert "auc" not in found


@given(records=class_records)
def test_multiclass_metrics_are_those_of_scikit_learn(records: list[tuple[Any, Any]]) -> None:
    truth, said = zip(*records, strict=True)
    found = values_of(labelled(truth, prediction=said), MULTICLASS)
    words = [[str(value) for value in side] for side in (truth, said)]
    assert found["accuracy"] == pytest.approx(sk.accuracy_score(*words), abs=1e-12)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, beta in (("f0_5", 0.5), ("f1", 1.0), ("f2", 2.0)):
            precision, recall, f_beta, _ = sk.precision_recall_fscore_support(
                *words, beta=beta, average="weighted", zero_division=0
            )
            assert found[f"weighted_{name}"] == pytest.approx(f_beta, abs=1e-12)
    assert found["weighted_precision"] == pytest.approx(precision, abs=1e-12)
    assert found["weighted_recall"] == pytest.approx(recall, abs=1e-12)


@given(records=number_records)
def test_regression_metrics_are_those_of_scikit_learn(records: list[tuple[float, float]]) -> None:
    truth, said = zip(*records, strict=True)
    found = values_of(labelled(truth, prediction=said), REGRESSION)
    assert found["mae"] == pytest.approx(sk.mean_absolute_error(truth, said), rel=1e-9, abs=1e-9)
    assert found["mse"] == pytest.approx(sk.mean_squared_error(truth, said), rel=1e-9, abs=1e-9)
    assert found["rmse"] == pytest.approx(math.sqrt(sk.mean_squared_error(truth, said)), rel=1e-9, abs=1e-9)
    if np.ptp(truth) > 1e-3:
        assert found["r2"] == pytest.approx(sk.r2_score(truth, said), rel=1e-6, abs=1e-6)


# --- however the records are cut -----------------------------------------------------------------------------------------

cells = st.one_of(st.none(), st.sampled_from([0, 1, "1", "1.0", "yes"]))
rows_of_any_kind = st.lists(st.tuples(cells, cells, st.one_of(st.none(), scores)), min_size=1, max_size=60)


def chunk(records: list[tuple[Any, Any, Any]]) -> Rows:
    truth, said, score = zip(*records, strict=True) if records else ((), (), ())
    features = {"region": ["north" if cell else None for cell in said], "amount": list(score)}
    return labelled(truth, prediction=said, score=score, features=features, times=[END - 60] * len(records))


@pytest.mark.parametrize("job", [BINARY, MULTICLASS, REGRESSION], ids=["binary", "multiclass", "regression"])
@given(records=rows_of_any_kind, cuts=st.tuples(st.integers(0, 60), st.integers(0, 60)))
def test_a_whole_is_the_merge_of_its_parts_in_any_grouping(job: Job, records: list[Any], cuts: tuple[int, int]) -> None:
    low, high = sorted(cuts)
    a, b, c = (MODEL_QUALITY.profile(chunk(part), job) for part in (records[:low], records[low:high], records[high:]))
    whole = MODEL_QUALITY.profile(chunk(records), job)
    for merged in (a.merge(b).merge(c), a.merge(b.merge(c)), MODEL_QUALITY.empty(job).merge(a).merge(b).merge(c)):
        found, expected = (MODEL_QUALITY.statistics(part, job) for part in (merged, whole))
        files = [MODEL_QUALITY.files.statistics(part) for part in (found, expected)]
        said = [file["model_monitor"].pop("predictions") for file in files]
        assert [[f["name"] for f in part["features"]] for part in said] == [
            [feature.name for feature in part.predictions] for part in (expected, found)
        ]
        if job is REGRESSION:
            assert found.quality.values == pytest.approx(expected.quality.values, rel=1e-9, abs=1e-9, nan_ok=True)
        else:
            assert orjson.dumps(files[0]) == orjson.dumps(files[1])
        assert (found.records, found.answered, found.coverage) == (
            expected.records,
            expected.answered,
            expected.coverage,
        )


@pytest.mark.parametrize("job", [BINARY, MULTICLASS, REGRESSION], ids=["binary", "multiclass", "regression"])
@given(records=rows_of_any_kind)
def test_a_profile_with_labels_survives_json_exactly(job: Job, records: list[Any]) -> None:
    profile = MODEL_QUALITY.profile(chunk(records), job)
    written = orjson.dumps(profile.to_json())
    assert orjson.dumps(type(MODEL_QUALITY.empty(job)).from_json(orjson.loads(written)).to_json()) == written


@pytest.mark.parametrize("job", [BINARY, REGRESSION], ids=["binary", "regression"])
def test_deviations_are_there_from_200_records_on_and_do_not_depend_on_the_cuts(job: Job) -> None:
    random = np.random.Generator(np.random.PCG64(7))
    truth = random.integers(0, 2, 400)
    said = np.round(np.clip(truth * 0.4 + random.random(400) * 0.6, 0, 1), 6)
    whole = labelled(truth.tolist(), prediction=None if job is BINARY else said.tolist(), score=said.tolist())
    few = labelled(truth[:199].tolist(), prediction=said[:199].tolist(), score=said[:199].tolist())
    assert all(math.isnan(value) for value in measured(few, job).quality.deviations.values())
    found = measured(whole, job).quality.deviations
    parts = [
        labelled(
            truth[part].tolist(), prediction=None if job is BINARY else said[part].tolist(), score=said[part].tolist()
        )
        for part in (slice(0, 90), slice(90, 400))
    ]
    first, second = (MODEL_QUALITY.profile(part, job) for part in parts)
    assert MODEL_QUALITY.statistics(first.merge(second), job).quality.deviations == pytest.approx(found, rel=1e-9)
    checked = "accuracy" if job is BINARY else "mae"
    errors = (said > 0.5) == truth if job is BINARY else np.abs(truth - said)
    exact = errors.std(ddof=1) * math.sqrt(0.2 / 320)  # of means of 80 % without replacement
    assert 0.2 * exact < found[checked] < 3 * exact
