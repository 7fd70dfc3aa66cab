"""Our files have the shapes of SageMaker's: one schema each holds for what AWS's analyzers wrote and for what we write."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from model_monitor.contract import OWN_BLOCK, CheckType

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "cases"
TYPES = {"enum": ["Integral", "Fractional", "String", "Unknown"]}
SHARE = {"type": "number", "minimum": 0, "maximum": 1}
COUNT = {"type": "integer", "minimum": 0}
SWITCH = {"enum": ["Enabled", "Disabled"]}


def closed(required: dict[str, Any], optional: dict[str, Any] | None = None) -> dict[str, Any]:
    """An object with these keys and no others."""
    properties = required | (optional or {})
    return {"type": "object", "required": list(required), "properties": properties, "additionalProperties": False}


def open_(required: dict[str, Any], optional: dict[str, Any] | None = None) -> dict[str, Any]:
    """An object that may hold more: SageMaker's readers ignore keys they do not know."""
    return closed(required, optional) | {"additionalProperties": True}


COMMON = closed({"num_present": COUNT, "num_missing": COUNT})
BUCKET = closed({"lower_bound": {"type": "number"}, "upper_bound": {"type": "number"}, "count": {"type": "number"}})
SKETCH = closed(
    {
        "parameters": closed({"c": {"const": 0.64}, "k": {"const": 2048.0}}),
        "data": {"type": "array", "items": {"type": "array", "items": {"type": "number"}}},
    }
)
KLL = closed({"buckets": {"type": "array", "items": BUCKET, "minItems": 10, "maxItems": 10}}, {"sketch": SKETCH})
NUMERIC = closed(
    {name: {"type": "number"} for name in ("mean", "sum", "std_dev", "min", "max")} | {"common": COMMON},
    {
        "distribution": closed({"kll": KLL}),
        "approximate_num_distinct_values": COUNT,
        "completeness": SHARE,
    },
)
CATEGORY = closed({"value": {"type": "string"}, "count": COUNT})
STRING = closed(
    {"common": COMMON},
    {
        "distinct_count": {"type": "number"},
        "completeness": SHARE,
        "distribution": closed({"categorical": closed({"buckets": {"type": "array", "items": CATEGORY}})}),
    },
)
STATISTICS = closed(
    {
        "version": {"const": 0.0},
        "dataset": closed({"item_count": COUNT}),
        "features": {
            "type": "array",
            "items": {
                "oneOf": [
                    open_({"name": {"type": "string"}, "inferred_type": TYPES, "numerical_statistics": NUMERIC}),
                    open_({"name": {"type": "string"}, "inferred_type": TYPES, "string_statistics": STRING}),
                ]
            },
        },
    }
)
DISTRIBUTION = closed(
    {
        "perform_comparison": SWITCH,
        "comparison_threshold": {"type": "number"},
        "comparison_method": {"enum": ["Robust", "Simple"]},
    },
    {
        "categorical_comparison_threshold": {"type": "number"},
        "categorical_drift_method": {"enum": ["LInfinity", "ChiSquared"]},
    },
)
CONSTRAINTS = closed(
    {
        "version": {"const": 0.0},
        "features": {
            "type": "array",
            "items": open_(
                {"name": {"type": "string"}, "inferred_type": TYPES},
                {
                    "completeness": SHARE,
                    "num_constraints": closed({"is_non_negative": {"type": "boolean"}}),
                    "string_constraints": open_({}, {"domains": {"type": "array", "items": {"type": "string"}}}),
                },
            ),
        },
        "monitoring_config": closed(
            {
                "evaluate_constraints": SWITCH,
                "emit_metrics": SWITCH,
                "datatype_check_threshold": SHARE,
                "domain_content_threshold": SHARE,
                "distribution_constraints": DISTRIBUTION,
            }
        ),
    }
)
VIOLATIONS = closed(
    {
        "violations": {
            "type": "array",
            "minItems": 1,
            "items": closed(
                {
                    "feature_name": {"type": "string"},
                    "constraint_check_type": {"enum": [str(check_type) for check_type in CheckType]},
                    "description": {"type": "string", "minLength": 1},
                }
            ),
        }
    }
)
NUMBER = {"oneOf": [{"type": "number"}, {"const": "NaN"}]}  # AWS writes what is undefined as text
SCALAR = closed({"value": NUMBER, "standard_deviation": NUMBER})
RATES = {"type": "array", "items": SHARE, "minItems": 2}
CLASSIFICATION = {
    "type": "object",
    "required": ["confusion_matrix", "accuracy"],
    "properties": {
        "confusion_matrix": {
            "type": "object",
            "additionalProperties": {"type": "object", "additionalProperties": COUNT},
        },
        "receiver_operating_characteristic_curve": closed(
            {"false_positive_rates": RATES, "true_positive_rates": RATES}
        ),
        "precision_recall_curve": closed({"precisions": RATES, "recalls": RATES}),
    },
    "additionalProperties": SCALAR,
}
REGRESSION = closed(dict.fromkeys(("mae", "mse", "rmse", "r2"), SCALAR))
QUALITY_STATISTICS = {
    "oneOf": [
        open_({"version": {"const": 0.0}, "dataset": open_({"item_count": COUNT}), f"{key}_metrics": metrics})
        for key, metrics in (
            ("regression", REGRESSION),
            ("binary_classification", CLASSIFICATION),
            ("multiclass_classification", CLASSIFICATION),
        )
    ]
}
OPERATORS = {"enum": ["LessThanThreshold", "GreaterThanThreshold"]}
THRESHOLD = closed({"threshold": {"type": "number"}, "comparison_operator": OPERATORS})
QUALITY_CONSTRAINTS = {
    "oneOf": [
        closed({"version": {"const": 0.0}, f"{key}_constraints": {"type": "object", "additionalProperties": THRESHOLD}})
        for key in ("regression", "binary_classification", "multiclass_classification")
    ]
}
QUALITY_VIOLATION = open_(
    {
        "constraint_check_type": {"enum": [*OPERATORS["enum"], "prediction_drift_check"]},
        "description": {
            "type": "string",
            "pattern": r"^Metric \w+ with \S+( \+/- \S+)? was (Less|Greater)ThanThreshold '\S+'$"
            r"|^Prediction drift distance: \S+ exceeds threshold: \S+$",
        },
        "metric_name": {"type": "string"},
    }
)
QUALITY_VIOLATIONS = closed({"violations": {"type": "array", "minItems": 1, "items": QUALITY_VIOLATION}})
DIMENSION = closed({"Name": {"type": "string", "minLength": 1}, "Value": {"type": "string", "minLength": 1}})
VALUES = closed({name: {"type": "number"} for name in ("SampleCount", "Sum", "Minimum", "Maximum")})
METRIC = open_(
    {
        "MetricName": {"type": "string", "minLength": 1, "maxLength": 255},
        "Timestamp": {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$"},
        "Dimensions": {"type": "array", "items": DIMENSION, "minItems": 2, "maxItems": 30},
    },
    {"Unit": {"enum": ["Count", "None"]}},
) | {"oneOf": [open_({"Value": {"type": "number"}}), open_({"StatisticValues": VALUES})]}

SCHEMAS = {"statistics.json": STATISTICS, "constraints.json": CONSTRAINTS, "constraint_violations.json": VIOLATIONS}
QUALITY = {
    "statistics.json": QUALITY_STATISTICS,
    "constraints.json": QUALITY_CONSTRAINTS,
    "constraint_violations.json": QUALITY_VIOLATIONS,
}
OURS = sorted(path for name in SCHEMAS for path in GOLDEN.rglob(name))
AWS = {  # old and minimal fixtures apart, what the analyzers wrote
    "qualitycheck_statistics.json": STATISTICS,
    "qualitycheck_constraints_good.json": CONSTRAINTS,
    "qualitycheck_constraints_bad.json": CONSTRAINTS,
    "sdk_constraint_violations.json": VIOLATIONS,
}


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.relative_to(GOLDEN).as_posix())
def test_what_we_write_has_sagemakers_shape(path):
    """Restricted features apart: their buckets are merged and their extremes withheld, which AWS knows nothing of."""
    content = json.loads(path.read_text())
    own = content.pop(OWN_BLOCK, {})  # at the top, where SageMaker's readers look for nothing
    assert own or "baseline" not in path.parts
    if "features" in content:
        content["features"] = [feature for feature in content["features"] if "privacy" not in feature]
        assert content["features"]
    schemas = QUALITY if path.parent.name == "model_quality" else SCHEMAS
    jsonschema.validate(content, schemas[path.name])


def faults(content, schema):
    """Where a document is of another shape."""
    return [error.json_path for error in jsonschema.Draft202012Validator(schema).iter_errors(content)]


@pytest.mark.parametrize(
    ("name", "schema"),
    [
        ("regression_statistics", QUALITY_STATISTICS),
        ("regression_statistics_modelcard", QUALITY_STATISTICS),
        ("regression_constraints_good", QUALITY_CONSTRAINTS),
        ("regression_constraints_bad", QUALITY_CONSTRAINTS),
    ],
)
def test_what_sagemaker_wrote_of_quality_has_that_shape_too(name, schema, shared):
    assert faults(json.loads((shared / f"samples/model_quality/{name}.json").read_text()), schema) == []


def test_the_binary_metrics_of_sagemakers_model_cards_are_ours(shared):
    theirs = json.loads((shared / "samples/model_quality/binary_statistics_modelcard.json").read_text())
    block = theirs["binary_classification_metrics"]
    jsonschema.validate(block, CLASSIFICATION)
    ours = json.loads((GOLDEN / "labelled/expected/monitor/model_quality/statistics.json").read_text())
    assert ours["binary_classification_metrics"].keys() == block.keys()


@pytest.mark.parametrize("name", sorted(AWS))
def test_what_sagemaker_wrote_has_that_shape_too(name, shared):
    assert faults(json.loads((shared / "samples/data_quality" / name).read_text()), AWS[name]) == []


def test_numbers_that_sagemaker_writes_as_doubles_are_doubles():
    text = (GOLDEN / "healthy/expected/baseline/statistics.json").read_text().split(f'"{OWN_BLOCK}"')[0]
    for key in ("version", "mean", "sum", "std_dev", "min", "max", "completeness", "distinct_count", "lower_bound"):
        numbers = re.findall(rf'"{key}": ([^,\s]+)', text)
        assert numbers, key
        assert all("." in number or "e" in number for number in numbers), key


def test_the_violations_file_exists_only_when_there_are_violations():
    with_violations = {path.relative_to(GOLDEN).parts[0] for path in GOLDEN.rglob("constraint_violations.json")}
    assert with_violations == {"broken", "labelled"}


def test_drift_violations_keep_the_words_that_tools_parse():
    """Two published samples read both numbers with this pattern."""
    found = json.loads((GOLDEN / "broken/expected/monitor/constraint_violations.json").read_text())["violations"]
    texts = [item["description"] for item in found if item["constraint_check_type"] == "baseline_drift_check"]
    assert texts
    for text in texts:
        match = re.search(r"distance: (.+) exceeds threshold: (.+)", text)
        assert match
        assert float(match.group(1)) > float(match.group(2))


@pytest.mark.parametrize("path", sorted(GOLDEN.rglob("metrics.jsonl")), ids=lambda path: path.parents[2].name)
def test_every_metric_line_is_compact_and_what_cloudwatch_takes(path):
    for line in path.read_text().splitlines():
        point = json.loads(line)
        jsonschema.validate(point, METRIC)
        assert json.dumps(point, separators=(",", ":"), ensure_ascii=False) == line
