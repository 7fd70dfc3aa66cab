"""A decision as a CreateTrainingJob request, in the service's own words. No AWS calls."""

from __future__ import annotations

import json
from collections.abc import Set
from typing import Any

from policy import Channel, Training

ENTRY_POINT = "train.py"
LOG_LEVEL = 20  # INFO


def create_training_job(name: str, training: Training, empty_channels: Set[str]) -> dict[str, Any]:
    """The request, without optional channels that hold nothing: the service fails a job whose channel is empty."""
    resources: dict[str, Any] = {
        "InstanceType": training.instance_type,
        "InstanceCount": training.instance_count,
        "VolumeSizeInGB": training.volume_size_gb,
    }
    output = {"S3OutputPath": training.output_uri}
    if training.kms_key_arn:
        resources["VolumeKmsKeyId"] = output["KmsKeyId"] = training.kms_key_arn
    request: dict[str, Any] = {
        "TrainingJobName": name,
        "AlgorithmSpecification": {"TrainingImage": training.image, "TrainingInputMode": "File"},
        "RoleArn": training.role_arn,
        "HyperParameters": _hyperparameters(training),
        "InputDataConfig": [_channel(channel) for channel in filled(training, empty_channels)],
        "OutputDataConfig": output,
        "ResourceConfig": resources,
        "StoppingCondition": {"MaxRuntimeInSeconds": training.max_runtime_seconds},
        "EnableInterContainerTrafficEncryption": training.encrypt_traffic,
        "Tags": [{"Key": key, "Value": value} for key, value in sorted(training.tags.items())],
    }
    if training.subnets:
        request["VpcConfig"] = {
            "Subnets": list(training.subnets),
            "SecurityGroupIds": list(training.security_group_ids),
        }
    return request


def filled(training: Training, empty_channels: Set[str]) -> list[Channel]:
    """The channels a job is given."""
    return [channel for channel in training.channels if not (channel.is_optional and channel.name in empty_channels)]


def _hyperparameters(training: Training) -> dict[str, str]:
    """In script mode the framework container finds its script through two parameters, JSON texts as the SageMaker SDK sends."""
    if not training.source_uri:
        return dict(training.hyperparameters)
    return dict(training.hyperparameters) | {
        "sagemaker_program": json.dumps(ENTRY_POINT),
        "sagemaker_submit_directory": json.dumps(training.source_uri),
        "sagemaker_container_log_level": json.dumps(LOG_LEVEL),
        **({"sagemaker_region": json.dumps(training.region)} if training.region else {}),
    }


def _channel(channel: Channel) -> dict[str, Any]:
    return {
        "ChannelName": channel.name,
        "DataSource": {
            "S3DataSource": {
                "S3DataType": "S3Prefix",
                "S3Uri": channel.uri,
                "S3DataDistributionType": "FullyReplicated",
            }
        },
        "ContentType": channel.content_type,
    }
