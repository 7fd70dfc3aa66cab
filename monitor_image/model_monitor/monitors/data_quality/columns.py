"""What the two column checks share: counting columns and saying which."""

from __future__ import annotations

from collections.abc import Sequence

from model_monitor.contract import CheckType
from model_monitor.monitors.conclusion import Check, Outcome
from model_monitor.monitors.data_quality.comparison import DISABLED_REASON, DatasetComparison
from model_monitor.words import counted, named

NAMES_TOLD = 5
NAME_LENGTH = 64  # keys of a payload may be data themselves: never many, never long


def check_columns(
    comparison: DatasetComparison, check_type: CheckType, subject: str, number: int, names: Sequence[str]
) -> Check:
    """A column check: `number` columns are too few or too many, `names` are known of them."""
    if not comparison.constraints.config.evaluate_constraints:
        return Check(check_type, subject, Outcome.NOT_EVALUATED, description=DISABLED_REASON)
    outcome = Outcome.VIOLATED if number else Outcome.HELD
    description = ""
    if number:
        baseline, current = _numbers(comparison)
        description = (
            f"Number of columns in current dataset: {current}, Number of columns in baseline constraints: {baseline}"
        )
        if names:
            description += f". {subject}: {_told(names)}"
        if comparison.disagreement:
            description += f". {comparison.disagreement}"
    sentence = _sentence(comparison, subject, names) if number else ""
    return Check(check_type, subject, outcome, float(number), 0.0, description, is_required=True, sentence=sentence)


def _sentence(comparison: DatasetComparison, subject: str, names: Sequence[str]) -> str:
    """Which columns; where records have no names how many values were found, and what to do about it."""
    if names:
        quoted = [f"'{name[:NAME_LENGTH]}'" for name in names]
        return f"{subject.lower()}: {named(quoted)}"
    baseline, current = _numbers(comparison)
    if comparison.is_positional:
        return (
            f"records of another width: found {counted(current, 'value')}, those of the answer first, then the request's; "
            f"expected {baseline}, the columns of the baseline. No payload mapping says which they are: if one is the label, "
            "name it in payload.label, and the others in payload.features, with a new baseline; else correct what the client "
            "sends"
        )
    return (
        f"records of another width: found {counted(current, 'value')}, expected {baseline}. Correct what the client sends, or "
        "the features in the payload mapping, with a new baseline"
    )


def _told(names: Sequence[str]) -> str:
    told = ", ".join(name[:NAME_LENGTH] for name in names[:NAMES_TOLD])
    more = f" and {len(names) - NAMES_TOLD} more" if len(names) > NAMES_TOLD else ""
    return f"{told}{more}"


def _numbers(comparison: DatasetComparison) -> tuple[int, int]:
    """Columns of the baseline and of the window."""
    current, baseline = comparison.current, len(comparison.features)
    if current.uniform_width is not None:
        return baseline, current.uniform_width
    names = {feature.name for feature in current.features} | set(current.extra.counts)
    absent = {name for name, records in current.absent.items() if records >= current.item_count}
    return baseline, len(names - absent)
