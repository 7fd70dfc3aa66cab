"""What settings of a release are refused, in words that say what to do."""

from __future__ import annotations

import pytest

from tests.analyses import analysed, faults

ROLE = "arn:aws:iam::123456789012:role/registers"
GROUP = "arn:aws:sagemaker:eu-west-1:210987654321:model-package-group/shared"
START = "endpoints.fraud.retraining."


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"retraining__deployment": {"strategy": "canary"}}, "deployment.strategy: canary needs two instances"),
        ({"retraining__deployment": {"strategy": "linear"}}, "deployment.strategy: linear needs two instances"),
        (
            {"retraining__deployment": {"strategy": "linear", "size_percent": 5}, "model__instance_count": 2},
            "deployment.size_percent: linear takes steps of 10 to 50 percent",
        ),
        ({"retraining__gate": {"slices": ["height"]}}, "gate.slices: 'height' is no feature of the payload"),
        ({"retraining__gate": {"confidence": 1.5}}, "gate.confidence: "),
        ({"retraining__registry": {"group": "my group"}}, "registry.group: "),
        (
            {"retraining__registry": {"role_arn": ROLE, "group": "own"}},
            "registry.role_arn: is for a group of another account",
        ),
        (
            {"retraining__registry": {"role_arn": ROLE, "group": GROUP}},
            "registry.role_arn: should be of the group's account, 2",
        ),
        (
            {"retraining__gate": {"facets": ["visits"]}},
            "gate.facets: 'visits' is no facet of a monitor's model_bias (age)",
        ),
        ({"retraining__schedule": "hourly"}, "schedule: should be daily or less often, found hourly"),
        (
            {"retraining__schedule": "weekly", "retraining__mode": "propose"},
            "schedule: starts trainings without asking",
        ),
        (
            {"retraining__pipeline": {"name": "trains"}},
            "image: should be given where no pipeline trains, and only there",
        ),
        ({"retraining__image": None}, "image: should be given where no pipeline trains, and only there"),
        (
            {"retraining__content_type": "application/json", "payload__records": "a | b"},
            "content_type: payload.records should be",
        ),
        (
            {
                "retraining__content_type": "application/jsonlines",
                "payload__features": [{"name": "age", "path": "x[*].y"}],
            },
            "content_type: the path of 'age' should be made of keys",
        ),
        (
            {
                "retraining__watch": {"types": ["model_quality"]},
                "monitors__all__types": ["data_quality"],
                "monitors__all__alarms": {},
                **{
                    f"monitors__all__{type_}": None for type_ in ("model_quality", "model_bias", "model_explainability")
                },
                "monitors__all__custom_metrics": None,
            },
            "watch.types[0]: all does not run model_quality",
        ),
    ],
    ids=[
        "canary",
        "linear",
        "steps",
        "slices",
        "confidence",
        "group",
        "no-account",
        "account",
        "facets",
        "hourly",
        "asks",
        "both",
        "none",
        "records",
        "path",
        "watch",
    ],
)
def test_a_fault_says_where_and_what(changes: dict, fault: str):
    assert [found for found in faults(**changes) if (START + fault) in found], faults(**changes)


@pytest.mark.parametrize(("count", "strategy"), [(1, "all_at_once"), (2, "canary")])
def test_a_canary_is_the_default_where_there_are_instances_for_it(count: int, strategy: str):
    endpoint = analysed(model__instance_count=count).endpoints["fraud"]
    assert endpoint.retraining.strategy_of(endpoint.model.fewest_instances) == strategy
