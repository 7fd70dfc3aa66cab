"""The image's entry point as a Lambda function: a process asked over the runtime interface, with an S3 on loopback.

What the service takes to start a container is not in it. The S3 is the embedded AWS's, in Python: slower than the real one.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import capture, jobs, measure
from twin.functions.images import Environment

PATIENCE = 120.0
KEYS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_REGION": "eu-west-1",
    "AWS_DEFAULT_REGION": "eu-west-1",
}


class Seconds(NamedTuple):
    """cold: of a new process until its first answer; warm: of its second; served: of the S3's processor during the first, since
    the S3 runs in this process, which does nothing else meanwhile."""

    cold: float
    warm: float
    served: float


class Function:
    """A function over one window's capture, and its account."""

    def __init__(self, data: Path, baseline: Path, configuration: Path) -> None:
        from moto.server import ThreadedMotoServer

        logging.getLogger("werkzeug").setLevel(logging.ERROR)  # a line for each request else
        self._server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
        self._server.start()
        host, port = self._server.get_host_and_port()
        self._variables = KEYS | {"AWS_ENDPOINT_URL": f"http://{host}:{port}"}
        self._folder = jobs.BUILD / "function"
        self._bucket = f"bench-{data.parent.name.replace('_', '-')}"  # servers of one process share what they hold
        self._request = self._store(
            {"endpoint": data, "baseline": baseline, "config": configuration.parent}, configuration
        )

    def close(self) -> None:
        """End the account."""
        self._server.stop()

    def seconds(self) -> Seconds:
        """Of a new process and its first two answers."""
        began, served = time.perf_counter(), time.process_time()
        with self._process() as process:
            self._ask(process, "cold")
            answered, served = time.perf_counter(), time.process_time() - served
            self._ask(process, "warm")
            return Seconds(answered - began, time.perf_counter() - answered, served)

    def medians(self, repeats: int) -> Seconds:
        """Of some processes, after one that is not counted."""
        runs = [self.seconds() for _ in range(repeats + 1)][1:]
        return Seconds(*map(statistics.median, zip(*runs, strict=True)))

    @contextmanager
    def _process(self) -> Iterator[Environment]:
        shutil.rmtree(self._folder, ignore_errors=True)
        python = str(jobs.ROOT / "build/venv/image/bin/python")
        own = {"PYTHONPATH": str(jobs.ROOT / "monitor_image"), "PATH": os.environ["PATH"]}
        variables = measure.as_installed() | self._variables | own
        process = Environment([python, "-m", "model_monitor"], variables, self._folder, {"TMPDIR": "/tmp"})
        try:
            yield process
        finally:
            process.close()

    def _ask(self, process: Environment, name: str) -> None:
        answer = process.invoke(name, "arn", json.dumps(self._request).encode(), PATIENCE)
        if answer.error or answer.payload["status"] != 0:
            raise SystemExit(f"the function failed: {answer.error or answer.payload}\n{answer.log[-2000:]}")

    def _store(self, inputs: dict[str, Path], configuration: Path) -> dict[str, Any]:
        """Put the inputs, and give the request of a job that reads them."""
        import boto3

        given = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing", "region_name": "eu-west-1"}
        s3 = boto3.client("s3", endpoint_url=self._variables["AWS_ENDPOINT_URL"], **given)
        s3.create_bucket(Bucket=self._bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        for name, folder in inputs.items():
            paths = (
                [configuration] if name == "config" else sorted(each for each in folder.rglob("*") if each.is_file())
            )
            for path in paths:
                s3.put_object(
                    Bucket=self._bucket, Key=f"{name}/{path.relative_to(folder).as_posix()}", Body=path.read_bytes()
                )
        local = "/opt/ml/processing/{}"
        return {
            "ProcessingJobName": "bench",
            "Environment": {
                "dataset_format": '{"sagemakerCaptureJson": {"captureIndexNames": ["endpointInput", "endpointOutput"]}}',
                "dataset_source": local.format("endpoint"),
                "output_path": local.format("output"),
                "publish_cloudwatch_metrics": "Disabled",
                "monitor_config": f"{local.format('config')}/{configuration.name}",
                "monitor_baseline": local.format("baseline"),
                "sagemaker_endpoint_name": capture.ENDPOINT,
                "sagemaker_monitoring_schedule_name": "bench",
                "start_time": f"{capture.HOUR:%Y-%m-%dT%H:%M:%SZ}",
                "end_time": f"{capture.HOUR.replace(hour=capture.HOUR.hour + 1):%Y-%m-%dT%H:%M:%SZ}",
            },
            "ProcessingInputs": [
                {
                    "InputName": name,
                    "S3Input": {"S3Uri": f"s3://{self._bucket}/{name}", "LocalPath": local.format(name)},
                }
                for name in inputs
            ],
            "ProcessingOutputConfig": {
                "Outputs": [
                    {
                        "OutputName": "reports",
                        "S3Output": {"S3Uri": f"s3://{self._bucket}/reports", "LocalPath": local.format("output")},
                    }
                ]
            },
        }
