"""Answers a custom resource; otherwise writes what it was given into the bucket."""

import json
import os
import urllib.request

import boto3


def handle(event, context):
    if "RequestType" not in event:
        boto3.client("s3").put_object(
            Bucket=os.environ["BUCKET"], Key=f"{context.aws_request_id}.json", Body=json.dumps(event)
        )
        return
    body = {
        "Status": "SUCCESS",
        "PhysicalResourceId": "thing",
        "Data": {"Answer": event["ResourceProperties"]["Threshold"]},
    }
    body |= {name: event[name] for name in ("StackId", "RequestId", "LogicalResourceId")}
    request = urllib.request.Request(event["ResponseURL"], json.dumps(body).encode(), method="PUT")
    urllib.request.urlopen(request).close()
