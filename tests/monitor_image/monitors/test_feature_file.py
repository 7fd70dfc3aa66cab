"""statistics.json: AWS's shape and types, and what privacy keeps out of it."""

from __future__ import annotations

import json

import numpy as np
import pytest

from model_monitor.contract import JobKind
from model_monitor.monitors.data_quality.baseline import read_dataset_statistics
from model_monitor.schema import Feature, FeatureType, Privacy, Rows, Schema
from model_monitor.sketches.feature import MERGED, MERGED_BELOW
from tests.tables import DATA_QUALITY, statistics_of, table


def file_of(rows: Rows, kind: JobKind = JobKind.BASELINE) -> dict:
    return DATA_QUALITY.files.statistics(statistics_of(rows, kind))


def only(content: dict) -> dict:
    (feature,) = content["features"]
    return feature


def as_class(rows: Rows, privacy: Privacy) -> Rows:
    features = tuple(Feature(f.name, f.type, privacy) for f in rows.schema.features)
    return Rows(Schema(features), rows.count, rows.features)


def test_a_numeric_feature_reads_as_aws_writes_it():
    feature = only(file_of(table({"price": [1.5, 2.0, None, 3.0]})))
    assert feature == {
        "name": "price",
        "inferred_type": "Fractional",
        "numerical_statistics": {
            "common": {"num_present": 3, "num_missing": 1},
            "mean": pytest.approx(13 / 6),
            "sum": 6.5,
            "std_dev": pytest.approx(np.std([1.5, 2.0, 3.0])),
            "min": 1.5,
            "max": 3.0,
            "approximate_num_distinct_values": 3,
            "completeness": 0.75,
            "distribution": {
                "kll": {
                    "buckets": [
                        {
                            "lower_bound": pytest.approx(1.5 + i * 0.15),
                            "upper_bound": pytest.approx(1.65 + i * 0.15),
                            "count": c,
                        }
                        for i, c in enumerate([1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0])
                    ],
                    "sketch": {"parameters": {"c": 0.64, "k": 2048.0}, "data": [[1.5, 2.0, 3.0]]},
                }
            },
        },
    }


def test_a_text_feature_reads_as_aws_writes_it():
    feature = only(file_of(table({"state": ["NM", "CT", "NM", None]})))
    assert feature == {
        "name": "state",
        "inferred_type": "String",
        "string_statistics": {
            "common": {"num_present": 3, "num_missing": 1},
            "distinct_count": 2.0,
            "completeness": 0.75,
            "distribution": {"categorical": {"buckets": [{"value": "NM", "count": 2}, {"value": "CT", "count": 1}]}},
        },
    }


def test_numbers_that_are_floats_in_the_file_stay_floats_and_counts_stay_integers():
    content = file_of(table({"n": [1, 2, 3], "s": ["a", "b", "b"]}))
    text = json.dumps(content["features"][0]["numerical_statistics"])
    assert '"mean": 2.0, "sum": 6.0' in text
    assert '"min": 1.0, "max": 3.0' in text
    assert '"count": 1.0' in text
    assert '"num_present": 3,' in text
    assert json.dumps(content["dataset"]) == '{"item_count": 3}'
    assert json.dumps(content["version"]) == "0.0"


def test_a_feature_without_any_value_is_unknown_and_has_counts_only():
    assert only(file_of(table({"gone": [None, None]}))) == {
        "name": "gone",
        "inferred_type": "Unknown",
        "string_statistics": {"common": {"num_present": 0, "num_missing": 2}},
    }


@pytest.mark.parametrize(("number", "is_shown"), [(120, True), (121, False)])
def test_only_few_different_texts_have_a_distribution(number, is_shown):
    statistics = only(file_of(table({"id": [f"v{i}" for i in range(number)]})))["string_statistics"]
    assert ("distribution" in statistics) is is_shown
    assert statistics["distinct_count"] == float(number)


def test_numbers_in_a_text_feature_are_counted_in_one_form():
    statistics = only(file_of(table({"mixed": [37, "37.0", 37.5, "x", True]})))["string_statistics"]
    buckets = statistics["distribution"]["categorical"]["buckets"]
    assert {bucket["value"]: bucket["count"] for bucket in buckets} == {"37": 2, "37.5": 1, "x": 1, "true": 1}
    assert statistics["common"]["num_present"] == 5


def test_a_declared_text_keeps_its_zeros():
    feature = only(file_of(table({"zip": ["00501", "90210"]}, {"zip": FeatureType.STRING})))
    assert feature["inferred_type"] == "String"
    values = {b["value"] for b in feature["string_statistics"]["distribution"]["categorical"]["buckets"]}
    assert values == {"00501", "90210"}


def test_a_declared_type_stands_in_a_baseline_and_what_was_seen_in_a_window():
    rows = table({"price": [1, 2]}, {"price": FeatureType.FRACTIONAL})
    assert only(file_of(rows, JobKind.BASELINE))["inferred_type"] == "Fractional"
    assert only(file_of(rows, JobKind.MONITOR))["inferred_type"] == "Integral"


def test_a_window_without_records_has_statistics_of_nothing():
    content = file_of(table({"a": [], "b": []}), JobKind.MONITOR)
    assert content["dataset"]["item_count"] == 0
    assert [feature["inferred_type"] for feature in content["features"]] == ["Unknown", "Unknown"]


def test_what_was_written_can_be_read():
    random = np.random.default_rng(5)
    rows = table({"x": random.normal(size=9_000).tolist(), "s": random.choice(["a", "b"], 9_000).tolist()})
    written = statistics_of(rows, JobKind.BASELINE)
    content = json.loads(json.dumps(DATA_QUALITY.files.statistics(written)))
    read = read_dataset_statistics(content, "statistics.json")
    assert read.by_name["s"].categories == written.by_name["s"].categories
    assert read.by_name["x"].numeric.ranks.cumulative.tolist() == written.by_name["x"].numeric.ranks.cumulative.tolist()
    assert read.by_name["x"].numeric.ranks.values.tolist() == written.by_name["x"].numeric.ranks.values.tolist()


def test_an_internal_feature_has_buckets_and_no_single_values():
    distribution = only(file_of(as_class(table({"x": [1.0, 2.0]}), Privacy.INTERNAL)))["numerical_statistics"][
        "distribution"
    ]
    assert list(distribution["kll"]) == ["buckets"]


def test_of_a_restricted_number_no_records_value_is_written():
    values = np.random.default_rng(5).normal(50_000.123, 9_876.543, 3_000)
    feature = only(file_of(as_class(table({"salary": values.tolist()}), Privacy.RESTRICTED)))
    text = json.dumps(feature)
    assert not [value for value in values.tolist() if repr(value) in text]
    assert "sketch" not in text
    assert not feature["numerical_statistics"].keys() & {"min", "max"}
    buckets = feature["numerical_statistics"]["distribution"]["kll"]["buckets"]
    assert sum(bucket["count"] for bucket in buckets) == 3_000
    assert min(bucket["count"] for bucket in buckets) >= MERGED_BELOW


def test_of_a_restricted_text_only_digests_of_large_groups_are_written():
    cells = ["flu"] * 300 + ["cold"] * 50 + ["rare one"] * 9 + ["rare two"] * 4
    content = file_of(as_class(table({"diagnosis": cells}), Privacy.RESTRICTED))
    text = json.dumps(content)
    assert not [word for word in ("flu", "cold", "rare") if word in text]
    buckets = only(content)["string_statistics"]["distribution"]["categorical"]["buckets"]
    assert [bucket["count"] for bucket in buckets] == [300, 50, 13]
    assert buckets[-1]["value"] == MERGED


def test_a_group_of_small_groups_is_itself_large_enough():
    cells = ["flu"] * 300 + ["cold"] * 50 + ["rare"] * 2
    buckets = only(file_of(as_class(table({"d": cells}), Privacy.RESTRICTED)))["string_statistics"]["distribution"]
    assert [bucket["count"] for bucket in buckets["categorical"]["buckets"]] == [300, 52]


def test_salts_differ_between_data_and_are_the_same_for_the_same_data():
    def salt(cells: list[str]) -> str:
        return only(file_of(as_class(table({"d": cells}), Privacy.RESTRICTED)))["privacy"]["salt"]

    assert salt(["a", "b"]) == salt(["a", "b"])
    assert salt(["a", "b"]) != salt(["a", "c"])


@pytest.mark.parametrize("values", [[52_000.5, 61_000.25], [52_000.5] * 40])
def test_of_a_few_restricted_numbers_or_of_equal_ones_not_even_the_mean_is_written(values):
    feature = only(file_of(as_class(table({"salary": values}), Privacy.RESTRICTED)))
    assert feature["numerical_statistics"].keys() == {"common", "completeness", "approximate_num_distinct_values"}
