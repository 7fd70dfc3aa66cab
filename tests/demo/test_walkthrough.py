"""The page's walk-through is what the core reads: its configuration is valid, and its files are those the demo leaves."""

from __future__ import annotations

import re

from demo.covertype import COVERTYPE
from demo.scenario import Paths
from model_monitor.contract import MonitoringType
from model_monitor.job.configuration import parse_configuration
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "monitors.md").read_text()


def test_the_configuration_names_every_type_and_the_features_of_the_demo() -> None:
    (example,) = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    configuration = parse_configuration(example.encode(), "docs/monitors.md")
    assert {monitor.type for monitor in configuration.monitors} == set(MonitoringType) - {MonitoringType.CUSTOM_METRICS}
    assert configuration.schema.names == COVERTYPE.names
    assert configuration.schema.payload.output.attributions == COVERTYPE.why


def test_the_files_lie_where_the_demo_leaves_them() -> None:
    paths = Paths(ROOT / "build" / "demo")
    for folder in (paths.models, paths.capture, paths.labels):
        assert f"{folder.relative_to(ROOT)}/covertype" in PAGE
