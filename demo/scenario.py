"""The story: seven hours of two endpoints, from the deployment through a drift to the model that copes with it."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from demo import deploy, models, traffic
from demo.account import TwinAccount
from demo.breast_cancer import BREAST_CANCER
from demo.covertype import BROKEN_ABSENT, BROKEN_TYPE, COVERTYPE, DRIFTING
from demo.data import Dataset, Mode, Request
from demo.observations import Hour, Observed, Reviewed, Sent, Story, Training
from demo.observe import HOUR, Observer, list_keys
from demo.reviewers import Reviewers
from demo.timeline import Timeline
from twin.server import Twin

START = datetime(2026, 3, 2, 6, tzinfo=UTC)
REVIEWED_ROWS = "-review.csv"  # how files of a training set end that hold what people labelled
CLERK = timedelta(minutes=17)  # one round of the clerk of human review, after the time for an undo
JUDGED = timedelta(minutes=46)  # into the next hour: executions, their metrics, alarms and the reconciler are over
UNSEEN = "adapted"  # no training saw its records: a new model is measured on them

HOURS = (
    Hour("healthy", Mode.HEALTHY, "Requests look like the training data."),
    Hour("healthy", Mode.HEALTHY, "They still do."),
    Hour("quiet", Mode.QUIET, "Nobody calls. That is no fault, and nobody should be woken."),
    Hour(
        "broken",
        Mode.BROKEN,
        f"A client writes {BROKEN_TYPE} as 37.0 and leaves {BROKEN_ABSENT} out: for people to fix.",
    ),
    Hour("drifting", Mode.DRIFTING, f"{DRIFTING} arrives in Celsius instead of Fahrenheit: well formed, and wrong."),
    Hour(
        "adapted",
        Mode.DRIFTING,
        "Celsius has come to stay, and the model that learnt it serves, with a baseline of its own.",
    ),
    Hour(
        "drifting again", Mode.HEALTHY, "Fahrenheit once more: a drift by now, inside the cool-down of the retraining."
    ),
)


@dataclass
class Paths:
    """Where the demo leaves things."""

    root: Path

    @property
    def models(self) -> Path:
        return self.root / "models"

    @property
    def reports(self) -> Path:
        return self.root / "reports"

    @property
    def capture(self) -> Path:
        return self.root / "capture"

    @property
    def labels(self) -> Path:
        return self.root / "ground-truth"

    @property
    def training(self) -> Path:
        return self.root / "training"

    @property
    def summary(self) -> Path:
        return self.root / "summary.json"

    @property
    def calls(self) -> Path:
        return self.root / "calls.json"

    def clear(self) -> None:
        """Remove what an earlier demo left."""
        for folder in (self.models, self.reports, self.capture, self.labels, self.training):
            shutil.rmtree(folder, ignore_errors=True)
        self.summary.unlink(missing_ok=True)
        self.calls.unlink(missing_ok=True)
        (self.root / "failure.log").unlink(missing_ok=True)
        self.root.mkdir(parents=True, exist_ok=True)


@dataclass
class Scenario:
    """One run of the story in one twin."""

    twin: Twin
    paths: Paths
    timeline: Timeline
    story: Story = field(default_factory=Story)
    models: dict[str, models.Model] = field(default_factory=dict)
    drifted: Sequence[Request] = ()

    def __post_init__(self) -> None:
        self.account = TwinAccount(self.twin)
        self.observer = Observer(self.account, self.paths.root)

    def run(self) -> Story:
        """Everything, in order."""
        self._prepare()
        outputs = self._deploy()
        self._live(outputs)
        self._examine_training()
        self.story.decisions = [found for name in self.models for found in self.observer.decisions(name)]
        self.story.releases = self.observer.releases(deploy.ENVIRONMENT, deploy.output(outputs, "ReportsBucket"))
        self._examine_identity()
        self._collect(outputs)
        return self.story

    def _prepare(self) -> None:
        """What is there before the kit: an account with the CLI's own stack, a bucket with models and data."""
        self.timeline.chapter("Before the kit arrives")
        bucket = f"model-monitor-demo-{self.twin.account}"
        with self.timeline.step("train the first models, bootstrap the account") as report:
            with ThreadPoolExecutor() as pool:
                bootstrap = pool.submit(deploy.bootstrap, self.twin)
                s3 = self.account.client("s3")
                s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": self.twin.region})
                python = self.twin.xgboost_python
                for model in pool.map(
                    lambda dataset: models.train(dataset, self.paths.models / dataset.endpoint, python),
                    (COVERTYPE, BREAST_CANCER),
                ):
                    models.upload(model, bucket, s3)
                    self.models[model.endpoint] = model
                bootstrap.result()
            report(", ".join(f"{model.endpoint} {model.accuracy:.1%} right" for model in self.models.values()))

    def _deploy(self) -> deploy.Outputs:
        self.timeline.chapter("Deployment")
        with self.timeline.step(f"cdk deploy --all -c env={deploy.ENVIRONMENT}") as report:
            outputs = deploy.deploy(self.twin, self.paths.root / "cdk", report)
            self.story.stacks = sorted(outputs)
            report(f"{len(outputs)} stacks")
        self.story.baselines = self.observer.baselines(deploy.ENVIRONMENT, list(self.models))
        for endpoint, version in self.story.baselines.items():
            self.timeline.note(f"baseline of {endpoint}: {version}")
        self.story.image = deploy.image(self.twin)
        self.timeline.note(f"monitor image: {self.story.image}; its entry point runs from its own lock")
        return outputs

    def _live(self, outputs: deploy.Outputs) -> None:
        schedules = self.observer.schedules(deploy.ENVIRONMENT)
        self.observer.runs = deploy.output(outputs, "RunsTable")
        labels = deploy.output(outputs, "GroundTruthBucket")
        places = {name: deploy.output(outputs, name) for name in ("ReviewPage", "ReviewersPool")}
        people = self.account.client("cognito-idp")
        self.reviewers = Reviewers.invited(self.twin.apis, people, deploy.ENVIRONMENT, BREAST_CANCER.endpoint, places)
        for number, phase in enumerate(HOURS):
            start = START + number * HOUR
            calls = [
                (COVERTYPE, COVERTYPE.traffic(number, phase.mode, traffic.RECORDS_AN_HOUR)),
                (BREAST_CANCER, BREAST_CANCER.traffic(number, phase.companion, traffic.RECORDS_AN_HOUR)),
            ]
            if phase.phase == UNSEEN:
                self.drifted = calls[0][1]
            self.timeline.hour(phase, start, start + HOUR)
            for hour in self._hour(phase, start, calls, schedules, labels):
                self.story.hours.append(hour)
                self.timeline.observed(hour)
        self.twin.advance(CLERK)  # the last answers become labels
        self.story.review = self._labelled(labels)
        self.timeline.reviewed(self.story.review)

    def _hour(
        self,
        phase: Hour,
        start: datetime,
        calls: Sequence[tuple[Dataset, Sequence[Request]]],
        schedules: dict[str, str],
        labels: str,
    ) -> list[Observed]:
        with self.timeline.working(f"{phase.phase}: requests, then the hour is judged"):
            sent = traffic.send(calls, start, self.twin.advance_to, self.account.client("sagemaker-runtime"))
            for dataset, requests in calls:
                traffic.label(dataset, requests, start, labels, self.account.client("s3"))
            self.twin.advance_to(start + HOUR + JUDGED)
            found = [
                self.observer.hour(name, schedules[name], phase.phase, start, sent.get(name, Sent()))
                for name in (dataset.endpoint for dataset, _ in calls)
            ]
        with self.timeline.working("people look at what the model was not sure of"):
            self._review(calls)
        return found

    def _review(self, calls: Sequence[tuple[Dataset, Sequence[Request]]]) -> None:
        for dataset, requests in calls:
            if dataset.is_reviewed and requests:
                self.reviewers.learn(requests)
                self.reviewers.work()

    def _labelled(self, labels: str) -> Reviewed:
        """What became labels, once the last answers are written."""
        endpoint, s3 = self.reviewers.endpoint, self.account.client("s3")
        keys = [key.rpartition("/")[2] for key in list_keys(s3, labels, f"{endpoint}/ground-truth/")]
        written = sum(name.startswith("review-") for name in keys)
        parts = [key for part in ("training", "holdout") for key in list_keys(s3, labels, f"{endpoint}/{part}/")]
        rows = sum(key.endswith(REVIEWED_ROWS) for key in parts)
        routed = Counter[str]()
        for hour in self.story.of(endpoint):
            routed.update(hour.routed)
        return self.reviewers.told(routed.total(), routed["routed_sample"], written, rows)

    def _examine_training(self) -> None:
        """Unpack what the training jobs wrote, and ask the new model about a drifting hour that it never saw."""
        sagemaker = self.account.client("sagemaker")
        for name in sorted(self.observer.seen_training_jobs):
            described = sagemaker.describe_training_job(TrainingJobName=name)
            uri = described.get("ModelArtifacts", {}).get("S3ModelArtifacts", "")
            training = Training(name, described["TrainingJobStatus"], uri, failure=described.get("FailureReason", ""))
            self.story.trainings.append(training)
            if training.status == "Completed" and uri:
                with self.timeline.working("the new model answers the last drifting hour"):
                    self._examine(training)

    def _examine(self, training: Training) -> None:
        bucket, _, key = training.artifact.removeprefix("s3://").partition("/")
        self.paths.training.mkdir(parents=True, exist_ok=True)
        archive = self.paths.training / f"{training.name}.tar.gz"
        self.account.client("s3").download_file(bucket, key, str(archive))
        folder = self.paths.training / training.name
        metadata = models.unpack(archive, folder)
        training.is_artifact_there = (folder / "model.json").is_file()
        training.rows = metadata["rows"]
        training.validation_accuracy = metadata["metrics"].get("validation-accuracy")
        code = self.paths.models / "covertype" / "code"
        first = self.paths.models / "covertype" / "model"
        training.accuracy_before = models.accuracy(first, code, self.drifted, self.twin.xgboost_python)
        training.accuracy_after = models.accuracy(folder, code, self.drifted, self.twin.xgboost_python)

    def _examine_identity(self) -> None:
        self.story.identity_findings, self.story.identity_calls = self.account.check_identity()
        self.paths.calls.write_text(json.dumps(self.account.calls(), indent=2) + "\n", encoding="utf-8")

    def _collect(self, outputs: deploy.Outputs) -> None:
        """Copy the captured files and their labels out of the account, which ends with this process."""
        capture, truth = deploy.output(outputs, "CaptureBucket"), deploy.output(outputs, "GroundTruthBucket")
        s3 = self.account.client("s3")
        wanted = [(capture, key, self.paths.root / key) for key in list_keys(s3, capture, "capture/")]
        for endpoint in self.models:
            prefix = f"{endpoint}/ground-truth/"
            folder = self.paths.labels / endpoint
            wanted += [(truth, key, folder / key.removeprefix(prefix)) for key in list_keys(s3, truth, prefix)]
        with ThreadPoolExecutor() as pool:
            for bucket, key, path in wanted:
                path.parent.mkdir(parents=True, exist_ok=True)
                pool.submit(s3.download_file, bucket, key, str(path))
