"""constraint_violations.json, AWS's or ours, of any type and in every wording that is known, as violations that can be compared."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from model_monitor.contract import VIOLATIONS_FILE, CheckType
from model_monitor.errors import SettingsError

SPELLINGS: Final = (VIOLATIONS_FILE, "constraints_violations.json")  # one page of AWS's prints the second
COLUMN_CHECKS: Final = (CheckType.MISSING_COLUMN, CheckType.EXTRA_COLUMN)
COLUMNS: Final = "columns"  # what these are about; nobody knows what AWS names there
NUMBER: Final = r"([-+]?(?:\d+\.?\d*(?:[eE][-+]?\d+)?|Infinity|inf|NaN))"
WORDINGS: Final = tuple(  # value, and the limit where the text tells it
    map(
        re.compile,
        (
            rf"distance: {NUMBER} exceeds (?:\w+ )?threshold: {NUMBER}",
            rf"with {NUMBER}(?: \+/- {NUMBER[1:-1]})? was \w+ '?{NUMBER}",
            rf"[Vv]alue:? {NUMBER} does(?:n't| not) meet the (?:baseline )?constraint requirement(?: {NUMBER})?",
            rf"drift {NUMBER} exceeds threshold {NUMBER}",
            rf"current dataset: {NUMBER}, .*constraints: {NUMBER}",
        ),
    )
)
PERCENT: Final = re.compile(rf"Expected match: {NUMBER}%.*Observed: Only {NUMBER}%")
CAMEL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


@dataclass(frozen=True, slots=True)
class Violation:
    """check: `constraint_check_type`. subject: a feature; a metric, of bias with its group, of attributions with its label.

    value, limit: from the text, a share where it tells a percentage; None where it tells none.
    """

    check: str
    subject: str
    value: float | None = None
    limit: float | None = None
    description: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """What makes two violations the same one."""
        return self.check, self.subject

    def to_json(self) -> dict[str, Any]:
        """For programs; JSON has no infinities."""
        return {"value": _plain(self.value), "limit": _plain(self.limit), "description": self.description}


def read_file(path: Path) -> list[Violation]:
    """Raises: SettingsError of a file that holds something else."""
    try:
        return read(path.read_bytes(), str(path))
    except OSError as error:
        raise SettingsError(str(path), f"cannot be read ({error.strerror}).") from error


def read(content: bytes, where: str) -> list[Violation]:
    """From the text of a file; an empty list of violations is one way to say that there are none."""
    try:
        document = json.loads(content)
    except ValueError as error:
        raise SettingsError(where, f"is no JSON ({error}).", "Expected SageMaker's report of violations.") from error
    found = document.get("violations") if isinstance(document, Mapping) else None
    if not isinstance(found, list) or not all(isinstance(each, Mapping) for each in found):
        raise SettingsError(where, 'holds no list "violations".', "Expected SageMaker's report of violations.")
    return [_violation(each) for each in found]


def _violation(content: Mapping[str, Any]) -> Violation:
    check, text = str(content.get("constraint_check_type") or ""), str(content.get("description") or "")
    value, limit = _numbers(text)
    return Violation(check, _subject(content, check), value, limit, text)


def _subject(content: Mapping[str, Any], check: str) -> str:
    metric = content.get("metric_name")
    if check in COLUMN_CHECKS:
        return COLUMNS
    if metric is None:
        return str(content.get("feature_name") or "")
    if "facet" in content:
        return f"{metric} of {content['facet']} {content.get('facet_value', '')}".rstrip()
    if "label" in content:
        return f"{metric} of {content['label']}"
    return CAMEL.sub("_", str(metric)).lower()  # four of AWS's names are in camel case here, and nowhere else


def _numbers(text: str) -> tuple[float | None, float | None]:
    if found := PERCENT.search(text):
        return float(found[2]) / 100, float(found[1]) / 100
    for wording in WORDINGS:
        if found := wording.search(text):
            value, limit = found[1], found[2] if len(found.groups()) > 1 else None
            return float(value), None if limit is None else float(limit)
    return None, None


def _plain(number: float | None) -> float | str | None:
    return number if number is None or math.isfinite(number) else str(number)
