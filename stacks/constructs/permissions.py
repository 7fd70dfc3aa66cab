"""What a role may do, in the words of this kit: read a place, write a place, use a key. Nothing here grants a whole service."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any
from weakref import WeakKeyDictionary

from aws_cdk import ArnFormat, Aws, Fn, Stack, aws_dynamodb as dynamodb, aws_iam as iam, aws_kms as kms
from constructs import Construct

from stacks import findings, role_names
from stacks.constructs.places import PARTITION, Place

SAGEMAKER = "sagemaker.amazonaws.com"
NO_RESOURCES = (
    "some calls know no resources (ECR's token, metrics, lists, EC2's Describe); conditions narrow what they can"
)
TABLE_KEY_CALLS = [
    f"kms:{call}" for call in ("Decrypt", "DescribeKey", "Encrypt", "GenerateDataKey", "ReEncryptFrom", "ReEncryptTo")
]
COLON = ArnFormat.COLON_RESOURCE_NAME
MOST_TOGETHER = 20  # in one statement: the CDK moves statements to further policies of a role, and divides none
_ALLOWED: WeakKeyDictionary[iam.Role, set[str]] = WeakKeyDictionary()
_IMAGE = re.compile(r"(\d{12})\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?/([^:@]+)")


def service_role(
    scope: Construct,
    construct_id: str,
    service: str,
    description: str,
    brought_arn: str | None = None,
    path: str | None = None,
) -> iam.IRole:
    """A role that one service assumes; a role that was brought is used as it is, and nothing is added to it."""
    if brought_arn is not None:
        return iam.Role.from_role_arn(scope, construct_id, brought_arn, mutable=False)
    return role(scope, construct_id, of_this_account(scope, service), description, path)


def role(
    scope: Construct, construct_id: str, assumed_by: iam.IPrincipal, description: str, path: str | None = None
) -> iam.IRole:
    """A role of the environment's own; where somebody else creates them, the one that has its name, and nothing is added to it."""
    prefix = scope.node.try_get_context(role_names.PREFIX) if _is_brought else None
    if prefix is None:
        return iam.Role(scope, construct_id, assumed_by=assumed_by, description=description, path=path)
    stack = Stack.of(scope)
    ids = [each.node.id for each in scope.node.scopes[len(stack.node.scopes) :]]
    name = role_names.name(prefix, stack.stack_name, role_names.logical([*ids, construct_id]))
    arn = stack.format_arn(
        service="iam", region="", resource="role", resource_name=f"{(path or '/').lstrip('/')}{name}"
    )
    return iam.Role.from_role_arn(scope, construct_id, arn, mutable=False)


_is_brought = False  # by any app of this process: looking it up is two calls to the CDK for each role


def bring_roles(scope: Construct, prefix: str) -> None:
    """Let somebody else create the roles below a construct, whose names begin so."""
    global _is_brought
    _is_brought = True
    scope.node.set_context(role_names.PREFIX, prefix)


def of_this_account(scope: Construct, service: str) -> iam.ServicePrincipal:
    """A service that takes a role for what lies in this account, and for nobody else's."""
    conditions = {"StringEquals": {"aws:SourceAccount": Stack.of(scope).account}}
    return iam.ServicePrincipal(service, conditions=conditions)


def allow(
    role: iam.IRole, actions: Sequence[str], resources: Sequence[str], conditions: Mapping[str, Any] | None = None
) -> None:
    """One statement, or as many as many resources fill."""
    if not isinstance(role, iam.Role):  # what was brought stays as it is; its owner has the list (docs/deploy.md)
        return
    said = _ALLOWED.setdefault(role, set())
    for some in _together(resources):
        statement = json.dumps([list(actions), some, dict(conditions or {})])
        if statement not in said:  # monitors of one role need much that is the same
            said.add(statement)
            iam.Grant.add_to_principal(  # as `add_to_policy` of a statement, in one call to the CDK
                grantee=role, actions=list(actions), resource_arns=some, conditions=dict(conditions or {})
            )


def _together(values: Sequence[str]) -> Iterator[list[str]]:
    """What stands in one statement each."""
    for start in range(0, len(values), MOST_TOGETHER):
        yield list(values[start : start + MOST_TOGETHER])


def accept(role: iam.IRole, resource: str, reason: str) -> None:
    """Say why a wildcard is right. A role that was brought gets no policy from us, so nothing about it is found."""
    if isinstance(role, iam.Role):
        findings.accept_wildcard(role, resource, reason)


def _allow_below(role: iam.IRole, actions: Sequence[str], place: Place, reason: str) -> None:
    allow(role, actions, [place.objects_arn])
    accept(role, place.objects_arn, reason)


def allow_objects(role: iam.IRole, place: Place) -> None:
    """Objects of a place, whose keys whoever reads them is told."""
    _allow_below(role, ["s3:GetObject"], place, "reads the objects of one prefix, whose names are not known beforehand")


def allow_reading(role: iam.IRole, place: Place) -> None:
    """Objects of a place, and the list of its bucket: without it a missing object reads as forbidden."""
    allow_objects(role, place)
    allow_listing(role, place)


def allow_listing(role: iam.IRole, place: Place) -> None:
    """The keys of a place, and of nothing else in its bucket. S3 takes a missing object's key for the prefix, too; a service
    may list a folder by its name without the slash."""
    allow(role, ["s3:ListBucket"], [place.bucket_arn], _bound_to(_listed(place)))
    allow(role, ["s3:GetBucketLocation"], [place.bucket_arn])


def allow_listings(role: iam.IRole, places: Sequence[Place]) -> None:
    """The keys of many places, said once for buckets with the same prefixes. For functions, which, unlike services, ask for no
    bucket's location: what each endpoint adds to a role that all share is to be short."""
    prefixes: dict[str, list[str]] = {}
    partition = Stack.of(role).partition  # said, where it is known: the CDK takes a reference for 150 characters
    for place in places:
        known = prefixes.setdefault(place.bucket_arn.replace(PARTITION, partition), [])
        known += [prefix for prefix in _listed(place) if prefix not in known]
    buckets: dict[tuple[str, ...], list[str]] = {}
    for arn, found in prefixes.items():
        buckets.setdefault(() if EVERY_KEY in found else tuple(found), []).append(arn)
    for said, arns in buckets.items():
        for some in _together(said) if said else [[]]:
            allow(role, ["s3:ListBucket"], arns, _bound_to(some))


EVERY_KEY = "*"


def _listed(place: Place) -> list[str]:
    """Prefixes by which a place is listed."""
    folder = [place.prefix.rstrip("/")] if place.prefix.endswith("/") else []
    return [f"{place.prefix}*", *folder]


def _bound_to(prefixes: Sequence[str]) -> dict[str, Any] | None:
    if EVERY_KEY in prefixes or not prefixes:
        return None
    return {"StringLike": {"s3:prefix": list(prefixes)}}


def allow_writing(role: iam.IRole, place: Place) -> None:
    """New objects in a place."""
    allow_writings(role, [place])


def allow_writings(role: iam.IRole, places: Sequence[Place]) -> None:
    """New objects in many places, said together."""
    arns = list(dict.fromkeys(place.objects_arn for place in places))
    allow(role, ["s3:PutObject"], arns)
    for arn in arns:
        accept(role, arn, "writes the objects of one prefix, whose names are not known beforehand")


def allow_removing(role: iam.IRole, place: Place) -> None:
    """Objects of a place that the role itself put there."""
    _allow_below(
        role, ["s3:DeleteObject"], place, "removes its own objects of one prefix, whose names are not known beforehand"
    )


def allow_object(role: iam.IRole, bucket_name: str, key: str) -> None:
    """Reading one object."""
    allow(role, ["s3:GetObject"], [f"arn:{PARTITION}:s3:::{bucket_name}/{key}"])


def allow_input(role: iam.IRole, place: Place) -> None:
    """Reading one object that the service mounts: it looks for objects below the key first."""
    allow_object(role, place.bucket_name, place.prefix)
    allow_listing(role, place)


def allow_live_object(role: iam.IRole, scope: Construct, uri: str) -> None:
    """Reading the object that a parameter names at deployment, in whatever bucket it lies, with that bucket's key."""
    allow(role, ["s3:GetObject"], [f"arn:{PARTITION}:s3:::{Fn.select(1, Fn.split('s3://', uri))}"])
    bucket_arn = f"arn:{PARTITION}:s3:::{Fn.select(2, Fn.split('/', uri))}"
    stack = Stack.of(scope)
    keys = stack.format_arn(service="kms", resource="key", resource_name="*")
    conditions = {
        "StringEquals": {"kms:ViaService": f"s3.{stack.region}.{Aws.URL_SUFFIX}"},
        "StringLike": {"kms:EncryptionContext:aws:s3:arn": [bucket_arn, f"{bucket_arn}/*"]},
    }
    allow(role, ["kms:Decrypt"], [keys], conditions)
    accept(
        role, keys, "the live model's key is known to its bucket alone; conditions bind it to that bucket, through S3"
    )


def allow_reading_keys(role: iam.IRole, key_arns: Sequence[str]) -> None:
    """Reading what others encrypted with keys of theirs, whose policies must admit the role too."""
    if key_arns:
        allow(role, ["kms:Decrypt", "kms:DescribeKey"], key_arns)


@lru_cache(maxsize=64)
def key_arn(key: kms.IKey) -> str:
    """Of a key, asked once: each time is a call to the CDK."""
    return key.key_arn


def allow_key(role: iam.IRole, key: kms.IKey) -> None:
    """Reading and writing what is encrypted with the key."""
    allow(role, ["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"], [key_arn(key)])


def allow_items(
    role: iam.IRole, table: dynamodb.ITable, calls: Sequence[str], conditions: Mapping[str, Any] | None = None
) -> None:
    """Items of a table by DynamoDB's calls, and the table's key through DynamoDB alone."""
    allow(role, [f"dynamodb:{call}" for call in calls], [table.table_arn], conditions)
    if table.encryption_key is not None:
        through = {"StringEquals": {"kms:ViaService": f"dynamodb.{Aws.REGION}.{Aws.URL_SUFFIX}"}}
        allow(role, TABLE_KEY_CALLS, [table.encryption_key.key_arn], through)


def allow_key_through(role: iam.IRole, scope: Construct, service: str) -> None:
    """Using whatever key of this account a service needs for what it is asked to do, and for nothing else."""
    stack = Stack.of(scope)
    keys = stack.format_arn(service="kms", resource="key", resource_name="*")
    through = {"StringEquals": {"kms:ViaService": f"{service}.{stack.region}.{Aws.URL_SUFFIX}"}}
    allow(role, ["kms:Decrypt", "kms:GenerateDataKey"], [keys], through)
    accept(role, keys, "the key of what was brought is known to its owner; a condition binds it to one service")


def allow_volumes(role: iam.IRole, key: kms.IKey) -> None:
    """Encrypted volumes of the instances of a job: the service is given the use of the key, for its own resources only."""
    allow(role, ["kms:CreateGrant"], [key_arn(key)], {"Bool": {"kms:GrantIsForAWSResource": "true"}})


def allow_image(role: iam.IRole, image_uri: str) -> None:
    """Pulling an image from ECR, of this account or of AWS's."""
    match = _IMAGE.match(image_uri)
    if match is None:
        raise ValueError("an image should be given as {account}.dkr.ecr.{region}.amazonaws.com/{repository}")
    account, region, repository = match.groups()
    allow_repository(role, f"arn:{PARTITION}:ecr:{region}:{account}:repository/{repository}")


def allow_repository(role: iam.IRole, repository_arn: str) -> None:
    """Pulling the images of one repository."""
    allow(
        role, ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"], [repository_arn]
    )
    allow(role, ["ecr:GetAuthorizationToken"], ["*"])
    accept(role, "*", NO_RESOURCES)


def allow_metrics(role: iam.IRole, *namespaces: str) -> None:
    """Sending metrics to some namespaces."""
    allow(role, ["cloudwatch:PutMetricData"], ["*"], {"StringEquals": {"cloudwatch:namespace": list(namespaces)}})
    accept(role, "*", NO_RESOURCES)


def allow_job_logs(role: iam.IRole, scope: Construct, group: str) -> None:
    """Writing the logs of jobs, to the groups whose names SageMaker gives."""
    arn = Stack.of(scope).format_arn(service="logs", resource="log-group", resource_name=f"{group}*", arn_format=COLON)
    allow(role, ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"], [arn])
    accept(role, arn, "log streams of a job are named by the service")


def allow_network(role: iam.IRole, scope: Construct, subnets: Sequence[str], security_groups: Sequence[str]) -> None:
    """Network interfaces in the given subnets, which SageMaker makes with the rights of the role."""
    if not subnets:
        return
    stack = Stack.of(scope)
    interfaces = stack.format_arn(service="ec2", resource="network-interface", resource_name="*")
    # of any account: shared subnets and groups belong to whoever shares them, and their ids are nobody else's
    kinds = {"subnet": subnets, "security-group": security_groups}
    places = [
        stack.format_arn(service="ec2", resource=kind, resource_name=name, account="*")
        for kind, names in kinds.items()
        for name in names
    ]
    allow(role, ["ec2:CreateNetworkInterface"], [interfaces, *places])
    allow(
        role,
        ["ec2:CreateNetworkInterfacePermission", "ec2:DeleteNetworkInterface", "ec2:DeleteNetworkInterfacePermission"],
        [interfaces],
    )
    described = ("DhcpOptions", "NetworkInterfaces", "SecurityGroups", "Subnets", "Vpcs")
    allow(role, [f"ec2:Describe{what}" for what in described], ["*"])
    accept(role, interfaces, "interfaces are made and named by the service")
    for place in places:
        accept(role, place, "whose account shares the subnet is not known here; its id is nobody else's")
    accept(role, "*", NO_RESOURCES)


def allow_function_network(role: iam.IRole) -> None:
    """Network interfaces of a function, which Lambda makes, looks at and removes with the rights of its role, on all of them."""
    calls = (
        "CreateNetworkInterface",
        "DeleteNetworkInterface",
        "AssignPrivateIpAddresses",
        "UnassignPrivateIpAddresses",
    )
    allow(role, [f"ec2:{call}" for call in calls], ["*"])
    allow(role, [f"ec2:Describe{what}" for what in ("NetworkInterfaces", "SecurityGroups", "Subnets", "Vpcs")], ["*"])
    accept(role, "*", "Lambda's own interfaces are unknown beforehand, and it checks these rights on all resources")


def allow_passing(role: iam.IRole, passed: iam.IRole, service: str = SAGEMAKER) -> None:
    """Handing a role to one service and to no other."""
    allow(role, ["iam:PassRole"], [passed.role_arn], {"StringEquals": {"iam:PassedToService": service}})


def allow_list_calls(role: iam.IRole, actions: Sequence[str]) -> None:
    """Calls for which IAM knows no resources."""
    allow(role, actions, ["*"])
    accept(role, "*", NO_RESOURCES)


def allow_named(role: iam.IRole, actions: Sequence[str], resource: str, reason: str) -> None:
    """Resources whose names are known but for their end."""
    allow(role, actions, [resource])
    accept(role, resource, reason)
