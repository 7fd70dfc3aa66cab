"""One way to make a client of botocore, with what a job knows of itself: its Region, and the key of what it writes.

botocore itself reads AWS_DEFAULT_REGION alone, and jobs are told AWS_REGION. boto3 would add nothing but the time it takes to
import, which is a tenth of a small window's.
"""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from model_monitor.contract import OPT_ML, PROCESSING_JOB_CONFIG, Variable
from model_monitor.errors import MonitorError

if TYPE_CHECKING:
    from botocore.config import Config
    from botocore.session import Session

VARIABLES: Final = (Variable.REGION, Variable.DEFAULT_REGION)
AWS: Final = "AWS_"  # begins the names of all variables that tell botocore something
Told = tuple[tuple[str, str], ...]


def region() -> str | None:
    """Where this process runs: as the variables say, else as the job's ARN does. None leaves it to botocore's own files."""
    return next(filter(None, map(os.environ.get, VARIABLES)), None) or _region_of_job()


def client(service: str, config: Config) -> Any:
    """Raises: MonitorError where nothing names a Region."""
    from botocore.exceptions import NoRegionError

    try:
        return _session(told()).create_client(service, region_name=region(), config=config)
    except NoRegionError as error:
        raise MonitorError("AWS is needed but no region is set. Set AWS_REGION.") from error


def told() -> Told:
    """What this process is told of AWS: who it is, where, and by which way."""
    return tuple(sorted(each for each in os.environ.items() if each[0].startswith(AWS)))


@cache
def _session(told: Told) -> Session:  # noqa: ARG001 (what it reads by itself)
    """One for whatever is told: what services look like is read once."""
    from botocore.session import get_session

    return get_session()


def output_key() -> str | None:
    """The KMS key of the job's outputs, for what it writes to S3 by itself: some buckets refuse objects without one."""
    outputs = _mounted().get("ProcessingOutputConfig")
    key = outputs.get("KmsKeyId") if isinstance(outputs, dict) else None
    return key if isinstance(key, str) and key else None


def _region_of_job() -> str | None:
    """From the job's ARN: arn:partition:sagemaker:REGION:account:processing-job/name."""
    parts = str(_mounted().get("ProcessingJobArn")).split(":")
    return parts[3] or None if len(parts) > 3 else None


_root: str | None = None  # of a process that runs one job after another, each in a folder of its own


def stand_at(root: Path | None) -> None:
    """Have the job whose folder this is be the one that is asked about; None: the one that the variables name."""
    global _root
    _root = None if root is None else str(root)


def _mounted() -> dict[str, Any]:
    """What the service mounts about the job; empty on a laptop, or in a container of somebody else's."""
    root = _root or os.environ.get(Variable.ROOT) or OPT_ML
    try:
        content = json.loads(Path(root + PROCESSING_JOB_CONFIG.removeprefix(OPT_ML)).read_bytes())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
