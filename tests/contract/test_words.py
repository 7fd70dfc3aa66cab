"""Words that the stacks' settings and the core both know."""

from __future__ import annotations

from model_monitor import contract
from model_monitor.labels import history
from model_monitor.monitors import registry, thresholds as quality
from model_monitor.monitors.model_quality.metrics import METRICS
from stacks.constructs import run_settings
from stacks.settings import analysis as analysis_settings, monitor as monitor_settings
from tests.analyses import ALL_TYPES, analysed


def test_settings_know_the_types_of_the_contract():
    assert set(monitor_settings.Type.__args__) <= set(contract.MONITOR_KEYS.values())
    needing = {contract.MONITOR_KEYS[type_] for type_, found in registry.monitors().items() if found.needs_labels}
    labelled = {type_ for type_ in ALL_TYPES if type_ in analysed().endpoints["fraud"].monitors["all"].labelled}
    assert labelled == needing & set(ALL_TYPES)


def test_settings_know_the_metrics_of_model_quality_and_where_they_get_worse():
    for type_, short in analysis_settings.AWS_PROBLEMS.items():
        known = {name for name in METRICS[type_] if not name.endswith(quality.CONSTANT_END)}
        assert set(analysis_settings.QUALITY_METRICS[short]) == known
    assert analysis_settings.WORSE_WHEN_GREATER == quality.WORSE_WHEN_GREATER


def test_baselines_consist_of_the_files_that_the_core_writes():
    for type_, monitor in registry.monitors().items():
        assert set(contract.BASELINE_FILES[type_]) == {monitor.files.constraints_name, monitor.files.statistics_name}


def test_windows_wait_in_the_folder_that_runs_may_remove_from():
    assert run_settings.PENDING == history.PENDING
