"""SageMaker transform jobs: objects are split into payloads, a model's serving container answers, the answers are put together.

Everything is read and written with the model's role, as at the service; the job has none of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from botocore.exceptions import ClientError

from twin import objects
from twin.sagemaker import batch_capture
from twin.sagemaker.containers import Container, Containers, DoesNotServe
from twin.sagemaker.jobs import NAME, REASON_MAX, Job, Jobs, Outcome, invalid
from twin.sagemaker.models import Models, Served
from twin.sagemaker.tags import Tags
from twin.surroundings import Surroundings
from twin.workers import Workers

MEGABYTE: Final = 2**20
DEFAULT_MEGABYTES: Final = 6
MOST_MEGABYTES: Final = 100
SEE_LOGS: Final = "See job logs for more information"
SETTINGS: Final = (
    "TransformJobName",
    "ModelName",
    "MaxConcurrentTransforms",
    "ModelClientConfig",
    "MaxPayloadInMB",
    "BatchStrategy",
    "Environment",
    "TransformInput",
    "TransformOutput",
    "TransformResources",
    "DataProcessing",
    "DataCaptureConfig",
    "Tags",
)


@dataclass(eq=False)
class TransformJob(Job):
    """A transform job."""

    kind = "Transform"
    in_summaries = ("FailureReason",)

    @property
    def strategy(self) -> str:
        return str(self.settings.get("BatchStrategy") or "MultiRecord")

    @property
    def limit(self) -> int:
        """The most bytes of a payload; 0: any."""
        return int(self.settings.get("MaxPayloadInMB", DEFAULT_MEGABYTES)) * MEGABYTE

    def say(self, line: str) -> None:
        """Write into the job's log."""
        with self.log.open("a") as log:
            log.write(f"[sagemaker logs]: {line}\n")


class _Bad(Exception):
    """An object that cannot be transformed: whose fault it is, as the service says it, and why."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind


class TransformJobs(Jobs[TransformJob, Outcome]):
    """All transform jobs of the account."""

    job, outcome = TransformJob, Outcome
    folder = "transform"
    is_taken = "there is a transform job already: {arn}"
    is_missing = "Could not find requested job with name: {name}"

    def __init__(self, twin: Surroundings, workers: Workers, tags: Tags, models: Models) -> None:
        super().__init__(twin, workers, tags)
        self._models, self._containers = models, Containers(twin)

    def _check(self, settings: Mapping[str, Any]) -> None:
        check(settings)
        self._models.served(settings["ModelName"])

    def _instance(self, settings: Mapping[str, Any]) -> str:
        return str(settings["TransformResources"]["InstanceType"])

    def _work(self, job: TransformJob) -> Outcome:
        job.home.mkdir(parents=True, exist_ok=True)
        job.say(f"MaxPayloadInMB={job.limit // MEGABYTE}, BatchStrategy={job.strategy}")
        served, identity = self._models.served(job.settings["ModelName"]), f"transform-{job.name}"
        s3 = self._twin.client("s3", served.role)
        try:
            container = self._containers.of(identity, self._container(job, served), served.role)
            read = []
            for uri, relative in _inputs(s3, job.settings["TransformInput"]["DataSource"]["S3DataSource"]):
                if job.running.is_stopped:
                    return Outcome("Stopped")
                self._transform(job, s3, container, uri, relative)
                read.append((uri, relative))
            _capture(job, s3, read)
        except objects.NothingThere as error:
            return Outcome("Failed", f"ClientError: {error}"[:REASON_MAX])
        except ClientError as error:
            return Outcome("Failed", f"ClientError: the outputs cannot be uploaded: {error}"[:REASON_MAX])
        except (DoesNotServe, OSError) as error:
            job.say(str(error))
            return Outcome("Failed", f"AlgorithmError: {SEE_LOGS}")
        except _Bad as error:
            job.say(str(error))
            return Outcome("Failed", f"{error.kind}: {SEE_LOGS}")
        finally:
            self._containers.end(identity)
        return Outcome("Stopped" if job.running.is_stopped else "Completed")

    def _container(self, job: TransformJob, served: Served) -> dict[str, Any]:
        """The model's container with the job's variables and those by which it knows that no endpoint asks it."""
        of_batch = {
            "SAGEMAKER_BATCH": "true",
            "SAGEMAKER_MAX_PAYLOAD_IN_MB": str(job.limit // MEGABYTE),
            "SAGEMAKER_BATCH_STRATEGY": "SINGLE_RECORD" if job.strategy == "SingleRecord" else "MULTI_RECORD",
            "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS": "1",
        }
        own = served.container.get("Environment") or {}
        return {**served.container, "Environment": {**own, **of_batch, **(job.settings.get("Environment") or {})}}

    def _transform(self, job: TransformJob, s3: Any, container: Container, uri: str, relative: str) -> None:
        """One object: asked for, answered, stored. Raises: NothingThere, _Bad, ClientError when it cannot be stored."""
        source, output = job.settings["TransformInput"], job.settings["TransformOutput"]
        headers = {"Content-Type": source.get("ContentType") or "", "Accept": output.get("Accept") or "*/*"}
        headers = {name: value for name, value in headers.items() if value}
        answers = []
        for payload in payloads(_read(s3, uri), source.get("SplitType") or "None", job.strategy, job.limit):
            reply = container.invoke(payload, headers)
            if reply.status != 200:
                text = reply.body.decode("utf-8", "replace")[:REASON_MAX]
                message = f"{uri}: Bad HTTP status received from algorithm: {reply.status}\n{uri}: Message:\n{text}"
                raise _Bad("ClientError" if reply.status < 500 else "AlgorithmError", message)
            answers.append(reply.body)
        bucket, prefix = objects.split(output["S3OutputPath"])
        key = "/".join(part for part in (prefix, f"{relative}.out") if part)
        whole, capture = (
            assembled(answers, output.get("AssembleWith") or "None"),
            job.settings.get("DataCaptureConfig") or {},
        )
        if capture.get("GenerateInferenceId"):
            whole = batch_capture.with_ids(whole, f"{job.name}/{relative}", job.created)
        objects.put(s3, bucket, key, whole, output.get("KmsKeyId"))

    def _settle(self, job: TransformJob, outcome: Outcome) -> None:
        last = job.log.read_text("utf-8", "replace").strip().rpartition("\n")[2] if outcome.failure else ""
        text = f"{job.name} {job.status}" + (f": {outcome.failure} ({last})" if outcome.failure else "")
        self._twin.journal.add("transform", text, job=job.name, status=job.status, log=str(job.log))


def _capture(job: TransformJob, s3: Any, read: Sequence[tuple[str, str]]) -> None:
    """The lists of what was read and written, where the job asks for them."""
    capture = job.settings.get("DataCaptureConfig")
    if not capture or not read:
        return
    names, out = [relative for _, relative in read], str(job.settings["TransformOutput"]["S3OutputPath"]).rstrip("/")
    (prefix,) = {uri.removesuffix(relative) for uri, relative in read}
    sides = {"input": (prefix, names), "output": (f"{out}/", [f"{name}.out" for name in names])}
    for uri, content in batch_capture.manifests(capture, job.name, job.created, sides):
        bucket, key = objects.split(uri)
        objects.put(s3, bucket, key, content, capture.get("KmsKeyId"))


def check(settings: Mapping[str, Any]) -> None:
    """Refuse what the service refuses, and what would not really run here. Raises: ApiError."""
    name, source, output = settings["TransformJobName"], settings["TransformInput"], settings["TransformOutput"]
    if not NAME.fullmatch(name):
        raise invalid(f"TransformJobName {name}: 1 to 63 letters, digits and inner hyphens")
    surplus = sorted(key for key in settings if key not in SETTINGS and settings[key])
    if surplus:
        raise invalid(f"{name}: {', '.join(surplus)} is not in the twin")
    unknown = sorted(set(settings.get("DataCaptureConfig") or {}) - batch_capture.SETTINGS)
    if unknown:
        raise invalid(f"{name}: DataCaptureConfig has no {', '.join(unknown)} for transform jobs")
    kind = source["DataSource"]["S3DataSource"]["S3DataType"]
    chosen = {
        "S3DataType": (kind, ("S3Prefix", "ManifestFile")),
        "SplitType": (source.get("SplitType") or "None", ("None", "Line")),
        "CompressionType": (source.get("CompressionType") or "None", ("None",)),
        "AssembleWith": (output.get("AssembleWith") or "None", ("None", "Line")),
        "BatchStrategy": (settings.get("BatchStrategy") or "MultiRecord", ("SingleRecord", "MultiRecord")),
        **_processing(settings.get("DataProcessing") or {}),
    }
    for what, (given, known) in chosen.items():
        if given not in known:
            raise invalid(f"{name}: {what} {given} is not in the twin; it has {', '.join(known)}")
    if settings["TransformResources"]["InstanceCount"] != 1:
        raise invalid(f"{name}: transform jobs on several instances are not in the twin")
    megabytes = settings.get("MaxPayloadInMB", DEFAULT_MEGABYTES)
    if (
        not 0 <= megabytes <= MOST_MEGABYTES
        or megabytes * (settings.get("MaxConcurrentTransforms") or 1) > MOST_MEGABYTES
    ):
        raise invalid(f"{name}: MaxPayloadInMB times MaxConcurrentTransforms is at most {MOST_MEGABYTES}")


def _processing(asked: Mapping[str, Any]) -> dict[str, tuple[str, tuple[str, ...]]]:
    """What DataProcessing asks for, and what of it does nothing."""
    filters = {name: (str(asked.get(name) or "$"), ("$",)) for name in ("InputFilter", "OutputFilter")}
    return {**filters, "JoinSource": (str(asked.get("JoinSource") or "None"), ("None",))}


def _inputs(s3: Any, source: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(URI, path below the output) of each object. Raises: NothingThere."""
    uri = source["S3Uri"]
    if source["S3DataType"] == "ManifestFile":
        yield from objects.manifest(s3, uri)
        return
    bucket, is_empty = objects.split(uri)[0], True
    try:
        for key, relative in objects.keys(s3, uri):
            is_empty = False
            yield f"s3://{bucket}/{key}", relative
    except ClientError as error:
        raise objects.NothingThere(f"{uri}: {error}") from error
    if is_empty:
        raise objects.NothingThere(f'No S3 objects found under S3 URL "{uri}"')


def _read(s3: Any, uri: str) -> bytes:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    try:
        return bytes(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
    except ClientError as error:
        raise objects.NothingThere(f"{uri}: {error}") from error


def payloads(content: bytes, split: str, strategy: str, limit: int) -> Iterator[bytes]:
    """An object as the requests that it becomes; `limit` is the most bytes of one (0: any). Raises: _Bad."""
    records = content.removesuffix(b"\n").split(b"\n") if split == "Line" else [content]
    if split == "Line" and not content:
        return
    waiting: list[bytes] = []
    size = 0
    for record in records:
        if limit and len(record) > limit:
            raise _Bad("ClientError", f"a record of {len(record)} bytes is larger than MaxPayloadInMB, {limit} bytes")
        if waiting and (strategy == "SingleRecord" or (limit and size + len(record) > limit)):
            yield b"\n".join(waiting)
            waiting, size = [], 0
        waiting.append(record)
        size += len(record) + 1
    yield b"\n".join(waiting)


def assembled(answers: list[bytes], how: str) -> bytes:
    """The answers to an object's requests as one object."""
    if how == "None":
        return b"".join(answers)
    return b"".join(answer if answer.endswith(b"\n") else answer + b"\n" for answer in answers)
