"""What the demo's records promise: types kept, one fault at a time, the same hour again the same requests."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime

import numpy as np
import pytest

from demo.breast_cancer import BREAST_CANCER
from demo.covertype import BROKEN_ABSENT, BROKEN_TYPE, COVERTYPE, DRIFTING, draw_covertype
from demo.data import Answers, Dataset, Mode, baseline_csv, baseline_lines, training_csv
from demo.traffic import RECORDS_AN_HOUR, label, predicted
from model_monitor.labels.label_records import labels_of


@pytest.fixture(params=["covertype", "breast-cancer"])
def dataset(request: pytest.FixtureRequest) -> Dataset:
    return {"covertype": COVERTYPE, "breast-cancer": BREAST_CANCER}[request.param]


def bodies(mode: Mode, hour: int = 3) -> list[dict[str, list[object]]]:
    """The columns of every covertype request, whichever way they were written."""
    parsed = [json.loads(request.body) for request in COVERTYPE.traffic(hour, mode, RECORDS_AN_HOUR)]
    return [
        {name: list(column.values()) if isinstance(column, dict) else column for name, column in body.items()}
        for body in parsed
    ]


def values(mode: Mode, feature: str) -> list[object]:
    return [value for body in bodies(mode) for value in body[feature]]


def test_the_same_hour_gives_the_same_requests_and_another_hour_others(dataset: Dataset) -> None:
    assert dataset.traffic(1, Mode.HEALTHY, 50) == dataset.traffic(1, Mode.HEALTHY, 50)
    assert dataset.traffic(1, Mode.HEALTHY, 50) != dataset.traffic(2, Mode.HEALTHY, 50)


def test_requests_carry_several_records_each_with_ids_of_their_own(dataset: Dataset) -> None:
    requests = dataset.traffic(1, Mode.HEALTHY, RECORDS_AN_HOUR)
    assert sum(len(request.table) for request in requests) == RECORDS_AN_HOUR
    assert max(len(request.table) for request in requests) > 5
    assert len({request.inference_id for request in requests}) == len(requests)
    assert all(len(request.inference_id) <= 64 for request in requests)


def test_a_quiet_hour_has_no_requests(dataset: Dataset) -> None:
    assert dataset.traffic(1, Mode.QUIET, RECORDS_AN_HOUR) == []


def test_integers_are_written_as_integers_in_every_column_but_the_texts() -> None:
    for body in bodies(Mode.HEALTHY):
        kinds = {name: {type(value) for value in column} for name, column in body.items()}
        assert {name for name, kind in kinds.items() if kind == {str}} == {"Wilderness_Area", "Soil_Type"}
        assert all(kind in ({int}, {str}) for kind in kinds.values())


def test_json_requests_come_as_lists_and_as_pandas_writes_them() -> None:
    first, second = (json.loads(request.body) for request in COVERTYPE.traffic(1, Mode.HEALTHY, RECORDS_AN_HOUR)[:2])
    assert isinstance(first["Slope"], list)
    assert next(iter(second["Slope"])) == "0"


def test_broken_changes_one_type_and_drops_one_feature_and_nothing_else() -> None:
    for healthy, broken in zip(bodies(Mode.HEALTHY), bodies(Mode.BROKEN), strict=True):
        assert set(healthy) - set(broken) == {BROKEN_ABSENT}
        assert {type(value) for value in broken[BROKEN_TYPE]} == {float}
        assert {name: column for name, column in healthy.items() if name != BROKEN_ABSENT} == broken  # 37 == 37.0


def test_drifting_is_celsius_as_integers_and_nothing_else_changes() -> None:
    fahrenheit, celsius = values(Mode.HEALTHY, DRIFTING), values(Mode.DRIFTING, DRIFTING)
    assert {type(value) for value in celsius} == {int}
    assert np.allclose(np.array(celsius, float) * 9 / 5 + 32, np.array(fahrenheit, float), atol=1)
    for feature in set(COVERTYPE.names) - {DRIFTING}:
        assert values(Mode.HEALTHY, feature) == values(Mode.DRIFTING, feature)


def test_healthy_categories_are_all_in_the_baseline() -> None:
    baseline, _, _ = COVERTYPE.training()
    for feature in ("Wilderness_Area", "Soil_Type"):
        for hour in range(30):
            seen = {
                value
                for request in COVERTYPE.traffic(hour, Mode.HEALTHY, 400)
                for value in request.table.columns[feature]
            }
            assert seen <= set(baseline.columns[feature])


def test_seven_classes_are_drawn() -> None:
    assert set(draw_covertype(3000, np.random.default_rng(1)).labels) == {1, 2, 3, 4, 5, 6, 7}


def test_breast_cancer_values_are_all_fractions_in_csv() -> None:
    requests = BREAST_CANCER.traffic(1, Mode.HEALTHY, 100)
    rows = [row for request in requests for row in csv.reader(io.StringIO(request.body.decode()))]
    assert {len(row) for row in rows} == {30}
    assert all("." in value or "e-" in value for row in rows for value in row)


def test_the_baseline_has_features_label_and_answers_and_training_data_the_label_first(dataset: Dataset) -> None:
    baseline, train, validation = dataset.training()
    said = Answers([{"label": 1, "score": 0.5}] * len(baseline))
    record = json.loads(baseline_lines(baseline, dataset.label, said).splitlines()[0])
    assert list(record) == [*dataset.names, dataset.label, "label", "score"]
    assert (record[dataset.label], record["label"]) == (baseline.labels[0], 1)
    header, row, *_ = csv.reader(io.StringIO(baseline_csv(baseline, dataset.label)))
    assert header == [*dataset.names, dataset.label]
    assert row[-1] == str(baseline.labels[0])
    first = next(csv.reader(io.StringIO(training_csv(train, dataset.names))))
    assert first[0] == str(train.labels[0])
    assert len(first) == len(dataset.names) + 1
    assert len(validation) >= 100


def test_a_feature_that_never_arrived_is_an_empty_field_of_a_labelled_row() -> None:
    request = COVERTYPE.traffic(1, Mode.BROKEN, 10)[0]
    row = next(csv.reader(io.StringIO(training_csv(request.table, COVERTYPE.names))))
    assert row[1 + COVERTYPE.names.index(BROKEN_ABSENT)] == ""


def test_an_application_hands_over_the_labels_of_its_requests() -> None:
    """What lies in the bucket after an hour is ground truth of every record, in its request's order."""
    written: dict[str, bytes] = {}

    class Store:
        def put_object(self, *, Bucket: str, Key: str, Body: bytes) -> None:  # noqa: N803 - boto3's own words
            assert Bucket == "labels"
            written[Key] = Body

    requests = COVERTYPE.traffic(1, Mode.HEALTHY, 60)
    label(COVERTYPE, requests, datetime(2026, 3, 2, 6, tzinfo=UTC), "labels", Store())
    (key,) = [key for key in written if "/ground-truth/" in key]
    assert key.startswith("covertype/ground-truth/2026/03/02/06/")
    truth = {}
    for line in written[key].splitlines():
        for event, place, known in labels_of(json.loads(line)):
            truth[event, place] = known
    assert truth == {
        (request.inference_id, place): str(known)
        for request in requests
        for place, known in enumerate(request.table.labels)
    }


def test_predictions_are_paired_by_their_index() -> None:
    body = '[{"payload_index": 1, "label": 5, "score": 0.5}, {"payload_index": 0, "label": 2, "score": 0.9}]'
    assert predicted(body, "application/json") == [2, 5]
    assert predicted("1,0.9\n0,0.2\n", "text/csv") == [1, 0]


def test_breast_cancer_is_what_scikit_learn_loads() -> None:
    from sklearn.datasets import load_breast_cancer

    bunch = load_breast_cancer()
    table, _, _ = BREAST_CANCER.training()
    ours = sorted((*row, label) for row, label in zip(table.rows(), table.labels, strict=True))
    theirs = sorted((*row, label) for row, label in zip(bunch.data.tolist(), bunch.target.tolist(), strict=True))
    assert ours == theirs
    assert BREAST_CANCER.names == tuple(str(name).replace(" ", "_") for name in bunch.feature_names)
