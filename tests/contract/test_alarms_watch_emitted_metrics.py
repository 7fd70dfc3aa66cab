"""Every alarm and every tile of every environment watches a series that a run of the core really emits, dimensions included.

Each schedule's jobs are run as they are deployed: the baseline job first where there is one, then a run over a small capture.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from model_monitor import contract
from tests.analyses import analysed
from tests.deployed_runs import Schedule, play_endpoints, run_monitor
from tests.synthesis import ENVIRONMENTS, Assembly, environment, synthesize

pytestmark = pytest.mark.xdist_group("synth")

SERVICE_METRICS = {  # the services' own, with {EndpointName, VariantName}
    *(("AWS/SageMaker", name) for name in ("Invocations", "Invocation5XXErrors", "ModelLatency")),
    ("/aws/sagemaker/Endpoints", "DiskUtilization"),
}
SEARCHED = re.compile(r"SEARCH\('\{([^}]+)\} (.*)', '(\w+)', (\d+)\)")
ALL_TYPES = "analysed"  # an environment of the tests: every type in one schedule
Series = tuple[str, str, frozenset[tuple[str, str]]]


@cache
def assembly_of(name: str) -> Assembly:
    return synthesize(analysed()) if name == ALL_TYPES else environment(name)


def deployed() -> Iterator[tuple[str, str, str]]:
    """(environment, endpoint, monitor) of every schedule."""
    from stacks.settings import environment as settings

    found = {name: settings.find(name) for name in ENVIRONMENTS} | {ALL_TYPES: analysed()}
    for name, chosen in found.items():
        for endpoint, block in chosen.endpoints.items():
            for monitor in block.monitors:
                yield name, endpoint, monitor


def alarm_series(assembly: Assembly, endpoint: str) -> dict[str, set[Series]]:
    """alarm → the series it watches."""
    found = {}
    for alarm in assembly.alarms(endpoint):
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


def tiles(assembly: Assembly) -> list[list[Any]]:
    """The metrics of every tile of the environment's one dashboard, as the dashboard's body writes them."""
    (dashboard,) = assembly.properties("AWS::CloudWatch::Dashboard")
    body = dashboard["DashboardBody"]
    text = body if isinstance(body, str) else "".join(p if isinstance(p, str) else "token" for p in body["Fn::Join"][1])
    shown = [widget["properties"] for widget in json.loads(text)["widgets"]]
    return [metric for tile in shown for metric in (*tile.get("metrics", ()),)]


def tile_series(metric: list[Any]) -> Series:
    """[namespace, name, dimension, value, …, options]"""
    namespace, name, *rest = [part for part in metric if not isinstance(part, dict)]
    return namespace, name, frozenset(zip(rest[::2], rest[1::2], strict=True))


def finds(search: str, emitted: set[Series]) -> bool:
    """Whether a tile's search has exactly the dimensions of a series, and the values that it asks for."""
    match = SEARCHED.fullmatch(search)
    assert match is not None, search
    namespace, *names = match[1].split(",")
    wanted = set(re.findall(r'(?<!NOT )(\w+)="([^"]+)"', match[2]))
    return any(
        space == namespace and {name for name, _ in dimensions} == set(names) and wanted <= dimensions
        for space, _, dimensions in emitted
    )


@pytest.mark.parametrize(("name", "endpoint", "monitor"), list(deployed()))
def test_every_alarm_and_every_tile_watches_a_series_that_a_run_emits(name, endpoint, monitor, tmp_path, monkeypatch):
    play_endpoints(monkeypatch)
    schedule = Schedule(assembly_of(name), endpoint, monitor)
    emitted = emitted_series((run_monitor(schedule, tmp_path) / contract.METRICS_LINES_FILE).read_text())
    ours = f"-{schedule.name}-"
    alarms = {n: series for n, series in alarm_series(schedule.assembly, endpoint).items() if ours in n}
    assert alarms
    unseen = {
        alarm: missing
        for alarm, series in alarms.items()
        if (missing := {one for one in series - emitted if one[:2] not in SERVICE_METRICS})
    }
    assert unseen == {}
    shown = [metric for metric in tiles(schedule.assembly) if schedule.name in json.dumps(metric)]
    assert shown
    searches = [metric[0]["expression"] for metric in shown if isinstance(metric[0], dict)]
    assert {tile_series(metric) for metric in shown if not isinstance(metric[0], dict)} - emitted == set()
    assert [search for search in searches if not finds(search, emitted)] == []


def test_metrics_of_the_services_are_watched_per_variant():
    for name in ENVIRONMENTS:
        assembly = environment(name)
        for endpoint, block in assembly.settings.endpoints.items():
            for series in alarm_series(assembly, endpoint).values():
                own = [dict(dimensions) for space, metric, dimensions in series if (space, metric) in SERVICE_METRICS]
                assert all(d["EndpointName"] == endpoint and d["VariantName"] in block.variant_names for d in own)
