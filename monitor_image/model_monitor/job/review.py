"""Which predictions people look at: the `review` block of a configuration, validated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from model_monitor.contract import ProblemType
from model_monitor.job.blocks import Block, Faults
from model_monitor.label_text import normalise
from model_monitor.schema import Privacy, Schema
from model_monitor.words import did_you_mean

PROBLEMS: Final = {"binary": ProblemType.BINARY, "multiclass": ProblemType.MULTICLASS}
DEFAULT_LABELS: Final = ("0", "1")
LONGEST_INSTRUCTIONS: Final = 1000
DEFAULT_LIMITS: Final = {"margin": 0.2, "entropy": 0.5}


class Measure(StrEnum):
    """How uncertainty is told: a score within a band, two likely classes close together, all classes alike."""

    BAND = "band"
    MARGIN = "margin"
    ENTROPY = "entropy"


@dataclass(frozen=True, slots=True)
class Band:
    """Scores that are uncertain: above `low` and below `high`."""

    low: float = 0.1
    high: float = 0.9


@dataclass(frozen=True, slots=True)
class ReviewSettings:
    """What of an endpoint's predictions goes to people.

    labels: what a reviewer may choose; of a model that scores each class, in the order of its scores.
    bands: those of single predicted classes, where they differ from `band`.
    limit: of margin, below which; of entropy (as a share of the most there can be), above which a prediction is uncertain.
    sample_per_class: confident predictions of each predicted class that are looked at all the same, for each hour.
    names: what labels are called for people. instructions: what a reviewer reads above each task.
    per_hour, per_day: most tasks by the time of inference. features: names that a reviewer may see; no others are written.
    """

    problem: ProblemType = ProblemType.BINARY
    labels: tuple[str, ...] = DEFAULT_LABELS
    positive: str = "1"
    threshold: float = 0.5
    measure: Measure = Measure.BAND
    band: Band = field(default_factory=Band)
    bands: Mapping[str, Band] = field(default_factory=dict)
    limit: float = 0.0
    sample_per_class: int = 1
    per_hour: int = 20
    per_day: int = 100
    features: tuple[str, ...] = ()
    names: Mapping[str, str] = field(default_factory=dict)
    instructions: str = ""

    def band_of(self, label: str) -> Band:
        """The band of one predicted class."""
        return self.bands.get(label, self.band)


def read_review(content: object, schema: Schema, faults: Faults) -> ReviewSettings:
    """The block `review` of a configuration."""
    block = Block(content, "review", faults)
    problem = PROBLEMS[block.choice("problem_type", PROBLEMS, "binary")]
    is_binary = problem is ProblemType.BINARY
    labels = tuple(map(normalise, block.labels("labels"))) or (DEFAULT_LABELS if is_binary else ())
    if is_binary and len(labels) != 2:
        faults.add(block.at("labels"), "should be two labels of a binary problem")
    if len(labels) < 2 and not is_binary:
        faults.add(
            block.at("labels"), "should name the classes that a reviewer may choose, in the order of their scores"
        )
    positive = normalise(block.label("positive") or (labels[-1] if labels else "1"))
    if positive not in labels:
        faults.add(block.at("positive"), "is none of review.labels")
    measure = block.choice("measure", Measure, Measure.BAND if is_binary else Measure.MARGIN)
    if is_binary and measure is not Measure.BAND:
        faults.add(block.at("measure"), "should be band for a binary problem: its one score says it all")
    band = _band(block)
    per_hour, per_day = block.count("per_hour", 20, minimum=1), block.count("per_day", 100, minimum=1)
    settings = ReviewSettings(
        problem=problem,
        labels=labels,
        positive=positive,
        threshold=block.share("threshold", 0.5),
        measure=measure,
        band=band,
        bands=_bands(block, labels, faults),
        limit=block.share("limit", DEFAULT_LIMITS.get(measure, 0.0)),
        sample_per_class=block.count("sample_per_class", 1),
        per_hour=per_hour,
        per_day=per_day,
        features=block.texts("features"),
        names=_names(block, labels, faults),
        instructions=(block.text("instructions", "") or "")[:LONGEST_INSTRUCTIONS],
    )
    block.end()
    if per_hour > per_day:
        faults.add(block.at("per_hour"), f"should be at most per_day, {per_day}")
    _refuse_features(settings, schema, faults)
    _refuse_silent(settings, schema, faults)
    return settings


def _band(block: Block) -> Band:
    band = Band(block.share("low", 0.1), block.share("high", 0.9))
    if band.low >= band.high:
        block.faults.add(block.at("low"), "should be below high")
    return band


def _bands(block: Block, labels: tuple[str, ...], faults: Faults) -> dict[str, Band]:
    given = block.take("classes")
    if given is None:
        return {}
    classes = Block(given, block.at("classes"), faults)
    bands = {}
    for label in list(classes.rest):
        inner = Block(classes.take(label), classes.at(label), faults)
        bands[normalise(label)] = _band(inner)
        inner.end()
        if normalise(label) not in labels:
            faults.add(classes.at(label), "is none of review.labels")
    return bands


def _names(block: Block, labels: tuple[str, ...], faults: Faults) -> dict[str, str]:
    given = block.take("label_names")
    if given is None:
        return {}
    names = Block(given, block.at("label_names"), faults)
    found = {label: names.text(label, "") or "" for label in list(names.rest)}
    for label in found:
        if normalise(label) not in labels:
            faults.add(names.at(label), "is none of review.labels")
    return {normalise(label): name for label, name in found.items() if name}


def _refuse_features(settings: ReviewSettings, schema: Schema, faults: Faults) -> None:
    """People see what was listed, and nothing that is restricted."""
    if not settings.features:
        faults.add("review.features", "should list the features that reviewers may see; no others are shown")
    known = {feature.name: feature for feature in schema.features}
    for name in settings.features:
        if name in known and known[name].privacy is Privacy.RESTRICTED:
            faults.add("review.features", f"'{name}' is restricted: its values may not be shown")
        elif name not in known and not schema.is_positional:
            asked = did_you_mean([name], schema.names)
            faults.add("review.features", f"'{name}' is no feature of the payload{f'; {asked}' if asked else ''}")


def _refuse_silent(settings: ReviewSettings, schema: Schema, faults: Faults) -> None:
    """Without a score nothing is known to be uncertain."""
    output = schema.payload.output
    if schema.is_positional:
        faults.add("review", "needs payload.features and payload.output: what a response means")
    elif output.score is None and not output.scores:
        faults.add("review", "needs payload.output.score: without a score no prediction is known to be uncertain")
    elif settings.measure is not Measure.BAND and output.scores and len(output.scores) != len(settings.labels):
        faults.add("review.labels", f"should be as many as payload.output.score, {len(output.scores)}")
