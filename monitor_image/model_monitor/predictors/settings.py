"""The `predictor` block of a configuration: Clarify's keys, and a few of ours. Pure: nothing is asked or opened here."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from model_monitor.job.blocks import Block
from model_monitor.predictors import templates
from model_monitor.predictors.responses import Selector, check_selector

PREFIX: Final = "sm-clarify"
PREFIX_MAX: Final = 23  # a shadow endpoint's name is the prefix and what tells runs apart
PREFIX_PATTERN: Final = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9])*")
NAME_PATTERN: Final = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}")
ATTRIBUTES_PATTERN: Final = re.compile(r"[\x21-\x7e]{1,1024}")


@dataclass(frozen=True, slots=True)
class PredictorSettings:
    """Which model is asked, and how it is spoken to.

    endpoint_name: an endpoint that is there; wins over a model. Neither: the endpoint whose captures are analysed.
    model_name, instance_type, instance_count: the shadow endpoint that a run makes for itself and removes.
    content_type, accept_type: None: the dataset's, and the content type.
    probability, label: where the numbers to explain are inside an answer; the first of them that is given counts.
    batch_records: at most so many a request. concurrency: requests at a time.
    startup_seconds: how long a shadow endpoint may take until it is in service.
    """

    endpoint_name: str | None = None
    model_name: str | None = None
    instance_type: str | None = None
    instance_count: int = 1
    endpoint_name_prefix: str = PREFIX
    target_variant: str | None = None
    target_model: str | None = None
    custom_attributes: str | None = None
    content_type: str | None = None
    accept_type: str | None = None
    content_template: str | None = None
    record_template: str | None = None
    label: Selector = None
    probability: Selector = None
    label_headers: tuple[str, ...] = ()
    batch_records: int = 500
    concurrency: int = 4
    startup_seconds: int = 1800

    @property
    def is_shadow(self) -> bool:
        return self.endpoint_name is None and self.model_name is not None

    @property
    def selector(self) -> Selector:
        return self.label if self.probability is None else self.probability


def read_predictor(block: Block) -> PredictorSettings:
    """The whole block; faults go to it, unknown keys included."""
    default = PredictorSettings()
    settings = PredictorSettings(
        endpoint_name=block.text("endpoint_name"),
        model_name=block.text("model_name"),
        instance_type=block.text("instance_type"),
        instance_count=block.count("initial_instance_count", 1, minimum=1),
        endpoint_name_prefix=block.text("endpoint_name_prefix", PREFIX) or PREFIX,
        target_variant=block.text("target_variant"),
        target_model=block.text("target_model"),
        custom_attributes=block.text("custom_attributes"),
        content_type=_content_type(block, "content_type"),
        accept_type=_content_type(block, "accept_type"),
        content_template=block.text("content_template"),
        record_template=block.text("record_template"),
        label=_selector(block, "label"),
        probability=_selector(block, "probability"),
        label_headers=_label_headers(block),
        batch_records=block.count("batch_records", default.batch_records, minimum=1),
        concurrency=block.count("concurrency", default.concurrency, minimum=1),
        startup_seconds=block.count("startup_seconds", default.startup_seconds, minimum=1),
    )
    if block.take("accelerator_type") is not None:
        block.faults.add(block.at("accelerator_type"), "is no longer offered by the service; choose an instance_type")
    _check(settings, block)
    block.end()
    return settings


def _check(settings: PredictorSettings, block: Block) -> None:
    """What fits together, and what the service would refuse."""
    add = block.faults.add
    for key in ("endpoint_name", "model_name"):
        name = getattr(settings, key)
        if name is not None and not NAME_PATTERN.fullmatch(name):
            add(block.at(key), "should be 1 to 63 letters, digits and inner hyphens")
    if settings.model_name is not None and settings.instance_type is None:
        add(block.at("instance_type"), "is missing; a shadow endpoint of model_name needs one")
    prefix = settings.endpoint_name_prefix
    if not PREFIX_PATTERN.fullmatch(prefix) or len(prefix) > PREFIX_MAX:
        add(block.at("endpoint_name_prefix"), f"should be at most {PREFIX_MAX} letters, digits and inner hyphens")
    attributes = settings.custom_attributes
    if attributes is not None and not ATTRIBUTES_PATTERN.fullmatch(attributes):
        add(block.at("custom_attributes"), "should be at most 1024 visible ASCII characters")
    if settings.target_variant is not None and settings.is_shadow:
        add(block.at("target_variant"), "is for endpoint_name; a shadow endpoint has one variant")
    for fault in _template_faults(settings):
        key, _, problem = fault.partition(": ")
        add(block.at(key), problem)


def _template_faults(settings: PredictorSettings) -> list[str]:
    """Without a content type it is the dataset's, so that templates are judged when that is known."""
    if settings.content_type is None:
        return []
    return templates.faults(settings.content_type, settings.content_template, settings.record_template)


def _content_type(block: Block, key: str) -> str | None:
    value = block.text(key)
    if value is None:
        return None
    if value.lower() not in templates.CONTENT_TYPES:
        block.faults.add(block.at(key), f"should be one of {', '.join(templates.CONTENT_TYPES)}")
        return None
    return value.lower()


def _selector(block: Block, key: str) -> Selector:
    value = block.selector(key)
    problem = check_selector(value)
    if problem:
        block.faults.add(block.at(key), problem)
    return value


def _label_headers(block: Block) -> tuple[str, ...]:
    """Texts; numbers are taken as their text, and one name may stand without a list."""
    value: Any = block.take("label_headers")
    if value is None:
        return ()
    names = value if isinstance(value, list) else [value]
    if not all(isinstance(name, (str, int)) and not isinstance(name, bool) for name in names):
        block.faults.add(block.at("label_headers"), "should be a list of names")
        return ()
    return tuple(str(name) for name in names)
