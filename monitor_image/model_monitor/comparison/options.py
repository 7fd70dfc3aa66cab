"""When a challenger is better: the metric, by how much, how sure, and where it must not be worse."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from model_monitor.comparison.outcomes import choosable
from model_monitor.contract import BIAS_METRICS, BiasStage, ProblemType
from model_monitor.errors import SettingsError
from model_monitor.job.blocks import Block, Faults
from model_monitor.words import did_you_mean

LEAST_SURE: Final = 0.5
MOST_SURE: Final = 0.9999
BIAS_KNOWN: Final = tuple(name for name in BIAS_METRICS[BiasStage.POST] if name != "FT")  # the flip test takes its time
WHERE: Final = "comparison.options"


@dataclass(frozen=True, slots=True)
class Options:
    """What decides.

    metric: None: auc of a binary problem whose models both give scores, accuracy of other classifications, rmse.
    margin: by how much the challenger must be better, in the metric's own unit.
    confidence: of the interval that must lie above the margin.
    slices: features whose values, or quarters of whose numbers, are looked at one by one.
    max_slice_loss: by how much the challenger may be worse in a slice; more than chance explains, over all slices together.
    facets: of model_bias, to whose groups the challenger must not be less fair by any of `bias_metrics`.
    max_bias_loss: by how much a metric may be farther from fair; more than chance explains, over all of them together.
    min_records, min_slice_records: below these nothing is concluded, of the whole and of a slice or a side of a facet.
    """

    metric: str | None = None
    margin: float = 0.0
    confidence: float = 0.95
    slices: tuple[str, ...] = ()
    max_slice_loss: float = 0.0
    facets: tuple[str, ...] = ()
    bias_metrics: tuple[str, ...] = ("DPPL",)
    max_bias_loss: float = 0.0
    min_records: int = 100
    min_slice_records: int = 30


def read_options(content: Mapping[str, Any], type_: ProblemType) -> Options:
    """Options as a caller wrote them. Raises: SettingsError with every fault."""
    faults = Faults()
    block, default = Block(content, WHERE, faults), Options()
    options = Options(
        metric=block.text("metric"),
        margin=_amount(block, "margin", default.margin),
        confidence=block.share("confidence", default.confidence),
        slices=block.texts("slices"),
        max_slice_loss=_amount(block, "max_slice_loss", default.max_slice_loss),
        facets=block.texts("facets"),
        bias_metrics=block.texts("bias_metrics") or default.bias_metrics,
        max_bias_loss=_amount(block, "max_bias_loss", default.max_bias_loss),
        min_records=block.count("min_records", default.min_records, minimum=2),
        min_slice_records=block.count("min_slice_records", default.min_slice_records, minimum=2),
    )
    block.end()
    for name in options.bias_metrics:
        if name not in BIAS_KNOWN:
            faults.add(
                block.at("bias_metrics"), f"'{name}' is no metric of what models say. Known: {', '.join(BIAS_KNOWN)}"
            )
    known = choosable(type_)
    if options.metric is not None and options.metric not in known:
        meant = did_you_mean([options.metric], known)
        faults.add(
            block.at("metric"), f"is no metric of {type_}{f'; {meant}' if meant else ''} Known: {', '.join(known)}"
        )
    if not LEAST_SURE <= options.confidence <= MOST_SURE:
        faults.add(block.at("confidence"), f"should be between {LEAST_SURE} and {MOST_SURE}")
    if faults:
        raise SettingsError.of_faults(WHERE, faults)
    return options


def _amount(block: Block, key: str, default: float) -> float:
    """A number of at least 0, in the metric's unit."""
    value = block.take(key)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < float("inf"):
        block.faults.add(block.at(key), "should be a number of at least 0")
        return default
    return float(value)
