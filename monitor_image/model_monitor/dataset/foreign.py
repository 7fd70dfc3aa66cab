"""Payloads of another protocol than the records that are read here: what they are called, so that they can be told.

By their content type, by their first bytes where these are no text, and by the keys of a JSON document of tensors.
"""

from __future__ import annotations

import codecs
import re
from typing import Any, Final

TENSORS: Final = "payload is of the open inference protocol (KServe v2)"
OTHER_SEPARATOR: Final = "values are not separated by commas"
CSV_IN_JSON: Final = "CSV text inside JSON"
UNKNOWN_CHARSET: Final = "payload in a character set that is not read"
MENTIONS_TENSORS: Final = '"datatype"'

BY_SUBTYPE: Final = {
    "x-npy": "npy (NumPy)",
    "x-npz": "npz (NumPy)",
    "x-recordio-protobuf": "recordio-protobuf",
    "x-recordio": "recordio",
    "x-parquet": "Parquet",
    "vnd.apache.parquet": "Parquet",
    "vnd.apache.arrow.stream": "Arrow",
    "vnd.apache.arrow.file": "Arrow",
    "x-avro": "Avro",
    "avro": "Avro",
    "x-protobuf": "protobuf",
    "protobuf": "protobuf",
    "vnd.google.protobuf": "protobuf",
    "x-tfexample": "protobuf",
    "libsvm": "libsvm",
    "x-libsvm": "libsvm",
    "pickle": "a pickle",
    "x-pickle": "a pickle",
    "python-pickle": "a pickle",
    "x-image": "an image",
    "pdf": "PDF",
    "vnd.sagemaker-triton.binary+json": "binary tensors (Triton)",
}
BY_MEDIUM: Final = {"image": "an image", "audio": "audio", "video": "video"}
BY_BEGINNING: Final = (
    (b"\x93NUMPY", "npy (NumPy)"),
    (b"PAR1", "Parquet"),
    (b"ARROW1", "Arrow"),
    (b"Obj\x01", "Avro"),
    (b"\x0a\x23\xd7\xce", "recordio"),
    (b"\xff\xd8\xff", "an image"),
    (b"\x89PNG", "an image"),
    (b"GIF8", "an image"),
    (b"RIFF", "an image"),
    (b"\x1f\x8b", "compressed (gzip)"),
    (b"BZh", "compressed (bzip2)"),
    (b"PK\x03\x04", "npz or another archive (zip)"),
    (b"\x80\x02", "a pickle"),
    (b"\x80\x03", "a pickle"),
    (b"\x80\x04", "a pickle"),
    (b"\x80\x05", "a pickle"),
)
CHARSET: Final = re.compile(r"(?:^|;)\s*charset\s*=\s*\"?([^\s;\"]+)")
UTF_8: Final = "utf-8"
CHARSETS: Final = frozenset(
    ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be", "iso8859-1", "iso8859-15", "cp1252")
)
SEPARATORS: Final = (";", "\t", "|")


def reason(name: str) -> str:
    """Why a payload of another protocol is a reject."""
    return f"payload is {name}"


NAMES: Final = frozenset({*BY_SUBTYPE.values(), *BY_MEDIUM.values(), *(name for _, name in BY_BEGINNING)})
REASONS: Final = frozenset({TENSORS, *map(reason, NAMES)})


def by_type(mime: str) -> str | None:
    """The name of what a content type (in lower case, without parameters) declares; None for what may be records."""
    medium, _, subtype = mime.rpartition("/")
    return BY_SUBTYPE.get(subtype) or BY_MEDIUM.get(medium)


def by_beginning(content: bytes) -> str | None:
    """The name of what is no text, by its first bytes."""
    return next((name for beginning, name in BY_BEGINNING if content.startswith(beginning)), None)


def charset_of(parameters: str) -> str:
    """The character set of a content type's parameters (in lower case) by Python's name; "" for one that is not read."""
    found = CHARSET.search(parameters)
    try:
        name = codecs.lookup(found[1]).name if found else UTF_8
    except LookupError:
        return ""
    if name in ("ascii", UTF_8, "utf-8-sig"):
        return UTF_8
    return name if name in CHARSETS else ""


def is_tensors(value: Any) -> bool:
    """Whether a decoded JSON document holds tensors by name, shape and datatype instead of records."""
    held = [value.get(key) for key in ("inputs", "outputs")] if isinstance(value, dict) else []
    return any(
        isinstance(tensors, list)
        and bool(tensors)
        and all(isinstance(each, dict) and {"shape", "datatype"} <= each.keys() for each in tensors)
        for tensors in held
    )


def why_one_value(text: str, *, is_csv: bool) -> str:
    """Why a record has one value in the place of several, where its payload shows it; "" where it does not."""
    if is_csv:
        return OTHER_SEPARATOR if any(separator in text for separator in SEPARATORS) else ""
    return CSV_IN_JSON if text.lstrip("\ufeff [").startswith('"') and "," in text else ""
