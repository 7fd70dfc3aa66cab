"""What batch transform jobs captured, as pairs of files: pure, no AWS calls, no clock, no environment.

Their capture copies nothing. Below `{destination}/output/yyyy/mm/dd/hh`, the hour in which a job began, lie manifests of what it
wrote, and below `input/` of what it read. They come when the job has ended, so a window is that of the jobs that ended in it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from os.path import commonprefix
from typing import Any

from windows import Window

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
INPUT, OUTPUT = "input/", "output/"
OUT = ".out"  # what a job adds to the name of what it read
ENDING = ".transform.json"
PLACES = {"input": "inputs", "output": "outputs"}  # of a pair → the setting that says where such files lie


@dataclass(frozen=True)
class Manifest:
    """place: its path below `input/` or `output/`, the folder of its hour first; names: path below the prefix → URI."""

    place: str
    names: Mapping[str, str]

    @property
    def folder(self) -> str:
        return self.place.rpartition("/")[0]


def days(of: Window, longest: timedelta) -> Iterator[str]:
    """Folders in which jobs began that ended in the window."""
    day = (of.start - longest).replace(hour=0, minute=0)
    while day < of.end:
        yield f"{day:%Y/%m/%d}/"
        day += DAY


def manifest(place: str, content: bytes) -> Manifest:
    """Raises: ValueError for an object that is none."""
    try:
        head, *names = json.loads(content)
        found = {name: head["prefix"] + name for name in names}
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{place} should be a manifest, as a transform job's data capture leaves it") from error
    return Manifest(place, found)


def paired(
    outputs: Iterable[Manifest], inputs: Iterable[Manifest], settings: Mapping[str, Any]
) -> Iterator[dict[str, str]]:
    """`input` and `output` of each file that was written, and the `place` of its manifest.

    A manifest of what was read has the name of the one beside it, or holds the same files as one of the same hour.
    Raises: ValueError where nothing, or more than one file, may be what was read, and for files outside the settings' places.
    """
    known = list(inputs)
    for each in sorted(outputs, key=lambda found: found.place):
        same = [other for other in known if other.place == each.place]
        near = same or [other for other in known if other.folder == each.folder]
        for name, output in sorted(each.names.items()):
            read = {other.names[key] for other in near for key in [name.removesuffix(OUT)] if key in other.names}
            if len(read) != 1:
                found = "none of them" if not read else "several of them"
                raise ValueError(
                    f"{output}: the manifests of its hour below {INPUT} should name what was read, {found} do"
                )
            pair = {"input": read.pop(), "output": output}
            for side, setting in PLACES.items():
                if not pair[side].startswith(settings[setting]):
                    raise ValueError(
                        f"{pair[side]} lies outside of {settings[setting]}; let capture.transform.{setting} name a folder above it"
                    )
            yield {**pair, "place": each.place}


def document(
    pairs: Iterable[Mapping[str, str]], times: Mapping[str, str], settings: Mapping[str, Any]
) -> dict[str, Any]:
    """What a run is handed. times: place of a manifest → when it came."""
    told = {key: settings[key] for key in ("format", "inference_id", "joined")}
    listed = [{"input": p["input"], "output": p["output"], "time": times[p["place"]]} for p in pairs]
    return {**told, "pairs": listed}


def common(uris: Iterable[str]) -> str:
    """What all files of one side begin with: their folder at least, since both sides are held to one."""
    return commonprefix(list(uris))  # noqa: RUF071 (keys are texts, no paths)
