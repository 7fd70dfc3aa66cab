"""Every alarm of every environment watches a series that a run of the core really emits, dimensions included.

Each schedule's jobs are run with the variables and the configuration file of its synthesized stack: the baseline job first where
there is one, then a run over a small capture. The service's part (paths, window, names) is played by the test.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from model_monitor import container, contract
from model_monitor.contract import Variable
from tests.captures import HOUR, columns_side, csv_side, events_of, write_capture, write_csv
from tests.synthesis import ENVIRONMENTS, Assembly, environment

pytestmark = pytest.mark.xdist_group("synth")

SERVICE_METRICS = {("AWS/SageMaker", "Invocations")}  # the services' own, with {EndpointName, VariantName}
RECORDS = 240
Series = tuple[str, str, frozenset[tuple[str, str]]]


def alarm_series(assembly: Assembly, endpoint: str) -> dict[str, set[Series]]:
    """alarm → the series it watches."""
    found = {}
    for alarm in assembly.properties("AWS::CloudWatch::Alarm", f"-{endpoint}-Alarms"):
        watched = [query["MetricStat"]["Metric"] for query in alarm.get("Metrics", ()) if "MetricStat" in query]
        found[alarm["AlarmName"]] = {
            (
                metric["Namespace"],
                metric["MetricName"],
                frozenset((dimension["Name"], dimension["Value"]) for dimension in metric["Dimensions"]),
            )
            for metric in watched or [alarm]
        }
    return found


def emitted_series(lines: str) -> set[Series]:
    """What a run left for a publisher."""
    points = [json.loads(line) for line in lines.splitlines()]
    return {
        (p["Namespace"], p["MetricName"], frozenset((d["Name"], d["Value"]) for d in p["Dimensions"])) for p in points
    }


def records(names: tuple[str, ...], seed: int) -> list[dict[str, Any]]:
    """Integers, and words in every third feature."""
    values = random.Random(seed)
    return [
        {
            name: values.choice(("red", "green", "blue")) if n % 3 == 2 else values.randrange(50)
            for n, name in enumerate(names)
        }
        for _ in range(RECORDS)
    ]


def local(assembly: Assembly, variables: dict[str, Any], root: Path, **replaced: str) -> dict[str, str]:
    """Deployed variables as they are on this machine: the configuration is the synthesized file itself."""
    name = variables[Variable.MONITOR_CONFIG].rpartition("/")[2]
    here = {
        Variable.MONITOR_CONFIG: str(assembly.folder / f"asset.{name}"),
        Variable.ROOT: str(root),
        Variable.WORKERS: "1",
        **replaced,
    }
    return {**{str(k): str(v) for k, v in variables.items()}, **{str(k): v for k, v in here.items()}}


def baseline_variables(assembly: Assembly, endpoint: str, schedule: str) -> dict[str, Any] | None:
    """Environment of the deployed baseline job of a schedule."""
    for step in assembly.properties("Custom::ModelBaseline", f"-{endpoint}-Monitoring"):
        if step["Schedule"] == schedule:
            parts = step["ProcessingJob"]["Fn::Join"][1]
            job = json.loads("".join(part if isinstance(part, str) else "token" for part in parts))
            return dict(job["Environment"])
    return None


def run_baseline(assembly: Assembly, endpoint: str, schedule: str, names: tuple[str, ...], root: Path) -> Path:
    """The folder of a baseline: by the deployed job, or as somebody made it long ago."""
    block = assembly.settings.endpoints[endpoint]
    variables = baseline_variables(assembly, endpoint, schedule)
    dataset = root / "processing/input/baseline_dataset_input/data.csv"
    write_csv(dataset, records(names, 1), header=block.payload is not None)
    if variables is None:
        variables = {Variable.MONITOR_JOB: "baseline", Variable.ROOT: str(root)}
        here = {str(k): str(v) for k, v in variables.items()}
    else:
        here = local(assembly, variables, root)
    here[Variable.DATASET_FORMAT] = json.dumps({"csv": {"header": block.payload is not None}})
    assert container.main(here) == contract.EXIT_OK
    return root / "processing/output"


def run_monitor(assembly: Assembly, endpoint: str, definition: dict[str, Any], schedule: str, folder: Path) -> str:
    """One window of a schedule; returns the metrics it left."""
    payload = assembly.settings.endpoints[endpoint].payload
    names = payload.names if payload else tuple(f"_c{n}" for n in range(6))
    baseline = run_baseline(assembly, endpoint, schedule, names, folder / "baseline")
    root = folder / "monitor"
    side = columns_side if payload else csv_side
    write_capture(root / "processing/input/endpoint", events_of(records(names, 2), side=side), endpoint=endpoint)
    given = {
        Variable.DATASET_FORMAT: '{"sagemakerCaptureJson":{"captureIndexNames":["endpointInput","endpointOutput"]}}',
        Variable.START_TIME: HOUR.strftime(contract.TIME_FORMAT),
        Variable.END_TIME: (HOUR + timedelta(hours=1)).strftime(contract.TIME_FORMAT),
        Variable.ENDPOINT_NAME: endpoint,
        Variable.SCHEDULE_NAME: schedule,
    }
    if Variable.MONITOR_BASELINE in definition["Environment"]:
        given[Variable.MONITOR_BASELINE] = str(baseline)
    else:
        files = baseline / contract.MONITOR_KEYS[contract.MonitoringType.DATA_QUALITY]
        given[Variable.BASELINE_CONSTRAINTS] = str(files / contract.CONSTRAINTS_FILE)
        given[Variable.BASELINE_STATISTICS] = str(files / contract.STATISTICS_FILE)
    variables = local(assembly, definition["Environment"], root, **{str(k): v for k, v in given.items()})
    assert container.main(variables) == contract.EXIT_OK
    return (root / "processing/output" / contract.METRICS_LINES_FILE).read_text()


def deployed() -> Iterator[tuple[str, str, str]]:
    """(environment, endpoint, monitor) of every schedule."""
    from stacks import settings

    for name in ENVIRONMENTS:
        for endpoint, block in settings.find(name).endpoints.items():
            for monitor in block.monitors:
                yield name, endpoint, monitor


@pytest.mark.parametrize(("name", "endpoint", "monitor"), list(deployed()))
def test_every_alarm_watches_a_series_that_a_run_emits(name, endpoint, monitor, tmp_path):
    assembly = environment(name)
    schedule = contract.schedule_name(endpoint, monitor)
    (definition,) = [
        properties["MonitoringScheduleConfig"]["MonitoringJobDefinition"]
        for properties in assembly.properties("AWS::SageMaker::MonitoringSchedule", f"-{endpoint}-Monitoring")
        if properties["MonitoringScheduleName"] == schedule
    ]
    emitted = emitted_series(run_monitor(assembly, endpoint, definition, schedule, tmp_path))
    alarms = {n: series for n, series in alarm_series(assembly, endpoint).items() if f"-{schedule}-" in n}
    assert alarms
    unseen = {
        alarm: missing
        for alarm, series in alarms.items()
        if (missing := {one for one in series - emitted if one[:2] not in SERVICE_METRICS})
    }
    assert unseen == {}


def test_metrics_of_the_services_are_watched_per_variant():
    for name in ENVIRONMENTS:
        assembly = environment(name)
        for endpoint, block in assembly.settings.endpoints.items():
            for series in alarm_series(assembly, endpoint).values():
                own = [dict(dimensions) for space, metric, dimensions in series if (space, metric) in SERVICE_METRICS]
                assert all(d["EndpointName"] == endpoint and d["VariantName"] in block.variant_names for d in own)
