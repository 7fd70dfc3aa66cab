"""constraint_violations.json and constraints.json."""

from __future__ import annotations

from model_monitor.contract import CheckType, Verdict
from model_monitor.monitors.conclusion import Check, Conclusion, Outcome
from model_monitor.monitors.violations_file import violations_file
from model_monitor.schema import Feature, Privacy, Rows, Schema
from tests.tables import baseline_files_of, table


def test_only_violated_checks_are_written():
    checks = (
        Check(CheckType.DATA_TYPE, "a", Outcome.VIOLATED, 0.5, 1.0, "text"),
        Check(CheckType.DATA_TYPE, "b", Outcome.HELD),
        Check(CheckType.BASELINE_DRIFT, "a", Outcome.NOT_EVALUATED, description="why"),
    )
    assert violations_file(Conclusion(Verdict.VIOLATED, checks)) == {
        "violations": [{"feature_name": "a", "constraint_check_type": "data_type_check", "description": "text"}]
    }


def test_without_violations_there_is_no_file():
    assert violations_file(Conclusion(Verdict.OK, (Check(CheckType.DATA_TYPE, "a", Outcome.HELD),))) is None


def test_suggested_constraints_read_as_aws_writes_them():
    rows = table(
        {"price": [1.5, 2.0, None, 3.0], "delta": [-1, 0, 1, 2], "state": ["b", "a", "b", "b"], "gone": [None] * 4}
    )
    constraints, _ = baseline_files_of(rows)
    assert constraints == {
        "version": 0.0,
        "features": [
            {
                "name": "price",
                "inferred_type": "Fractional",
                "completeness": 0.75,
                "num_constraints": {"is_non_negative": True},
            },
            {
                "name": "delta",
                "inferred_type": "Integral",
                "completeness": 1.0,
                "num_constraints": {"is_non_negative": False},
            },
            {
                "name": "state",
                "inferred_type": "String",
                "completeness": 1.0,
                "string_constraints": {"domains": ["b", "a"]},
            },
            {"name": "gone", "inferred_type": "Unknown", "completeness": 0.0},
        ],
        "monitoring_config": {
            "evaluate_constraints": "Enabled",
            "emit_metrics": "Enabled",
            "datatype_check_threshold": 1.0,
            "domain_content_threshold": 1.0,
            "distribution_constraints": {
                "perform_comparison": "Enabled",
                "comparison_threshold": 0.1,
                "comparison_method": "Robust",
                "categorical_comparison_threshold": 0.1,
                "categorical_drift_method": "LInfinity",
            },
        },
    }


def test_many_different_texts_suggest_no_domain():
    constraints, _ = baseline_files_of(table({"id": [f"v{i}" for i in range(121)]}))
    assert "string_constraints" not in constraints["features"][0]


def test_a_restricted_features_domain_holds_digests_only():
    rows = table({"diagnosis": ["flu"] * 30 + ["cold"] * 20})
    restricted = Rows(Schema((Feature("diagnosis", privacy=Privacy.RESTRICTED),)), rows.count, rows.features)
    constraints, statistics = baseline_files_of(restricted)
    domains = constraints["features"][0]["string_constraints"]["domains"]
    assert len(domains) == 2
    assert not set(domains) & {"flu", "cold"}
    assert constraints["features"][0]["privacy"] == statistics["features"][0]["privacy"]
