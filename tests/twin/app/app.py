"""A small CDK app with one of everything the kit uses; the twin's tests deploy it."""

from __future__ import annotations

from pathlib import Path

import aws_cdk as cdk
from aws_cdk import (
    aws_cloudwatch as cloudwatch,
    aws_cloudwatch_actions as actions,
    aws_ecr_assets as assets,
    aws_events as events,
    aws_events_targets as targets,
    aws_iam as iam,
    aws_kms as kms,
    aws_lambda as functions,
    aws_s3 as s3,
    aws_sns as sns,
    aws_sns_subscriptions as subscriptions,
    aws_ssm as ssm,
)

HERE = Path(__file__).resolve().parent


def main() -> None:
    app = cdk.App()
    environment = cdk.Environment(account="123456789012", region="eu-west-1")
    threshold = 0.2

    storage = cdk.Stack(app, "Storage", env=environment)
    key = kms.Key(storage, "Key", enable_key_rotation=True)
    bucket = s3.Bucket(
        storage,
        "Bucket",
        encryption=s3.BucketEncryption.KMS,
        encryption_key=key,
        enforce_ssl=True,
        block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
        lifecycle_rules=[s3.LifecycleRule(expiration=cdk.Duration.days(30))],
        removal_policy=cdk.RemovalPolicy.DESTROY,
    )
    assets.DockerImageAsset(storage, "Image", directory=str(HERE / "image"), platform=assets.Platform.LINUX_AMD64)

    loop = cdk.Stack(app, "Loop", env=environment)
    topic = sns.Topic(loop, "Topic", master_key=key)
    reader = functions.Function(
        loop,
        "Function",
        runtime=functions.Runtime.PYTHON_3_13,
        handler="handler.handle",
        code=functions.Code.from_asset(str(HERE / "function")),
        environment={"BUCKET": bucket.bucket_name},
    )
    bucket.grant_read_write(reader)
    topic.add_subscription(subscriptions.LambdaSubscription(reader))
    rule = events.Rule(loop, "Rule", schedule=events.Schedule.cron(minute="40"))
    rule.add_target(targets.LambdaFunction(reader))
    parameter = ssm.StringParameter(loop, "Parameter", parameter_name="/small/live", string_value="first")
    alarm = cloudwatch.Alarm(
        loop,
        "Alarm",
        metric=cloudwatch.Metric(namespace="small", metric_name="drift", dimensions_map={"Endpoint": "e"}),
        threshold=threshold,
        evaluation_periods=1,
    )
    alarm.add_alarm_action(actions.SnsAction(topic))
    thing = cdk.CustomResource(
        loop,
        "Thing",
        service_token=reader.function_arn,
        resource_type="Custom::Thing",
        properties={"Threshold": threshold},
    )
    thing.node.add_dependency(parameter)
    topic.add_to_resource_policy(
        iam.PolicyStatement(
            actions=["sns:Publish"],
            resources=[topic.topic_arn],
            principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
        )
    )
    cdk.CfnOutput(loop, "Answer", value=thing.get_att_string("Answer"))
    app.synth()


main()
