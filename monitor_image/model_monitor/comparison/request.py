"""A comparison as it is asked for: of local files with a configuration, or by a document with S3 URIs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from model_monitor.comparison.options import Options, read_options
from model_monitor.comparison.reading import Asked
from model_monitor.contract import CONFIG_VERSION, MonitoringType, ProblemType, monitor_key
from model_monitor.errors import SettingsError
from model_monitor.job.blocks import Block, Faults
from model_monitor.job.configuration import Configuration, parse_configuration
from model_monitor.monitors.model_bias.options import SETTINGS
from model_monitor.monitors.model_bias.settings import BiasSettings
from model_monitor.monitors.model_quality.options import SPELLINGS, options_of

URIS: Final = ("holdout_uri", "champion_uri", "challenger_uri", "output_uri")
QUALITY: Final = monitor_key(MonitoringType.MODEL_QUALITY)
WHERE: Final = "comparison"


@dataclass(frozen=True, slots=True)
class Request:
    """What an event asks for. configuration: the URI of a configuration, where none is given in place.

    options: by what decides, read once the problem is known.
    """

    holdout_uri: str
    champion_uri: str
    challenger_uri: str
    output_uri: str
    configuration: str | Mapping[str, Any]
    options: Mapping[str, Any] = field(default_factory=dict)


def read_request(content: object) -> Request:
    """An event's `comparison`. Raises: SettingsError with every fault."""
    faults = Faults()
    block = Block(content, WHERE, faults)
    uris = {name: block.text(name) for name in URIS}
    for name, uri in uris.items():
        if uri is None or not uri.startswith("s3://"):
            faults.add(block.at(name), "should be an S3 URI")
    configuration = block.take("configuration")
    options = block.take("options")
    short = _short(block)
    block.end()
    if configuration is not None and short:
        faults.add(block.at("configuration"), f"stands beside {', '.join(short)}: give one or the other")
    if options is not None and not isinstance(options, Mapping):
        faults.add(block.at("options"), "should be an object")
    if faults:
        raise SettingsError.of_faults(WHERE, faults)
    given = {name: uri or "" for name, uri in uris.items()}
    return Request(**given, configuration=configuration or _document(short), options=options or {})


def _short(block: Block) -> dict[str, Any]:
    """What may stand in the place of a configuration."""
    taken = {key: block.take(key) for key in ("problem_type", "features", "label", "output", "payload", "monitors")}
    return {key: value for key, value in taken.items() if value is not None}


def _document(short: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration of a few words. A line holds the answer first, and of a binary problem then a score, unless it is said."""
    payload = dict(short.get("payload") or {})
    payload |= {key: short[key] for key in ("features", "label", "output") if key in short}
    is_binary = SPELLINGS.get(str(short.get("problem_type", "binary")).lower()) is ProblemType.BINARY
    payload.setdefault("output", {"prediction": 0, "score": 1} if is_binary else {"prediction": 0})
    monitors = dict(short.get("monitors") or {})
    quality = dict(monitors.get(QUALITY) or {})
    quality |= {"problem_type": short["problem_type"]} if "problem_type" in short else {}
    return {"version": CONFIG_VERSION, "payload": payload, "monitors": monitors | {QUALITY: quality}}


def asked_of(configuration: Configuration, options: Mapping[str, Any]) -> tuple[Asked, Options]:
    """What is compared, and what decides: the problem of model quality, the facets of bias.

    Raises: SettingsError where the configuration has no model quality, or an option is wrong.
    """
    settings = {monitor.type: monitor.options for monitor in configuration.monitors}
    if MonitoringType.MODEL_QUALITY not in settings:
        raise SettingsError(
            f"monitors.{QUALITY}",
            "is missing, so nobody knows what the models predict.",
            f'Name it in the configuration: {{"monitors": {{"{QUALITY}": {{"problem_type": "binary"}}}}}}.',
        )
    problem = options_of(settings[MonitoringType.MODEL_QUALITY]).problem
    bias: BiasSettings | None = settings.get(MonitoringType.MODEL_BIAS, {}).get(SETTINGS)
    names = configuration.schema.names
    if (
        bias is not None
    ):  # facets that come from elsewhere are not among the held-out columns; the flip test takes its time
        facets = tuple(facet for facet in bias.facets if not names or facet.name in names)
        bias = replace(bias, facets=facets, flip=None, bootstrap=None, post=tuple(m for m in bias.post if m != "FT"))
    asked = Asked(configuration.schema, problem, bias=bias if bias is not None and bias.facets else None)
    return asked, read_options(options, problem.type)


def of_document(document: Mapping[str, Any] | bytes, where: str, options: Mapping[str, Any]) -> tuple[Asked, Options]:
    """The same from the text, or the content, of a configuration."""
    content = document if isinstance(document, bytes) else json.dumps(document).encode()
    return asked_of(parse_configuration(content, where), options)
