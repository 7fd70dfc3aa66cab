"""Clarify's analysis configurations that a configuration names: read, and asked for the payload that they describe."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from model_monitor.aws import s3
from model_monitor.contract import OPT_ML
from model_monitor.job import analysis_config
from model_monitor.job.blocks import Faults
from model_monitor.job.job import DatasetKind

KEY: Final = "analysis_config"
Local = Callable[[str], Path]


def relocated(value: Any, local: Local) -> Any:
    """A document whose paths below /opt/ml lead to where they lie here."""
    if isinstance(value, dict):
        return {key: relocated(each, local) for key, each in value.items()}
    if isinstance(value, list):
        return [relocated(each, local) for each in value]
    return str(local(value)) if isinstance(value, str) and value.startswith(f"{OPT_ML}/") else value


def embedded(monitors: object, faults: Faults, local: Local | None = None) -> object:
    """The monitors' block with the documents themselves in the place of their paths or S3 URIs."""
    if not isinstance(monitors, Mapping):
        return monitors
    found = dict(monitors)
    for name, options in found.items():
        if isinstance(options, Mapping) and isinstance(options.get(KEY), str):
            path = f"monitors.{name}.{KEY}"
            document = _read(options[KEY], path, faults)
            found[name] = {**options, KEY: document if local is None else relocated(document, local)}
    return found


@dataclass(frozen=True, slots=True)
class DescribedDataset:
    """How a document says that the data set of a baseline is written. headers: of its columns, where no file names them."""

    kind: DatasetKind
    headers: tuple[str, ...] = ()


def described_dataset(monitors: object, faults: Faults) -> DescribedDataset | None:
    """What the documents' `dataset_type` says of the data set; None when none has any."""
    found: dict[str, DescribedDataset] = {}
    for name, document in _documents(monitors):
        said = document.get("dataset_type")
        kind = analysis_config.DATASET_TYPES.get(said.lower()) if isinstance(said, str) else None
        if kind is not None:
            found[name] = DescribedDataset(kind, tuple(analysis_config.headers_of(document)))
        elif said is not None:
            known = ", ".join(analysis_config.DATASET_TYPES)
            faults.add(f"monitors.{name}.{KEY}.dataset_type", f"should be one of {known}; other data is not analysed")
    if len({each.kind for each in found.values()}) > 1:
        faults.add("monitors", f"{KEY}.dataset_type differs between {', '.join(found)}, and one data set serves them")
    return next(iter(found.values()), None)


def described_payload(monitors: object) -> dict[str, Any] | None:
    """The payload of the first document that describes one; None when none does."""
    payloads = (analysis_config.payload(document) for _, document in _documents(monitors))
    return next((payload for payload in payloads if payload is not None), None)


def _documents(monitors: object) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, options in monitors.items() if isinstance(monitors, Mapping) else ():
        document = options.get(KEY) if isinstance(options, Mapping) else None
        if isinstance(document, Mapping):
            yield str(name), document


def _read(location: str, path: str, faults: Faults) -> object:
    try:
        content = s3.read_object(location) if s3.is_s3(location) else Path(location).read_bytes()
        if content is not None:
            return orjson.loads(content)
    except OSError as error:
        faults.add(path, f"{location} cannot be read ({error.strerror})")
    except orjson.JSONDecodeError as error:
        faults.add(path, f"{location} is no JSON ({error})")
    else:
        faults.add(path, f"{location} is not there")
    return {}
