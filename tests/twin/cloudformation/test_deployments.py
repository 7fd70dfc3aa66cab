"""Stacks: strict, ordered, undone when they fail; exports, protection and change sets as CloudFormation has them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.twin.accounts import make_buckets
from tests.twin.deployed import deploy, reason, ref
from twin import Twin
from twin.cloudformation.types import Made, Request, ResourceFailed


@pytest.fixture
def log(twin: Twin) -> list[str]:
    """What is done with resources of type Test::A (in place, Name replaces) and Test::B (never in place)."""
    done: list[str] = []

    def create(request: Request) -> Made:
        if request.properties.get("Fails"):
            raise ResourceFailed(request.properties["Fails"])
        done.append(f"create {request.logical_id} {request.properties.get('Value', '')}".strip())
        ref = request.properties.get("Name") or request.name()
        return Made(ref, {"Value": str(request.properties.get("Value", ""))})

    def update(request: Request) -> Made:
        if request.properties.get("Fails"):
            raise ResourceFailed(request.properties["Fails"])
        done.append(f"update {request.logical_id} {request.previous.get('Value')}→{request.properties.get('Value')}")
        return Made(request.ref, {"Value": str(request.properties.get("Value", ""))})

    def delete(request: Request) -> None:
        if request.properties.get("Stays"):
            raise ResourceFailed("it will not go")
        done.append(f"delete {request.logical_id} {request.properties.get('Value', '')}".strip())

    twin.cloudformation.register_type("Test::A", create=create, update=update, delete=delete, replaced_by={"Name"})
    twin.cloudformation.register_type("Test::B", create=create, delete=delete)
    return done


def a(value: Any = None, **more: Any) -> dict[str, Any]:
    body = {key: more.pop(key) for key in ("DependsOn", "DeletionPolicy", "Condition") if key in more}
    properties = {**({} if value is None else {"Value": value}), **more}
    return {"Type": "Test::A", "Properties": properties, **body}


def create(twin: Twin, template: dict[str, Any], name: str = "test", **arguments: Any) -> None:
    twin.client("cloudformation").create_stack(StackName=name, TemplateBody=json.dumps(template), **arguments)


def test_an_unknown_type_is_refused_before_anything_is_made(twin: Twin, log: list[str]) -> None:
    with pytest.raises(ClientError, match=r"Unrecognized resource types: \[AWS::Glue::Job\]"):
        create(twin, {"Resources": {"One": a(1), "Job": {"Type": "AWS::Glue::Job"}}})
    assert log == []
    with pytest.raises(ClientError, match="Stack with id test does not exist"):
        twin.client("cloudformation").describe_stacks(StackName="test")


def test_a_property_the_twin_does_not_honour_fails_the_stack(twin: Twin) -> None:
    topic = {"Type": "AWS::SNS::Topic", "Properties": {"ArchivePolicy": {}}}
    assert deploy(twin, {"Topic": topic}) == "ROLLBACK_COMPLETE"
    assert "[Topic] AWS::SNS::Topic: the twin does not honour ArchivePolicy" in reason(twin)


def test_resources_are_made_in_order_and_deleted_backwards(twin: Twin, log: list[str]) -> None:
    resources = {"Third": a({"Ref": "Second"}), "Second": a(2, DependsOn="First"), "First": a(1)}
    assert deploy(twin, resources) == "CREATE_COMPLETE"
    second = ref(twin, "Second")
    twin.client("cloudformation").delete_stack(StackName="test")
    assert log == [
        "create First 1",
        "create Second 2",
        f"create Third {second}",
        f"delete Third {second}",
        "delete Second 2",
        "delete First 1",
    ]


def test_a_failure_removes_what_was_made_and_keeps_the_reason(twin: Twin, log: list[str]) -> None:
    status = deploy(twin, {"One": a(1), "Two": a(2, DependsOn="One", Fails="no room"), "Three": a(3, DependsOn="Two")})
    assert status == "ROLLBACK_COMPLETE"
    assert "The stack could not be created: [Two] no room" in reason(twin)
    assert log == ["create One 1", "delete One 1"]
    events = twin.client("cloudformation").describe_stack_events(StackName="test")["StackEvents"]
    failed = [
        (e["LogicalResourceId"], e["ResourceStatusReason"]) for e in events if e["ResourceStatus"] == "CREATE_FAILED"
    ]
    assert failed == [("Two", "no room")]
    with pytest.raises(ClientError, match="is in ROLLBACK_COMPLETE state and can not be updated"):
        deploy(twin, {"One": a(1)})


def test_an_update_changes_what_changed_makes_the_new_and_deletes_the_old_last(twin: Twin, log: list[str]) -> None:
    deploy(twin, {"Same": a(1), "Changed": a(1), "Gone": a(1), "User": a({"Fn::GetAtt": ["Changed", "Value"]})})
    log.clear()
    resources = {"Same": a(1), "Changed": a(2), "New": a(9), "User": a({"Fn::GetAtt": ["Changed", "Value"]})}
    assert deploy(twin, resources) == "UPDATE_COMPLETE"
    assert log == ["update Changed 1→2", "create New 9", "update User 1→2", "delete Gone 1"]


@pytest.mark.parametrize("kind", ["a property that cannot change", "a type that cannot be updated"])
def test_a_replacement_is_made_before_the_old_one_is_deleted(twin: Twin, log: list[str], kind: str) -> None:
    before, after = a(1, Name="first"), a(2, Name="second")
    if kind == "a type that cannot be updated":
        before, after = {**a(1), "Type": "Test::B"}, {**a(2), "Type": "Test::B"}
    deploy(twin, {"One": before, "User": a({"Ref": "One"})})
    first = ref(twin, "One")
    log.clear()
    assert deploy(twin, {"One": after, "User": a({"Ref": "One"})}) == "UPDATE_COMPLETE", reason(twin)
    second = ref(twin, "One")
    assert first != second
    assert log == ["create One 2", f"update User {first}→{second}", "delete One 1"]


def test_a_resource_cannot_change_its_type(twin: Twin, log: list[str]) -> None:
    deploy(twin, {"One": {**a(1), "Type": "Test::B"}})
    assert deploy(twin, {"One": a(1)}) == "UPDATE_ROLLBACK_COMPLETE"
    assert "Update of resource type is not permitted" in reason(twin)
    assert log == ["create One 1"]


def test_an_update_that_fails_leaves_everything_as_it_was(twin: Twin, log: list[str]) -> None:
    outputs = {"Value": {"Value": {"Fn::GetAtt": ["One", "Value"]}}}
    deploy(twin, {"One": a(1), "Two": a(1)}, Outputs=outputs)
    log.clear()
    changed = {"One": a(2), "New": a(3), "Two": a(1), "Bad": a(4, DependsOn=["One", "New"], Fails="no room")}
    assert deploy(twin, changed, Outputs=outputs) == "UPDATE_ROLLBACK_COMPLETE"
    assert "no room" in reason(twin)
    assert log == ["update One 1→2", "create New 3", "delete New 3", "update One 2→1"]
    stack = twin.client("cloudformation").describe_stacks(StackName="test")["Stacks"][0]
    assert stack["Outputs"][0]["OutputValue"] == "1"
    assert set(twin.deployments.find("test").resources) == {"One", "Two"}
    assert deploy(twin, {"One": a(5)}) == "UPDATE_COMPLETE"


def test_nothing_to_change_is_said_so(twin: Twin, log: list[str]) -> None:
    deploy(twin, {"One": a(1)})
    with pytest.raises(ClientError, match="No updates are to be performed"):
        deploy(twin, {"One": a(1)})


def test_a_resource_that_is_retained_stays_when_the_stack_goes(twin: Twin, log: list[str]) -> None:
    deploy(twin, {"Kept": a(1, DeletionPolicy="Retain"), "Gone": a(2)})
    log.clear()
    twin.client("cloudformation").delete_stack(StackName="test")
    assert log == ["delete Gone 2"]


def test_a_deletion_that_fails_is_told_and_can_be_repeated(twin: Twin, log: list[str]) -> None:
    deploy(twin, {"Stuck": a(1, Stays=True), "Fine": a(2)})
    twin.client("cloudformation").delete_stack(StackName="test")
    stack = twin.deployments.find("test")
    assert (stack.status, stack.reason) == ("DELETE_FAILED", "[Stuck] it will not go")
    stack.resources["Stuck"].properties = {}
    twin.client("cloudformation").delete_stack(StackName="test")
    assert stack.status == "DELETE_COMPLETE"


def test_exports_are_imported_and_protected_while_in_use(twin: Twin, log: list[str]) -> None:
    output = {"Out": {"Value": {"Fn::GetAtt": ["One", "Value"]}, "Export": {"Name": "shared"}}}
    deploy(twin, {"One": a(7)}, "producer", Outputs=output)
    deploy(twin, {"User": a({"Fn::ImportValue": "shared"})}, "consumer")
    assert log[-1] == "create User 7"
    client = twin.client("cloudformation")
    assert [(e["Name"], e["Value"]) for e in client.list_exports()["Exports"]] == [("shared", "7")]
    client.delete_stack(StackName="producer")
    assert twin.deployments.find("producer").status == "DELETE_FAILED"
    assert reason(twin, "producer") == "Export shared cannot be changed or deleted as it is in use by consumer"
    client.delete_stack(StackName="consumer")
    client.delete_stack(StackName="producer")
    assert client.list_exports()["Exports"] == []


def test_an_export_in_use_cannot_change_its_value(twin: Twin, log: list[str]) -> None:
    output = {"Out": {"Value": {"Fn::GetAtt": ["One", "Value"]}, "Export": {"Name": "shared"}}}
    deploy(twin, {"One": a(7)}, "producer", Outputs=output)
    deploy(twin, {"User": a({"Fn::ImportValue": "shared"})}, "consumer")
    assert deploy(twin, {"One": a(8)}, "producer", Outputs=output) == "UPDATE_ROLLBACK_COMPLETE"
    assert "in use by consumer" in reason(twin, "producer")


def test_an_output_that_another_stack_reads_is_read_anew_and_held_by_nobody(twin: Twin, log: list[str]) -> None:
    output = {"Out": {"Value": {"Fn::GetAtt": ["One", "Value"]}}}
    read = a({"Fn::GetStackOutput": {"StackName": "producer", "OutputName": "Out"}})
    deploy(twin, {"One": a(7)}, "producer", Outputs=output)
    deploy(twin, {"User": read}, "consumer")
    assert log[-1] == "create User 7"
    assert deploy(twin, {"One": a(8)}, "producer", Outputs=output) == "UPDATE_COMPLETE"
    assert deploy(twin, {"User": read, "Another": read}, "consumer") == "UPDATE_COMPLETE"
    assert {"update User 7→8", "create Another 8"} <= set(log)
    producer = twin.deployments.find("producer")
    twin.client("cloudformation").delete_stack(StackName="producer")
    assert producer.status == "DELETE_COMPLETE"
    assert deploy(twin, {"User": read}, "consumer") == "UPDATE_ROLLBACK_COMPLETE"
    assert "Stack producer has no output Out" in reason(twin, "consumer")


def test_the_same_export_from_two_stacks_is_refused(twin: Twin, log: list[str]) -> None:
    output = {"Out": {"Value": "x", "Export": {"Name": "shared"}}}
    deploy(twin, {"One": a(7)}, "first", Outputs=output)
    assert deploy(twin, {"One": a(7)}, "second", Outputs=output) == "ROLLBACK_COMPLETE"
    assert "already exported by stack first" in reason(twin, "second")


def test_a_parameter_from_the_parameter_store_is_read_anew_at_each_update(twin: Twin, log: list[str]) -> None:
    ssm = twin.client("ssm")
    ssm.put_parameter(Name="/live", Value="old", Type="String")
    template = {
        "Parameters": {"Live": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/live"}},
        "Resources": {"One": a({"Ref": "Live"})},
    }
    create(twin, template)
    ssm.put_parameter(Name="/live", Value="new", Type="String", Overwrite=True)
    arguments = {"StackName": "test", "UsePreviousTemplate": True}
    parameter = {"ParameterKey": "Live", "UsePreviousValue": True}
    twin.client("cloudformation").update_stack(**arguments, Parameters=[parameter])
    assert log == ["create One old", "update One old→new"]
    ssm.delete_parameter(Name="/live")
    with pytest.raises(ClientError, match=r"Unable to fetch parameters \[/live\] from parameter store"):
        twin.client("cloudformation").update_stack(**arguments)


def test_a_protected_stack_is_not_deleted(twin: Twin, log: list[str]) -> None:
    client = twin.client("cloudformation")
    create(twin, {"Resources": {"One": a(1)}}, EnableTerminationProtection=True)
    with pytest.raises(ClientError, match="while TerminationProtection is enabled"):
        client.delete_stack(StackName="test")
    client.update_termination_protection(StackName="test", EnableTerminationProtection=False)
    client.delete_stack(StackName="test")
    assert log == ["create One 1", "delete One 1"]


def test_a_change_set_shows_its_changes_and_makes_them_when_executed(twin: Twin, log: list[str]) -> None:
    client = twin.client("cloudformation")

    def change(kind: str, resources: dict[str, Any]) -> dict[str, Any]:
        body = json.dumps({"Resources": resources})
        client.create_change_set(StackName="test", ChangeSetName="c", TemplateBody=body, ChangeSetType=kind)
        return client.describe_change_set(StackName="test", ChangeSetName="c")  # type: ignore[no-any-return]

    assert change("CREATE", {"One": a(1)})["Status"] == "CREATE_COMPLETE"
    assert log == []
    client.execute_change_set(StackName="test", ChangeSetName="c")
    client.delete_change_set(StackName="test", ChangeSetName="c")
    described = change("UPDATE", {"One": a(2), "Two": a(3)})
    changes = [(c["ResourceChange"]["Action"], c["ResourceChange"]["LogicalResourceId"]) for c in described["Changes"]]
    assert changes == [("Add", "Two"), ("Modify", "One")]
    client.execute_change_set(StackName="test", ChangeSetName="c")
    client.delete_change_set(StackName="test", ChangeSetName="c")
    assert log == ["create One 1", "update One 1→2", "create Two 3"]
    unchanged = change("UPDATE", {"One": a(2), "Two": a(3)})
    assert (unchanged["Status"], unchanged["ExecutionStatus"]) == ("FAILED", "UNAVAILABLE")
    assert "didn't contain changes" in unchanged["StatusReason"]


def test_conditions_decide_which_resources_and_outputs_are_there(twin: Twin, log: list[str]) -> None:
    template = {
        "Parameters": {"Big": {"Type": "String", "Default": "no"}},
        "Conditions": {"IsBig": {"Fn::Equals": [{"Ref": "Big"}, "yes"]}},
        "Resources": {"Always": a(1), "Sometimes": a(2, Condition="IsBig")},
        "Outputs": {"Out": {"Value": {"Ref": "Sometimes"}, "Condition": "IsBig"}},
    }
    create(twin, template)
    assert log == ["create Always 1"]
    parameters = [{"ParameterKey": "Big", "ParameterValue": "yes"}]
    twin.client("cloudformation").update_stack(StackName="test", UsePreviousTemplate=True, Parameters=parameters)
    assert log == ["create Always 1", "create Sometimes 2"]
    assert len(twin.client("cloudformation").describe_stacks(StackName="test")["Stacks"][0]["Outputs"]) == 1


def test_a_template_may_lie_in_a_bucket(twin: Twin, log: list[str]) -> None:
    make_buckets(twin, "b-1")
    twin.client("s3").put_object(Bucket="b-1", Key="t.json", Body=json.dumps({"Resources": {"One": a(1)}}).encode())
    client = twin.client("cloudformation")
    for number, address in enumerate(
        (
            "https://s3.eu-west-1.amazonaws.com/b-1/t.json",
            f"{twin.url}/b-1/t.json",
            "https://b-1.s3.eu-west-1.amazonaws.com/t.json",
        )
    ):
        client.create_stack(StackName=f"s{number}", TemplateURL=address)
    assert log == ["create One 1"] * 3


def test_generated_names_are_stable_within_a_stack_and_differ_between_stacks(twin: Twin, log: list[str]) -> None:
    deploy(twin, {"One": a(1)}, "first")
    deploy(twin, {"One": a(1)}, "second")
    before = ref(twin, "One", "first")
    deploy(twin, {"One": a(2)}, "first")
    assert ref(twin, "One", "first") == before
    assert before.startswith("first-One-")
    assert before.split("-")[-1] != ref(twin, "One", "second").split("-")[-1]
