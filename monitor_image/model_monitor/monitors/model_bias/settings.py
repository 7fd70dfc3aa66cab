"""What a bias monitor looks at. Types only; `options.py` reads them from a configuration."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from model_monitor.contract import Decision
from model_monitor.monitors.answered import MIN_ANSWERS
from model_monitor.monitors.model_bias.facets import FEW_LABELS, Wanted

CALIBRATED_MINIMUM: Final = 10  # records of either side, below which chances of a change are not worth testing
GROUPS_KEPT: Final = 1000  # different values of the group variable
FACETS_KEPT: Final = 100  # different values of a facet that names none


@dataclass(frozen=True, slots=True)
class Facet:
    """One sensitive column. Without values every distinct value is compared with the rest."""

    name: str
    wanted: Wanted = field(default_factory=Wanted)


@dataclass(frozen=True, slots=True)
class FlipSettings:
    """How much the flip test may hold and search.

    rows: most records for which it is exact. sample: how many are drawn when there are more. memory_bytes: of one process.
    """

    rows: int = 200_000
    sample: int = 20_000
    memory_bytes: int = 256 << 20
    seed: int = 0

    def capacity(self, row_bytes: int) -> int:
        """Records that are kept."""
        return max(1, min(self.rows, self.memory_bytes // max(1, row_bytes)))


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """Intervals from resampling, off unless asked for."""

    draws: int = 200
    z: float = 1.959963984540054
    seed: int = 0


@dataclass(frozen=True, slots=True)
class BiasSettings:
    """Everything that is not data.

    label: which labels are positive. label_name: the column's name in reports.
    group: the variable that CDDL and CDDPL condition on.
    class_labels: the labels of a list of scores, in its order.
    pre, post: names of the metrics of each stage.
    min_group_records: sides of a facet with fewer are not evaluated; None: by the rule that decides (`smallest`).
    min_answers: share of the labelled records that must have a prediction, where some have one.
    margin: how much worse than the baseline a metric may be under `calibrated`, as a share of the metric's scale.
    """

    facets: tuple[Facet, ...] = ()
    label: Wanted = field(default_factory=lambda: Wanted((1,), few=FEW_LABELS))
    label_name: str = "label"
    group: str | None = None
    probability_threshold: float = 0.5
    class_labels: tuple[str, ...] = ()
    pre: tuple[str, ...] = ()
    post: tuple[str, ...] = ()
    flip: FlipSettings | None = None
    bootstrap: Bootstrap | None = None
    min_group_records: int | None = None
    margin: float = 0.0
    min_answers: float = MIN_ANSWERS

    def smallest(self, decision: Decision) -> int:
        """Records that either side of a facet must have."""
        return self.min_group_records or (CALIBRATED_MINIMUM if decision is Decision.CALIBRATED else 1)
