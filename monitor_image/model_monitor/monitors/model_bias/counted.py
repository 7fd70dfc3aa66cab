"""A group's records in numbers: what a baseline keeps so that a window is compared with a sample and not with a truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Self

import numpy as np

from model_monitor.monitors.model_bias.curve import Curve, disparity_curve
from model_monitor.monitors.model_bias.metrics import CONDITIONAL

SHAPE: Final = (2, 2, 3)
DIGITS: Final = "016x"


@dataclass(frozen=True, slots=True, eq=False)
class Flips:
    """The flip test's trials: how many of a group's records got more, and less, than their neighbours among `others`."""

    more: int
    less: int
    tested: int
    others: int

    @property
    def size(self) -> float:
        """Records that both sides together are worth: half the harmonic mean."""
        return self.tested * self.others / (self.tested + self.others)


@dataclass(frozen=True, slots=True, eq=False)
class Counted:
    """Records of a group d and of the rest a.

    counts: int64 (groups + 1, 2, 2, 3), by group variable (first: not known), facet (a, d), observed label (negative, positive),
        and predicted label after a place for none.
    groups: digests of the group variable's values, in the order of the first axis after its first place.
    curves: by metric, how it behaves in samples of several sizes. is_restricted: counts by group are for no file.
    """

    counts: np.ndarray
    groups: tuple[int, ...] = ()
    flips: Flips | None = None
    curves: Mapping[str, Curve] = field(default_factory=dict)
    is_restricted: bool = False

    @property
    def observed(self) -> np.ndarray:
        """int64 (2, 2), by facet and observed label."""
        return np.asarray(self.counts.sum(axis=(0, 3)))

    @property
    def predicted(self) -> np.ndarray:
        """int64 (2, 2, 2), by facet, observed and predicted label."""
        return np.asarray(self.counts[..., 1:].sum(axis=0))

    def by_group(self, metric: str, groups: Sequence[int]) -> np.ndarray:
        """int64 (groups, 2, 2), by facet and the label that CDDL or CDDPL looks at, of the groups named."""
        labels = self.counts.sum(axis=-1) if metric == "CDDL" else self.counts[..., 1:].sum(axis=-2)
        place = {digest: i for i, digest in enumerate(self.groups, 1)}
        nobody = np.zeros((2, 2), np.int64)
        found = [labels[place[digest]] if digest in place else nobody for digest in groups]
        return np.array(found, np.int64).reshape(-1, 2, 2)

    def smallest_side(self, *, is_predicted: bool) -> int:
        """Records of the smaller side: those with a label, or of them those with a prediction."""
        sides = self.predicted.sum(axis=(1, 2)) if is_predicted else self.observed.sum(axis=1)
        return int(sides.min())

    def to_json(self) -> dict[str, Any]:
        """What a baseline keeps; of restricted facets sums over the groups alone, and how CDDL and CDDPL vary."""
        curves = dict(self.curves)
        content: dict[str, Any] = {"counts": self.counts.sum(axis=0).ravel().tolist()}
        if self.groups and not self.is_restricted:
            named = zip(self.groups, self.counts[1:], strict=True)
            content["groups"] = {format(digest, DIGITS): part.ravel().tolist() for digest, part in named}
        elif self.groups:
            curves |= {name: disparity_curve(self.by_group(name, self.groups)) for name in CONDITIONAL}
        if self.flips is not None:
            content["flips"] = [self.flips.more, self.flips.less, self.flips.tested, self.flips.others]
        if curves:
            content["curves"] = {name: curve.to_json() for name, curve in sorted(curves.items())}
        return content

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """The inverse of `to_json`, as far as the file tells. Raises: KeyError, TypeError, ValueError."""
        whole = _table(content["counts"])
        groups = {int(digest, 16): _table(part) for digest, part in content.get("groups", {}).items()}
        known = sum(groups.values(), np.zeros(SHAPE, np.int64))
        curves = {name: Curve.from_json(part) for name, part in content.get("curves", {}).items()}
        flips = Flips(*map(int, content["flips"])) if "flips" in content else None
        return cls(np.array([whole - known, *groups.values()]), tuple(groups), flips, curves)


def _table(numbers: Sequence[int]) -> np.ndarray:
    table = np.array(numbers, np.int64).reshape(SHAPE)
    if (table < 0).any():
        raise ValueError("counts should not be negative")
    return table
