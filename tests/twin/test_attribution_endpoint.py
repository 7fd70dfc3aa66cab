"""Attributions of an endpoint's live traffic, asked of that very endpoint, which serves XGBoost by the kit's own script."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.twin.accounts import furnished, put
from tests.twin.pump import NAMES, SCHEDULE, ask, deploy, make_baseline, rows, schedule, source, train
from twin import Twin

HOUR = timedelta(hours=1)
PREDICTOR = {"content_type": "text/csv", "accept_type": "text/csv", "probability": 1, "label_headers": ["warm"]}

pytestmark = pytest.mark.slow


@pytest.fixture
def twin(tmp_path: Path) -> Iterator[Twin]:
    """An account with one role, one bucket and the real interpreters."""
    with furnished(tmp_path) as running:
        yield running


def reports(twin: Twin, name: str) -> list[dict[str, Any]]:
    """A file of every run, oldest first."""
    s3 = twin.client("s3")
    keys = [item["Key"] for item in s3.list_objects_v2(Bucket="bucket", Prefix=f"reports/pump/{SCHEDULE}")["Contents"]]
    found = sorted(key for key in keys if key.endswith(f"/{name}"))
    return [json.loads(s3.get_object(Bucket="bucket", Key=key)["Body"].read()) for key in found]


def test_a_run_asks_the_endpoint_that_it_watches_and_does_not_count_its_own_questions(twin: Twin) -> None:
    code = put(twin, "source.tar.gz", source())
    deploy(twin, train(twin, code), code)
    settings = {
        "version": 1,
        "endpoint": "pump",
        "schedule": SCHEDULE,
        "payload": {"features": [{"name": name} for name in NAMES], "output": {"prediction": "label"}},
        "monitors": {"data_quality": {}, "model_explainability": {"predictor": PREDICTOR, "budget": {"rows": 50}}},
        "baseline": "s3://bucket/baselines/pump",
    }
    config = put(twin, "monitor.json", json.dumps(settings).encode())
    make_baseline(twin, config)
    schedule(twin, config)
    midnight = twin.clock.now().replace(minute=0)
    for hour, count in ((1, 200), (2, 60)):
        ask(twin, rows(count, hour))
        twin.advance_to(midnight + hour * HOUR + timedelta(minutes=25))
    found = reports(twin, "report.json")
    assert [report["reading"]["records"] for report in found] == [200, 60]
    assert [report["reading"]["rejected"] for report in found] == [0, 0]
    # in the first hour the baseline job asked, in the second the run of the first hour
    assert all(report["reading"]["own_requests"] > 0 for report in found)
    verdicts = [{monitor["key"]: monitor["verdict"] for monitor in report["monitors"]} for report in found]
    assert verdicts == [{"data_quality": "ok", "model_explainability": "ok"}] * 2
    notes = [note for report in found for monitor in report["monitors"] for note in monitor["notes"]]
    assert any("Endpoint pump, which serves traffic, was asked" in note for note in notes)
    for analysis in reports(twin, "analysis.json"):
        (values,) = [block["global_shap_values"] for block in analysis["explanations"]["kernel_shap"].values()]
        assert list(analysis["explanations"]["kernel_shap"]) == ["warm"]
        assert max(values, key=lambda name: values[name]) == "temperature"
