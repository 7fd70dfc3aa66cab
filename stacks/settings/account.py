"""What has to fit the environment's account and Region: ARNs, images, tags, names. Each fault says what was expected and found."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from model_monitor import contract
from stacks.settings.endpoint import Endpoint
from stacks.settings.fields import has_local_storage

TAGS_MAX: Final = 50
OUR_TAGS: Final = ("Endpoint", "Environment")
_TAG: Final = re.compile(
    r"[\w \u00a0\u3000.:/=+\-@]*"
)  # Unicode letters and numbers, as IAM and CloudFormation take them
POLICY_MAX: Final = 8192  # of a parameter in the advanced tier
POLICY_BASE: Final = 3000  # of a policy without what grows: places, roles, alarms of every type
IMAGE_REGION: Final = re.compile(r"\d{12}\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com(\.cn)?/")
PARTITIONS: Final = {"cn": "aws-cn", "eusc": "aws-eusc"}  # by the first part of a Region's name
SCHEDULES: Final = "AWS::SageMaker::MonitoringSchedule"
SERVING: Final = ("AWS::SageMaker::Endpoint", "AWS::SageMaker::EndpointConfig", "AWS::SageMaker::Model")
POOLS: Final = tuple(f"AWS::Cognito::UserPool{kind}" for kind in ("", "Client", "Domain", "Group"))
# by CloudFormation's own schemas of each Region, as cfn-lint carries them; a test compares. It knows none of secret Regions
LACKING: Final[Mapping[str, tuple[str, ...]]] = {
    **dict.fromkeys(
        (
            "af-south-1",
            "ap-east-2",
            "ap-south-2",
            "ap-southeast-3",
            "ap-southeast-4",
            "ap-southeast-5",
            "ap-southeast-6",
            "ap-southeast-7",
            "ca-west-1",
            "eu-central-2",
            "eu-south-1",
            "eu-south-2",
            "il-central-1",
            "mx-central-1",
            "us-gov-west-1",
        ),
        (SCHEDULES,),
    ),
    **dict.fromkeys(("me-central-1", "us-gov-east-1"), (*SERVING, SCHEDULES)),
    **dict.fromkeys(("cn-north-1", "cn-northwest-1"), POOLS),
}
_SUFFIX: Final = {True: ".cn", False: ""}


def partition_of(region: str) -> str:
    """The partition that a Region is in."""
    return PARTITIONS.get(region.partition("-")[0], "aws") if "-gov-" not in region else "aws-us-gov"


def of_arn(path: str, arn: str | None, region: str, account: str | None = None) -> Iterator[str]:
    """An ARN of another Region, or of another account where it has to be ours (`account`); IAM's name no Region."""
    if arn is None:
        return
    partition, _, found_region, found_account = arn.split(":")[1:5]
    expected = partition_of(region)
    if found_region != region and found_region:
        yield f"{path}: should be of Region {region}, found {found_region}; give one of the environment's Region"
    elif partition != expected and "-iso" not in region:
        yield f"{path}: should begin with arn:{expected} in Region {region}, found arn:{partition}; give one of its partition"
    if account is not None and found_account != account:
        yield f"{path}: should be of account {account}, found {found_account}; give one of the environment's account"


def of_region(path: str, endpoint: Endpoint, region: str) -> Iterator[str]:
    """Resources that CloudFormation does not have in a Region."""
    lacking = LACKING.get(region, ())
    told = f"Region {region} has no"
    for name, monitor in endpoint.monitors.items():
        if SCHEDULES in lacking and not monitor.is_managed:
            yield f"{path}.monitors.{name}.scheduler: {told} {SCHEDULES}; let scheduler be managed"
    if SERVING[0] in lacking and endpoint.model is not None:
        yield (
            f"{path}.model: {told} {SERVING[0]} in CloudFormation; leave model out, make the endpoint by other means, and name "
            "capture.destination"
        )
    if POOLS[0] in lacking and endpoint.review is not None:
        yield f"{path}.review: {told} {POOLS[0]}, by which people sign in; leave review out"


def of_topic(path: str, arn: str | None, region: str) -> Iterator[str]:
    """A topic that alarms cannot publish to."""
    yield from of_arn(path, arn, region)
    if arn is not None and arn.endswith(".fifo"):
        yield f"{path}: should be a standard topic, found a FIFO topic, which alarms cannot publish to; give another"


def of_image(path: str, uri: str | None, region: str) -> Iterator[str]:
    """An image of another Region: SageMaker pulls from its own alone."""
    match = IMAGE_REGION.match(uri or "")
    if match is None:
        return
    if match[1] != region:
        yield f"{path}: should be an image in Region {region}, found {match[1]}; copy it there, or name the Region's own"
    elif match[2] != (_SUFFIX[region.startswith("cn-")] or None):
        yield f"{path}: should end its host in amazonaws.com{_SUFFIX[region.startswith('cn-')]} in Region {region}"


def of_instances(path: str, endpoint: Endpoint) -> Iterator[str]:
    """Instances with disks of their own, which take no key of the customer: their hardware holds it."""
    for at, type_ in endpoint.instance_types.items():
        if type_ is not None and has_local_storage(type_):
            yield (
                f"{path}.{at}: should be an instance type whose volumes take the environment's key, found {type_}, whose own disks "
                "the hardware encrypts with a key of its own; choose a type without such disks, or set security.instance_disks: "
                "allowed"
            )


def of_tags(tags: Mapping[str, str]) -> Iterator[str]:
    """Tags that AWS refuses."""
    most = TAGS_MAX - len(OUR_TAGS)
    if len(tags) > most:
        yield f"tags: at most {most} are allowed beside {' and '.join(OUR_TAGS)}, found {len(tags)}; leave some out"
    for key, value in tags.items():
        if key.lower().startswith("aws:"):
            yield f"tags.{key}: should not begin with aws:, which is AWS's own; rename it"
        for what, text in (("key", key), ("value", value)):
            if not _TAG.fullmatch(text):
                yield f"tags.{key}: the {what} should be letters, digits, spaces and _.:/=+-@ alone; replace other characters"


def of_names(names: Iterable[str]) -> Iterator[str]:
    """Endpoints that SageMaker takes for one: its ARNs are in lower case."""
    owners: dict[str, str] = {}
    for name in names:
        if (other := owners.setdefault(name.lower(), name)) != name:
            yield f"endpoints.{name}: differs from {other} in case alone, which SageMaker does not tell apart; rename one"


def of_monitor_ids(path: str, endpoint: Endpoint) -> Iterator[str]:
    """Monitors and features whose names become one name inside a template."""
    owners: dict[str, str] = {}
    for name, monitor in endpoint.monitors.items():
        known = name.title().replace("-", "")
        if (other := owners.setdefault(known, name)) != name:
            yield f"{path}.monitors.{name}: is {known} in a template, and so is {other}; rename one"
        features: dict[str, str] = {}
        for feature in monitor.alarms.drift_features:
            known = feature.replace("/", "-")
            if (other := features.setdefault(known, feature)) != feature:
                at = f"{path}.monitors.{name}.alarms.drift_features"
                yield f"{at}: '{feature}' and '{other}' are one name in a template; leave the alarm of one out"


def of_feature_names(path: str, endpoint: Endpoint) -> Iterator[str]:
    """Features whose metric CloudWatch refuses: names are printable ASCII. Whatever has an alarm has a metric."""
    metrics = dict.fromkeys(endpoint.metrics.critical, f"{path}.metrics.critical")
    if endpoint.metrics.per_feature is contract.PerFeature.ALL and endpoint.payload is not None:
        metrics = dict.fromkeys(endpoint.payload.names, f"{path}.payload.features")
    if not endpoint.metrics.has_features:
        metrics = {}
    for feature, at in metrics.items():
        if not _is_plain(feature):
            yield (
                f"{at}: '{feature}' is no name of a metric, which should be printable ASCII; rename the feature, or publish "
                "no metric of it (metrics.per_feature, metrics.critical)"
            )


def of_policy_size(
    path: str, environment: str, name: str, endpoint: Endpoint, tags: Mapping[str, str]
) -> Iterator[str]:
    """A retraining policy that no parameter holds: what people may add at will is hyperparameters, tags and alarms."""
    retraining = endpoint.retraining
    if retraining is None:
        return
    size = POLICY_BASE + sum(len(f'"{k}":"{v}",'.encode()) for k, v in {**retraining.hyperparameters, **tags}.items())
    monitor = endpoint.monitors.get(endpoint.watched)
    if monitor is not None:
        schedule = contract.schedule_name(name, endpoint.watched)
        named = [
            *(f"drift-{feature}" for feature in monitor.alarms.drift_features),
            *(f"quality-{metric}" for metric in monitor.alarms.quality),
            *(f"custom-{metric}" for metric in monitor.alarms.custom),
        ]
        alarms = [contract.alarm_name(environment, schedule, what) for what in named]
        alarms += retraining.more_alarms
        size += sum(len(f'{{"start":"{freeze.start}","end":"{freeze.end}"}},') for freeze in retraining.freeze)
        size += sum(len(f'"{alarm}":["baseline_drift_check"],'.encode()) for alarm in alarms)
    if size > POLICY_MAX:
        yield (
            f"{path}.retraining: makes a policy of about {size} bytes, and a parameter holds {POLICY_MAX}; give fewer or shorter "
            "hyperparameters or tags, or fewer alarms of single features, or fewer freezes"
        )


def _is_plain(text: str) -> bool:
    return text.isascii() and text.isprintable() and bool(text.strip())
