"""The tables of a page as DataFrames: what the page shows, and nothing that it must not."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from model_monitor import api
from model_monitor.pages import report
from tests.monitor_image.pages import gallery
from tests.monitor_image.pages.test_report import of, seen


@pytest.fixture
def left(tmp_path: Path) -> Path:
    """What a run left that found something of everything."""
    (tmp_path / "report.json").write_text(json.dumps(gallery.rich()))
    return tmp_path


def test_dataframes_hold_what_the_page_shows(left: Path) -> None:
    found = api.frames(left)
    assert list(found) == [
        "checks",
        "features",
        "distributions",
        "quality",
        "confusion_matrix",
        "bias",
        "attributions",
    ]
    features = found["features"].set_index("feature")
    assert list(features.index) == ["Slope", "Elevation", "Income", "Area"], "in the page's order"
    assert features.loc["Slope", ["limit", "violated"]].tolist() == [0.1, "baseline_drift_check"]
    metric = found["quality"].set_index("metric").loc["precision"]
    assert f"precision {metric.value:.4f} {metric.low:.4f} to {metric.high:.4f}" in seen(gallery.rich()).text
    assert metric.outcome == "violated"
    assert found["confusion_matrix"]["count"].sum() == 54
    (bias,) = found["bias"].query("metric == 'DPPL'").to_dict("records")
    assert (bias["group"], bias["value"], bias["baseline"], bias["outcome"]) == ("south", 0.31, 0.04, "violated")
    slope = found["attributions"].query("label == 'spruce' and feature == 'Slope'").iloc[0]
    assert (slope["baseline_rank"], slope["rank"]) == (2, 1)
    shares = found["distributions"].groupby("feature")[["baseline", "window"]].sum()
    assert shares.to_numpy() == pytest.approx(1.0)
    assert "Income" not in shares.index, "nothing of a restricted feature"
    assert len(found["checks"]) == len(api.read_report(left).checks)


def test_a_run_that_found_nothing_has_empty_tables(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text(json.dumps(of("quiet")))
    found = api.frames(api.read_report(tmp_path))
    assert found["quality"].empty
    assert found["bias"].empty


def test_without_pandas_it_says_so(left: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(rows: object) -> object:
        raise ModuleNotFoundError(name="pandas")

    monkeypatch.setattr(api, "pa", SimpleNamespace(Table=SimpleNamespace(from_pylist=missing)))
    with pytest.raises(api.MonitorError, match="needs pandas, which is not installed"):
        api.frames(left)


def test_an_infinite_value_is_none_in_a_table() -> None:
    assert report.finite("Infinity") is None
    assert report.finite(2) == 2.0
