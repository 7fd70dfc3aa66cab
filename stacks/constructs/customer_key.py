"""The key that an organisation brings encrypts more than data: logs, queues, and what state machines remember of executions.

Where none is brought, these have the services' own encryption: the environment's key is of data then.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from aws_cdk import Aws, Stack, aws_iam as iam, aws_logs as logs, aws_sqs as sqs, aws_stepfunctions as sfn
from constructs import Construct

from stacks.constructs import permissions

REUSE_SECONDS = 300  # of a data key; AWS's default for both
MACHINES = "kms:EncryptionContext:aws:states:stateMachineArn"


def encrypt(scope: Construct, key_arn: str) -> None:
    """Everything below a construct that can have the key, and the roles of whoever uses it."""
    for found in scope.node.find_all():
        if isinstance(found, logs.CfnLogGroup):
            found.kms_key_id = key_arn
        elif isinstance(found, sqs.CfnQueue):
            found.sqs_managed_sse_enabled = None
            found.kms_master_key_id, found.kms_data_key_reuse_period_seconds = key_arn, REUSE_SECONDS
        elif isinstance(found, sfn.CfnStateMachine):
            found.encryption_configuration = sfn.CfnStateMachine.EncryptionConfigurationProperty(
                type="CUSTOMER_MANAGED_KMS_KEY", kms_key_id=key_arn, kms_data_key_reuse_period_seconds=REUSE_SECONDS
            )
        elif isinstance(found, iam.Policy):
            _let_use(found, key_arn)


def _let_use(policy: iam.Policy, key_arn: str) -> None:
    """Whoever may use queues or state machines may use the key for them, and for nothing else."""
    actions = set(_actions(policy))
    if any(action.startswith("sqs:") for action in actions):
        through = {"StringEquals": {"kms:ViaService": f"sqs.{Aws.REGION}.{Aws.URL_SUFFIX}"}}
        _add(policy, ["kms:Decrypt", "kms:GenerateDataKey"], key_arn, through)
    delivers = "logs:CreateLogDelivery" in actions  # the role of a state machine itself
    if delivers or any(action.startswith("states:") for action in actions):
        stack = Stack.of(policy)
        machines = stack.format_arn(
            service="states", resource="stateMachine", resource_name="*", arn_format=permissions.COLON
        )
        _add(policy, ["kms:Decrypt", "kms:GenerateDataKey"], key_arn, {"StringLike": {MACHINES: machines}})
    if delivers:
        source = Stack.of(policy).format_arn(service="logs", resource="*")
        _add(policy, ["kms:GenerateDataKey"], key_arn, {"StringLike": {"kms:EncryptionContext:SourceArn": source}})


def _actions(policy: iam.Policy) -> Iterator[str]:
    found = Stack.of(policy).resolve(policy.document.to_json())
    for statement in found["Statement"] if found else ():
        named = statement["Action"]
        yield from [named] if isinstance(named, str) else named


def _add(policy: iam.Policy, actions: list[str], key_arn: str, conditions: Mapping[str, Any]) -> None:
    policy.add_statements(iam.PolicyStatement(actions=actions, resources=[key_arn], conditions=dict(conditions)))
