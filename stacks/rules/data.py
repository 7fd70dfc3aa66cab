"""Data at rest and on its way: encrypted with a key of the customer, never public, over TLS alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from model_monitor.contract import has_local_storage
from stacks.rules.rule import Finding, Rule
from stacks.rules.templates import Resource, Templates, blocks, documents, resources, statements

JOB_HOLDERS: Final = ("AWS::SSM::Parameter", "Custom::ModelBaseline", "AWS::SageMaker::MonitoringSchedule")
POLICY_OF: Final = {  # what is reached over the network → the type of its policy, and how that names it
    "AWS::S3::Bucket": ("AWS::S3::BucketPolicy", "Bucket"),
    "AWS::SNS::Topic": ("AWS::SNS::TopicPolicy", "Topics"),
    "AWS::SQS::Queue": ("AWS::SQS::QueuePolicy", "Queues"),
}


def _captures(templates: Templates) -> Iterator[tuple[Resource, Mapping[str, Any]]]:
    for config in resources(templates, "AWS::SageMaker::EndpointConfig"):
        yield config, config.properties.get("DataCaptureConfig", {})


def not_captured(templates: Templates) -> Iterator[Finding]:
    """Endpoints that nobody can watch."""
    for config, capture in _captures(templates):
        modes = {option.get("CaptureMode") for option in capture.get("CaptureOptions", ())}
        if not (capture.get("EnableCapture") is True and modes >= {"Input", "Output"}):
            yield Finding(config, "Properties.DataCaptureConfig")


def open_captures(templates: Templates) -> Iterator[Finding]:
    """What the endpoint captures, in the clear."""
    for config, capture in _captures(templates):
        if capture.get("EnableCapture") and not capture.get("KmsKeyId"):
            yield Finding(config, "Properties.DataCaptureConfig.KmsKeyId")


def open_endpoints(templates: Templates) -> Iterator[Finding]:
    """Volumes of endpoints without a key; instances whose own disks the hardware encrypts take none."""
    for config in resources(templates, "AWS::SageMaker::EndpointConfig"):
        types = [str(variant.get("InstanceType")) for variant in config.properties.get("ProductionVariants", ())]
        if not config.properties.get("KmsKeyId") and not any(map(has_local_storage, types)):
            yield Finding(config, "Properties.KmsKeyId")


def open_jobs(templates: Templates) -> Iterator[Finding]:
    """Volumes and results of processing and training jobs, wherever their requests stand."""
    for holder in resources(templates, *JOB_HOLDERS):
        for document in (holder.properties, *documents(holder)):
            for cluster in blocks(document, "InstanceType", "VolumeSizeInGB"):
                if not cluster.get("VolumeKmsKeyId") and not has_local_storage(str(cluster["InstanceType"])):
                    yield Finding(holder, "VolumeKmsKeyId")
            for output in (*blocks(document, "Outputs"), *blocks(document, "MonitoringOutputs")):
                if not output.get("KmsKeyId"):
                    yield Finding(holder, "KmsKeyId of the outputs")
            for training in blocks(document, "output_uri", "hyperparameters"):
                if not training.get("kms_key_arn"):
                    yield Finding(holder, "training.kms_key_arn")


def open_buckets(templates: Templates) -> Iterator[Finding]:
    """Buckets without a key of ours. Access logs are the exception: the log service can use no such key."""
    logs = {
        (bucket.stack, str(bucket.properties["LoggingConfiguration"].get("DestinationBucketName", {}).get("Ref")))
        for bucket in resources(templates, "AWS::S3::Bucket")
        if "LoggingConfiguration" in bucket.properties
    }
    for bucket in resources(templates, "AWS::S3::Bucket"):
        rules = bucket.properties.get("BucketEncryption", {}).get("ServerSideEncryptionConfiguration", ())
        ways = [rule.get("ServerSideEncryptionByDefault", {}) for rule in rules]
        is_keyed = any(way.get("SSEAlgorithm") == "aws:kms" and way.get("KMSMasterKeyID") for way in ways)
        if not is_keyed and not (ways and (bucket.stack, bucket.logical_id) in logs):
            yield Finding(bucket, "Properties.BucketEncryption")


def public_buckets(templates: Templates) -> Iterator[Finding]:
    """Buckets that a policy or an access list could open to the world."""
    needed = {"BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"}
    for bucket in resources(templates, "AWS::S3::Bucket"):
        block = bucket.properties.get("PublicAccessBlockConfiguration", {})
        if {key for key, value in block.items() if value is True} != needed:
            yield Finding(bucket, "Properties.PublicAccessBlockConfiguration")


def open_state(templates: Templates) -> Iterator[Finding]:
    """Tables, topics and queues that are not encrypted; tables and topics with a key of the customer."""
    for table in resources(templates, "AWS::DynamoDB::Table"):
        encryption = table.properties.get("SSESpecification", {})
        if not (encryption.get("SSEEnabled") and encryption.get("KMSMasterKeyId")):
            yield Finding(table, "Properties.SSESpecification")
    for topic in resources(templates, "AWS::SNS::Topic"):
        if not topic.properties.get("KmsMasterKeyId"):
            yield Finding(topic, "Properties.KmsMasterKeyId")
    for queue in resources(templates, "AWS::SQS::Queue"):
        if not (queue.properties.get("KmsMasterKeyId") or queue.properties.get("SqsManagedSseEnabled") is True):
            yield Finding(queue, "Properties.SqsManagedSseEnabled")


def without_tls(templates: Templates) -> Iterator[Finding]:
    """Buckets, topics and queues whose policy does not refuse what comes without TLS."""
    for type_, (policy_type, names) in POLICY_OF.items():
        refusing = set()
        for policy in resources(templates, policy_type):
            if any(_refuses_plain(each) for each in statements(policy.properties["PolicyDocument"])):
                named = policy.properties[names]
                for reference in named if isinstance(named, list) else [named]:
                    refusing.add((policy.stack, reference.get("Ref") if isinstance(reference, dict) else reference))
        for found in resources(templates, type_):
            if (found.stack, found.logical_id) not in refusing:
                yield Finding(found, f"no {policy_type} that denies aws:SecureTransport false")


def _refuses_plain(statement: Mapping[str, Any]) -> bool:
    plain = statement.get("Condition", {}).get("Bool", {}).get("aws:SecureTransport")
    return statement["Effect"] == "Deny" and str(plain).lower() == "false"


def unlocked_containers(templates: Templates) -> Iterator[Finding]:
    """Jobs of several instances whose containers talk in the clear."""
    for holder in resources(templates, *JOB_HOLDERS):
        for document in (holder.properties, *documents(holder)):
            for network in blocks(document, "EnableInterContainerTrafficEncryption"):
                if network["EnableInterContainerTrafficEncryption"] is not True and _is_many(document):
                    yield Finding(holder, "EnableInterContainerTrafficEncryption")


def _is_many(document: Any) -> bool:
    return any(cluster["InstanceCount"] > 1 for cluster in blocks(document, "InstanceCount", "InstanceType"))


RULES: Final = (
    Rule("Captured", "An endpoint captures requests and responses.", "Set EnableCapture and both modes.", not_captured),
    Rule("CaptureKey", "What is captured is encrypted with a key.", "Set DataCaptureConfig.KmsKeyId.", open_captures),
    Rule("EndpointKey", "Volumes of endpoints are encrypted with a key.", "Set KmsKeyId.", open_endpoints),
    Rule(
        "JobKey",
        "Volumes and results of jobs are encrypted with a key.",
        "Set VolumeKmsKeyId, and KmsKeyId of outputs.",
        open_jobs,
    ),
    Rule("BucketKey", "Buckets are encrypted with a key.", "Set aws:kms with a KMSMasterKeyID.", open_buckets),
    Rule("BucketPrivate", "No bucket can be made public.", "Block all four ways to public access.", public_buckets),
    Rule("StateKey", "Tables, topics and queues are encrypted.", "Give tables and topics a key.", open_state),
    Rule("TlsOnly", "Buckets, topics and queues take TLS alone.", "Deny aws:SecureTransport false.", without_tls),
    Rule(
        "ContainersEncrypted",
        "Containers of one job talk encrypted.",
        "Set EnableInterContainerTrafficEncryption, or one instance.",
        unlocked_containers,
    ),
)
