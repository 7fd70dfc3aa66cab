"""Where people look: pages of AWS's console. Pure."""

from __future__ import annotations

from urllib.parse import quote, urlsplit

CONSOLES = {"cn-": "console.amazonaws.cn", "us-gov-": "console.amazonaws-us-gov.com"}


def object_url(uri: str, region: str) -> str:
    """The page of an S3 object."""
    parts = urlsplit(uri)
    host = next((host for start, host in CONSOLES.items() if region.startswith(start)), "console.aws.amazon.com")
    key = quote(parts.path.lstrip("/"), safe="")
    return f"https://{host}/s3/object/{parts.netloc}?region={region}&prefix={key}"
