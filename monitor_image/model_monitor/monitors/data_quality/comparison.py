"""What a check sees: the statistics of a window beside what the baseline says, for the dataset and for each feature."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from model_monitor.contract import CheckType
from model_monitor.monitors.conclusion import Check, Evidence, Outcome
from model_monitor.monitors.data_quality.baseline import Baseline
from model_monitor.monitors.data_quality.constraints import Constraints, FeatureConstraints
from model_monitor.monitors.data_quality.statistics import DatasetStatistics
from model_monitor.schema import FeatureType
from model_monitor.sketches.booleans import boolean_text, folded
from model_monitor.sketches.feature import FeatureStatistics, masked_like
from model_monitor.sketches.kinds import canonical_text, matching

DISABLED_REASON = "evaluate_constraints is Disabled"
UNDECLARED_REASON = "the payload mapping does not name the feature, the baseline does"
NAMES_TOLD = 5
MISSHAPEN_REASON = "no record of the window has as many values as were expected, so none could be told apart"
ABSENT_REASON = "the feature is missing from the window's records"
EMPTY_REASON = "the window has no value of the feature"
TYPE_REASON = "the feature fails its type check"
RETYPED_REASON = "its values are no texts any more, which can be told apart one by one"
UNCOUNTED_REASON = "the window has too many different values to count"


@dataclass(frozen=True, slots=True)
class FeatureComparison:
    """One feature of the baseline.

    expected: the type to hold the data against: declared, else the baseline's.
    current: None when the window has no such column.
    baseline: None when there are no baseline statistics of it.
    is_critical: the job names it among the features that matter most.
    is_declared: the window's records were searched for it; otherwise nobody knows whether they have it.
    is_calibrated: chance is told apart by evidence, so that no distance needs an allowance of its own.
    is_misshapen: all of the window's records are too wide or too narrow to hold the features.
    """

    constraints: FeatureConstraints
    expected: FeatureType
    current: FeatureStatistics | None
    baseline: FeatureStatistics | None = None
    has_baseline_statistics: bool = False
    is_critical: bool = False
    is_declared: bool = True
    is_calibrated: bool = False
    is_misshapen: bool = False

    @property
    def name(self) -> str:
        """The feature."""
        return self.constraints.name

    @property
    def is_empty(self) -> bool:
        """No value at all, so that nothing can be said about values."""
        return self.current is None or not self.current.present

    @property
    def matching(self) -> int:
        """Values of the expected type."""
        current = self.current
        return 0 if current is None or current.kinds is None else matching(current.kinds, self.expected)

    @property
    def is_type_held(self) -> bool:
        """Enough values are of the expected type."""
        if self.current is None or self.is_empty:
            return False
        return self.matching / self.current.present >= self.constraints.config.datatype_check_threshold

    @property
    def uncounted_reason(self) -> str:
        """Why the window has no count of each value."""
        if not self.is_type_held:
            return TYPE_REASON
        is_text = self.current is not None and self.current.inferred_type.is_categorical
        return UNCOUNTED_REASON if is_text else RETYPED_REASON

    def not_evaluated(self, check_type: CheckType, reason: str, is_required: bool = False) -> Check:
        """A check that says nothing, and why."""
        if reason == ABSENT_REASON and (self.is_misshapen or not self.is_declared):
            reason = MISSHAPEN_REASON if self.is_misshapen else UNDECLARED_REASON
        return Check(check_type, self.name, Outcome.NOT_EVALUATED, description=reason, is_required=is_required)

    def evaluated(
        self,
        check_type: CheckType,
        is_held: bool,
        observed: float,
        allowed: float,
        description: str,
        *,
        is_required: bool = True,
        distance: float | None = None,
        evidence: Evidence | None = None,
        baseline: float | None = None,
        sentence: str = "",
    ) -> Check:
        """A check that held, or was violated as described."""
        outcome = Outcome.HELD if is_held else Outcome.VIOLATED
        text, told = ("", "") if is_held else (description, sentence)
        return Check(
            *(check_type, self.name, outcome, observed, allowed, text, is_required, distance),
            evidence=evidence,
            baseline=baseline,
            sentence=told,
        )


@dataclass(frozen=True, slots=True)
class DatasetComparison:
    """The whole window."""

    current: DatasetStatistics
    constraints: Constraints
    features: tuple[FeatureComparison, ...] = ()
    ignored: frozenset[str] = field(
        default_factory=frozenset
    )  # columns of the baseline that are no features: the label
    is_positional: bool = (
        False  # no payload mapping names features: a record is the answer's values, then the request's
    )

    @property
    def disagreement(self) -> str:
        """How the features that the window was read by differ from the baseline's; "" when they do not."""
        now, then = self.current.by_name, {feature.name for feature in self.features}
        mine = [name for name in now if name not in then and name not in self.ignored]
        others = [feature.name for feature in self.features if not feature.is_declared]
        sides = [
            f"only the {where} names {_told(names)}"
            for where, names in (("mapping", mine), ("baseline", others))
            if names
        ]
        if not sides or not now:
            return ""
        return (
            f"The payload mapping and the baseline disagree: {'; '.join(sides)}. Correct the names in the mapping, or make "
            "a new baseline with it."
        )


@dataclass(frozen=True, slots=True)
class CheckRule:
    """One `constraint_check_type`: looks at the dataset, or at one feature (None: it has nothing to say about it)."""

    check_type: CheckType
    order: int
    dataset: Callable[[DatasetComparison], Check] | None = None
    feature: Callable[[FeatureComparison], Check | None] | None = None


def compare(
    current: DatasetStatistics,
    baseline: Baseline,
    constraints: Constraints,
    declared: Mapping[str, FeatureType | None],
    critical: frozenset[str] = frozenset(),
    no_features: Iterable[str] = (),
    is_calibrated: bool = False,
) -> DatasetComparison:
    """Pair each feature of the baseline with the window's.

    no_features: columns that a baseline may hold and a window does not: the label, the model's answers.
    """
    now = current.by_name
    then = baseline.statistics.by_name if baseline.statistics is not None else {}
    ignored = frozenset(no_features) - now.keys()

    def pair(feature: FeatureConstraints) -> FeatureComparison:
        name = feature.name
        is_absent = bool(current.item_count) and current.absent.get(name, 0) >= current.item_count
        expected, known = declared.get(name) or feature.inferred_type, then.get(name)
        if expected is FeatureType.BOOLEAN:
            feature, known = _in_one_spelling(feature), known and _spelled_as_one(known)
        return FeatureComparison(
            feature,
            expected,
            None if is_absent or not current.item_count else now.get(name),
            known,
            baseline.statistics is not None,
            name in critical,
            not now or name in now,
            is_calibrated,
            current.uniform_width is not None,
        )

    features = tuple(pair(feature) for feature in constraints.features if feature.name not in ignored)
    return DatasetComparison(current, constraints, features, ignored)


def _in_one_spelling(feature: FeatureConstraints) -> FeatureConstraints:
    """A Boolean's domain, as a baseline may have it that was made of another format; digests stay."""
    if feature.domains is None or feature.salt is not None:
        return feature
    return replace(feature, domains=tuple(dict.fromkeys(map(boolean_text, feature.domains))))


def _spelled_as_one(statistics: FeatureStatistics) -> FeatureStatistics:
    if statistics.categories is None or statistics.salt is not None:
        return statistics
    return replace(statistics, categories=folded(statistics.categories))


def _told(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMES_TOLD} more" if len(names) > NAMES_TOLD else ""
    return ", ".join(f"'{name}'" for name in names[:NAMES_TOLD]) + more


def run_checks(comparison: DatasetComparison, rules: Iterable[CheckRule]) -> tuple[Check, ...]:
    """The checks of the dataset, then feature by feature, each in the order of the rules."""
    rules = tuple(rules)
    checks = [rule.dataset(comparison) for rule in rules if rule.dataset]
    for feature in comparison.features:
        outcomes = (rule.feature(feature) for rule in rules if rule.feature)
        checks.extend(outcome for outcome in outcomes if outcome is not None)
    return tuple(checks)


def comparable_categories(current: Mapping[str, int], known: Iterable[str], salt: str | None) -> dict[str, int]:
    """The window's categories in the form the baseline's have: canonical texts, or digests of a restricted feature."""
    if salt is not None:
        return masked_like(current, salt, frozenset(known))
    counts: dict[str, int] = {}
    for text, count in current.items():
        canonical = canonical_text(text)
        counts[canonical] = counts.get(canonical, 0) + count
    return counts
