"""Human review as it is deployed: only where it is configured, with no more rights than it needs."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.json import JSONSnapshotExtension

from model_monitor.job.configuration import parse_configuration
from stacks import configuration
from stacks.settings import environment as settings
from tests.reviewed import LOOPS, PAGE, QUEUE, TOOL, WEBHOOK, WORK_TEAM, document as everywhere_but
from tests.stacks.test_findings import acknowledgements
from tests.stacks.test_snapshots import HASH
from tests.synthesis import ROOT, Assembly, environment, synthesize

pytestmark = pytest.mark.xdist_group("synth")
REVIEW = {"features": ["mean_radius", "worst_area"]}
VPC = {"vpc_endpoint_id": "vpce-0123456789abcdef0"}
POOL = {
    "user_pool_arn": "arn:aws:cognito-idp:eu-west-1:123456789012:userpool/eu-west-1_abc",
    "sign_in_domain": "https://corp.auth.eu-west-1.amazoncognito.com",
    "identity_providers": ["Corp"],
}


def document(review: dict[str, Any] | None = None, **app: Any) -> dict[str, Any]:
    """The demo's environment with the endpoint whose predictions people look at."""
    content = environment("dev").settings.model_dump(mode="json", exclude={"environment"}, exclude_unset=True)
    del content["endpoints"]["covertype"]
    content["endpoints"]["breast-cancer"] |= {"review": {**REVIEW, **(review or {})}, "ground_truth": {}}
    return content | ({"review": app} if app else {})


def parsed(content: dict[str, Any]) -> settings.Settings:
    return settings.parse(content, "dev", "dev.yaml")


@pytest.fixture(scope="module")
def reviewed() -> Assembly:
    return synthesize(parsed(document()))


@pytest.fixture(scope="module")
def inside() -> Assembly:
    return synthesize(parsed(document(**VPC, **POOL)))


@pytest.fixture(scope="module")
def team() -> Assembly:
    """Workers of Augmented AI alone, whose work team is created."""
    content = everywhere_but(LOOPS, augmented_ai={}, second_opinions=0.2)
    return synthesize(settings.parse(content, "reviews", "reviews.yaml"))


def test_without_a_review_block_nothing_of_it_is_deployed(every_type: Assembly) -> None:
    assert not [name for name in every_type.templates if name.endswith("-Review")]


def test_the_stack_matches_its_snapshot(reviewed: Assembly, snapshot: SnapshotAssertion) -> None:
    masked = HASH.sub("<hash>", json.dumps(reviewed.templates["dev-Review"]))
    assert json.loads(masked) == snapshot(extension_class=JSONSnapshotExtension)


@pytest.mark.parametrize("kind", ["reviewed", "inside", "reviews"])
def test_security_rules_find_what_is_accepted_and_nothing_else(request: pytest.FixtureRequest, kind: str) -> None:
    assembly: Assembly = request.getfixturevalue(kind)
    reports = assembly.report["pluginReports"]
    assert [one["ruleName"] for report in reports for one in report.get("violations", ())] == []
    found = {one["acknowledgedId"] for report in reports for one in report.get("suppressedViolations", ())}
    assert {rule for construct, rule in acknowledgements(assembly) if "-Review/" in construct} <= found


@pytest.mark.slow
def test_templates_satisfy_cfn_lint(reviewed: Assembly, inside: Assembly, reviews: Assembly, team: Assembly) -> None:
    named = {"dev": (reviewed, inside), "reviews": (reviews, team)}
    templates = [str(each.folder / f"{name}-Review.template.json") for name, found in named.items() for each in found]
    linter = str(ROOT / ".venv" / "bin" / "cfn-lint")
    result = subprocess.run([linter, *templates], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (result.stdout, result.returncode) == ("", 0)


def test_all_but_the_page_needs_somebody_who_signed_in(reviewed: Assembly) -> None:
    template = reviewed.templates["dev-Review"]["Resources"]
    paths = {
        key: found["Properties"]["PathPart"] for key, found in template.items() if found["Type"].endswith("::Resource")
    }
    methods = [found["Properties"] for found in template.values() if found["Type"].endswith("ApiGateway::Method")]
    told = {
        (paths.get(one["ResourceId"].get("Ref", ""), "/"), one["HttpMethod"]): one.get("AuthorizationType")
        for one in methods
    }
    assert told == {
        ("/", "GET"): "NONE",
        ("page.js", "GET"): "NONE",
        ("page.css", "GET"): "NONE",
        ("config.json", "GET"): "NONE",
        ("{proxy+}", "GET"): "COGNITO_USER_POOLS",
        ("{proxy+}", "POST"): "COGNITO_USER_POOLS",
    }


def test_the_functions_touch_no_item_of_the_table_but_reviews(reviewed: Assembly) -> None:
    policies = reviewed.properties("AWS::IAM::Policy", "-Review")
    statements = [one for policy in policies for one in policy["PolicyDocument"]["Statement"]]
    of_table = [one for one in statements if "dynamodb" in json.dumps(one["Action"])]
    assert len(of_table) == 2
    assert all(
        one["Condition"] == {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["review#*"]}} for one in of_table
    )


def test_the_public_function_may_read_no_bucket(reviewed: Assembly) -> None:
    template = reviewed.templates["dev-Review"]["Resources"]
    [page] = [one for key, one in template.items() if one["Type"] == "AWS::IAM::Policy" and key.startswith("Desk")]
    actions = {json.dumps(one["Action"]) for one in page["Properties"]["PolicyDocument"]["Statement"]}
    assert not any("s3:" in action for action in actions)


def test_nobody_signs_themselves_up(reviewed: Assembly) -> None:
    [pool] = reviewed.properties("AWS::Cognito::UserPool")
    assert pool["AdminCreateUserConfig"] == {"AllowAdminCreateUserOnly": True}
    assert pool["MfaConfiguration"] == "ON"
    [group] = reviewed.properties("AWS::Cognito::UserPoolGroup")
    assert group["GroupName"] == "review-dev-breast-cancer"


def test_inside_of_a_vpc_the_page_is_reached_through_its_endpoint_alone(inside: Assembly) -> None:
    [api] = inside.properties("AWS::ApiGateway::RestApi")
    assert api["EndpointConfiguration"] == {"Types": ["PRIVATE"]}
    denied = [one for one in api["Policy"]["Statement"] if one["Effect"] == "Deny"]
    assert denied[0]["Condition"] == {"StringNotEquals": {"aws:SourceVpce": VPC["vpc_endpoint_id"]}}


def test_a_pool_that_was_brought_signs_people_in(inside: Assembly) -> None:
    assert inside.properties("AWS::Cognito::UserPool") == []
    [authorizer] = inside.properties("AWS::ApiGateway::Authorizer")
    assert authorizer["ProviderARNs"] == [POOL["user_pool_arn"]]
    [client] = inside.properties("AWS::Cognito::UserPoolClient")
    assert client["SupportedIdentityProviders"] == ["Corp"]


def test_people_are_told_of_tasks_that_wait_and_of_disagreement(reviewed: Assembly) -> None:
    alarms = {one["AlarmName"]: one["Threshold"] for one in reviewed.properties("AWS::CloudWatch::Alarm", "-Review")}
    assert alarms == {
        "dev-breast-cancer-review-waits": 48,
        "dev-breast-cancer-review-disagrees": 0.5,
        "dev-review-clerk-failed": 1,
    }


def test_the_core_reads_what_the_stacks_write() -> None:
    given = document({"classes": {"1": {"low": 0.2}}, "labels": [0, 1], "per_day": 40})
    endpoint = parsed(given).endpoints["breast-cancer"]
    written = configuration.configuration_document("breast-cancer", endpoint, "data-quality")
    review = parse_configuration(json.dumps(written).encode(), "x").review
    assert review is not None
    assert (review.band_of("1").low, review.per_day, review.features) == (0.2, 40, ("mean_radius", "worst_area"))
    assert "review" not in configuration.baseline_document("breast-cancer", endpoint)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"features": ["nothing"]}, "review.features: 'nothing' is no feature of the payload"),
        ({"monitor": "other"}, "review.monitor: there is no monitor 'other'"),
        ({"low": 0.9, "high": 0.2}, "review.low: should be below high"),
        ({"per_hour": 101}, "review.per_hour: should be at most per_day, 100"),
        ({"positive": 2}, "review.positive: is none of labels"),
        ({"measure": "entropy"}, "review.measure: should be band"),
        ({"classes": {"7": {}}}, "review.classes: '7' is none of labels"),
        ({"problem_type": "multiclass"}, "review.labels: should name the classes"),
        ({"features": []}, "review.features: "),
        ({"label_names": {"2": "other"}}, "review.label_names: '2' is none of labels"),
        ({"bandwidth": 1}, "review.bandwidth: "),
    ],
)
def test_a_wrong_setting_is_told_where_it_stands(change: dict[str, Any], told: str) -> None:
    with pytest.raises(settings.SettingsFaults) as caught:
        parsed(document(change))
    assert f"endpoints.breast-cancer.{told}" in str(caught.value)


def test_answers_need_a_place_where_they_become_labels() -> None:
    content = document()
    del content["endpoints"]["breast-cancer"]["ground_truth"]
    with pytest.raises(settings.SettingsFaults, match="review: needs ground_truth"):
        parsed(content)


def test_providers_belong_to_a_pool_that_was_brought() -> None:
    with pytest.raises(settings.SettingsFaults, match=r"identity_providers: belong to a pool of yours"):
        parsed(document(identity_providers=["Corp"]))


def test_a_pool_without_its_sign_in_pages_is_refused() -> None:
    with pytest.raises(settings.SettingsFaults, match="sign_in_domain: the pool and the address"):
        parsed(document(user_pool_arn=POOL["user_pool_arn"]))


def test_a_restricted_feature_is_shown_to_nobody() -> None:
    content = document()
    content["endpoints"]["breast-cancer"]["payload"]["features"][0] = {"name": "mean_radius", "privacy": "restricted"}
    with pytest.raises(settings.SettingsFaults, match="'mean_radius' is restricted"):
        parsed(content)


# --- people who work elsewhere -------------------------------------------------------------------------------------------


def test_augmented_ai_is_asked_with_the_team_that_was_brought(reviews: Assembly) -> None:
    [flow] = reviews.properties("Custom::HumanFlow")
    assert (flow["WorkTeamArn"], flow["People"], flow["AvailableSeconds"]) == (WORK_TEAM, "1", str(10 * 24 * 3600))
    assert reviews.properties("AWS::SageMaker::Workteam") == []


def test_second_opinions_are_a_flow_of_their_own_and_a_team_is_created_where_none_was_brought(team: Assembly) -> None:
    assert sorted(flow["People"] for flow in team.properties("Custom::HumanFlow")) == ["1", "2"]
    [made] = team.properties("AWS::SageMaker::Workteam")
    [definition] = made["MemberDefinitions"]
    assert set(definition["CognitoMemberDefinition"]) == {"CognitoClientId", "CognitoUserGroup", "CognitoUserPool"}
    assert len(team.properties("AWS::SageMaker::Workforce")) == 1


def test_without_the_page_there_is_no_api(team: Assembly) -> None:
    assert team.properties("AWS::ApiGateway::RestApi") == []


def test_the_clerk_is_told_of_loops_of_its_own_flows_alone(reviews: Assembly) -> None:
    patterns = [
        rule["EventPattern"] for rule in reviews.properties("AWS::Events::Rule", "-Review") if "EventPattern" in rule
    ]
    [loops] = [each for each in patterns if each["source"] == ["aws.sagemaker"]]
    assert loops["detail-type"] == ["SageMaker A2I HumanLoop Status Change"]
    assert [list(each) for each in loops["detail"]["flowDefinitionArn"]] == [["Fn::GetAtt"]]


def test_the_tool_reads_tasks_and_writes_answers_and_nothing_else(reviews: Assembly) -> None:
    policies = [each["PolicyDocument"]["Statement"] for each in reviews.properties("AWS::SQS::QueuePolicy", "-Review")]
    allowed = [one for statements in policies for one in statements if one["Effect"] == "Allow"]
    told = {json.dumps(one["Action"]) for one in allowed if one["Principal"] == {"AWS": TOOL}}
    reading = ["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:ReceiveMessage"]
    assert told == {json.dumps(reading), '"sqs:SendMessage"'}


def test_the_clerk_knows_how_each_workforce_is_reached(reviews: Assembly) -> None:
    functions = reviews.properties("AWS::Lambda::Function", "-Review")
    [told] = [each["Environment"]["Variables"] for each in functions if "WORKFORCES" in str(each.get("Environment"))]
    text = json.dumps(told["WORKFORCES"])
    assert all(name in text for name in (LOOPS, QUEUE, WEBHOOK))
    assert f'{PAGE}\\\\":' not in text


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"queue": {"tool_role_arn": TOOL}, "augmented_ai": {}}, "review.queue: an endpoint has one back-end"),
        ({"augmented_ai": {"work_team_arn": "doctors"}}, "review.augmented_ai.work_team_arn: "),
        ({"augmented_ai": {"records_per_task": 21}}, "review.augmented_ai.records_per_task: "),
        ({"webhook": {"url": "http://labels", "secret_parameter": "/s"}}, "review.webhook.url: "),
        ({"webhook": {"url": "https://labels", "secret_parameter": "s"}}, "review.webhook.secret_parameter: "),
        ({"queue": {}}, "review.queue.tool_role_arn: "),
    ],
)
def test_a_workforce_that_cannot_be_reached_is_told(change: dict[str, Any], told: str) -> None:
    with pytest.raises(settings.SettingsFaults) as caught:
        parsed(document(change))
    assert f"endpoints.breast-cancer.{told}" in str(caught.value)


def test_a_team_is_created_over_a_created_pool_only() -> None:
    with pytest.raises(settings.SettingsFaults, match=r"augmented_ai\.work_team_arn: is needed beside"):
        parsed(document({"augmented_ai": {}}, **POOL))


def test_whoever_reads_the_table_may_use_its_key_through_dynamodb_alone(reviews: Assembly) -> None:
    [table] = reviews.properties("AWS::DynamoDB::Table")
    assert table["SSESpecification"]["SSEType"] == "KMS"
    for policy in reviews.properties("AWS::IAM::Policy"):
        statements = policy["PolicyDocument"]["Statement"]
        if any("dynamodb:" in json.dumps(one["Action"]) for one in statements):
            through = {json.dumps(one.get("Condition")) for one in statements if "kms:Decrypt" in one["Action"]}
            assert any("dynamodb." in each for each in through), policy["Roles"]
