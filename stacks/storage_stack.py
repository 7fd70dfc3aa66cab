"""What must survive: the key, the buckets and the table of what happened. Deployed once per environment, before everything else."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

from aws_cdk import (
    CfnOutput,
    Duration,
    Environment,
    Fn,
    RemovalPolicy,
    Stack,
    aws_dynamodb as dynamodb,
    aws_kms as kms,
    aws_s3 as s3,
)
from constructs import Construct

from model_monitor import contract
from stacks.constructs.emptied_bucket import EmptiedBuckets
from stacks.constructs.places import PARTITION, EndpointPlaces, Place, TransformPlaces
from stacks.settings.endpoint import Endpoint
from stacks.settings.environment import DAYS_OF_A_YEAR, Buckets, Storage, WriteOnce

COLD_AFTER_DAYS, COLD_BYTES = 1, 1 << 20
KEEP_VERSIONS_DAYS = 30
REFERENCES = "@aws-cdk/core:defaultCrossStackReferences"  # `both` while stacks go over from imports: docs/upgrade.md


@dataclass(frozen=True, kw_only=True)
class StorageProps:
    """How long to keep data, and what is brought instead of created."""

    storage: Storage
    kms_key_arn: str | None


class StorageStack(Stack):
    """Key, buckets and the one table. Everything in them is encrypted with the key, over TLS only, and never public."""

    def __init__(self, scope: Construct, construct_id: str, props: StorageProps, *, env: Environment) -> None:
        super().__init__(
            scope,
            construct_id,
            env=env,
            description="Model monitoring: key, buckets, table",
            termination_protection=props.storage.is_protected,
        )
        self._removal = RemovalPolicy.RETAIN if props.storage.keep_data else RemovalPolicy.DESTROY
        self.key = self._key(props.kms_key_arn)
        self._logs: s3.Bucket | None = None
        self._names: dict[int, str] = {}  # of created buckets, as other stacks say them
        self._emptied: EmptiedBuckets | None = None
        self._props = props.storage
        brought = props.storage.buckets
        days = props.storage.capture_days
        self.capture = self._bucket("Capture", brought, expires=days, purpose="captured requests and responses")
        self.baseline = self._bucket("Baseline", brought, versioned=True, purpose="baselines and their pointers")
        self.reports = self._bucket(
            "Reports",
            brought,
            expires=props.storage.report_days,
            locked=props.storage.write_once,
            purpose="reports of every run",
        )
        self.ground_truth = self._bucket(
            "GroundTruth", brought, versioned=True, purpose="labels, as the application learns them"
        )
        self.models = self._bucket("Models", brought, versioned=True, purpose="models that retraining made")

        self.table = self._table()

    def places(self, name: str, endpoint: Endpoint) -> EndpointPlaces:
        """Where the data of one endpoint lies."""
        retraining = endpoint.retraining
        fresh = retraining.fresh_data if retraining else None
        holdout = retraining.holdout_data if retraining else None
        truth = endpoint.ground_truth.location if endpoint.ground_truth else None
        capture = endpoint.capture.destination
        return EndpointPlaces(
            capture=Place.at(capture) if capture else self._place(self.capture, "capture/"),
            reports=self._place(self.reports, "reports/"),
            baseline=self._place(self.baseline, f"baselines/{name}/"),
            pending=self._place(self.baseline, f"pending/{name}/"),
            ground_truth=Place.folder(truth) if truth else self._place(self.ground_truth, f"{name}/ground-truth/"),
            fresh=Place.at(fresh) if fresh else self._place(self.ground_truth, f"{name}/training/"),
            holdout=Place.at(holdout) if holdout else self._place(self.ground_truth, f"{name}/holdout/"),
            sets=self._place(self.ground_truth, f"{name}/sets/"),
            records=self._place(self.reports, "retraining/"),
            models=self._place(self.models, f"models/{name}/"),
            history=self._place(self.reports, f"history/{name}/"),
            transform=_transform(endpoint),
        )

    def shared_places(self, name: str, endpoint: Endpoint) -> EndpointPlaces:
        """Places of one endpoint for whoever reads those of many. Where the bucket is the environment's own, a star stands for the
        endpoint's name: it does not grow with names, and lets endpoints be read that have no part in it (docs/decisions.md).
        Writing is allowed at `places`, by name, but for the rows of retrainings (`sets`)."""
        its, every = self.places(name, endpoint), self.places("*", endpoint)
        places = {field.name: getattr(its, field.name) for field in fields(its)}
        own = [at for at, place in places.items() if isinstance(place, Place) and self._is_own(place)]
        return replace(its, **{at: getattr(every, at) for at in own})

    def _is_own(self, place: Place) -> bool:
        return place.bucket_name in self._names.values()

    @property
    def tables(self) -> Place:
        """Where `model-monitor index` keeps the history of windows, once it is copied there."""
        return Place.of(self.reports, contract.TABLES_PREFIX)

    def _place(self, bucket: s3.IBucket, prefix: str) -> Place:
        """For other stacks, by an output that they read. Whoever uses it must be deployed after this stack."""
        name = self._names.get(id(bucket))
        if name is None:  # brought
            return Place.of(bucket, prefix)
        return Place(name, f"arn:{PARTITION}:s3:::{name}", prefix)

    def _publish(self, output: str, bucket: s3.Bucket, purpose: str) -> None:
        """Tell people and other stacks its name. Whoever reads an output holds no bucket back from its deletion."""
        CfnOutput(self, output, value=bucket.bucket_name, description=purpose)
        self._names[id(bucket)] = Fn.get_stack_output(self.stack_name, output)
        if self.node.try_get_context(REFERENCES) == "both":  # stacks that are deployed still import it
            self.export_value(bucket.bucket_name)
            self.export_value(bucket.bucket_arn)

    def _key(self, brought_arn: str | None) -> kms.IKey:
        if brought_arn is not None:
            return kms.Key.from_key_arn(self, "Key", brought_arn)
        key = kms.Key(
            self,
            "Key",
            description="Captured data, baselines, reports, labels and models",
            enable_key_rotation=True,
            removal_policy=self._removal,
        )
        CfnOutput(self, "KeyArn", value=key.key_arn, description="Encrypts all of this")
        return key

    def _bucket(
        self,
        what: str,
        brought: Buckets,
        *,
        purpose: str,
        expires: int | None = None,
        versioned: bool = False,
        locked: WriteOnce | None = None,
    ) -> s3.IBucket:
        names = {
            "Capture": brought.capture,
            "Baseline": brought.baseline,
            "Reports": brought.reports,
            "GroundTruth": brought.ground_truth,
            "Models": brought.models,
        }
        if name := names[what]:
            return s3.Bucket.from_bucket_name(self, what, name)
        versioned = versioned or locked is not None  # a lock is of versions
        bucket = s3.Bucket(
            self,
            what,
            object_lock_default_retention=_retention(locked) if locked else None,
            encryption=s3.BucketEncryption.KMS,
            encryption_key=self.key,
            bucket_key_enabled=True,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            versioned=versioned,
            server_access_logs_bucket=self._access_logs(),
            server_access_logs_prefix=f"{what.lower()}/",
            lifecycle_rules=[
                s3.LifecycleRule(
                    abort_incomplete_multipart_upload_after=Duration.days(1),
                    expiration=Duration.days(expires) if expires else None,
                    noncurrent_version_expiration=Duration.days(KEEP_VERSIONS_DAYS) if versioned else None,
                ),
                *(_cold() if what == "Reports" and self._props.has_cold_reports else ()),
            ],
            removal_policy=self._removal,
        )
        if what == "Reports" and self._props.has_cold_reports and isinstance(bucket.node.default_child, s3.CfnBucket):
            at = "LifecycleConfiguration.Rules.1.ObjectSizeGreaterThan"  # a text in templates, a number in the CDK
            bucket.node.default_child.add_property_override(at, str(COLD_BYTES))
        self._empty(what, bucket)
        self._publish(f"{what}Bucket", bucket, purpose.capitalize())
        if locked:  # a lock that comes later replaces the bucket: who reads another output hears of it
            self._publish(f"Locked{what}Bucket", bucket, f"{purpose.capitalize()}, which nobody changes")
        return bucket

    def _table(self) -> dynamodb.Table:
        """State of the whole environment by key prefix: runs, silences, decisions, locks."""
        table = dynamodb.Table(
            self,
            "Table",
            partition_key=dynamodb.Attribute(name="pk", type=dynamodb.AttributeType.STRING),
            sort_key=dynamodb.Attribute(name="sk", type=dynamodb.AttributeType.STRING),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            encryption=dynamodb.TableEncryption.CUSTOMER_MANAGED,
            encryption_key=self.key,
            time_to_live_attribute="expires",
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            removal_policy=self._removal,
        )
        CfnOutput(self, "RunsTable", value=table.table_name, description="What came of every run and of every decision")
        return table

    def _access_logs(self) -> s3.Bucket:
        """Who read and wrote what. Made with the first bucket that needs it."""
        if self._logs is None:
            self._logs = s3.Bucket(
                self,
                "AccessLogs",
                encryption=s3.BucketEncryption.S3_MANAGED,  # the log service cannot use keys of ours
                enforce_ssl=True,
                minimum_tls_version=1.2,
                block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
                object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
                lifecycle_rules=[s3.LifecycleRule(expiration=Duration.days(self._props.log_days))],
                removal_policy=self._removal,
            )
            self._empty("AccessLogs", self._logs)
        return self._logs

    def _empty(self, what: str, bucket: s3.Bucket) -> None:
        """Where data is not kept, what a bucket holds goes with it."""
        if self._props.keep_data:
            return
        if self._emptied is None:
            self._emptied = EmptiedBuckets(self, "Emptied")
        self._emptied.add(what, bucket)


def _retention(locked: WriteOnce) -> s3.ObjectLockRetention:
    """How long every new object stays as it was written."""
    period = Duration.days(locked.years * DAYS_OF_A_YEAR)
    if locked.mode == "compliance":
        return s3.ObjectLockRetention.compliance(period)
    return s3.ObjectLockRetention.governance(period)


def _transform(endpoint: Endpoint) -> TransformPlaces | None:
    given = endpoint.capture.transform
    return None if given is None else TransformPlaces(Place.folder(given.inputs), Place.folder(given.outputs))


def _cold() -> list[s3.LifecycleRule]:
    """Large files, which are nearly all statistics with their sketches."""
    cold = s3.Transition(
        storage_class=s3.StorageClass.GLACIER_INSTANT_RETRIEVAL, transition_after=Duration.days(COLD_AFTER_DAYS)
    )
    return [s3.LifecycleRule(object_size_greater_than=COLD_BYTES, transitions=[cold])]
