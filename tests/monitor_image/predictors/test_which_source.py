"""Settings and a job say which model is asked, and how it is spoken to."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from model_monitor.contract import JobKind
from model_monitor.errors import SettingsError
from model_monitor.job.job import DatasetKind, DatasetSource, Job
from model_monitor.predictors.endpoint import EndpointSource
from model_monitor.predictors.settings import PredictorSettings
from model_monitor.predictors.shadow import ShadowSource
from model_monitor.predictors.sources import content_type_of, source_of
from model_monitor.schema import Feature, Schema, Window

START = datetime(2026, 3, 2, 7, tzinfo=UTC)
JOB = Job(
    JobKind.MONITOR,
    DatasetSource(Path("capture"), DatasetKind.CAPTURE),
    Path("out"),
    window=Window(START, START + timedelta(hours=1)),
    endpoint="churn",
    schedule="churn-explain",
)
SHADOW = PredictorSettings(model_name="m", instance_type="ml.m5.large")


def of_kind(kind):
    return replace(JOB, dataset=DatasetSource(Path("data"), kind))


def test_the_watched_endpoint_is_asked_when_nothing_else_is_named():
    source = source_of(PredictorSettings(), JOB)
    assert isinstance(source, EndpointSource)
    assert (source.name, source.content_type) == ("churn", "text/csv")
    assert source_of(PredictorSettings(endpoint_name="other"), JOB).name == "other"


def test_a_model_gets_an_endpoint_that_carries_the_jobs_name_and_lifetime():
    source = source_of(SHADOW, replace(JOB, processing_job="job-1", max_seconds=3600, volume_key="arn:key"))
    assert isinstance(source, ShadowSource)
    assert (source.job, source.lifetime_seconds, source.volume_key) == ("job-1", 3600, "arn:key")


def test_a_template_that_lacks_a_feature_is_refused_before_an_endpoint_is_made():
    schema = Schema((Feature("age"), Feature("income")))
    settings = replace(
        SHADOW, content_type="application/json", content_template="$record", record_template='{"age":"${age}"}'
    )
    with pytest.raises(SettingsError, match="has no placeholder for income"):
        source_of(settings, replace(JOB, schema=schema))


def test_runs_have_names_of_their_own_and_a_repeated_run_its_old_one():
    later = replace(JOB, window=Window(START + timedelta(hours=1), START + timedelta(hours=2)))
    names = [source_of(SHADOW, job).name for job in (JOB, JOB, later, replace(JOB, processing_job="a"))]
    assert names[0] == names[1]
    assert len(set(names)) == 3


@pytest.mark.parametrize(
    ("kind", "settings", "expected"),
    [
        (DatasetKind.CSV, PredictorSettings(), "text/csv"),
        (DatasetKind.PARQUET, PredictorSettings(), "text/csv"),
        (DatasetKind.CAPTURE, PredictorSettings(), "text/csv"),
        (DatasetKind.JSON, PredictorSettings(), "application/json"),
        (DatasetKind.JSON_LINES, PredictorSettings(), "application/jsonlines"),
        (DatasetKind.CSV, PredictorSettings(content_type="application/jsonlines"), "application/jsonlines"),
        (DatasetKind.CAPTURE, PredictorSettings(content_template="[$features]"), "application/jsonlines"),
        (DatasetKind.CSV, PredictorSettings(content_template="$records", record_template="$features"),
         "application/json"),
    ],
)  # fmt: skip
def test_the_content_type_is_the_datasets_unless_something_says_otherwise(kind, settings, expected):
    assert content_type_of(settings, of_kind(kind)) == expected


def test_a_json_dataset_needs_templates_and_says_so_before_any_work():
    with pytest.raises(SettingsError, match=r"content_template: is missing.*\$records"):
        source_of(PredictorSettings(), of_kind(DatasetKind.JSON))


def test_without_any_name_there_is_nobody_to_ask():
    with pytest.raises(SettingsError, match="names no endpoint"):
        source_of(PredictorSettings(), replace(JOB, endpoint=""))
