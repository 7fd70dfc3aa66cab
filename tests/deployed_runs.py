"""Runs of deployed schedules on this machine: the variables and the configuration file are those of the synthesized stacks.

The service's part (paths, window, names), the application's (requests, answers, labels) and SageMaker's endpoints are played here.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from model_monitor import container, contract
from model_monitor.aws import endpoints
from model_monitor.contract import Variable
from model_monitor.ground_truth_writer import write_labels
from stacks.settings.endpoint import Endpoint
from stacks.settings.monitor import Monitor
from tests.captures import HOUR, batched, columns_side, csv_side, event, json_side, write_capture, write_csv
from tests.synthesis import Assembly

RECORDS = 240
SIZE = 4  # records of a request
AGES = timedelta(days=365)  # after the window, when every label is due
WORDS = ("red", "green", "blue")
Record = dict[str, Any]
CODE = """
from model_monitor.custom import metric


@metric(name="cost", worse="greater", threshold=0.9)
def cost(table):
    return 0.2
"""


@dataclass(frozen=True)
class Schedule:
    """One deployed schedule, and what its settings say."""

    assembly: Assembly
    endpoint: str
    monitor: str

    @property
    def name(self) -> str:
        return contract.schedule_name(self.endpoint, self.monitor)

    @property
    def block(self) -> Endpoint:
        return self.assembly.settings.endpoints[self.endpoint]

    @property
    def settings(self) -> Monitor:
        return self.block.monitors[self.monitor]

    @property
    def features(self) -> tuple[str, ...]:
        return self.block.payload.names if self.block.payload else tuple(f"_c{n}" for n in range(6))

    @property
    def variables(self) -> dict[str, Any]:
        """Environment of its runs, whoever starts them."""
        if self.settings.is_managed:
            return dict(self.run["environment"])
        return dict(self.definition["Environment"])

    @property
    def run(self) -> dict[str, Any]:
        """What the control plane reads of a managed schedule."""
        name = f"{contract.monitors_prefix(self.assembly.settings.environment)}/{self.name}"
        (parameter,) = [found for found in self.assembly.properties("AWS::SSM::Parameter") if found.get("Name") == name]
        value = parameter["Value"]  # one text where all of it was brought
        parts = [value] if isinstance(value, str) else value["Fn::Join"][1]
        content: dict[str, Any] = json.loads("".join(part if isinstance(part, str) else "token" for part in parts))
        return content

    @property
    def definition(self) -> dict[str, Any]:
        """A job definition of Model Monitor."""
        (found,) = [
            properties["MonitoringScheduleConfig"]["MonitoringJobDefinition"]
            for properties in self.assembly.properties(
                "AWS::SageMaker::MonitoringSchedule", f"-{self.endpoint}-Monitoring"
            )
            if properties["MonitoringScheduleName"] == self.name
        ]
        return dict(found)

    @property
    def baseline_variables(self) -> dict[str, Any] | None:
        """Environment of the endpoint's deployed baseline job."""
        for step in self.assembly.properties("Custom::ModelBaseline", f"-{self.endpoint}-Monitoring"):
            parts = step["ProcessingJob"]["Fn::Join"][1]
            job = json.loads("".join(part if isinstance(part, str) else "token" for part in parts))
            return dict(job["Environment"])
        return None


def records(schedule: Schedule, seed: int) -> list[Record]:
    """Whole numbers, and words in every third feature unless a model is asked, which takes numbers alone; metadata are words."""
    values, settings = random.Random(seed), schedule.settings
    is_asked = settings.model_explainability is not None and settings.model_explainability.is_asked
    facets = settings.model_bias.facets if settings.model_bias else ()
    words = (*WORDS, *(value for facet in facets for value in facet.values if isinstance(value, str)))
    metadata = [field.name for field in schedule.block.payload.metadata] if schedule.block.payload else []

    def record() -> Record:
        features = {
            name: values.choice(words) if n % 3 == 2 and not is_asked else values.randrange(80)
            for n, name in enumerate(schedule.features)
        }
        return features | {name: values.choice(WORDS) for name in metadata}

    return [record() for _ in range(RECORDS)]


def said(schedule: Schedule, number: int, record: Record) -> Record:
    """What the model answers: a label and a score, and what each feature contributed where the mapping says so."""
    first = next(iter(record.values()))
    score = first / 80 if isinstance(first, int) else 0.5
    why = {place: [n + score for n in range(len(schedule.features))] for place in _places(schedule)}
    return {"payload_index": number % SIZE, "label": int(score > 0.5), "score": score, **why}


def _places(schedule: Schedule) -> list[str]:
    """Keys of a response that hold attributions."""
    places = schedule.block.payload.output.attributions if schedule.block.payload else None
    return list(map(str, places if isinstance(places, tuple) else [places])) if places else []


def truth(schedule: Schedule, number: int, record: Record) -> int:
    """What turned out to be true: every fifth answer is wrong."""
    return int(said(schedule, number, record)["label"]) ^ int(number % 5 == 0)


def local(schedule: Schedule, variables: Mapping[str, Any], root: Path, **replaced: str) -> dict[str, str]:
    """Deployed variables as they are here: the configuration is the synthesized file, what it fetches from S3 lies beside it."""
    content = (schedule.assembly.folder / f"asset.{variables[Variable.MONITOR_CONFIG].rpartition('/')[2]}").read_bytes()
    assert hashlib.sha256(content).hexdigest() == variables[Variable.MONITOR_CONFIG_SHA256]
    document = _fetched(json.loads(content), root / "fetched", schedule.assembly.folder)
    config = root / "config.json"
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text(json.dumps(document))
    here = {
        **variables,
        Variable.MONITOR_CONFIG: str(config),
        Variable.ROOT: str(root),
        Variable.WORKERS: "1",
        **replaced,
    }
    del here[Variable.MONITOR_CONFIG_SHA256]
    return {str(k): str(v) for k, v in here.items()}


def _fetched(content: Any, folder: Path, assets: Path) -> Any:
    """A document whose S3 objects are files of a folder: assets of the synthesis, and what a team has already."""
    if isinstance(content, dict):
        return {key: _fetched(value, folder, assets) for key, value in content.items()}
    if isinstance(content, list):
        return [_fetched(value, folder, assets) for value in content]
    if not isinstance(content, str) or not content.startswith("s3://"):
        return content
    name = content.rpartition("/")[2]
    if (assets / f"asset.{name}").exists():
        return str(assets / f"asset.{name}")
    path = folder / name
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(CODE if path.suffix == ".py" else json.dumps({"weights": [0.02, 0.01, 0.005], "link": "logit"}))
    return str(path)


def run_baseline(schedule: Schedule, root: Path) -> Path:
    """The folder of a baseline: by the deployed job, or as somebody made it long ago."""
    has_header = schedule.block.payload is not None
    write_csv(root / "processing/input/baseline_dataset_input/data.csv", dataset(schedule), header=has_header)
    variables = schedule.baseline_variables
    if variables is None:
        here = {str(Variable.MONITOR_JOB): "baseline", str(Variable.ROOT): str(root)}
    else:
        here = local(schedule, variables, root)
    here[Variable.DATASET_FORMAT] = json.dumps({"csv": {"header": has_header}})
    assert container.main(here) == contract.EXIT_OK, (root / "output/message").read_text()
    return root / "processing/output"


def dataset(schedule: Schedule) -> list[Record]:
    """Of a baseline: records, and beside them what was true and what the model said where somebody compares the two."""
    return [record | _roles(schedule, number, record) for number, record in enumerate(records(schedule, 1))]


def _roles(schedule: Schedule, number: int, record: Record) -> Record:
    """Columns of a dataset that are no features: the truth, and what the model said."""
    payload = schedule.block.payload
    if payload is None or not schedule.settings.labelled:
        return {}
    answer = said(schedule, number, record)
    why = {f"{place}[{i}]": value for place in _places(schedule) for i, value in enumerate(answer[place])}
    roles = {str(payload.label): truth(schedule, number, record), "label": answer["label"], "score": answer["score"]}
    return roles | why


def traffic(schedule: Schedule, requests: Sequence[Sequence[Record]], hour: datetime) -> list[dict[str, Any]]:
    """Requests of an hour, as the endpoint captures them with its answers."""
    side = columns_side if schedule.block.payload else csv_side
    return [
        event(
            number,
            side(part),
            _answer(schedule, [said(schedule, place, record) for place, record in enumerate(part)]),
            hour + timedelta(seconds=number),
            f"{hour:%H}-{number}",
        )
        for number, part in enumerate(requests)
    ]


def _answer(schedule: Schedule, answers: list[Record]) -> dict[str, Any]:
    """One line for each record where the mapping names places in a line."""
    output = schedule.block.payload.output if schedule.block.payload else None
    if output is None or not isinstance(output.prediction, int):
        return json_side(answers)
    return csv_side([{name: answer[name] for name in ("label", "score")} for answer in answers])


def labels(
    schedule: Schedule, requests: Sequence[Sequence[Record]], hour: datetime = HOUR
) -> list[tuple[str, int, int]]:
    """(inference id, place, truth) of every record of an hour's requests."""
    return [
        (f"{hour:%H}-{number}", place, truth(schedule, place, record))
        for number, part in enumerate(requests)
        for place, record in enumerate(part)
    ]


def run_monitor(schedule: Schedule, folder: Path) -> Path:
    """One window of a schedule; returns the folder of its output."""
    baseline = run_baseline(schedule, folder / "baseline")
    root, requests = folder / "monitor", batched(records(schedule, 2), SIZE)
    write_capture(root / "processing/input/endpoint", traffic(schedule, requests, HOUR), endpoint=schedule.endpoint)
    given: dict[str, str] = {
        Variable.DATASET_FORMAT: '{"sagemakerCaptureJson":{"captureIndexNames":["endpointInput","endpointOutput"]}}',
        Variable.START_TIME: HOUR.strftime(contract.TIME_FORMAT),
        Variable.END_TIME: (HOUR + timedelta(hours=1)).strftime(contract.TIME_FORMAT),
        Variable.ENDPOINT_NAME: schedule.endpoint,
        Variable.SCHEDULE_NAME: schedule.name,
        Variable.PUBLISH_CLOUDWATCH_METRICS: contract.DISABLED,  # the same lines are left for whoever publishes them
    }
    deployed = schedule.variables
    if Variable.GROUND_TRUTH_URI in deployed:
        write_labels(labels(schedule, requests), folder / "labels", HOUR + timedelta(days=2))
        given[Variable.GROUND_TRUTH_URI] = str(folder / "labels")
        given[Variable.MONITOR_HISTORY] = str(folder / "history")
        given[Variable.NOW] = (HOUR + AGES).strftime(contract.TIME_FORMAT)
    if Variable.FRESH_ROWS in deployed:
        given[Variable.FRESH_ROWS], given[Variable.HOLDOUT_ROWS] = str(folder / "training"), str(folder / "holdout")
    if Variable.MONITOR_BASELINE in deployed:
        given[Variable.MONITOR_BASELINE] = str(baseline)
    else:
        given[Variable.BASELINE_CONSTRAINTS] = str(baseline / contract.CONSTRAINTS_FILE)
        given[Variable.BASELINE_STATISTICS] = str(baseline / contract.STATISTICS_FILE)
    variables = local(schedule, deployed, root, **{str(k): str(v) for k, v in given.items()})
    assert container.main(variables) == contract.EXIT_OK, (root / "output/message").read_text()
    return root / "processing/output"


class Endpoints:
    """SageMaker's endpoints: whatever is made is in service at once, and answers a number for each CSV line."""

    names: set[str]

    def __init__(self, connections: int = 0) -> None:
        self.names = set()

    def ask(self, question: endpoints.Question) -> endpoints.Answer:
        lines = question.body.decode().splitlines()
        scores = [sum(float(value or 0) for value in line.split(",")) / 1000 for line in lines]
        return endpoints.Answer("\n".join(map(str, scores)).encode(), "text/csv")

    def create(self, shadow: endpoints.Shadow) -> None:
        self.names.add(shadow.name)

    def state(self, name: str) -> endpoints.State | None:
        return endpoints.State("InService") if name in self.names else None

    def remove(self, name: str) -> None:
        self.names.discard(name)

    def tagged(self, prefix: str) -> list[tuple[str, dict[str, str]]]:
        return []


def play_endpoints(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let runs ask these endpoints."""
    monkeypatch.setattr(endpoints, "Runtime", Endpoints)
    monkeypatch.setattr(endpoints, "Control", Endpoints)
