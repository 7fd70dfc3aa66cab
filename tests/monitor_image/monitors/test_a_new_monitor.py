"""Adding a monitor is adding a folder: the example of monitor_image/README.md, put beside the others, writes a report."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from model_monitor import cli, monitors
from model_monitor.contract import OWN_BLOCK
from model_monitor.monitors import registry
from tests.captures import events_of, write_capture, write_csv
from tests.conftest import ROOT
from tests.monitor_image.conftest import FEATURES, OUTPUT, land

PAGE = ROOT / "monitor_image" / "README.md"


def example() -> str:
    """The module that the page shows."""
    block = re.search(r"## Add a monitor\n.*?```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert block is not None
    return block[1]


@pytest.fixture
def new_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A second place in which monitors lie, with the example's folder in it."""
    folder = tmp_path / "rooms" / "record_count"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("")
    (folder / "monitor.py").write_text(example())
    monkeypatch.setattr(monitors, "__path__", [*monitors.__path__, str(tmp_path / "rooms")])
    caches = (registry.types, registry.find, registry.monitors)
    for cache in caches:
        cache.cache_clear()
    yield
    for cache in caches:
        cache.cache_clear()
    for name in [name for name in sys.modules if name.startswith("model_monitor.monitors.record_count")]:
        del sys.modules[name]


def run(*arguments: object) -> int:
    return cli.main([str(argument) for argument in arguments])


def test_a_folder_is_all_it_takes(new_room: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "monitoring.json"
    payload = {"features": list(FEATURES), "output": OUTPUT}
    config.write_text(json.dumps({"version": 1, "payload": payload, "monitors": {"record_count": {"min_records": 1}}}))
    training = write_csv(tmp_path / "training.csv", land(600, seed=7))
    given = ("--config", config, "--workers", 1)
    assert run("baseline", "--dataset", training, "--output", tmp_path / "baseline", *given) == 0
    written = json.loads((tmp_path / "baseline" / "constraints.json").read_text())
    assert written == {"at_least": 60, OWN_BLOCK: {"version": 1}}

    for count, status, verdict in ((120, 0, "ok"), (40, 2, "violated")):
        capture = write_capture(tmp_path / f"capture-{count}", events_of(land(count)))
        output = tmp_path / f"report-{count}"
        found = run("monitor", "--dataset", capture, "--baseline", tmp_path / "baseline", "--output", output, *given)
        report = json.loads((output / "report.json").read_text())
        assert (found, report["verdict"]) == (status, verdict)
        (told,) = report["monitors"]
        assert (told["key"], told["type"], told["summary"]) == ("record_count", "RecordCount", {"records": count})
        metrics = [json.loads(line) for line in (output / "metrics.jsonl").read_text().splitlines()]
        assert [point["Value"] for point in metrics if point["MetricName"] == "run_violated"] == [float(status == 2)]
    violations = json.loads((tmp_path / "report-40" / "constraint_violations.json").read_text())["violations"]
    assert [each["feature_name"] for each in violations] == ["records"]


def test_the_others_are_still_there(new_room: None) -> None:
    assert {"data_quality", "model_quality", "record_count"} <= set(registry.types())
    assert len(registry.monitors()) == len(registry.types())
