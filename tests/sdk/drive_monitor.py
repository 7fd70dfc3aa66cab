"""Drives a monitoring schedule with the real `sagemaker` SDK; run by tests/twin/sagemaker/test_sagemaker_sdk.py in the SDK's own
environment. It is told one step a line, and says of each what the SDK saw: a line of JSON."""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

import boto3
from sagemaker.core.helper.session_helper import Session
from sagemaker.core.model_monitor import CronExpressionGenerator, EndpointInput, ModelMonitor, MonitoringOutput
from sagemaker.core.shapes import ProcessingInput, ProcessingOutput, ProcessingS3Input, ProcessingS3Output

BASE = "/opt/ml/processing"
BASELINE = {"statistics": "s3://baselines/v1/statistics.json", "constraints": "s3://baselines/v1/constraints.json"}


def monitor(session: Session, role: str) -> ModelMonitor:
    return ModelMonitor(
        role=role,
        image_uri="123456789012.dkr.ecr.eu-west-1.amazonaws.com/monitor:1",
        entrypoint=["python3", "-m", "model_monitor"],
        instance_type="ml.m5.large",
        max_runtime_in_seconds=1200,
        env={"plan": "violate", "publish_cloudwatch_metrics": "Enabled"},
        tags=[{"Key": "project", "Value": "loop"}],
        sagemaker_session=session,
    )


def create(session: Session, role: str, name: str) -> dict[str, Any]:
    made = monitor(session, role)
    made.create_monitoring_schedule(
        endpoint_input=EndpointInput(endpoint_name="covertype", destination=f"{BASE}/input/endpoint"),
        output=MonitoringOutput(source=f"{BASE}/output", destination="s3://reports/r"),
        **BASELINE,
        monitor_schedule_name=name,
        schedule_cron_expression=CronExpressionGenerator.hourly(),
    )
    return {"status": made.describe_schedule()["MonitoringScheduleStatus"], "executions": len(made.list_executions())}


def learn(session: Session, role: str, name: str) -> dict[str, Any]:
    """A baselining job, and what the SDK reads of it when it has ended."""
    made = monitor(session, role)
    made.env = {"plan": "learn"}
    made.run_baseline(
        baseline_inputs=[
            ProcessingInput(
                input_name="dataset",
                s3_input=ProcessingS3Input(
                    s3_uri="s3://baselines/training",
                    local_path=f"{BASE}/input/dataset",
                    s3_data_type="S3Prefix",
                    s3_input_mode="File",
                ),
            )
        ],
        output=ProcessingOutput(
            output_name="monitoring_output",
            s3_output=ProcessingS3Output(
                s3_uri="s3://reports/learned", local_path=f"{BASE}/output", s3_upload_mode="EndOfJob"
            ),
        ),
        wait=True,
        logs=False,
        job_name=f"{name}-baseline",
    )
    return {
        "statistics": made.baseline_statistics().body_dict,
        "constraints": made.suggested_constraints().body_dict,
    }


def read(session: Session, role: str, name: str) -> dict[str, Any]:
    del role
    attached = ModelMonitor.attach(name, sagemaker_session=session)
    executions = attached.list_executions()
    latest = attached.latest_monitoring_constraint_violations()
    return {
        "environment": attached.env,
        "tags": attached.tags,
        "seconds": attached.max_runtime_in_seconds,
        "messages": [execution.describe()["ExitMessage"] for execution in executions],
        "outputs": [execution.output.s3_output.s3_uri for execution in executions],
        "inputs": [[item.input_name for item in execution.processing_inputs] for execution in executions],
        "statistics": [execution.statistics().body_dict for execution in executions],
        "violations": [
            None if found is None else found.body_dict
            for found in (execution.constraint_violations() for execution in executions)
        ],
        "latest_statistics": attached.latest_monitoring_statistics().body_dict,
        "latest_violations": None if latest is None else latest.body_dict,
    }


def change(session: Session, role: str, name: str) -> dict[str, Any]:
    del role
    attached = ModelMonitor.attach(name, sagemaker_session=session)
    attached.update_monitoring_schedule(env={"plan": "ok"}, **BASELINE)  # left out, the SDK would drop the constraints
    return {"environment": ModelMonitor.attach(name, sagemaker_session=session).env}


def stop_and_delete(session: Session, role: str, name: str) -> dict[str, Any]:
    del role
    attached = ModelMonitor.attach(name, sagemaker_session=session)
    attached.stop_monitoring_schedule()
    stopped = attached.describe_schedule()["MonitoringScheduleStatus"]
    attached.start_monitoring_schedule()
    started = attached.describe_schedule()["MonitoringScheduleStatus"]
    attached.delete_monitoring_schedule()
    left = boto3.client("sagemaker").list_monitoring_schedules()["MonitoringScheduleSummaries"]
    return {"stopped": stopped, "started": started, "left": len(left)}


STEPS = {"create": create, "learn": learn, "read": read, "change": change, "stop_and_delete": stop_and_delete}

if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    role_arn, schedule = sys.argv[1:]
    told = sys.stdout
    sys.stdout = sys.stderr  # whatever the SDK has to say besides
    for step in map(str.strip, sys.stdin):
        told.write(json.dumps(STEPS[step](Session(), role_arn, schedule), default=str) + "\n")
        told.flush()
