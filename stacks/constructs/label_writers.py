"""What an application may that writes an endpoint's labels: an IAM policy as a text, for roles that are not this kit's."""

from __future__ import annotations

from typing import Any

from aws_cdk import Aws, Stack, aws_kms as kms, aws_ssm as ssm
from constructs import Construct

from stacks.constructs.places import Place

VERSION = "2012-10-17"


class LabelWriters(Construct):
    """The policy in a parameter, of which it is put on whatever role writes. key: of the place's bucket; None: not known here."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        parameter: str,
        endpoint_name: str,
        place: Place,
        key: kms.IKey | None,
    ) -> None:
        super().__init__(scope, construct_id)
        statements = [_allow("s3:PutObject", place.objects_arn)]
        if key is not None:
            through = {"StringEquals": {"kms:ViaService": f"s3.{Stack.of(self).region}.{Aws.URL_SUFFIX}"}}
            statements.append(_allow("kms:GenerateDataKey", key.key_arn, through))
        ssm.StringParameter(
            self,
            "Policy",
            parameter_name=parameter,
            string_value=Stack.of(self).to_json_string({"Version": VERSION, "Statement": statements}),
            description=f"IAM policy of whoever writes labels of {endpoint_name}",
        )


def _allow(action: str, resource: str, conditions: dict[str, Any] | None = None) -> dict[str, Any]:
    found = {"Effect": "Allow", "Action": action, "Resource": resource}
    return found if conditions is None else {**found, "Condition": conditions}
