"""A job's frozen inputs."""

from __future__ import annotations

from pathlib import Path

from model_monitor.contract import JobKind, MonitoringType
from model_monitor.job.job import DatasetKind, DatasetSource, Job, MonitorSettings


def test_settings_are_those_of_the_monitor_and_the_defaults_where_the_job_lacks_it() -> None:
    quality = MonitorSettings(MonitoringType.MODEL_QUALITY, 7)
    job = Job(JobKind.MONITOR, DatasetSource(Path("x"), DatasetKind.CSV), Path("y"), monitors=(quality,))
    assert job.settings_of(MonitoringType.MODEL_QUALITY) is quality
    assert job.settings_of(MonitoringType.MODEL_BIAS) == MonitorSettings(MonitoringType.MODEL_BIAS)
