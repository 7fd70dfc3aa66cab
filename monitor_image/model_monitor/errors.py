"""Everything that can go wrong, as a tree. Caught only at the two front doors (cli.py, container.py).

    MonitorError                    the run cannot give a result; exit status 1
    ├── SettingsError               an argument, a variable or the configuration file is wrong
    ├── DatasetError                the data cannot be read
    │   ├── NoDataset               the path holds no file of the expected kind
    │   ├── FolderUnreadable        a folder of it may not be read
    │   ├── LinkBroken              a link in it leads nowhere
    │   ├── UndecodableRecord       one record, located; the reader counts it as a reject, it does not end a run
    │   ├── UnpacksTooLarge         a compressed file unpacks to many times its size
    │   ├── SchemaMismatch          a dataset contradicts the declared features
    │   ├── LabelsRefused           labels that cannot be written as ground truth
    │   ├── FeaturesMissing         a baseline dataset has no values of declared features
    │   └── TooManyRejected         the share of rejected records is above the limit
    ├── BaselineError               baseline files are missing, unreadable or of another monitor
    ├── PredictorError              the model could not be asked
    │   ├── EndpointRefused         a call to its endpoint failed
    │   └── BudgetExceeded          it may not be asked any further
    ├── ScriptError                 a user's preprocessor or postprocessor failed
    ├── WorkersLost                 worker processes could not be started, or were killed
    ├── OutputError                 a result cannot be written or sent
    └── Stopped                     the service asked the job to stop

Each carries its values as attributes and builds its own sentence: where, what, expected, found, what to do.
Never a record's own values.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from model_monitor.words import counted, did_you_mean, listed, lost

LEAST_LIMIT: Final = 64 << 20  # bytes that any compressed file may unpack to


class MonitorError(Exception):
    """The run cannot give a result."""


class SettingsError(MonitorError):
    """An argument, a variable or the configuration file is wrong."""

    def __init__(self, where: str, problem: str, remedy: str = "") -> None:
        self.where, self.problem, self.remedy = where, problem, remedy
        super().__init__(f"{where}: {problem}" + (f" {remedy}" if remedy else ""))

    @classmethod
    def of_faults(cls, where: str, faults: Sequence[str]) -> SettingsError:
        """All that is wrong in one place, one fault a line."""
        return cls(where, f"{counted(len(faults), 'fault')}:" + "".join(f"\n  {fault}" for fault in faults))


LABELS: Final = ("ground truth", "label", "table of labels")  # what no data capture writes


class DatasetError(MonitorError):
    """The data cannot be read."""


class NoDataset(DatasetError):
    """The path holds no file of the expected kind."""

    def __init__(self, path: Path | str, expected: str) -> None:
        self.path, self.expected = path, expected
        source = "labels have been written there" if expected in LABELS else "data capture has written there"
        super().__init__(f"{path}: no {expected} found. Check the path, or that {source}.")


class FolderUnreadable(DatasetError):
    """A folder of a dataset may not be read; what is in it would be missing."""

    def __init__(self, path: Path | str) -> None:
        self.path = path
        super().__init__(
            f"{path}: permission denied, so what is in this folder would be missing. Give the user who runs this the right to list "
            "it, or move it elsewhere."
        )


class LinkBroken(DatasetError):
    """A link of a dataset leads nowhere; what it should lead to would be missing."""

    def __init__(self, path: Path | str) -> None:
        self.path = path
        super().__init__(
            f"{path}: a link that leads nowhere, so what it stands for would be missing. Mend or remove it."
        )


class UndecodableRecord(DatasetError):
    """One record that cannot be read; counted and located by the reader."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class UnpacksTooLarge(DatasetError):
    """A compressed file, or a table, unpacks to more than is taken from it."""

    def __init__(self, path: Path | str, limit: int, times: int, setting: str) -> None:
        self.path, self.limit, self.times, self.setting = path, limit, times, setting
        super().__init__(
            f"{path}: unpacks to more than {limit:,} bytes, which is the limit for a file of its size ({times:,} times that, "
            f"and no less than {LEAST_LIMIT:,}). Look at what wrote it; if it is right, raise {setting}."
        )


class SchemaMismatch(DatasetError):
    """A dataset contradicts the declared features."""

    def __init__(self, path: Path | str, feature: str, expected: str, found: str, line: int | None = None) -> None:
        self.path, self.line, self.feature, self.expected, self.found = path, line, feature, expected, found
        where = f"{path}:{line}" if line is not None else f"{path}"
        super().__init__(
            f"{where}: feature '{feature}' should be {expected}, found {found}. "
            "Correct its declaration in the payload mapping, or the data."
        )


class FeaturesMissing(DatasetError):
    """A baseline dataset has no values of declared features, under their names at least."""

    def __init__(self, path: Path | str, features: Sequence[str], unclaimed: Sequence[str] = ()) -> None:
        """unclaimed: columns of the dataset that no feature has the name of."""
        self.path, self.features, self.unclaimed = path, tuple(features), tuple(unclaimed)
        named = ", ".join(f"'{name}'" for name in self.features[:10])
        more = f" and {len(self.features) - 10} more" if len(self.features) > 10 else ""
        asked = did_you_mean(self.features, self.unclaimed)
        there = f" Columns that no feature names: {listed(self.unclaimed)}." if unclaimed else ""
        super().__init__(
            f"{path}: the dataset has no column for {named}{more} of the payload mapping{f': {asked}' if asked else '.'}"
            f"{there} Correct the names there or in the dataset; a CSV file without a header line needs --no-header "
            "(settings: header: false)."
        )


class LabelsRefused(DatasetError):
    """Labels that cannot be written as ground truth: faults by position, never a label."""

    def __init__(self, faults: Sequence[str], listed: int = 10) -> None:
        self.faults = tuple(faults)
        more = len(faults) - listed
        lines = [*faults[:listed], *([f"and {counted(more, 'fault')} more"] if more > 0 else [])]
        super().__init__(
            f"{counted(len(faults), 'fault')} in the labels, nothing is written:"
            + "".join(f"\n  {line}" for line in lines)
        )


class TooManyRejected(DatasetError):
    """The share of rejected records is above the limit."""

    def __init__(
        self,
        counts: tuple[int, int, int],
        records_per_event: float,
        shares: tuple[float, float],
        reason: str,
        remedy: str,
    ) -> None:
        """counts: records lost, events of unknown size lost, records read. shares: of records lost, and allowed."""
        (records, events, read), (fraction, limit) = counts, shares
        self.records, self.events, self.read, self.fraction, self.limit = records, events, read, fraction, limit
        self.reason, self.remedy = reason, remedy
        mean = f"{records_per_event:,.1f}".removesuffix(".0")
        size = "1 record" if mean == "1" else f"{mean} records, as the others hold"
        taken = f" ({'each ' if events > 1 else ''}taken as {size})" if events else ""
        borne = ", or raise max_rejected_fraction" if fraction < 1 else ""  # no limit helps where nothing is left
        super().__init__(
            f"{lost(records, events)}{taken} could not be read, {counted(read, 'record')} could: {fraction:.1%} of the "
            f"records lost, allowed {limit:.1%}. Mostly: {reason}. {remedy}{borne}."
        )


class BaselineError(MonitorError):
    """Baseline files are missing, unreadable or of another monitor."""

    def __init__(self, where: Path | str, problem: str, remedy: str = "") -> None:
        self.where, self.problem, self.remedy = where, problem, remedy
        super().__init__(f"{where}: {problem}" + (f" {remedy}" if remedy else ""))


class Stopped(MonitorError):
    """The service asked the job to stop."""


class PredictorError(MonitorError):
    """The model could not be asked."""


class EndpointRefused(PredictorError):
    """A call to an endpoint failed. The service's own text is left out, since it may repeat what was sent.

    code: the service's word, or the name of what went wrong on the way there; status: of HTTP, 0 when there was no answer.
    model_status: what the model's container answered, None when it was not the one who failed.
    """

    def __init__(
        self, where: str, action: str, code: str, status: int = 0, model_status: int | None = None, remedy: str = ""
    ) -> None:
        self.where, self.action, self.code, self.status, self.model_status = where, action, code, status, model_status
        answered = "" if model_status is None else f", the model answered {model_status}"
        super().__init__(f"{where}: {action} failed ({code}{answered})." + (f" {remedy}" if remedy else ""))


class BudgetExceeded(PredictorError):
    """The model may not be asked any further; what was found until then stands."""

    def __init__(self, what: str, limit: float) -> None:
        self.what, self.limit = what, limit
        super().__init__(f"budget.{what}: the declared {limit:g} are spent. Raise it, or explain fewer rows.")


class ScriptError(MonitorError):
    """A user's script failed: type and place of its error are told, its words only before any record was read."""


class WorkersLost(MonitorError):
    """Worker processes could not be started, or were killed."""

    def __init__(self, problem: str, workers: int, setting: str) -> None:
        self.problem, self.workers, self.setting = problem, workers, setting
        super().__init__(f"{problem}. Use a larger instance, or fewer workers than {workers} ({setting}).")


class OutputError(MonitorError):
    """A result cannot be written or sent."""

    def __init__(self, where: Path | str, problem: str, remedy: str = "") -> None:
        self.where, self.problem, self.remedy = where, problem, remedy
        super().__init__(f"{where}: {problem}" + (f" {remedy}" if remedy else ""))
