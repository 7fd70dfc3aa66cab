"""Tags of SageMaker resources: ours are kept here, moto's with moto."""

from __future__ import annotations

from typing import Any, Final

from moto.sagemaker.models import sagemaker_backends

from twin.api import ApiError, Call
from twin.surroundings import Surroundings

OURS: Final = (
    "monitoring-schedule",
    "processing-job",
    "training-job",
    "transform-job",
    "model-package-group",
    "model-package",
)


class Tags:
    """Tags by ARN."""

    def __init__(self, twin: Surroundings) -> None:
        self._twin = twin
        self._tags: dict[str, list[dict[str, str]]] = {}
        twin.api.register(
            "sagemaker",
            ListTags=self.list,
            AddTags=self.add,
            DeleteTags=self.delete,
        )

    def create(self, arn: str, tags: list[dict[str, str]] | None) -> None:
        """A resource of ours exists from now on."""
        self._tags[arn] = list(tags or ())

    def _of(self, arn: str) -> list[dict[str, str]]:
        if arn.rpartition(":")[2].partition("/")[0] in OURS:
            found = self._tags.get(arn)
        else:
            resource = sagemaker_backends[self._twin.account][self._twin.region]._get_resource_from_arn(arn)
            found = getattr(resource, "tags", None)
        if found is None:
            raise ApiError("ValidationException", f"there is no resource {arn}")
        return found

    def list(self, parameters: dict[str, Any], _: Call) -> dict[str, Any]:
        return {"Tags": self._of(parameters["ResourceArn"])}

    def add(self, parameters: dict[str, Any], _: Call) -> dict[str, Any]:
        tags = self._of(parameters["ResourceArn"])
        merged = {tag["Key"]: tag for tag in [*tags, *parameters["Tags"]]}
        tags[:] = list(merged.values())
        return {"Tags": tags}

    def delete(self, parameters: dict[str, Any], _: Call) -> None:
        tags = self._of(parameters["ResourceArn"])
        tags[:] = [tag for tag in tags if tag["Key"] not in parameters["TagKeys"]]
