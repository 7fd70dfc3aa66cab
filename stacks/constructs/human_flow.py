"""How Augmented AI asks people about one endpoint's predictions: a template and a flow definition, for one person and for two."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from aws_cdk import CustomResource, Duration, Stack, aws_iam as iam, aws_kms as kms
from constructs import Construct

from stacks.constructs import permissions
from stacks.constructs.places import Place
from stacks.constructs.python_function import CORE, PythonFunction, PythonFunctionProps

TEMPLATE = CORE / "model_monitor" / "review" / "worker_template.liquid.html"
DESCRIPTION = "Agree with each prediction, or choose another label; say so where you cannot tell."
LONGEST_NAME = 36
LONGEST_WAIT_DAYS = 10  # of a task before the service takes it back; the clerk sends it again
LOOPS = "human-loops/"


@dataclass(frozen=True, kw_only=True)
class HumanFlowProps:
    """Whose predictions, and who answers. opinions: numbers of people that a task may ask. answers: where the service writes."""

    endpoint: str
    work_team_arn: str
    task_title: str
    minutes_per_task: int
    wait_days: int
    opinions: tuple[int, ...]
    answers: Place
    key: kms.IKey
    maker: PythonFunction


def flow_maker(scope: Construct) -> PythonFunction:
    """The function behind the custom resource, one for all flows of a stack."""
    return PythonFunction(
        scope,
        "FlowMaker",
        PythonFunctionProps(
            code="human_flow",
            description="Makes worker templates and flow definitions of Augmented AI",
            timeout=Duration.minutes(5),
            files={TEMPLATE.name: TEMPLATE.read_bytes()},
        ),
    )


class HumanFlow(Construct):
    """flows: number of people → name of the flow definition. arns: of all of them."""

    def __init__(self, scope: Construct, construct_id: str, props: HumanFlowProps) -> None:
        super().__init__(scope, construct_id)
        self._props = props
        self._prefix = f"{props.endpoint.lower()[:LONGEST_NAME].strip('-')}-review"
        role = permissions.service_role(
            self, "Role", permissions.SAGEMAKER, f"Writes what workers answered about {props.endpoint}"
        )
        permissions.allow_writing(role, props.answers)
        permissions.allow_key(role, props.key)
        self._allow_maker(role)
        made = {people: self._flow(people, role) for people in props.opinions}
        self.flows: Mapping[str, str] = {
            str(people): flow.get_att_string("FlowDefinitionName") for people, flow in made.items()
        }
        self.arns = [flow.get_att_string("FlowDefinitionArn") for flow in made.values()]

    def _flow(self, people: int, role: iam.IRole) -> CustomResource:
        props = self._props
        flow = CustomResource(
            self,
            f"For{people}",
            resource_type="Custom::HumanFlow",
            service_token=props.maker.function.function_arn,
            properties={
                "NamePrefix": f"{self._prefix}-{people}",
                "WorkTeamArn": props.work_team_arn,
                "TaskTitle": props.task_title,
                "TaskDescription": DESCRIPTION,
                "People": str(people),
                "AvailableSeconds": str(min(props.wait_days, LONGEST_WAIT_DAYS) * 24 * 3600),
                "LimitSeconds": str(props.minutes_per_task * 60),
                "OutputPath": props.answers.folder_uri,
                "KeyArn": props.key.key_arn,
                "RoleArn": role.role_arn,
                "TemplateDigest": hashlib.sha256(TEMPLATE.read_bytes()).hexdigest(),
            },
        )
        flow.node.add_dependency(props.maker, role)  # with their policies
        return flow

    def _arns(self, kind: str) -> list[str]:
        return [Stack.of(self).format_arn(service="sagemaker", resource=kind, resource_name=f"{self._prefix}-*")]

    def _allow_maker(self, role: iam.IRole) -> None:
        maker, reason = self._props.maker.role, "names end with a hash of what they are made of"
        for kind, word in (("human-task-ui", "HumanTaskUi"), ("flow-definition", "FlowDefinition")):
            calls = [f"sagemaker:{verb}{word}" for verb in ("Create", "Describe", "Delete")]
            permissions.allow(maker, calls, self._arns(kind))
            permissions.accept(maker, self._arns(kind)[0], reason)
        passed = {"StringEquals": {"iam:PassedToService": permissions.SAGEMAKER}}
        permissions.allow(maker, ["iam:PassRole"], [role.role_arn], passed)

    def allow_loops(self, role: iam.IRole) -> None:
        """Start loops, see what became of them, and read the answers."""
        props, [flows] = self._props, self._arns("flow-definition")
        calls = ("DescribeFlowDefinition", "ListHumanLoops", "StartHumanLoop")
        permissions.allow(role, [f"sagemaker:{call}" for call in calls], [flows])
        permissions.accept(role, flows, "names end with a hash of what they are made of")
        loops = Stack.of(self).format_arn(service="sagemaker", resource="human-loop", resource_name="*")
        permissions.allow(role, ["sagemaker:DescribeHumanLoop", "sagemaker:StopHumanLoop"], [loops])
        permissions.accept(role, loops, "loops are named by a hash of the tasks in them")
        permissions.allow_reading(role, props.answers)
