"""How one group's metrics are judged: when a metric is worse than the baseline's, and what can be said of chance."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Self

from model_monitor.contract import BiasStage, Decision
from model_monitor.monitors.conclusion import Evidence
from model_monitor.monitors.model_bias.counted import Counted
from model_monitor.monitors.model_bias.flip_test import Z_95
from model_monitor.monitors.model_bias.intervals import deviations
from model_monitor.monitors.model_bias.metrics import (
    CLASS_IMBALANCE,
    FLIP_TEST,
    NO_NEGATIVE,
    NO_POSITIVE,
    POST_TRAINING,
    PRE_TRAINING,
    A,
    D,
)
from model_monitor.monitors.model_bias.sampling import evidence, evidence_alone, is_empty
from model_monitor.monitors.model_bias.settings import BiasSettings, Bootstrap
from model_monitor.monitors.model_bias.statistics import Entry

SCALES: Final = {
    "JS": math.log(2),
    "LP": math.sqrt(2),
}  # largest values; of all others 1, which is DI's as a factor of e


ONE_GAP: Final = {"LP": "KS", "TVD": "KS"}  # of two labels
MIRRORED: Final = frozenset({"AD", "CI", "DAR", "DI", "DPL", "DPPL", "DRR", "JS", "KS", "RD", "SD", "TE"})


@dataclass(frozen=True, slots=True)
class Rule:
    """How metrics of one group are judged.

    baseline: the baseline's records; None where it does not tell them.
    spread: then the deviations of the window's metrics. smallest: records that either side must have.
    """

    settings: BiasSettings
    decision: Decision
    window: Counted | None = None
    baseline: Counted | None = None
    spread: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, entry: Entry, baseline: Counted | None, settings: BiasSettings, decision: Decision) -> Self:
        """For one group."""
        window = entry.counted
        if decision is not Decision.CALIBRATED or window is None:
            return cls(settings, decision)
        spread: dict[str, float] = {}
        if baseline is None:
            spread = deviations(window.counts, settings.bootstrap or Bootstrap())
            spread |= {} if entry.flip is None else {FLIP_TEST: (entry.flip.high - entry.flip.low) / (2 * Z_95)}
        return cls(settings, decision, window, baseline, spread)

    @property
    def is_calibrated(self) -> bool:
        return self.decision is Decision.CALIBRATED

    def too_few(self) -> str:
        """Why nothing can be said of a group under `calibrated`; "" otherwise: AWS's rule knows no sizes."""
        if not self.is_calibrated:
            return ""
        smallest = self.settings.smallest(self.decision)
        for sample, side in ((self.window, "the facet"), (self.baseline, "the baseline's facet")):
            if sample is not None and sample.smallest_side(is_predicted=False) < smallest:
                return f"one side of {side} has fewer than {smallest} records"
        return ""

    def why_not(self, name: str) -> str:
        """Why a metric cannot be compared under `calibrated`."""
        if not self.is_calibrated:
            return ""
        one_label = "" if self.window is None else self._one_label(name, self.window)
        if one_label:
            return one_label
        for sample, where in ((self.window, "here"), (self.baseline, "in the baseline")):
            if sample is None:
                continue
            if name in POST_TRAINING:
                smallest = self.settings.smallest(self.decision)
                if sample.smallest_side(is_predicted=True) < smallest:
                    return f"one side of the facet has fewer than {smallest} predictions {where}"
            if is_empty(name, sample):
                return f"one side of the facet has no record that it counts {where}"
        return ""

    def _one_label(self, name: str, window: Counted) -> str:
        """That all records have one label, where a metric of labels tells nothing: 0 is no fairness then."""
        if name not in PRE_TRAINING or name == CLASS_IMBALANCE:
            return ""
        negative, positive = window.observed.sum(axis=0).tolist()
        return NO_POSITIVE if not positive else NO_NEGATIVE if not negative else ""

    def expects_few(self, stage: BiasStage) -> bool:
        """Whether, going by the baseline, fewer records than a side must have are of one of the two labels in such a window."""
        if not self.is_calibrated or self.window is None or self.baseline is None:
            return False
        here, there = (
            each.observed if stage is BiasStage.PRE else each.predicted.sum(axis=1)
            for each in (self.window, self.baseline)
        )
        rarer = int(there.sum(axis=0).min())
        return bool(rarer * here.sum() < self.settings.smallest(self.decision) * there.sum())

    def limit(self, name: str, known: float) -> float:
        """The value in the baseline's direction beyond which it is worse."""
        if not self.is_calibrated or not self.settings.margin:
            return known
        reach = magnitude(name, known) + self.settings.margin * SCALES.get(name, 1.0)
        if name == "DI":
            return math.exp(reach if known > 1 else -reach)
        return math.copysign(reach, known)

    def is_beyond(self, name: str, value: float, limit: float) -> bool:
        """Larger in magnitude; DI by its logarithm where chance has its say, for there 1 is neutral."""
        if self.is_calibrated:
            return magnitude(name, value) > magnitude(name, limit)
        return abs(value) > abs(limit)

    def meets(self, name: str, value: float, width: float, limit: float) -> bool:
        """Whether an interval of that half width around a value holds one that is within the limit."""
        if not self.is_calibrated or name != "DI":
            return abs(value) - width <= abs(limit)
        nearest = min(value + width, 1.0) if value < 1 else max(value - width, 1.0)
        return magnitude(name, nearest) <= magnitude(name, limit)

    def evidence(self, name: str, value: float, known: float) -> Evidence | None:
        """What sampling explains of it."""
        if not self.is_calibrated or self.window is None:
            return None
        if self.baseline is None:
            return evidence_alone(name, self.window, self.spread.get(name, math.nan), (value, known))
        found = evidence(name, self.window, self.baseline, (value, known))
        return found and replace(found, alike=self._alike(name, self.window, self.baseline))

    def _alike(self, name: str, window: Counted, baseline: Counted) -> Hashable:
        """Gaps of one thing are one test, and so is one whose sides change places: of men to women, of women to men."""
        test = ONE_GAP.get(name, name)
        if test not in MIRRORED:
            return None
        sides = [
            b"".join(part[side].tobytes() for each in (window, baseline) for part in (each.observed, each.predicted))
            for side in (A, D)
        ]
        return test, *sorted(sides)


def magnitude(name: str, value: float) -> float:
    """How far a metric is from its neutral value: 0, and of DI 1, on either side alike."""
    if name != "DI":
        return abs(value)
    return abs(math.log(value)) if 0 < value < math.inf else math.inf
