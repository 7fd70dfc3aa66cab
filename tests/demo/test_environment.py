"""The environment that the demo deploys describes the data that the demo sends."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from demo.breast_cancer import BREAST_CANCER
from demo.covertype import COVERTYPE
from demo.data import Dataset
from demo.deploy import ENVIRONMENT
from demo.models import HYPERPARAMETERS
from tests.conftest import ROOT

DATASETS = {"covertype": COVERTYPE, "breast-cancer": BREAST_CANCER}


@pytest.fixture(scope="module")
def endpoints() -> dict[str, Any]:
    content = yaml.safe_load((ROOT / "environments" / f"{ENVIRONMENT}.yaml").read_text())
    endpoints: dict[str, Any] = content["endpoints"]
    return endpoints


def test_both_endpoints_and_no_other_are_declared(endpoints: dict[str, Any]) -> None:
    assert set(endpoints) == set(DATASETS)


@pytest.mark.parametrize("dataset", DATASETS.values(), ids=DATASETS)
def test_features_and_label_are_declared_in_the_order_of_the_data(endpoints: dict[str, Any], dataset: Dataset) -> None:
    payload = endpoints[dataset.endpoint]["payload"]
    names = [feature if isinstance(feature, str) else feature["name"] for feature in payload["features"]]
    assert tuple(names) == dataset.names
    assert payload["label"] == dataset.label


@pytest.mark.parametrize("dataset", DATASETS.values(), ids=DATASETS)
def test_a_retraining_uses_the_hyperparameters_of_the_first_training(
    endpoints: dict[str, Any], dataset: Dataset
) -> None:
    declared = endpoints[dataset.endpoint]["retraining"]["hyperparameters"]
    assert declared.items() <= HYPERPARAMETERS.items()
