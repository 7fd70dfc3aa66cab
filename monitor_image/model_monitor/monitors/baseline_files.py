"""Opening the files of a baseline: the one place of this room that opens any."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from model_monitor.contract import OWN_BLOCK
from model_monitor.errors import BaselineError
from model_monitor.job.job import MOST_DESIGN_EFFECT, BaselineFiles

SIGNATURE_VERSION: Final = 1
DESIGN_EFFECT: Final = "design_effect"


def read_document(path: Path) -> object:
    """The content of a JSON file of a baseline.

    Raises: BaselineError.
    """
    try:
        document: object = orjson.loads(path.read_bytes())
    except OSError as error:
        raise BaselineError(path, f"cannot be read ({error.strerror}).", "Check the baseline's location.") from error
    except orjson.JSONDecodeError as error:
        raise BaselineError(path, f"is no JSON ({error}).", "Run the baseline job again.") from error
    return document


def signed(content: Mapping[str, Any], design_effect: float = 1.0) -> dict[str, Any]:
    """The content of a baseline's file with a block that says that it is ours: its numbers are counts of a sample that we know.

    design_effect: of the sample's records, as `sketches.neighbours` measures it; told where it is not 1.
    """
    block = content.get(OWN_BLOCK)
    effect = {} if design_effect == 1.0 else {DESIGN_EFFECT: design_effect}
    return {
        **content,
        OWN_BLOCK: {**(block if isinstance(block, Mapping) else {}), "version": SIGNATURE_VERSION, **effect},
    }


@dataclass(frozen=True, slots=True)
class Signature:
    """What the files of a baseline say of it.

    is_ours: a baseline job of ours wrote every file that is given, and any is given. effect: of its records, 1 where none is told.
    """

    is_ours: bool
    effect: float = 1.0


def signature(files: BaselineFiles) -> Signature:
    """Of one monitor's baseline.

    Raises: BaselineError where the design effect is no number from 1 to `MOST_DESIGN_EFFECT`.
    """
    given = [path for path in (files.constraints, files.statistics) if path is not None]
    blocks = [own_block(read_document(path)) for path in given]
    told = [
        (path, block.get(DESIGN_EFFECT, 1.0)) for path, block in zip(given, blocks, strict=True) if block is not None
    ]
    for path, effect in told:
        if isinstance(effect, bool) or not isinstance(effect, (int, float)) or not 1 <= effect <= MOST_DESIGN_EFFECT:
            what = f"{OWN_BLOCK}.{DESIGN_EFFECT} should be a number from 1 to {MOST_DESIGN_EFFECT:,}."
            raise BaselineError(path, what, "Make the baseline again.")
    is_ours = bool(given) and len(told) == len(given)
    return Signature(is_ours, max((float(effect) for _, effect in told), default=1.0))


def is_signed(files: BaselineFiles) -> bool:
    """Whether a baseline job of ours wrote every file that is given, and any is given."""
    return signature(files).is_ours


def own_block(document: object) -> Mapping[str, Any] | None:
    """The block of a file that a baseline job of ours signed; None of AWS's files, and of those of a window."""
    block = document.get(OWN_BLOCK) if isinstance(document, Mapping) else None
    return block if isinstance(block, Mapping) and "version" in block else None
