"""The kit's own serving and training scripts, as the framework container takes them."""

from __future__ import annotations

from pathlib import Path

from constructs import Construct

from stacks.configuration import payload_document
from stacks.constructs.files import UploadedFile, json_bytes, source_archive
from stacks.settings.payload import Payload

SCRIPTS = Path(__file__).resolve().parent.parent / "model_code"
MAPPING_FILE = "payload.json"


def model_code(scope: Construct, construct_id: str, payload: Payload) -> UploadedFile:
    """The scripts with the endpoint's mapping beside them."""
    content = source_archive(SCRIPTS, {MAPPING_FILE: json_bytes(payload_document(payload))})
    return UploadedFile(scope, construct_id, name="sourcedir.tar.gz", content=content)
