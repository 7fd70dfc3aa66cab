"""A baseline of data quality: its two files, in any of the spellings that AWS's files, documentation and SDK use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from model_monitor.monitors.baseline_files import read_document
from model_monitor.monitors.data_quality.constraints import Constraints, FeatureConstraints
from model_monitor.monitors.data_quality.constraints_reader import read_constraints
from model_monitor.monitors.data_quality.statistics import DatasetStatistics
from model_monitor.monitors.data_quality.text_file import with_texts
from model_monitor.monitors.feature_reader import read_features


@dataclass(frozen=True, slots=True)
class Baseline:
    """A baseline as read. Without a constraints file the statistics' names and types are the constraints."""

    constraints: Constraints
    statistics: DatasetStatistics | None = None

    def without_texts(self) -> Baseline:
        """As AWS's files tell it: of a text feature with many values they hold no value."""
        if self.statistics is None:
            return self
        features = tuple(replace(feature, text=None) for feature in self.statistics.features)
        return replace(self, statistics=replace(self.statistics, features=features))


def read_baseline(constraints: Path | None, statistics: Path | None) -> Baseline | None:
    """Either file or both; None without any.

    Raises: BaselineError when a file is unreadable or of another monitor.
    """
    numbers = None if statistics is None else read_dataset_statistics(read_document(statistics), str(statistics))
    if constraints is not None:
        return Baseline(read_constraints(read_document(constraints), str(constraints)), numbers)
    if numbers is not None:
        return Baseline(constraints_of_types(numbers), numbers)
    return None


def read_dataset_statistics(document: object, where: str) -> DatasetStatistics:
    """The content of a statistics file, old layouts included.

    Raises: BaselineError when it is none.
    """
    features = with_texts(read_features(document, where), document, where)
    dataset = document.get("dataset") if isinstance(document, Mapping) else None
    count = dataset.get("item_count") if isinstance(dataset, Mapping) else None
    return DatasetStatistics(round(count) if isinstance(count, (int, float)) else 0, features)


def constraints_of_types(statistics: DatasetStatistics) -> Constraints:
    """What statistics alone demand, where no constraints file is given: names and types."""
    return Constraints(
        tuple(FeatureConstraints(f.name, f.inferred_type, privacy=f.privacy) for f in statistics.features)
    )
