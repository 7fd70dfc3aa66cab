"""Monitors, checks and rules are found by walking their packages."""

from __future__ import annotations

import pkgutil
import subprocess
import sys
import types

import pytest

from model_monitor.contract import CheckType, MonitoringType
from model_monitor.monitors import registry
from model_monitor.monitors.data_quality import checks, rules, suggest
from model_monitor.monitors.walking import constants


def modules_of(package: types.ModuleType) -> list[str]:
    return [module.name for module in pkgutil.iter_modules(package.__path__)]


def test_every_check_type_has_exactly_one_rule_in_a_file_of_its_name():
    assert sorted(rule.check_type for rule in rules.check_rules()) == sorted(CheckType)
    assert sorted(modules_of(checks)) == sorted(check_type.removesuffix("_check") for check_type in CheckType)


def test_checks_run_in_one_order_columns_first():
    assert [rule.check_type for rule in rules.check_rules()][:3] == [
        CheckType.MISSING_COLUMN,
        CheckType.EXTRA_COLUMN,
        CheckType.DATA_TYPE,
    ]
    assert len({rule.order for rule in rules.check_rules()}) == len(CheckType)


def test_every_suggestion_has_a_file():
    assert len(rules.suggest_rules()) == len(modules_of(suggest))


def test_data_quality_is_registered_under_its_type():
    assert registry.monitors()[MonitoringType.DATA_QUALITY].type is MonitoringType.DATA_QUALITY


def test_a_monitor_is_found_by_its_key_without_importing_the_others():
    for type_, monitor in registry.monitors().items():
        assert registry.find(type_) is monitor
    code = (
        "from model_monitor.monitors import registry; from model_monitor.contract import MonitoringType; import sys;"
        "registry.find(MonitoringType.DATA_QUALITY); print('model_monitor.monitors.model_bias.monitor' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_a_new_file_is_found_without_editing_anything(tmp_path, monkeypatch):
    (tmp_path / "rooms_for_test").mkdir()
    (tmp_path / "rooms_for_test" / "__init__.py").write_text("")
    (tmp_path / "rooms_for_test" / "one.py").write_text("RULE = 1")
    (tmp_path / "rooms_for_test" / "two.py").write_text("OTHER = 2")
    monkeypatch.syspath_prepend(str(tmp_path))
    try:
        assert list(constants("rooms_for_test", "RULE")) == [1]
    finally:
        for name in [name for name in sys.modules if name.startswith("rooms_for_test")]:
            del sys.modules[name]


def test_a_folder_whose_monitor_is_of_another_type_is_refused(monkeypatch):
    monitor = registry.monitors()[MonitoringType.DATA_QUALITY]
    registry.find.cache_clear()
    monkeypatch.setattr("model_monitor.monitors.model_bias.monitor.MONITOR", monitor)
    with pytest.raises(TypeError, match="model_bias should hold the monitor ModelBias, and holds DataQuality"):
        registry.find(MonitoringType.MODEL_BIAS)
    monkeypatch.undo()
    registry.find.cache_clear()


def test_the_contracts_monitors_come_in_its_order():
    assert list(registry.types().values()) == list(MonitoringType)
