"""The bias monitor's part of a configuration: our own keys, or Clarify's analysis configuration as it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from statistics import NormalDist
from typing import Any, Final

from model_monitor.job import analysis_config
from model_monitor.job.blocks import Block, Faults, kind_of
from model_monitor.monitors.answered import MIN_ANSWERS
from model_monitor.monitors.model_bias.facets import ReadAs, Value, Wanted
from model_monitor.monitors.model_bias.metrics import DESCRIPTIONS, POST_TRAINING, PRE_TRAINING
from model_monitor.monitors.model_bias.settings import BiasSettings, Bootstrap, Facet, FlipSettings
from model_monitor.schema import Schema

SETTINGS: Final = "bias"  # keys of a job's options
FACET_SOURCE: Final = "facet_source"
METADATA: Final = "metadata"
ALL: Final = "all"


def read_options(block: Block) -> dict[str, Any]:
    """The monitor's options: its settings, and where facets come from."""
    document = block.take("analysis_config")
    said: dict[str, Any] = {}
    options: dict[str, Any] = {}
    if document is not None and not isinstance(document, Mapping):
        block.faults.add(block.at("analysis_config"), f"should be an object or a path, found {kind_of(document)}")
    elif document is not None:
        said = analysis_config.bias_options(document)
    for key, value in said.items():
        block.rest.setdefault(key, value)
    options[FACET_SOURCE] = block.text("facet_source")
    options[SETTINGS] = _settings(block)
    return {key: value for key, value in options.items() if value is not None}


def complete_options(options: dict[str, Any], schema: Schema, path: str, faults: Faults) -> dict[str, Any]:
    """With the columns that are no features of the payload; they must come from somewhere."""
    settings: BiasSettings = options[SETTINGS]
    count = len(schema.names)
    named = [facet.name for facet in settings.facets] + ([] if settings.group is None else [settings.group])
    if schema.is_positional:  # which of them are features is known when the data is
        return options | ({METADATA: tuple(dict.fromkeys(named))} if FACET_SOURCE in options else {})
    others = [n for n in named if n not in schema.names and not (n.isdecimal() and int(n) < count)]
    if others and FACET_SOURCE not in options:
        for name in others:
            faults.add(path, f"'{name}' is no feature of the payload; name a facet_source that has it")
    return options | {METADATA: tuple(dict.fromkeys(others))}


def _settings(block: Block) -> BiasSettings:
    default = BiasSettings()
    facets = _facets(block)
    if block.rest.get("label_values") == []:
        left_out = ", ".join(map(str, default.label.values))
        block.faults.add(
            block.at("label_values"), f"is empty: name the labels that are positive, or leave it out for {left_out}"
        )
    values = _values(block, "label_values") or default.label.values
    label = replace(default.label, values=values, read_as=_read_as(block, "label_read_as"))
    _check_threshold(block, "label_values", label)
    threshold, margin = (
        block.share("probability_threshold", default.probability_threshold),
        block.share("margin", default.margin),
    )
    smallest = (
        block.count("min_group_records", 1, minimum=1) if block.rest.get("min_group_records") is not None else None
    )
    block.take("min_group_records")  # left out or null: by the rule that decides
    pre, post = _methods(block)
    return BiasSettings(
        facets=facets,
        label=label,
        label_name=block.text("label_name", "") or "",
        group=_name(block, "group_variable"),
        probability_threshold=threshold,
        class_labels=block.texts("class_labels"),
        pre=pre,
        post=post,
        flip=_flip(block),
        bootstrap=_bootstrap(block),
        min_group_records=smallest,
        margin=margin,
        min_answers=block.share("min_answers", MIN_ANSWERS),
    )


def _facets(block: Block) -> tuple[Facet, ...]:
    content = block.take("facets")
    if not isinstance(content, list) or not content:
        block.faults.add(block.at("facets"), "should be a list of at least one facet")
        return ()
    facets = []
    for position, item in enumerate(content):
        path = f"{block.at('facets')}[{position}]"
        each = Block({"name": item} if isinstance(item, (str, int)) else item, path, block.faults)
        name = _name(each, "name")
        if name is None:
            block.faults.add(each.at("name"), "is missing")
        wanted = Wanted(_values(each, "values"), _read_as(each, "read_as"))
        _check_threshold(each, "values", wanted)
        facets.append(Facet(name or "", wanted))
        each.end()
    names = [facet.name for facet in facets]
    for name in sorted({name for name in names if names.count(name) > 1}):
        block.faults.add(block.at("facets"), f"'{name}' is named {names.count(name)} times")
    return tuple(facets)


def _values(block: Block, key: str) -> tuple[Value, ...]:
    value = block.take(key)
    if value is None:
        return ()
    values = value if isinstance(value, list) else [value]
    if not all(isinstance(each, (str, int, float)) for each in values):
        block.faults.add(block.at(key), "should be a list of values")
        return ()
    return tuple(values)


def _read_as(block: Block, key: str) -> ReadAs:
    found: ReadAs = block.choice(key, ReadAs, ReadAs.AUTO)
    return found


def _check_threshold(block: Block, key: str, wanted: Wanted) -> None:
    if wanted.read_as is ReadAs.THRESHOLD and (not wanted.values or len(wanted.numbers) < len(wanted.words)):
        block.faults.add(block.at(key), "should be numbers, since they are read as a threshold")


def _name(block: Block, key: str) -> str | None:
    """A feature by its name, or by its position in the payload, which `settings_of` looks up."""
    value = block.selector(key)
    return None if value is None else str(value)


def _methods(block: Block) -> tuple[tuple[str, ...], tuple[str, ...]]:
    content = block.take("methods")
    if content is None or content == ALL:
        return PRE_TRAINING, POST_TRAINING
    names = content if isinstance(content, list) else []
    unknown = [name for name in names if not isinstance(name, str) or name not in DESCRIPTIONS]
    if not names or unknown:
        block.faults.add(block.at("methods"), f'should be "all" or a list of {", ".join(sorted(DESCRIPTIONS))}')
    return tuple(n for n in PRE_TRAINING if n in names), tuple(n for n in POST_TRAINING if n in names)


def _flip(block: Block) -> FlipSettings | None:
    content, default = block.take("flip_test"), FlipSettings()
    if content is False:
        return None
    each = Block({} if content is None or content is True else content, block.at("flip_test"), block.faults)
    settings = FlipSettings(
        rows=each.count("rows", default.rows, minimum=1),
        sample=each.count("sample", default.sample, minimum=1),
        memory_bytes=each.count("memory_mb", default.memory_bytes >> 20, minimum=1) << 20,
        seed=each.count("seed", default.seed),
    )
    each.end()
    return settings


def _bootstrap(block: Block) -> Bootstrap | None:
    content, default = block.take("bootstrap"), Bootstrap()
    if content is None or content is False:
        return None
    each = Block({} if content is True else content, block.at("bootstrap"), block.faults)
    draws, seed = each.count("draws", default.draws, minimum=2), each.count("seed", default.seed)
    confidence = each.share("confidence", 0.95)
    if not 0 < confidence < 1:
        block.faults.add(each.at("confidence"), "should be between 0 and 1, without either")
        confidence = 0.95
    each.end()
    return Bootstrap(draws, NormalDist().inv_cdf((1 + confidence) / 2), seed)
