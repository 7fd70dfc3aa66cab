"""What a window's replay needs of an account, copied here: capture, labels, baseline, configuration."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from model_monitor.aws import s3
from model_monitor.contract import CONFIG_VERSION, CONSTRAINTS_FILE, STATISTICS_FILE, MonitoringType, monitor_key
from model_monitor.errors import SettingsError
from model_monitor.job import scratch
from model_monitor.migration.analyses import NotTakenOver, analysis
from model_monitor.migration.reports import Judged
from model_monitor.migration.schedules import Schedule
from model_monitor.schema import Window

HOUR: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Source:
    """A schedule whose windows are replayed. capture: S3 URI below which the endpoint's variants lie."""

    schedule: Schedule
    capture: str

    def baseline(self) -> str:
        """The files of its baseline in one folder; Clarify's one file stands for constraints."""
        folder = scratch.folder("baseline")
        given = self.schedule.definition
        for uri, name in ((given.constraints, CONSTRAINTS_FILE), (given.statistics, STATISTICS_FILE)):
            content = None if uri is None else s3.read_object(uri)
            if content is not None:
                (folder / name).write_bytes(content)
        return str(folder)

    def config(self) -> Path:
        """A configuration of what its definition says. Raises: SettingsError where nobody can know."""
        if self.schedule.type is MonitoringType.MODEL_EXPLAINABILITY:
            raise SettingsError(
                f"schedule {self.schedule.name}",
                "asks a model, for which AWS made an endpoint; a comparison makes none.",
                "Give --config with the predictor to ask (an artefact, or an endpoint).",
            )
        try:
            found = analysis(self.schedule, s3.read_object)
        except NotTakenOver as reason:
            raise SettingsError(f"schedule {self.schedule.name}", f"{reason}.", "Give --config.") from reason
        document: dict[str, Any] = {
            "version": CONFIG_VERSION,
            "endpoint": self.schedule.endpoint,
            "schedule": self.schedule.name,
            "monitors": {monitor_key(self.schedule.type): found.block or {}},
        }
        if found.payload:
            document["payload"] = found.payload
        if scripts := self._scripts():
            document["scripts"] = scripts
        path = scratch.folder("config") / "config.json"
        path.write_text(json.dumps(document))
        return path

    def _scripts(self) -> dict[str, str]:
        uri = self.schedule.definition.application.get("RecordPreprocessorSourceUri")
        return {"preprocessor": uri} if uri else {}

    def window(self, window: Window) -> Path:
        """The captured files of the window's hours, by variant and hour as the endpoint wrote them."""
        folder = scratch.folder("capture") / self.schedule.endpoint
        folder.mkdir()
        for variant in s3.list_folder(self.capture)[0]:
            _fetch(self.capture, variant, window.start, window.end, folder)
        return folder.parent

    def labels(self, judged: Judged, window: Window) -> Path | None:
        """Labels that had arrived when AWS judged."""
        place = self.schedule.definition.ground_truth
        if place is None:
            return None
        folder = scratch.folder("labels")
        _fetch(place, "", window.start, (judged.due or window.end) + HOUR, folder)
        return folder


def _fetch(uri: str, below: str, start: datetime, end: datetime, folder: Path) -> None:
    place = s3.join(uri, below) if below else uri.rstrip("/")
    wanted = [
        (stored.uri, folder / below / hour / stored.relative)
        for hour in _hours(start, end)
        for stored in s3.list_objects(f"{place}/{hour}")
    ]
    s3.download(wanted)


def _hours(start: datetime, end: datetime) -> Iterator[str]:
    """yyyy/mm/dd/hh of every hour that the time touches."""
    hour = start.replace(minute=0, second=0, microsecond=0)
    while hour < end:
        yield f"{hour:%Y/%m/%d/%H}"
        hour += HOUR
