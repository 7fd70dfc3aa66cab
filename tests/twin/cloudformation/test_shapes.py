"""Properties of resources as parameters of API calls: cast to what the API takes, surplus refused with its path."""

from __future__ import annotations

from typing import Any

import pytest

from twin.cloudformation.shapes import arguments
from twin.cloudformation.types import ResourceFailed


def test_properties_are_cast_to_what_the_api_takes() -> None:
    cast = arguments(
        "sagemaker",
        "CreateEndpointConfig",
        {"EndpointConfigName": "c", "ProductionVariants": [{"InitialInstanceCount": "2", "VariantName": 1}],
         "DataCaptureConfig": {"EnableCapture": "true", "InitialSamplingPercentage": "100"}},
    )  # fmt: skip
    assert cast["ProductionVariants"] == [{"InitialInstanceCount": 2, "VariantName": "1"}]
    assert cast["DataCaptureConfig"] == {"EnableCapture": True, "InitialSamplingPercentage": 100}


@pytest.mark.parametrize(
    ("properties", "message"),
    [
        ({"Colour": "red"}, "CreateModel has no property Colour"),
        ({"PrimaryContainer": {"Colour": "red"}}, "CreateModel.PrimaryContainer has no property Colour"),
        ({"PrimaryContainer": "x"}, "CreateModel.PrimaryContainer should be an object, found str"),
        ({"Containers": {}}, "CreateModel.Containers should be a list, found dict"),
        ({"ModelName": {"x": 1}}, "CreateModel.ModelName should be text, found dict"),
    ],
)
def test_a_wrong_property_is_refused_with_its_path(properties: dict[str, Any], message: str) -> None:
    with pytest.raises(ResourceFailed, match=message.replace(".", r"\.")):
        arguments("sagemaker", "CreateModel", properties)
