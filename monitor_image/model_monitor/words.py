"""Words for people: numbers with the right form of what they count, and the form of a text whose words nobody may read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from itertools import groupby
from typing import Final

NO_VALUE: Final = "-"
BY_CHANCE: Final = "beyond its limit, and within what sampling explains"  # how the sentence of such a check begins
DIGITS: Final = 6
LIKENESS: Final = 0.7  # of letters that two names share, from which one may be meant by the other
NAMES_LISTED: Final = 20
NAME_LENGTH: Final = 64  # keys of a payload may be data themselves: never many, never long
NAMES_TOLD: Final = 5
UUID: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)
HEXADECIMAL: Final = re.compile(r"(?=.*[0-9])(?=.*[a-fA-F])([0-9a-f]+|[0-9A-F]+)", re.ASCII)
PARTS_TOLD: Final = 7  # a text of more parts is told by its length alone


def counted(count: int, what: str) -> str:
    """`1 record`, `1,234 records`."""
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def lost(records: int, events: int) -> str:
    """What could not be read: records, and captured events of which nobody knows how many they held."""
    parts = [counted(records, "record")] if records or not events else []
    return " and ".join([*parts, *([counted(events, "event")] if events else [])])


def named(subjects: Iterable[str], most: int = NAMES_TOLD) -> str:
    """The first few different ones, and how many more there are."""
    unique = list(dict.fromkeys(subjects))
    more = f" and {len(unique) - most} more" if len(unique) > most else ""
    return ", ".join(unique[:most]) + more


def share(value: float | None) -> str:
    """As a percentage."""
    return NO_VALUE if value is None else f"{value:.1%}"


def number(value: float | None) -> str:
    """Four decimals; of what is tiny or large as many digits as an eye compares."""
    if value is None:
        return NO_VALUE
    return f"{value:.4f}" if value == 0 or 1e-3 <= abs(value) < 1e5 else f"{value:.{DIGITS}g}"


def moment(time: str) -> str:
    """A time as people read it: `2026-03-02 09:00`."""
    return time[:16].replace("T", " ")


def figure(value: float) -> str:
    """As a sentence tells it: three decimals, or four digits of what is tiny or large."""
    return f"{value:.3f}" if value == 0 or 1e-2 <= abs(value) < 1e3 else f"{value:.4g}"


def meant(name: str, known: Iterable[str]) -> str | None:
    """Which of the known names is meant: the same in another case or with other separators, else the most alike."""
    plain = {_letters(each): each for each in known}
    close = get_close_matches(_letters(name), plain, n=1, cutoff=LIKENESS)
    return plain[close[0]] if close else None


def did_you_mean(names: Iterable[str], known: Sequence[str]) -> str:
    """`did you mean 'bmi'?`; with several names, for which each; "" where no name is alike."""
    wanted = list(names)
    found = {name: other for name in wanted if (other := meant(name, known)) is not None}
    if not found:
        return ""
    if len(wanted) == 1:
        return f"did you mean {_quoted(found[wanted[0]])}?"
    pairs = [f"{_quoted(other)} for {_quoted(name)}" for name, other in list(found.items())[:NAMES_LISTED]]
    return f"did you mean {', '.join(pairs)}?"


def listed(names: Sequence[str]) -> str:
    """Names in quotes, many of them cut off."""
    more = f" and {len(names) - NAMES_LISTED} more" if len(names) > NAMES_LISTED else ""
    return ", ".join(map(_quoted, names[:NAMES_LISTED])) + more


def _quoted(name: str) -> str:
    return f"'{name if len(name) <= NAME_LENGTH else name[:NAME_LENGTH] + '...'}'"


def _letters(name: str) -> str:
    return "".join(filter(str.isalnum, name.casefold())) or name


def form_of(text: str) -> str:
    """What a text is made of, never the text: `a UUID`, `8 hexadecimal digits`, `3 digits`, `2 letters, "-" and 6 digits`.

    Punctuation is told as it is, and that all letters are capitals: these tell one writing of an id from another.
    """
    return f"{_parts_of(text)}, in capitals" if text.isupper() else _parts_of(text)


def _parts_of(text: str) -> str:
    if not text:
        return "an empty text"
    if UUID.fullmatch(text):
        return "a UUID"
    if HEXADECIMAL.fullmatch(text):
        return counted(len(text), "hexadecimal digit")
    parts = [(kind, len(list(signs))) for kind, signs in groupby(text, _kind)]
    if len(parts) > PARTS_TOLD:
        return counted(len(text), "character")
    told = [counted(count, kind) if len(kind) > 1 else f'"{kind * count}"' for kind, count in parts]
    return told[0] if len(told) == 1 else f"{', '.join(told[:-1])} and {told[-1]}"


def _kind(sign: str) -> str:
    if sign.isdigit():
        return "digit"
    if sign.isalpha():
        return "letter"
    if sign.isspace():
        return "blank"
    return sign if sign.isascii() and sign.isprintable() else "other sign"
