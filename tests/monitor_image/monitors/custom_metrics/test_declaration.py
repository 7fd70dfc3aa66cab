"""Declaring a metric, and finding what is declared."""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from model_monitor.custom import CustomMetric, metric
from model_monitor.monitors.custom_metrics import loading

ONE = """
from model_monitor.custom import metric

@metric(name="{name}")
def one(table):
    return {value}
"""


@pytest.fixture(autouse=True)
def _forgotten():
    loading.load.cache_clear()
    yield
    loading.load.cache_clear()


def write(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)


def announce(monkeypatch: pytest.MonkeyPatch, *entries: tuple[str, str]) -> None:
    found = [EntryPoint(name, value, loading.GROUP) for name, value in entries]
    monkeypatch.setattr(loading, "entry_points", lambda group: found if group == loading.GROUP else [])


def test_a_declared_metric_can_still_be_called():
    @metric(name="twice", unit="Count", worse="less", threshold=1.0, columns=("amount",))
    def twice(table):
        return 2 * table

    assert isinstance(twice, CustomMetric)
    assert twice(3) == 6
    assert (twice.name, twice.unit, twice.worse, twice.threshold, twice.columns) == (
        "twice",
        "Count",
        "less",
        1.0,
        ("amount",),
    )


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"name": "cost weighted"}, "name should be letters"),
        ({"name": "metrics_failed"}, "and not metrics_failed"),
        ({"unit": "Euro"}, "unit should be one of CloudWatch's"),
        ({"worse": "higher"}, "worse should be 'greater' or 'less'"),
        ({"threshold": float("nan")}, "threshold should be a finite number"),
        ({"columns": "amount"}, "columns should be a tuple of names"),
    ],
)
def test_a_wrong_declaration_is_refused_where_it_stands(changes, fault):
    with pytest.raises(ValueError, match="metric") as caught:
        metric(**({"name": "fine"} | changes))(lambda table: 1.0)
    assert fault in str(caught.value)


def test_a_module_is_found_by_its_path_and_by_its_name(tmp_path, monkeypatch):
    path = write(tmp_path / "house_metrics.py", ONE.format(name="by_path", value=1))
    monkeypatch.syspath_prepend(tmp_path)
    assert [each.name for each in loading.load(path).metrics] == ["by_path"]
    assert [each.name for each in loading.load("house_metrics").metrics] == ["by_path"]
    sys.modules.pop("house_metrics")


def test_packages_announce_modules_metrics_and_lists_of_metrics(tmp_path, monkeypatch):
    write(tmp_path / "pack_a.py", ONE.format(name="a", value=1))
    write(tmp_path / "pack_b.py", ONE.format(name="b", value=1) + "both = [one]\n")
    monkeypatch.syspath_prepend(tmp_path)
    announce(monkeypatch, ("whole", "pack_a"), ("single", "pack_b:one"), ("list", "pack_b:both"))
    found = loading.load(None)
    assert [each.name for each in found.metrics] == ["b", "a"]  # entry points in the order of their names
    assert found.faults == ()


def test_an_installed_package_is_found_by_the_metadata_it_brings(tmp_path, monkeypatch):
    write(tmp_path / "house_package.py", ONE.format(name="installed", value=1))
    info = tmp_path / "house_package-1.0.dist-info"
    info.mkdir()
    write(info / "METADATA", "Metadata-Version: 2.1\nName: house-package\nVersion: 1.0\n")
    write(info / "entry_points.txt", f"[{loading.GROUP}]\nhouse = house_package\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert [each.name for each in loading.load(None).metrics] == ["installed"]
    sys.modules.pop("house_package")


def test_a_package_that_cannot_be_imported_takes_no_other_with_it(tmp_path, monkeypatch):
    write(tmp_path / "pack_good.py", ONE.format(name="good", value=1))
    write(tmp_path / "pack_bad.py", "import not_installed_here\n")
    write(tmp_path / "pack_exit.py", "raise SystemExit(3)\n")
    monkeypatch.syspath_prepend(tmp_path)
    announce(monkeypatch, ("bad", "pack_bad"), ("exit", "pack_exit"), ("good", "pack_good"))
    found = loading.load(None)
    assert [each.name for each in found.metrics] == ["good"]
    assert [fault.name for fault in found.faults] == ["bad", "exit"]
    assert (
        "ModuleNotFoundError at pack_bad.py:1 in <module>: No module named 'not_installed_here'"
        in found.faults[0].reason
    )


def test_two_metrics_of_one_name_are_told(tmp_path):
    twice = ONE.format(name="same", value=1) + ONE.format(name="same", value=2).replace("def one", "def two")
    found = loading.load(write(tmp_path / "twice.py", twice))
    assert [fault.name for fault in found.faults] == ["same"]
    assert "declared more than once" in found.faults[0].reason
    assert len(found.metrics) == 1


@pytest.mark.parametrize("text", ["", "x = 1\n"])
def test_a_module_without_metrics_is_told(tmp_path, text):
    (fault,) = loading.load(write(tmp_path / "empty.py", text)).faults
    assert "no metric is declared by module" in fault.reason


def test_a_missing_file_and_a_syntax_error_are_told(tmp_path):
    (missing,) = loading.load(str(tmp_path / "nowhere.py")).faults
    assert missing.reason == f"there is no file nowhere.py in {tmp_path}"
    (broken,) = loading.load(write(tmp_path / "broken.py", "def (:\n")).faults
    assert "SyntaxError" in broken.reason
    assert "broken.py, line 1" in broken.reason
