"""Why no record has a prediction: what the configuration names, and what the first response of the window holds instead.

Names of keys alone, few and short; never a value.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final

import msgspec
import orjson

from model_monitor.dataset.batches import batches
from model_monitor.dataset.classify import to_column
from model_monitor.dataset.discover import discover
from model_monitor.dataset.fields import getter, output_side
from model_monitor.dataset.pair import read_side
from model_monitor.dataset.sides import Format, open_side
from model_monitor.dataset.units import plan
from model_monitor.job.job import DatasetKind, Job
from model_monitor.words import counted

KEYS_TOLD: Final = 8
KEY_LENGTH: Final = 64  # keys of a payload may be data themselves: never many, never long
EVENTS_TRIED: Final = 1000
ROLES: Final = ("prediction", "score", "scores")


def why_unanswered(job: Job) -> str:
    """Which side was looked at, by which path, and which keys were found there."""
    if job.dataset.kind is not DatasetKind.CAPTURE:
        return f"{_of_table(job)}, and the dataset has the columns {_told(job.schema.names)}"
    named = _named(job)
    if "endpointOutput" not in job.dataset.captured:
        return f"{named}, and responses are not read (captured names the request alone)"
    first = next(_responses(job), None)
    return f"{named}, {'and no response was captured' if first is None else _found(*first, job)}"


def _named(job: Job) -> str:
    """`payload.output.prediction names 'label' in the response`."""
    output = job.schema.payload.output
    given = [(role, getattr(output, role)) for role in ROLES if getattr(output, role) not in (None, ())]
    if not given:
        return "payload.output names neither prediction nor score in the response"
    told = [f"payload.output.{role} names {_places(value)}" for role, value in given]
    return f"{' and '.join(told)} in the response"


def _of_table(job: Job) -> str:
    payload = job.schema.payload
    given = [(role, getattr(payload, role)) for role in ROLES if getattr(payload, role)]
    if not given:
        return "payload names neither prediction nor score"
    return " and ".join(f"payload.{role} names {_places(value)}" for role, value in given)


def _responses(job: Job) -> Iterator[tuple[Format, str]]:
    """Responses of the window that are text, in order; of so many events that a sound one is among them."""
    tried = 0
    for unit in plan(discover(job.dataset, job.window)):
        for batch in batches(unit, job.window):
            sides = batch.lines.outputs
            for place in islice(batch.inside.nonzero()[0].tolist(), EVENTS_TRIED - tried):
                tried += 1
                declared = sides.declared[0 if sides.codes is None else int(sides.codes[place])]
                try:
                    form, text = open_side(sides.texts[place], declared)
                except ValueError:  # told as a reject
                    continue
                if form is not Format.ABSENT and text.strip():
                    yield form, text
            if tried >= EVENTS_TRIED:
                return


def _found(form: Format, text: str, job: Job) -> str:
    """What the records of a response look like, or what stands where a number was looked for."""
    if unread := _text_in_place(form, text, job):
        return f"where text stands that is no number ({unread}): let the model answer with numbers"
    if form is Format.CSV:
        values = counted(text.strip().splitlines()[0].count(",") + 1, "value")
        return f"whose lines are CSV of {values}"
    try:
        payload = orjson.loads(text.strip().splitlines()[0] if form is Format.JSON_LINES else text)
    except orjson.JSONDecodeError:
        return "which is no valid JSON"
    path = job.schema.payload.output.records
    records = payload if path is None else getter(path)(payload)
    if records is None or records is msgspec.UNSET:
        return f"where payload.output.records looks for '{path}', and {_keys(payload, 'the response has')}"
    return _keys(records[0] if isinstance(records, list) and records else records, "whose records have")


def _text_in_place(form: Format, text: str, job: Job) -> str:
    """What the text looks like that the first record holds where it should say a number; "" where it holds none."""
    side = output_side(job.schema)
    if side is None:
        return ""
    columns = map(to_column, read_side(form, [text], side).columns)
    words = (column.texts.drop_null() for column in columns if column.texts is not None)
    return next((_looks(str(found[0].as_py())) for found in words if len(found)), "")


def _looks(text: str) -> str:
    """How a text that is no number looks, without a word of it."""
    text = text.strip()
    if text[:1] in ("[", "(", "{"):
        return "a list or an object as text" if "," in text else "in brackets"
    if text[:1] in ("'", '"'):
        return "in quotes"
    if "," in text:
        return "CSV text inside one value"
    return "with a percent sign" if text.endswith("%") else "a word"


def _keys(record: Any, who: str) -> str:
    if isinstance(record, Mapping):
        return f"{who} the key{'s' if len(record) != 1 else ''} {_told(list(record))}" if record else f"{who} no keys"
    if isinstance(record, list):
        return f"{who} {counted(len(record), 'value')} without keys"
    return f"{who} one value without a key"


def _told(names: Sequence[str]) -> str:
    more = f" and {len(names) - KEYS_TOLD} more" if len(names) > KEYS_TOLD else ""
    return ", ".join(f"'{name[:KEY_LENGTH]}'" for name in names[:KEYS_TOLD]) + more


def _places(value: object) -> str:
    """The path of a role; a position as such."""
    values = value if isinstance(value, tuple) else (value,)
    return ", ".join(
        f"'{each}'" if isinstance(each, str) and not each.isdecimal() else f"value {each}" for each in values
    )
