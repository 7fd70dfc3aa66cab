"""SageMaker models: moto keeps them; what they are made of is checked, and read, as the service does it when one is made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from botocore.exceptions import ClientError
from moto.sagemaker.models import sagemaker_backends

from twin import objects
from twin.api import Call
from twin.sagemaker.jobs import invalid
from twin.sagemaker.model_packages import ModelPackages
from twin.surroundings import Surroundings

# what is made under a name: its word in ARNs, what it is called, and where moto keeps it
NAMED: Final = {
    "Model": ("model", "model", "_models"),
    "EndpointConfig": ("endpoint-config", "endpoint configuration", "endpoint_configs"),
    "Endpoint": ("endpoint", "endpoint", "endpoints"),
}


@dataclass(frozen=True, slots=True)
class Served:
    """What a container serves: a model made anew under an old name is another one, by its `identity`."""

    identity: str
    container: Mapping[str, Any]
    role: str


class Models:
    """Every model of the account."""

    def __init__(self, twin: Surroundings, packages: ModelPackages) -> None:
        self._twin, self._packages = twin, packages
        twin.api.register("sagemaker", CreateModel=self.create)
        twin.api.gate(self._refuse_twice)

    @property
    def _backend(self) -> Any:
        return sagemaker_backends[self._twin.account][self._twin.region]

    def create(self, asked: dict[str, Any], _: Call) -> dict[str, Any]:
        """Answer CreateModel: packages become what they hold, and the artefacts are read with the model's role."""
        primary, role = asked.get("PrimaryContainer"), str(asked.get("ExecutionRoleArn", ""))
        containers = [self._resolved(container) for container in [primary] if container]
        containers += [self._resolved(container) for container in asked.get("Containers") or ()]
        for container in containers:
            self._read(container, role)
        model = self._backend.create_model(
            model_name=asked["ModelName"],
            execution_role_arn=asked.get("ExecutionRoleArn"),
            primary_container=containers[0] if primary else None,
            vpc_config=asked.get("VpcConfig"),
            containers=containers[1:] if primary else containers,
            tags=asked.get("Tags"),
        )
        return {"ModelArn": model.arn}

    def served(self, name: str) -> Served:
        """What serves a model. Raises: ApiError."""
        model = self._backend._models.get(name)
        if model is None:
            raise invalid(f'Could not find model "{self._arn("model", name)}".')
        containers = model.containers or [model.primary_container]
        if len(containers) != 1:
            raise invalid(f"Model {name}: inference pipelines are not in the twin.")
        return Served(_identity(model), containers[0], model.execution_role_arn)

    def identities(self, names: set[str]) -> set[str]:
        """Those of the models that are there."""
        known = self._backend._models
        return {_identity(known[name]) for name in names if name in known}

    def _resolved(self, container: Mapping[str, Any]) -> dict[str, Any]:
        """A container with what its model package says in place of the package's name alone."""
        if not container.get("ModelPackageName"):
            return dict(container)
        if container.get("Image") or container.get("ModelDataUrl"):
            raise invalid("Specify one of either Image and Model Data URL or ModelPackageName in container definition.")
        if container.get("InferenceSpecificationName"):
            raise invalid("additional inference specifications of model packages are not in the twin")
        packaged = self._packages.container(container["ModelPackageName"])
        variables = {**packaged.get("Environment", {}), **container.get("Environment", {})}
        return {**packaged, **container, **({"Environment": variables} if variables else {})}

    def _read(self, container: Mapping[str, Any], role: str) -> None:
        """Refuse an artefact that the model's role may not read. Raises: ApiError."""
        uri = container.get("ModelDataUrl")
        if not uri:
            return
        bucket, key = objects.split(uri)
        try:
            self._twin.client("s3", role).head_object(Bucket=bucket, Key=key)
        except ClientError as error:
            if error.response["Error"]["Code"] != "403":
                return  # nobody made it: the first request finds out
            message = f'Could not access model data at {uri}. Please ensure that the role "{role}" exists'
            raise invalid(f'{message} and has "s3:GetObject" permissions.') from error

    def _refuse_twice(self, call: Call) -> None:
        """Refuse a name that is taken; moto would put the new one in place of the old."""
        kind = call.operation.removeprefix("Create")
        if call.service != "sagemaker" or call.operation == kind or kind not in NAMED:
            return
        word, said, kept = NAMED[kind]
        name = call.parameters[f"{kind}Name"]
        if name in getattr(self._backend, kept):
            raise invalid(f'Cannot create already existing {said} "{self._arn(word, name)}".')

    def _arn(self, word: str, name: str) -> str:
        return f"arn:aws:sagemaker:{self._twin.region}:{self._twin.account}:{word}/{name.lower()}"


def _identity(model: Any) -> str:
    return f"{model.model_name}-{model.creation_time:%Y%m%d%H%M%S%f}"
