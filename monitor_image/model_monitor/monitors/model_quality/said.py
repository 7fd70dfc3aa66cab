"""What the model said, as a distribution: of all records, whether their labels have come or not."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from model_monitor.monitors.model_quality.agreement import LABELS_KEPT
from model_monitor.sketches.answers import Answers
from model_monitor.sketches.numbers import Numbers


@dataclass(frozen=True, slots=True)
class Said:
    """Predicted labels and their counts (none when there are more than `LABELS_KEPT`); scores, or predicted numbers."""

    classes: Counter[str] = field(default_factory=Counter)
    numbers: Numbers = field(default_factory=Numbers)
    has_many_classes: bool = False

    @classmethod
    def of(cls, answers: Answers) -> Said:
        """One chunk."""
        numbers = Numbers.of(answers.numbers, int(np.isfinite(answers.numbers).sum()))
        if not answers.words:
            return cls(numbers=numbers)
        counts = np.bincount(answers.codes[answers.codes >= 0], minlength=len(answers.words))
        classes = Counter({word: int(n) for word, n in zip(answers.words, counts, strict=True) if n})
        return cls(numbers=numbers)._with(classes, has_many=False)

    def merge(self, other: Said) -> Said:
        """Combine two disjoint parts."""
        whole = Said(numbers=self.numbers.merge(other.numbers))
        return whole._with(self.classes + other.classes, has_many=self.has_many_classes or other.has_many_classes)

    def _with(self, classes: Counter[str], *, has_many: bool) -> Said:
        has_many = has_many or len(classes) > LABELS_KEPT
        return Said(Counter() if has_many else classes, self.numbers, has_many)

    def to_json(self) -> dict[str, Any]:
        """Everything, exactly."""
        return {
            "classes": dict(sorted(self.classes.items())),
            "numbers": self.numbers.to_json(),
            "has_many_classes": self.has_many_classes,
        }

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Said:
        """The inverse of `to_json`."""
        return cls(Counter(content["classes"]), Numbers.from_json(content["numbers"]), content["has_many_classes"])
