"""An account that exists on paper: schedules of all four types as the service describes them, for tests without any AWS."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

from model_monitor.contract import MonitoringType

REGION, ID = "eu-west-1", "123456789012"
ANALYZER = f"468650794304.dkr.ecr.{REGION}.amazonaws.com/sagemaker-model-monitor-analyzer"
CLARIFY = f"131013547314.dkr.ecr.{REGION}.amazonaws.com/sagemaker-clarify-processing:1.0"
ROLE = f"arn:aws:iam::{ID}:role/monitors"
TOPIC = f"arn:aws:sns:{REGION}:{ID}:ml-on-call"
KEY = f"arn:aws:kms:{REGION}:{ID}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
INPUT = {"EndpointName": "churn", "LocalPath": "/opt/ml/processing/input/endpoint"}
LABELLED = {
    **INPUT,
    "InferenceAttribute": "0",
    "ProbabilityAttribute": "1",
    "ProbabilityThresholdAttribute": 0.8,
    "StartTimeOffset": "-P8D",
    "EndTimeOffset": "-P7D",
}
BIAS_CONFIG = {
    "headers": ["churned", "age", "calls"],
    "label": "churned",
    "label_values_or_threshold": [1],
    "facet": [{"name_or_index": "age", "value_or_threshold": [60]}],
    "methods": {"pre_training_bias": {"methods": "all"}, "post_training_bias": {"methods": ["DPPL", "DI"]}},
}
SHAP_CONFIG = {
    "headers": ["age", "calls"],
    "methods": {"shap": {"baseline": [[40, 2]], "num_samples": 50, "agg_method": "mean_abs"}, "pdp": {}},
    "predictor": {
        "model_name": "churn-model",
        "instance_type": "ml.m5.large",
        "initial_instance_count": 1,
        "content_type": "text/csv",
        "accept_type": "text/csv",
        "accelerator_type": "ml.eia1.medium",
    },
}


def definition(type_: MonitoringType, **application: Any) -> dict[str, Any]:
    """A named job definition as the service describes it."""
    is_labelled = type_ in (MonitoringType.MODEL_QUALITY, MonitoringType.MODEL_BIAS)
    image = CLARIFY if type_ in (MonitoringType.MODEL_BIAS, MonitoringType.MODEL_EXPLAINABILITY) else ANALYZER
    job_input: dict[str, Any] = {"EndpointInput": dict(LABELLED if is_labelled else INPUT)}
    if is_labelled:
        job_input["GroundTruthS3Input"] = {"S3Uri": "s3://labels/churn"}
    output = {"S3Uri": "s3://reports/mm", "LocalPath": "/opt/ml/processing/output"}
    baseline = {"ConstraintsResource": {"S3Uri": f"s3://baselines/{type_}/constraints.json"}}
    if type_ is MonitoringType.DATA_QUALITY:
        baseline["StatisticsResource"] = {"S3Uri": f"s3://baselines/{type_}/statistics.json"}
    return {
        f"{type_}BaselineConfig": baseline,
        f"{type_}AppSpecification": {
            "ImageUri": image,
            "Environment": {"publish_cloudwatch_metrics": "Enabled"},
            **application,
        },
        f"{type_}JobInput": job_input,
        f"{type_}JobOutputConfig": {"MonitoringOutputs": [{"S3Output": output}], "KmsKeyId": KEY},
        "JobResources": {"ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.xlarge", "VolumeSizeInGB": 30}},
        "RoleArn": ROLE,
        "StoppingCondition": {"MaxRuntimeInSeconds": 1800},
    }


def schedule(name: str, type_: MonitoringType, expression: str = "cron(0 * ? * * *)", **more: str) -> dict[str, Any]:
    """A schedule of a named definition as the service describes it."""
    return {
        "MonitoringScheduleName": name,
        "MonitoringScheduleArn": f"arn:aws:sagemaker:{REGION}:{ID}:monitoring-schedule/{name}",
        "MonitoringScheduleStatus": "Scheduled",
        "MonitoringType": str(type_),
        "MonitoringScheduleConfig": {
            "ScheduleConfig": {"ScheduleExpression": expression, **more},
            "MonitoringJobDefinitionName": f"{name}-definition",
            "MonitoringType": str(type_),
        },
    }


class PaperAccount:
    """`aws.monitors.Account` from documents. definitions: by name of the schedule."""

    region = REGION

    def __init__(self) -> None:
        self.described: list[dict[str, Any]] = []
        self.definitions: dict[str, dict[str, Any]] = {}
        self.capture: dict[str, Any] | None = {
            "DestinationS3Uri": "s3://capture/data",
            "InitialSamplingPercentage": 100,
        }
        self.variants = ["AllTraffic"]
        self.rung: list[dict[str, Any]] = []
        self.jobs: dict[str, dict[str, Any]] = {}
        self.objects: dict[str, bytes] = {
            "s3://configs/bias.json": json.dumps(BIAS_CONFIG).encode(),
            "s3://configs/shap.json": json.dumps(SHAP_CONFIG).encode(),
        }

    def add(
        self, name: str, type_: MonitoringType, expression: str = "cron(0 * ? * * *)", **application: Any
    ) -> dict[str, Any]:
        """A schedule, with its definition, which is returned to be changed, and its baseline."""
        made = copy.deepcopy(definition(type_, **application))
        self.described.append(schedule(name, type_, expression))
        self.definitions[f"{name}-definition"] = made
        for resource in made[f"{type_}BaselineConfig"].values():
            self.objects[resource["S3Uri"]] = b"{}"
        return made

    def add_all(self) -> None:
        """One of each type, of endpoint churn."""
        self.add("churn-data-quality", MonitoringType.DATA_QUALITY)
        daily = "cron(0 0 ? * * *)"
        self.add("Quality-of-churn", MonitoringType.MODEL_QUALITY, daily, ProblemType="BinaryClassification")
        self.add("churn-bias", MonitoringType.MODEL_BIAS, daily, ConfigUri="s3://configs/bias.json")
        six = "cron(0 8/6 ? * * *)"
        self.add("churn-attribution", MonitoringType.MODEL_EXPLAINABILITY, six, ConfigUri="s3://configs/shap.json")

    def read(self, uri: str) -> bytes | None:
        return self.objects.get(uri)

    def id(self) -> str:
        return ID

    def schedules(self, endpoint: str | None = None) -> Iterator[dict[str, Any]]:
        del endpoint
        yield from self.described

    def definition(self, type_: MonitoringType, name: str) -> dict[str, Any]:
        del type_
        return self.definitions[name]

    def processing_job(self, name: str) -> dict[str, Any] | None:
        return self.jobs.get(name)

    def endpoint(self, name: str) -> tuple[dict[str, Any], dict[str, Any]] | None:
        if name == "gone":
            return None
        variants = [{"VariantName": each} for each in self.variants]
        config = {"ProductionVariants": variants, **({"DataCaptureConfig": self.capture} if self.capture else {})}
        return {"EndpointName": name}, config

    def alarms(self) -> list[dict[str, Any]]:
        return self.rung


def drift_alarm(schedule_name: str, feature: str, threshold: float) -> dict[str, Any]:
    """An alarm that people make on AWS's metric of one feature."""
    return {
        "AlarmName": f"drift of {feature}",
        "Namespace": "aws/sagemaker/Endpoints/data-metrics",
        "MetricName": f"feature_baseline_drift_{feature}",
        "Dimensions": [
            {"Name": "Endpoint", "Value": "churn"},
            {"Name": "MonitoringSchedule", "Value": schedule_name},
        ],
        "ComparisonOperator": "GreaterThanThreshold",
        "Threshold": threshold,
        "AlarmActions": [TOPIC],
    }
