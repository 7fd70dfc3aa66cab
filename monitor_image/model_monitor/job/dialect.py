"""A configuration in an environment file's words: what stands below one of its `monitors`, as it is.

types: [data_quality, model_quality]           monitors: {data_quality: {min_records: 50, thresholds: {...}},
min_records: 50                          is               model_quality: {min_records: 50, problem_type: binary}}
thresholds: {comparison_threshold: 0.2}
model_quality: {problem_type: binary}
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from model_monitor.contract import MONITOR_KEYS, MonitoringType, Variable, monitor_key
from model_monitor.job.blocks import Block, Faults

TYPES: Final = "types"
OF_EVERY_TYPE: Final = ("min_records", "decision")
OF_DATA_QUALITY: Final = ("thresholds", "features", "check_non_negative")
OF_A_DEPLOYMENT: Final = frozenset(
    ("scheduler", "instance_type", "volume_size_gb", "max_runtime_seconds", "reader", "role_arn", "alarms")
)
DATA_QUALITY: Final = monitor_key(MonitoringType.DATA_QUALITY)


def take_monitors(block: Block) -> object:
    """`monitors` as a configuration has it, or made of an environment file's words; None where neither is given."""
    for key in OF_A_DEPLOYMENT & block.rest.keys():
        del block.rest[key]
        block.faults.add(block.at(key), "is of a deployment and means nothing to a run; leave it out")
    monitors, types = block.take("monitors"), _take(block, TYPES)
    shared = {key: _take(block, key) for key in OF_EVERY_TYPE}
    own = {key: _take(block, key) for key in MONITOR_KEYS.values() if key != DATA_QUALITY}
    of_data = {key: _take(block, key) for key in OF_DATA_QUALITY}
    given = [key for key, value in ({TYPES: types} | shared | own | of_data).items() if value is not None]
    if not given:
        return monitors
    if monitors is not None:
        block.faults.add(block.at("monitors"), f"says it in another way than {given[0]} beside it; give one of the two")
        return monitors
    return _monitors(block, [DATA_QUALITY] if types is None else types, shared, own, of_data)


def _take(block: Block, key: str) -> Any:
    """A word of environment files where it stands; others are not told that it is known."""
    return block.take(key) if key in block.rest else None


def _monitors(
    block: Block, types: object, shared: Mapping[str, Any], own: Mapping[str, Any], of_data: Mapping[str, Any]
) -> dict[str, Any]:
    if not isinstance(types, list) or not types or not all(isinstance(type_, str) for type_ in types):
        block.faults.add(block.at(TYPES), f"should be a list of {', '.join((DATA_QUALITY, *own))}")
        return {DATA_QUALITY: {}}
    for key in (key for key, value in own.items() if value is not None and key not in types):
        block.faults.add(block.at(key), f"is set, but {key} is none of the types; add it to them")
    for key in (key for key, value in of_data.items() if value is not None and DATA_QUALITY not in types):
        block.faults.add(block.at(key), f"is of {DATA_QUALITY}, which is none of the types; add it to them")
    found: dict[str, Any] = {}
    for type_ in types:
        options = own.get(type_) or {}
        if not isinstance(options, Mapping):
            found[type_] = options  # told where it is read
            continue
        beside = of_data if type_ == DATA_QUALITY else {}
        found[type_] = {key: value for key, value in ({**shared, **beside}).items() if value is not None} | dict(
            options
        )
    return found


def of_one_type(document: Mapping[str, Any], type_: MonitoringType, faults: Faults) -> dict[str, Any]:
    """A configuration, in whichever words, of one of its monitors alone: the one that a job is asked for."""
    found, key = dict(document), monitor_key(type_)
    monitors = found.get("monitors")
    if monitors is None:
        others = {*MONITOR_KEYS.values()} - {key}
        left_out = others if key == DATA_QUALITY else others | {*OF_DATA_QUALITY}
        known = found.get(TYPES)
        is_said = isinstance(known, list)
        if not (is_said or found.keys() & {*OF_EVERY_TYPE, *OF_DATA_QUALITY, *MONITOR_KEYS.values()}):
            return found | {"monitors": {key: {}}}
        if not is_said or key in (known or ()):
            return {word: value for word, value in found.items() if word not in left_out} | {TYPES: [key]}
    elif isinstance(monitors, Mapping) and key in monitors:
        return found | {"monitors": {key: monitors[key]}}
    else:
        known = list(monitors) if isinstance(monitors, Mapping) else []
    faults.add(Variable.ANALYSIS_TYPE, f"asks for {key}, and the configuration has {', '.join(map(str, known or ()))}")
    return found
