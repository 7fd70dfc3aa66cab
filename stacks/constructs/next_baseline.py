"""What a retraining needs to know to make the next version of a baseline, as the deployment made the first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from aws_cdk import Stack, aws_ssm as ssm
from constructs import Construct

from stacks.constructs import permissions
from stacks.constructs.baseline_step import BaselineStep, files_of
from stacks.constructs.places import EndpointPlaces
from stacks.settings.payload import Payload

KIT_KEYS = {"prediction": "label", "score": "score"}  # of the kit's serving script, where the mapping has positions
Column = tuple[str | int, str]  # where an answer holds it, and its name in the dataset


class NextBaseline(Construct):
    """A parameter, and the right of the baseline's role to read the rows that retrainings put together."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        step: BaselineStep,
        *,
        parameter: str,
        live_parameter: str,
        types: Sequence[str],
        places: EndpointPlaces,
        payload: Payload | None,
        answers: str,
    ) -> None:
        super().__init__(scope, construct_id)
        permissions.allow_reading(step.role, places.sets)
        document = {
            "job": step.job,
            "place": places.baseline.uri,
            "parameter": live_parameter,
            "files": files_of(types),
            "types": list(types),
            "label": payload.label if payload and payload.label else "",
            "records": (payload.output.records or "") if payload else "",
            "columns": [] if payload is None else [list(found) for found in columns(payload, answers)],
        }
        ssm.StringParameter(
            self,
            "Settings",
            parameter_name=parameter,
            string_value=Stack.of(self).to_json_string(document),
            tier=ssm.ParameterTier.INTELLIGENT_TIERING,
            description="How a retraining makes the next baseline",
        )


def columns(payload: Payload, answers: str) -> Iterator[Column]:
    """What a model says, from its place in an answer to its name in a dataset: the names of roles where they are given."""
    output, is_json = payload.output, answers != "text/csv"
    for role, named in (("prediction", payload.prediction), ("score", payload.score)):
        given = getattr(output, role)
        places = given if isinstance(given, tuple) else (given,)
        names = named if isinstance(named, tuple) else (named,)
        for place, name in zip(places, names if len(names) == len(places) else (None,) * len(places), strict=True):
            found = KIT_KEYS[role] if is_json and isinstance(place, int) else place
            if found is not None and (name or isinstance(found, str)):
                yield found, name or str(found)
    why = output.attributions
    for each in why if isinstance(why, tuple) else (why,):
        if isinstance(each, str):
            yield each, each
