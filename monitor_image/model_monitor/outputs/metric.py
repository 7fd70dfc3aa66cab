"""One CloudWatch value of a run, before it has a time, dimensions or a route."""

from __future__ import annotations

import math
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class StatisticValues:
    """A whole distribution in one data point, as CloudWatch takes it."""

    sample_count: float
    total: float
    minimum: float
    maximum: float

    @property
    def is_finite(self) -> bool:
        return all(map(math.isfinite, (self.sample_count, self.total, self.minimum, self.maximum)))


@dataclass(frozen=True, slots=True)
class Metric:
    """A named value. The route adds the endpoint's dimensions to `extra_dimensions`.

    unit: `Count` or `None`, CloudWatch's words.
    """

    name: str
    value: float | StatisticValues
    unit: str = "None"
    extra_dimensions: dict[str, str] = field(default_factory=dict)

    @property
    def is_publishable(self) -> bool:
        """CloudWatch refuses NaN and infinity; such a value is left out, the report keeps it."""
        if isinstance(self.value, StatisticValues):
            return self.value.sample_count > 0 and self.value.is_finite
        return math.isfinite(self.value)
