"""Why no record has a prediction: what the configuration names, and what the first response of the window holds instead.

Names of keys alone, few and short; never a value.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final

from model_monitor.dataset.batches import batches
from model_monitor.dataset.classify import to_column
from model_monitor.dataset.discover import discover
from model_monitor.dataset.fields import Side, output_side
from model_monitor.dataset.formats.json import BadPayload, Payload, load, records_of
from model_monitor.dataset.pair import read_side
from model_monitor.dataset.records import MALFORMED_JSON, NO_RECORDS_FOUND
from model_monitor.dataset.sides import Format, open_side
from model_monitor.dataset.units import plan
from model_monitor.job.job import DatasetKind, Job
from model_monitor.words import counted

KEYS_TOLD: Final = 8
KEY_LENGTH: Final = 64  # keys of a payload may be data themselves: never many, never long
EVENTS_TRIED: Final = 1000
NAN: Final = "NaN"
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
    unread = _text_in_place(form, text, job)
    if unread == NAN:
        return "where NaN stands, which is no number: let the model answer with numbers"
    if unread:
        return f"where text stands that is no number ({unread}): let the model answer with numbers"
    if form is Format.CSV:
        values = counted(text.strip().splitlines()[0].count(",") + 1, "value")
        return f"whose lines are CSV of {values}"
    side = output_side(job.schema) or Side(())
    try:
        payload, _ = load(text, is_lines=form is Format.JSON_LINES)
        found = records_of(payload, side)
    except BadPayload as fault:
        if str(fault) != NO_RECORDS_FOUND:
            return "which is no valid JSON" if str(fault) == MALFORMED_JSON else f"where there is: {fault}"
        return f"where payload.output.records looks for '{side.records}', and {_keys(payload, 'the response has')}"
    if nothing := _null_in_place(found, side):
        return f"where {nothing}: let the model answer with numbers"
    return _keys(_first_record(found), "whose records have")


def _first_record(found: Payload) -> Any:
    """A record as the reader takes it; of columns their names, and a list of one value as that value."""
    if found.columns is not None:
        return found.columns
    if found.objects is not None:
        return found.objects[0] if found.objects else {}
    first = found.rows[0] if found.rows else []
    return first[0] if len(first) == 1 else first


def _null_in_place(found: Payload, side: Side) -> str:
    """That the first record has what is looked for, and no value of it; "" where that is not what is wrong."""
    record = found.objects[0] if found.objects else {}
    empty = [field.key for field in side.fields if field.key in record and record[field.key] is None]
    return f"{_told(empty)} {'is' if len(empty) == 1 else 'are'} null" if empty else ""


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
    if text.lower() == NAN.lower():
        return NAN
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
