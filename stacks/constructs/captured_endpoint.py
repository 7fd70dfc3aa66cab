"""An endpoint whose requests and responses are captured for monitoring."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aws_cdk import Stack, aws_kms as kms, aws_sagemaker as sagemaker
from constructs import Construct

from stacks.constructs import permissions
from stacks.constructs.files import UploadedFile
from stacks.constructs.places import Place
from stacks.settings.endpoint import Capture, Model, Variant
from stacks.settings.environment import Network, Security
from stacks.settings.fields import has_local_storage

LOG_GROUP = "/aws/sagemaker/Endpoints/"
TRANSFORM_LOG_GROUP = "/aws/sagemaker/TransformJobs"
METRICS = ("AWS/SageMaker", "/aws/sagemaker/Endpoints")
SERVING_SCRIPT = "inference.py"
LOG_LEVEL = "20"  # INFO, as the framework containers take it


@dataclass(frozen=True, kw_only=True)
class CapturedEndpointProps:
    """What is served and where it is captured to.

    name: explicit, because keys, dimensions and schedules are made of it.
    live_artifact: S3 URI of the model that is live, often a template parameter; models: where retraining puts new ones.
    code: the kit's scripts, for models that they serve.
    role_path: of the model's role, by which a retraining may hand it to the next model.
    sets: rows that batch jobs ask the model about, and its answers; None where nobody trains it anew.
    """

    name: str
    model: Model
    live_artifact: str
    models: Place
    capture: Capture
    destination: Place
    code: UploadedFile | None
    key: kms.IKey
    network: Network
    security: Security
    role_path: str
    sets: Place | None = None


class CapturedEndpoint(Construct):
    """Models, their configuration with data capture, and the endpoint."""

    def __init__(self, scope: Construct, construct_id: str, props: CapturedEndpointProps) -> None:
        super().__init__(scope, construct_id)
        self._props = props
        self.role = permissions.service_role(
            self,
            "Role",
            permissions.SAGEMAKER,
            f"Serves endpoint {props.name}",
            props.model.role_arn,
            props.role_path,
        )
        self._grant()
        variants = [self._variant(name, variant) for name, variant in props.model.variants.items()]
        self.configuration = sagemaker.CfnEndpointConfig(
            self,
            "Configuration",
            production_variants=variants,
            data_capture_config=self._data_capture(),
            kms_key_id=None if any(map(has_local_storage, self._instance_types())) else permissions.key_arn(props.key),
        )
        self.endpoint = sagemaker.CfnEndpoint(
            self,
            "Endpoint",
            endpoint_name=props.name,
            endpoint_config_name=self.configuration.attr_endpoint_config_name,
            retain_all_variant_properties=True,  # instances that scaling added stay; capture and weights are the file's
            exclude_retained_variant_properties=[
                sagemaker.CfnEndpoint.VariantPropertyProperty(variant_property_type=type_)
                for type_ in ("DataCaptureConfig", "DesiredWeight")
            ],
        )

    def _variant(self, name: str, variant: Variant) -> sagemaker.CfnEndpointConfig.ProductionVariantProperty:
        model = self._props.model
        served = sagemaker.CfnModel(
            self,
            f"Model{name}",
            execution_role_arn=self.role.role_arn,
            primary_container=sagemaker.CfnModel.ContainerDefinitionProperty(
                image=variant.image or model.image,
                model_data_url=variant.artifact or self._props.live_artifact,
                environment=self._environment(),
            ),
            vpc_config=self._vpc(),
        )
        served.node.add_dependency(self.role)  # SageMaker reads the artefact while it creates the model
        return sagemaker.CfnEndpointConfig.ProductionVariantProperty(
            variant_name=name,
            model_name=served.attr_model_name,
            initial_variant_weight=variant.weight,
            initial_instance_count=variant.instance_count or model.instance_count,
            instance_type=variant.instance_type or model.instance_type,
        )

    def _instance_types(self) -> list[str]:
        model = self._props.model
        return [variant.instance_type or model.instance_type for variant in model.variants.values()]

    def _environment(self) -> Mapping[str, str] | None:
        """As the SageMaker SDK sets it: the framework container fetches the script with these."""
        code = self._props.code
        if code is None:
            return None
        return {
            "SAGEMAKER_PROGRAM": SERVING_SCRIPT,
            "SAGEMAKER_SUBMIT_DIRECTORY": code.uri,
            "SAGEMAKER_REGION": Stack.of(self).region,
            "SAGEMAKER_CONTAINER_LOG_LEVEL": LOG_LEVEL,
        }

    def _vpc(self) -> sagemaker.CfnModel.VpcConfigProperty | None:
        network = self._props.network
        if not network.is_private:
            return None
        return sagemaker.CfnModel.VpcConfigProperty(
            subnets=list(network.subnets), security_group_ids=list(network.security_groups)
        )

    def _data_capture(self) -> sagemaker.CfnEndpointConfig.DataCaptureConfigProperty:
        capture = self._props.capture
        return sagemaker.CfnEndpointConfig.DataCaptureConfigProperty(
            enable_capture=True,
            initial_sampling_percentage=capture.sampling_percentage,
            destination_s3_uri=self._props.destination.uri,
            kms_key_id=permissions.key_arn(self._props.key),
            capture_options=[
                sagemaker.CfnEndpointConfig.CaptureOptionProperty(capture_mode=mode) for mode in ("Input", "Output")
            ],
            capture_content_type_header=sagemaker.CfnEndpointConfig.CaptureContentTypeHeaderProperty(
                csv_content_types=list(capture.csv_content_types) or None,
                json_content_types=list(capture.json_content_types) or None,
            ),
        )

    def _grant(self) -> None:
        props = self._props
        variants = props.model.variants.values()
        for uri in sorted({props.model.artifact, *(v.artifact for v in variants if v.artifact)}):
            place = Place.at(uri)
            permissions.allow_object(self.role, place.bucket_name, place.prefix)
        permissions.allow_live_object(self.role, self, props.live_artifact)
        for place in (props.models, *map(Place.folder, props.model.locations)):
            permissions.allow_reading(self.role, place)
        permissions.allow_reading_keys(self.role, props.security.read_key_arns)
        for image in sorted({props.model.image, *(v.image for v in variants if v.image)}):
            permissions.allow_image(self.role, image)
        if props.code is not None:
            props.code.allow_reading(self.role)
        permissions.allow_writing(self.role, props.destination.below(props.name))
        permissions.allow_key(self.role, props.key)
        permissions.allow_volumes(self.role, props.key)
        permissions.allow_job_logs(self.role, self, LOG_GROUP)
        if props.sets is not None:
            permissions.allow_reading(self.role, props.sets)
            permissions.allow_writing(self.role, props.sets)
            permissions.allow_job_logs(self.role, self, TRANSFORM_LOG_GROUP)
            permissions.allow_list_calls(self.role, ["cloudwatch:DescribeAlarms"])  # that bring an old model back
        permissions.allow_metrics(self.role, *METRICS)
        permissions.allow_network(self.role, self, props.network.subnets, props.network.security_groups)
