"""Places in S3: a bucket and what its keys begin with. What a role may do is granted for places, never for whole buckets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from aws_cdk import Aws, aws_s3 as s3

PARTITION: Final = Aws.PARTITION  # asked once: each time is a call to the CDK


@dataclass(frozen=True)
class Place:
    """Objects whose keys begin with `prefix`; a folder ends with a slash, a single object is its whole key."""

    bucket_name: str
    bucket_arn: str
    prefix: str

    @classmethod
    def of(cls, bucket: s3.IBucket, prefix: str) -> Place:
        """Below a bucket of ours or one that was brought."""
        return cls(bucket.bucket_name, bucket.bucket_arn, prefix)

    @classmethod
    def at(cls, uri: str) -> Place:
        """From an S3 URI of the settings."""
        bucket, _, prefix = uri.removeprefix("s3://").partition("/")
        return cls(bucket, f"arn:{PARTITION}:s3:::{bucket}", prefix)

    @classmethod
    def folder(cls, uri: str) -> Place:
        """From an S3 URI that means a folder, however it ends: `labels` grants nothing of `labels-old/`."""
        place = cls.at(uri)
        return place if not place.prefix or place.prefix.endswith("/") else place.below()

    def below(self, *parts: str) -> Place:
        """A folder of this folder."""
        return Place(self.bucket_name, self.bucket_arn, "/".join((self.prefix.rstrip("/"), *parts)).lstrip("/") + "/")

    @property
    def uri(self) -> str:
        """Without a slash at the end, as SageMaker's settings are written."""
        return f"s3://{self.bucket_name}/{self.prefix.rstrip('/')}".rstrip("/")

    @property
    def folder_uri(self) -> str:
        """With whatever slash the prefix has: as a prefix, `train/` does not match `train-old/`."""
        return f"s3://{self.bucket_name}/{self.prefix}"

    @property
    def objects_arn(self) -> str:
        """For policies: every object of this place."""
        return f"{self.bucket_arn}/{self.prefix}*"


@dataclass(frozen=True)
class TransformPlaces:
    """Below which batch transform jobs read and write."""

    inputs: Place
    outputs: Place


@dataclass(frozen=True, kw_only=True)
class EndpointPlaces:
    """Where the data of one endpoint lies.

    capture: the destination of the capture configuration, to which the service adds {endpoint}/{variant}/yyyy/mm/dd/hh.
    reports: the output of the schedules, to which the service adds {endpoint}/{schedule}/yyyy/mm/dd/hh.
    baseline: current.json and the version folders. pending: requests of baseline jobs that run.
    fresh: labelled rows to train on; holdout: those that no training sees, in a folder that no channel reads.
    sets: rows that retrainings ask models about, and their answers, by run.
    records: what came of retrainings, for audit; of all endpoints one, each below its name.
    history: by schedule, windows that wait for labels and scores by window.
    transform: of batch transform jobs in the place of an endpoint; their capture lists what lies there.
    """

    capture: Place
    reports: Place
    baseline: Place
    pending: Place
    ground_truth: Place
    fresh: Place
    holdout: Place
    sets: Place
    records: Place
    models: Place
    history: Place
    transform: TransformPlaces | None = None

    def captured(self, name: str) -> Place:
        """What is captured of an endpoint, or of transform jobs, which add no name to their destination."""
        return self.capture.below(name) if self.transform is None else self.capture.below()

    @property
    def listed(self) -> list[Place]:
        """What the plan of a run lists."""
        return [self.capture] if self.transform is None else [self.transform.inputs, self.transform.outputs]

    def read(self, name: str) -> list[Place]:
        """What runs read of it."""
        return [self.captured(name)] if self.transform is None else [self.transform.inputs, self.transform.outputs]
