"""Templates: functions, conditions, parameters, order; what is unknown is an error that names the place."""

from __future__ import annotations

from typing import Any

import pytest

from twin.cloudformation import templates
from twin.cloudformation.templates import Scope, TemplateError

PSEUDO = {"AWS::Region": "eu-west-1", "AWS::AccountId": "123456789012", "AWS::Partition": "aws"}


def scope(template: dict[str, Any], parameters: dict[str, Any] | None = None) -> Scope:
    made = Scope({"Resources": {"Bucket": {"Type": "T"}}, **template}, PSEUDO, parameters or {})
    made.refs["Bucket"] = "bucket-1"
    made.attributes["Bucket"] = {"Arn": "arn:aws:s3:::bucket-1"}
    return made


@pytest.mark.parametrize(
    ("node", "value"),
    [
        ({"Ref": "Bucket"}, "bucket-1"),
        ({"Ref": "AWS::Region"}, "eu-west-1"),
        ({"Fn::GetAtt": ["Bucket", "Arn"]}, "arn:aws:s3:::bucket-1"),
        ({"Fn::GetAtt": "Bucket.Arn"}, "arn:aws:s3:::bucket-1"),
        ({"Fn::Join": ["/", [{"Ref": "Bucket"}, "a", 1]]}, "bucket-1/a/1"),
        ({"Fn::Sub": "${Bucket}/${!literal}/${Bucket.Arn}"}, "bucket-1/${literal}/arn:aws:s3:::bucket-1"),
        ({"Fn::Sub": ["${x}-${AWS::Region}", {"x": {"Ref": "Bucket"}}]}, "bucket-1-eu-west-1"),
        ({"Fn::Select": [1, {"Fn::Split": [":", "a:b:c"]}]}, "b"),
        ({"Fn::If": ["IsProduction", "big", "small"]}, "small"),
        ({"a": {"Ref": "AWS::NoValue"}, "b": [{"Ref": "AWS::NoValue"}, 2]}, {"b": [2]}),
        ({"Fn::FindInMap": ["Sizes", {"Ref": "AWS::Region"}, "large"]}, "m5.large"),
        ({"Fn::Base64": "text"}, "dGV4dA=="),
        ({"Fn::GetAZs": ""}, ["eu-west-1a", "eu-west-1b", "eu-west-1c"]),
        ({"Fn::ToJsonString": {"name": {"Ref": "Bucket"}}}, '{"name":"bucket-1"}'),
    ],
)
def test_a_function_has_the_value_cloudformation_gives_it(node: Any, value: Any) -> None:
    template = {
        "Conditions": {"IsProduction": {"Fn::Equals": [{"Ref": "AWS::AccountId"}, "999"]}},
        "Mappings": {"Sizes": {"eu-west-1": {"large": "m5.large"}}},
    }
    assert scope(template).resolve(node) == value


@pytest.mark.parametrize(
    ("node", "message"),
    [
        ({"Ref": "Nothing"}, "Unresolved resource dependencies [Nothing]"),
        ({"Fn::GetAtt": ["Bucket", "Colour"]}, "Bucket (T) has no attribute Colour; it has: Arn"),
        ({"Fn::GetAtt": ["Nothing", "Arn"]}, "undefined resource Nothing"),
        ({"Fn::Cidr": ["10.0.0.0/8", 1, 1]}, "does not know the function Fn::Cidr"),
        ({"Fn::If": ["Nothing", 1, 2]}, "there is no condition Nothing"),
        ({"Fn::Select": [5, ["a"]]}, "nonexistent value at index 5"),
        ({"Ref": "AWS::Moon"}, "pseudo parameter AWS::Moon"),
        ("{{resolve:secretsmanager:x}}", "dynamic references to ssm only"),
        ({"Fn::ImportValue": "nobody-exports-this"}, "No export named nobody-exports-this"),
        ({"Fn::GetStackOutput": {"StackName": "s", "OutputName": "Out"}}, "Stack s has no output Out"),
        (
            {"Fn::GetStackOutput": {"StackName": "s", "OutputName": "Out", "Region": "eu-west-9"}},
            "own account and region",
        ),
    ],
)
def test_what_cannot_be_resolved_is_an_error_that_names_it(node: Any, message: str) -> None:
    with pytest.raises(TemplateError) as caught:
        scope({}).resolve(node)
    assert message in str(caught.value)


def test_conditions_combine() -> None:
    conditions = {
        "Yes": {"Fn::Equals": ["1", 1]},
        "No": {"Fn::Not": [{"Condition": "Yes"}]},
        "Both": {"Fn::And": [{"Condition": "Yes"}, {"Condition": "No"}]},
        "Either": {"Fn::Or": [{"Condition": "No"}, {"Condition": "Yes"}]},
    }
    seen = scope({"Conditions": conditions})
    assert [seen.is_true(name) for name in conditions] == [True, False, False, True]


def test_short_yaml_functions_are_read_and_dates_stay_text() -> None:
    template = templates.read(
        """
        Resources:
          Role:
            Type: AWS::IAM::Role
            Properties:
              Version: 2012-10-17
              Arn: !GetAtt Bucket.Arn
              Name: !Sub "${AWS::Region}-x"
              Pick: !Select [0, !Split [",", "a,b"]]
        """
    )
    assert template["Resources"]["Role"]["Properties"] == {
        "Version": "2012-10-17",
        "Arn": {"Fn::GetAtt": ["Bucket", "Arn"]},
        "Name": {"Fn::Sub": "${AWS::Region}-x"},
        "Pick": {"Fn::Select": [0, {"Fn::Split": [",", "a,b"]}]},
    }


def test_resources_come_after_what_they_need_and_inactive_ones_not_at_all() -> None:
    resources = {
        "Topic": {"Type": "T", "Properties": {"Name": {"Fn::Sub": "${Key.Arn}"}}},
        "Key": {"Type": "T", "DependsOn": "Last"},
        "Last": {"Type": "T"},
        "Never": {"Type": "T", "Condition": "No"},
    }
    made = Scope({"Resources": resources, "Conditions": {"No": {"Fn::Equals": [1, 2]}}}, PSEUDO, {})
    assert templates.order(made) == ["Last", "Key", "Topic"]


def test_a_circle_is_refused() -> None:
    circle = {"A": {"Type": "T", "Properties": {"x": {"Ref": "B"}}}, "B": {"Type": "T", "DependsOn": ["A"]}}
    with pytest.raises(TemplateError, match=r"Circular dependency between resources: \[A, B\]"):
        templates.order(Scope({"Resources": circle}, PSEUDO, {}))


def test_parameters_take_given_values_defaults_and_what_the_parameter_store_holds() -> None:
    template = {
        "Parameters": {
            "Model": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/live/model"},
            "Names": {"Type": "CommaDelimitedList", "Default": "a, b"},
            "Size": {"Type": "Number", "Default": 3, "AllowedValues": [3, 5]},
        }
    }
    store = {"/live/model": "s3://bucket/model.tar.gz"}
    values = templates.parameters(template, {"Size": "5"}, store.__getitem__)
    assert values == {"Model": "s3://bucket/model.tar.gz", "Names": ["a", "b"], "Size": "5"}


@pytest.mark.parametrize(
    ("declared", "given", "message"),
    [
        ({"A": {"Type": "String"}}, {}, r"\[A\] must have values"),
        ({}, {"B": "1"}, r"\[B\] do not exist in the template"),
        ({"A": {"Type": "String", "AllowedValues": ["x"]}}, {"A": "y"}, "'A' must be one of AllowedValues"),
        ({"A": {"Type": "AWS::Moon::Phase"}}, {"A": "y"}, "parameter type AWS::Moon::Phase of A"),
    ],
)
def test_a_wrong_parameter_is_refused_by_name(declared: Any, given: dict[str, str], message: str) -> None:
    with pytest.raises(TemplateError, match=message):
        templates.parameters({"Parameters": declared}, given, str)


def test_rules_are_evaluated() -> None:
    assertion = {
        "Assert": {"Fn::Not": [{"Fn::Contains": [["1", "2"], {"Ref": "Version"}]}]},
        "AssertDescription": "bootstrap again",
    }
    template = {"Rules": {"Check": {"Assertions": [assertion]}}}
    templates.check_rules(scope(template, {"Version": "30"}))
    with pytest.raises(TemplateError, match="Check: bootstrap again"):
        templates.check_rules(scope(template, {"Version": "2"}))
