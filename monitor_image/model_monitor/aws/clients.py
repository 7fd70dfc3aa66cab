"""One way to make a client of boto3, and to know its Region: boto3 itself reads AWS_DEFAULT_REGION, jobs are told AWS_REGION."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from model_monitor.contract import OPT_ML, PROCESSING_JOB_CONFIG, Variable
from model_monitor.errors import MonitorError

if TYPE_CHECKING:
    from botocore.config import Config

VARIABLES: Final = (Variable.REGION, Variable.DEFAULT_REGION)


def region() -> str | None:
    """Where this process runs: as the variables say, else as the job's ARN does. None leaves it to boto3's own files."""
    return next(filter(None, map(os.environ.get, VARIABLES)), None) or _region_of_job()


def client(service: str, config: Config) -> Any:
    """Raises: MonitorError where nothing names a Region."""
    import boto3
    from botocore.exceptions import NoRegionError

    try:
        return boto3.client(service, region_name=region(), config=config)
    except NoRegionError as error:
        raise MonitorError("AWS is needed but no region is set. Set AWS_REGION.") from error


def _region_of_job() -> str | None:
    """From the ARN that the service mounts beside the job's inputs: arn:partition:sagemaker:REGION:account:processing-job/name."""
    root = os.environ.get(Variable.ROOT) or OPT_ML
    try:
        content = json.loads(Path(root + PROCESSING_JOB_CONFIG.removeprefix(OPT_ML)).read_bytes())
        return str(content["ProcessingJobArn"]).split(":")[3] or None
    except (OSError, ValueError, LookupError, TypeError):
        return None  # on a laptop, or in a container of somebody else's
