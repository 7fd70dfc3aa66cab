"""Makes a schedule of each of SageMaker's four monitors with the real `sagemaker` SDK; run in the SDK's own environment by
tests/twin/test_adopt.py. What it needs is there: endpoint `churn` that captures, buckets, baselines."""

from __future__ import annotations

import logging
import sys
from typing import Any

from sagemaker.core.clarify import BiasConfig, ModelConfig, SHAPConfig
from sagemaker.core.helper.session_helper import Session
from sagemaker.core.model_monitor import (
    CronExpressionGenerator,
    DefaultModelMonitor,
    EndpointInput,
    ModelBiasMonitor,
    ModelExplainabilityMonitor,
    ModelQualityMonitor,
)
from sagemaker.core.model_monitor.clarify_model_monitoring import BiasAnalysisConfig, ExplainabilityAnalysisConfig

ENDPOINT = "churn"
INPUT = "/opt/ml/processing/input/endpoint"
FEATURES = ["age", "calls"]
HEADERS = ["churned", *FEATURES]


def made(kind: Any, role: str, **more: Any) -> Any:
    return kind(role=role, max_runtime_in_seconds=1800, sagemaker_session=Session(default_bucket="reports"), **more)


def main(role: str) -> None:
    """Names as people choose them: two begin with the endpoint's, two do not."""
    common = {"output_s3_uri": "s3://reports/mm"}
    endpoint = EndpointInput(endpoint_name=ENDPOINT, destination=INPUT)
    answers = EndpointInput(
        endpoint_name=ENDPOINT,
        destination=INPUT,
        inference_attribute="0",
        probability_attribute="1",
        probability_threshold_attribute=0.8,
        start_time_offset="-P8D",
        end_time_offset="-P7D",
    )
    made(DefaultModelMonitor, role, env={"secret_setting": "hush"}).create_monitoring_schedule(
        endpoint_input=endpoint,
        constraints="s3://baselines/dq/constraints.json",
        statistics="s3://baselines/dq/statistics.json",
        monitor_schedule_name="churn-data-quality",
        schedule_cron_expression=CronExpressionGenerator.hourly(),
        **common,
    )
    made(ModelQualityMonitor, role, instance_type="ml.m5.2xlarge").create_monitoring_schedule(
        endpoint_input=answers,
        ground_truth_input="s3://labels/churn",
        problem_type="BinaryClassification",
        constraints="s3://baselines/mq/constraints.json",
        monitor_schedule_name="Quality of churn".replace(" ", "-"),
        schedule_cron_expression=CronExpressionGenerator.daily(),
        **common,
    )
    made(ModelBiasMonitor, role).create_monitoring_schedule(
        endpoint_input=answers,
        ground_truth_input="s3://labels/churn",
        analysis_config=BiasAnalysisConfig(
            BiasConfig(label_values_or_threshold=[1], facet_name="age", facet_values_or_threshold=[60]),
            headers=HEADERS,
            label="churned",
        ),
        constraints="s3://baselines/bias/analysis.json",
        monitor_schedule_name="churn-bias",
        schedule_cron_expression=CronExpressionGenerator.daily(),
        **common,
    )
    model = ModelConfig(
        model_name="m", instance_count=1, instance_type="ml.m5.large", content_type="text/csv", accept_type="text/csv"
    )
    shap = SHAPConfig(baseline=[[40, 2]], num_samples=50, agg_method="mean_abs", save_local_shap_values=False)
    made(ModelExplainabilityMonitor, role).create_monitoring_schedule(
        endpoint_input=EndpointInput(endpoint_name=ENDPOINT, destination=INPUT, inference_attribute="1"),
        analysis_config=ExplainabilityAnalysisConfig(shap, model, headers=FEATURES),
        constraints="s3://baselines/shap/analysis.json",
        monitor_schedule_name="churn-explainability",
        schedule_cron_expression=CronExpressionGenerator.daily_every_x_hours(hour_interval=6, starting_hour=8),
        **common,
    )


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    main(sys.argv[1])
