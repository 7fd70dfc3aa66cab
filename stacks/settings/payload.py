"""The part of an environment file that stands below `payload`: what requests and responses of an endpoint mean."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from stacks.settings import fields
from stacks.settings.block import Block, check


class Feature(Block):
    """One input of the model. In the file a bare name stands for a feature with defaults."""

    name: fields.FeatureName
    """The feature's name: the key in JSON, the column in reports and metrics; 1 to 200 characters."""
    type: Literal["Integral", "Fractional", "String", "Boolean"] | None = None
    """The type that the values have. String keeps numerals as they were written. Boolean takes true, True, TRUE and 1 as one
    value, and so false. Left out: inferred from the values."""
    privacy: Literal["open", "internal", "restricted"] = "open"
    """restricted: baselines and reports hold none of its values, categories by salted digest only; internal ones leave out
    the sketch that holds single values. Default: open."""
    path: str | None = None
    """JMESPath of the value inside one record. Left out: the key `name`, or the position in CSV."""

    @property
    def place(self) -> list[str | int]:
        """Where a record of JSON holds it. Raises: ValueError for a path that cannot be written."""
        return [self.name] if self.path is None else steps(self.path)


class Output(Block):
    """Where a response holds what the model said."""

    records: str | None = None
    """JMESPath of the list of results in a response. Left out: the response itself."""
    prediction: str | int | None = "label"
    """Key or JMESPath of the prediction in one result, or its position in CSV from 0; null: there is none. Default: label."""
    score: str | int | tuple[str | int, ...] | None = "score"
    """Key or JMESPath of the score in one result, or its position in CSV from 0; one for each class as a list; null: there is
    none. Default: score."""
    payload_index: str | int | None = "payload_index"
    """Key or position of the number of the record that a result belongs to, from 0. Where a response has none, results stand
    in the order of the records. Default: payload_index."""
    attributions: str | int | tuple[str | int, ...] | None = None
    """Key, JMESPath or CSV position of the list of attributions in one result; one for each output as a list. Left out: a
    response holds none."""
    csv_split: Literal["auto", "lines", "comma"] = "auto"
    """How a CSV response is cut into results: one a line, or one line of comma-separated results; auto: whichever fits the
    number of records. Default: auto."""


_STEP = re.compile(r'(?:^|\.)(?:"([^"]+)"|([^.\[\]"*\s]+))|\[(\d+)\]')


def steps(path: str) -> list[str | int]:
    """Keys and places in lists from a record down to a value, of a path that says where to write, not only where to read.

    Raises: ValueError for every other JMESPath.
    """
    found: list[str | int] = []
    end = 0
    for match in _STEP.finditer(path):
        if match.start() != end:
            break
        end = match.end()
        found.append(int(match[3]) if match[3] else match[1] or match[2])
    if end != len(path) or not found or isinstance(found[0], int):
        raise ValueError("should be made of keys and places in lists, such as customer.age or features[0]")
    return found


def _named(value: object) -> object:
    return {"name": value} if isinstance(value, str) else value


class Payload(Block):
    """What requests and responses mean: declared here, used by the serving script, training and the monitors."""

    features: Annotated[
        tuple[Annotated[Feature, BeforeValidator(_named, json_schema_input_type=str | Feature)], ...],
        Field(min_length=1),
    ] = ()
    """The model's inputs in the order of CSV columns, at least one: a name, or a name with type, privacy and path. Left out:
    features are taken by position from the baseline."""
    metadata: tuple[Annotated[Feature, BeforeValidator(_named, json_schema_input_type=str | Feature)], ...] = ()
    """What records hold beside the model's inputs, for slices and metrics of your own: a name, or a name with type, privacy and
    path. Default: nothing."""
    missing: tuple[str, ...] | None = None
    """Texts that stand for a missing value in every feature, such as NA or -. Left out: NaN, nan, NA, N/A, null and None, in
    columns of numbers alone; an empty list: none."""
    label: fields.FeatureName | None = None
    """The column of a baseline dataset that holds the truth; it is no input. Left out: the dataset holds inputs alone."""
    prediction: fields.FeatureName | None = None
    """The column of a baseline dataset that holds what the model predicted. Left out: the name in `output`."""
    score: fields.FeatureName | tuple[fields.FeatureName, ...] | None = None
    """The column of a baseline dataset that holds the model's score; one for each class as a list. Left out: the name in
    `output`."""
    records: str | None = None
    """JMESPath of the list of records in a request. Left out: the payload itself."""
    output: Output = Output()
    """Where a response holds what the model said. Default: the keys label, score and payload_index."""

    @property
    def container(self) -> list[str | int]:
        """Where a request holds its list of records; empty where it is the list itself. Raises: ValueError."""
        return steps(self.records.removesuffix("[*]").removesuffix("[]")) if self.records else []

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(feature.name for feature in self.features)

    @property
    def known(self) -> tuple[str, ...]:
        """Everything of a record that has a name."""
        return (*self.names, *(field.name for field in self.metadata))

    @check
    def _position_faults(self) -> Iterator[str]:
        if self.metadata and not self.features:
            yield "metadata: stands beside features, and none are named; name them"

    @check
    def _feature_faults(self) -> Iterator[str]:
        for name in sorted({name for name in self.names if self.names.count(name) > 1}):
            yield f"features: '{name}' is declared {self.names.count(name)} times"
        for field in self.metadata:
            if field.name in self.names:
                yield f"metadata: '{field.name}' is a feature too; name it once"
        if self.label in self.names:
            yield f"label: '{self.label}' is a feature too; the truth is no input of the model"
        for role in ("prediction", "score"):
            if getattr(self, role) in self.names:
                yield f"{role}: '{getattr(self, role)}' is a feature too; what a model says is no input of it"
