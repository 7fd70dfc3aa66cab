"""What to do where too much could not be read: it depends on the commonest reason."""

from __future__ import annotations

from model_monitor.dataset import foreign, records as reasons
from model_monitor.dataset.lines import DAMAGED, TOO_LONG
from model_monitor.job.job import DatasetKind, Job
from model_monitor.schema import Rejects
from model_monitor.words import counted

WIDTHS_NAMED = 3

FILE = "Look at the named file and line: it may be damaged, cut off, or none of data capture's"
CAPTURE = "Let data capture keep both the request and the response of each call"
PAYLOAD = "Look at what the client sent or the model answered there, and at the content type declared for it"
MAPPING = "Correct the payload mapping, which says where records are"
OTHER_PROTOCOL = (
    "Let the client send CSV, JSON or JSON Lines and ask for one of them (accept), or decode such payloads in a script of yours "
    "(scripts.preprocessor)"
)
UNKNOWN = "Move what is no data out of the folder, or give the file the ending of its kind"
REMEDIES = {
    reasons.NOT_JSON: FILE,
    reasons.NOT_A_CAPTURE_EVENT: FILE,
    reasons.ID_TOO_LONG: "Let clients send short inference ids, as SageMaker itself demands",
    DAMAGED: FILE,
    TOO_LONG: FILE,
    reasons.NO_INPUT: CAPTURE,
    reasons.NO_OUTPUT: CAPTURE,
    reasons.NOT_TEXT: PAYLOAD,
    reasons.EMPTY_PAYLOAD: PAYLOAD,
    reasons.MALFORMED_CSV: PAYLOAD,
    reasons.MALFORMED_JSON: PAYLOAD,
    reasons.MIXED_RECORDS: PAYLOAD,
    reasons.NO_RECORDS_FOUND: MAPPING,
    reasons.UNEVEN_COLUMNS: MAPPING,
    reasons.COUNTS_DIFFER: "Correct the payload mapping, which says where the records of requests and responses are",
    **dict.fromkeys(foreign.REASONS, OTHER_PROTOCOL),
    foreign.CSV_IN_JSON: "Let the client and the model send CSV as text/csv, or JSON with a list of values",
    foreign.UNKNOWN_CHARSET: "Let the client send UTF-8",
    foreign.OTHER_SEPARATOR: "Let the client and the model separate values by commas",
    reasons.UNKNOWN_FILE: UNKNOWN,
    reasons.HEADER_LINE: "Say header=present in the content type of payloads that have a header line, or leave the line out",
    reasons.WRONG_OUTPUT_WIDTH: "Correct the payload mapping, which says where a response holds prediction and score",
}


def main_reason(rejects: Rejects) -> str:
    """The commonest reason, and where it or another one was first met."""
    reason = _commonest(rejects)
    for located in rejects.located:
        if located.reason == reason:
            return f"{reason}, first at {located.path}:{located.line}"
    others = [f"; first {located.reason}, at {located.path}:{located.line}" for located in rejects.located[:1]]
    return reason + "".join(others)


def remedy(rejects: Rejects, job: Job) -> str:
    """What to do about the commonest reason: the start of a sentence."""
    reason, is_capture = _commonest(rejects), job.dataset.kind is DatasetKind.CAPTURE
    if reason == reasons.WRONG_WIDTH:
        if is_capture:
            mapping = "Declare the features in a" if job.schema.is_positional else "Correct the"
            return f"{mapping} payload mapping: {widths_told(rejects, job)} in a record"
        return f"Correct the rows of the dataset: found such with {_widths(rejects)} values"
    if reason == reasons.UNKNOWN_FILE:
        return UNKNOWN
    return REMEDIES.get(reason, FILE) if is_capture else "Look at the named file and line"


def widths_told(rejects: Rejects, job: Job) -> str:
    """How many values were found in records of a wrong number of them, and how many expected."""
    return f"found {_widths(rejects)}, expected {counted(len(job.schema.features), 'value')}"


def _widths(rejects: Rejects) -> str:
    found = sorted(rejects.widths.items(), key=lambda item: (-item[1], item[0]))
    named = " and ".join(f"{width} ({counted(records, 'record')})" for width, records in found[:WIDTHS_NAMED])
    return named + (" and others" if len(found) > WIDTHS_NAMED else "")


def _commonest(rejects: Rejects) -> str:
    """Of equals the first of the alphabet."""
    return min(rejects.by_reason, key=lambda reason: (-rejects.by_reason[reason], reason), default="")
