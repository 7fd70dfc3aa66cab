"""The model registry: groups, the versions in them, and the approval without which no model is made of one.

A package is complete at once: nothing is scanned or validated. Every creation and every update is an event, so a rule sees an
approval as it sees it at the service. Groups belong to the account of whoever made them, in its own role where it is another one;
a group's policy admits callers of other accounts, and what happens to it is heard here where that account forwards its events.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from twin.api import ApiError, Call
from twin.iam import policies
from twin.iam.actions import group_arn
from twin.listing import is_between, page
from twin.sagemaker.jobs import NAME, invalid
from twin.sagemaker.tags import Tags
from twin.surroundings import Surroundings

EVENT: Final = "SageMaker Model Package State Change"
PAGE: Final = 100
PENDING: Final = "PendingManualApproval"
APPROVED: Final = "Approved"
NAMING: Final = ("ModelPackageName", "ModelPackageGroupName", "ModelApprovalStatus", "ClientToken", "Tags")
KEPT: Final = (
    "ModelPackageDescription",
    "InferenceSpecification",
    "MetadataProperties",
    "ModelMetrics",
    "DriftCheckBaselines",
    "CustomerMetadataProperties",
    "Domain",
    "Task",
    "SamplePayloadUrl",
    "SkipModelValidation",
    "SourceUri",
)
CHANGED: Final = (
    "ModelPackageArn",
    "ModelApprovalStatus",
    "ApprovalDescription",
    "CustomerMetadataProperties",
    "CustomerMetadataPropertiesToRemove",
    "InferenceSpecification",
    "SourceUri",
    "ClientToken",
)
SUMMARY: Final = (
    "ModelPackageGroupName",
    "ModelPackageVersion",
    "ModelPackageArn",
    "ModelPackageDescription",
    "CreationTime",
    "ModelPackageStatus",
    "ModelApprovalStatus",
)


@dataclass(eq=False)
class Group:
    """A group of versions. `versions` is how many it ever had: a number is never given twice."""

    name: str
    arn: str
    created: datetime
    description: str | None = None
    policy: str | None = None
    versions: int = 0

    def describe(self) -> dict[str, Any]:
        """As the API shows it."""
        shown: dict[str, Any] = {
            "ModelPackageGroupName": self.name,
            "ModelPackageGroupArn": self.arn,
            "ModelPackageGroupDescription": self.description,
            "CreationTime": self.created,
            "CreatedBy": {},
            "ModelPackageGroupStatus": "Completed",
        }
        return {key: value for key, value in shown.items() if value is not None}


@dataclass(eq=False)
class Package:
    """A version of a group, or a package that stands alone (`group` is empty, and nobody approves it)."""

    name: str
    arn: str
    created: datetime
    settings: dict[str, Any]
    group: str | None = None
    version: int | None = None
    approval: str | None = None
    modified: datetime | None = None
    changes: dict[str, Any] = field(default_factory=dict)

    def describe(self) -> dict[str, Any]:
        """As the API shows it."""
        shown: dict[str, Any] = {
            "ModelPackageName": self.name,
            "ModelPackageGroupName": self.group,
            "ModelPackageVersion": self.version,
            "ModelPackageArn": self.arn,
            "CreationTime": self.created,
            "LastModifiedTime": self.modified,
            "ModelPackageStatus": "Completed",
            "ModelPackageStatusDetails": {"ValidationStatuses": [], "ImageScanStatuses": []},
            "CertifyForMarketplace": False,
            "ModelApprovalStatus": self.approval,
        }
        return {**self.settings, **self.changes, **{key: value for key, value in shown.items() if value is not None}}

    def summary(self) -> dict[str, Any]:
        """As lists show it: a version by its group, a package that stands alone by its name."""
        shown = SUMMARY if self.group else ("ModelPackageName", *SUMMARY)
        return {key: value for key, value in self.describe().items() if key in shown}

    def detail(self) -> dict[str, Any]:
        """As its events show it: times as texts."""
        return {
            key: f"{value:%Y-%m-%dT%H:%M:%SZ}" if isinstance(value, datetime) else value
            for key, value in self.describe().items()
            if key not in ("ModelPackageName", "LastModifiedTime") or not self.group
        }


class ModelPackages:
    """The registries of the account and of those beside it. forwarding: other accounts whose events come here."""

    def __init__(self, twin: Surroundings, tags: Tags) -> None:
        self._twin, self._tags = twin, tags
        self.forwarding: set[str] = set()
        self._groups: dict[str, Group] = {}  # by ARN
        self._packages: dict[str, Package] = {}  # by ARN
        self._tokens: dict[str, str] = {}
        twin.api.register(
            "sagemaker",
            CreateModelPackageGroup=self.create_group,
            DescribeModelPackageGroup=lambda asked, call: self._group(asked, call).describe(),
            ListModelPackageGroups=self.list_groups,
            DeleteModelPackageGroup=self.delete_group,
            PutModelPackageGroupPolicy=self.put_policy,
            GetModelPackageGroupPolicy=self.get_policy,
            DeleteModelPackageGroupPolicy=self.delete_policy,
            CreateModelPackage=self.create,
            DescribeModelPackage=lambda asked, call: self._asked(asked["ModelPackageName"], call).describe(),
            UpdateModelPackage=self.update,
            ListModelPackages=self.list,
            DeleteModelPackage=self.delete,
        )

    # --- groups ---------------------------------------------------------------------------------------------------------

    def create_group(self, asked: dict[str, Any], call: Call) -> dict[str, Any]:
        name = asked["ModelPackageGroupName"]
        _only(asked, "ModelPackageGroupName", "ModelPackageGroupDescription", "Tags")
        _check_name(name, "ModelPackageGroupName")
        arn = group_arn(name, self._where(call))
        if arn in self._groups:
            raise invalid(f"Model Package Group already exists: {arn}")
        self._groups[arn] = Group(name, arn, self._twin.clock.now(), asked.get("ModelPackageGroupDescription"))
        self._tags.create(arn, asked.get("Tags"))
        return {"ModelPackageGroupArn": arn}

    def list_groups(self, asked: dict[str, Any], call: Call) -> dict[str, Any]:
        _only(asked, *LISTED)
        hidden, where = ("CreatedBy",), self._where(call)
        own = [group for group in self._groups.values() if group.arn.startswith(f"{where}:")]
        shown = [{key: v for key, v in g.describe().items() if key not in hidden} for g in own]
        ordered = _ordered(shown, asked, "ModelPackageGroupName")
        return _page("ModelPackageGroupSummaryList", ordered, asked)

    def delete_group(self, asked: dict[str, Any], call: Call) -> None:
        group = self._group(asked, call)
        if any(_group_of(package) == group.arn for package in self._packages.values()):
            message = f"Model Package Group {group.arn} cannot be deleted because it still contains Model Packages"
            raise ApiError("ConflictException", message)
        del self._groups[group.arn]

    def put_policy(self, asked: dict[str, Any], call: Call) -> dict[str, Any]:
        """It admits callers of other accounts; those of its own need none."""
        group = self._group(asked, call)
        group.policy = asked["ResourcePolicy"]
        return {"ModelPackageGroupArn": group.arn}

    def get_policy(self, asked: dict[str, Any], call: Call) -> dict[str, Any]:
        group = self._group(asked, call)
        if group.policy is None:
            raise invalid(f"Cannot find resource policy for: {group.arn}")
        return {"ResourcePolicy": group.policy}

    def delete_policy(self, asked: dict[str, Any], call: Call) -> None:
        self._group(asked, call).policy = None

    def _group(self, asked: Mapping[str, Any], call: Call) -> Group:
        """The group that a request names, by its name or its ARN. Raises: ApiError."""
        arn = group_arn(asked["ModelPackageGroupName"], self._where(call))
        if arn not in self._groups:
            raise invalid(f"ModelPackageGroup {arn} does not exist.")
        self._admit(self._groups[arn], call, arn)
        return self._groups[arn]

    def _admit(self, group: Group, call: Call, resource: str) -> None:
        """Raises: ApiError for a caller of another account whom the group's policy does not admit."""
        caller, action = self._twin.identity.arn_of(call.access_key), f"sagemaker:{call.operation}"
        if group.arn.startswith(f"{self._where(call)}:"):
            return
        if group.policy is None or not policies.admits_role(group.policy, caller, action, resource):
            message = f"User: {caller} is not authorized to perform: {action} on resource: {resource}"
            raise ApiError("AccessDeniedException", f"{message} because no policy of the group allows it")

    # --- packages -------------------------------------------------------------------------------------------------------

    def create(self, asked: dict[str, Any], call: Call) -> dict[str, Any]:
        _only(asked, *NAMING, *KEPT)
        token = asked.get("ClientToken")
        if token and self._tokens.get(token) in self._packages:
            return {"ModelPackageArn": self._tokens[token]}
        package = self._made(asked, call)
        self._packages[package.arn] = package
        if token:
            self._tokens[token] = package.arn
        self._tell(package)
        return {"ModelPackageArn": package.arn}

    def _made(self, asked: Mapping[str, Any], call: Call) -> Package:
        """A package by what it was asked for: the next version of a group, or one that stands alone."""
        name, group_name = asked.get("ModelPackageName"), asked.get("ModelPackageGroupName")
        if bool(name) == bool(group_name):
            raise invalid("a model package has either a ModelPackageName or a ModelPackageGroupName")
        if not (asked.get("InferenceSpecification") or {}).get("Containers"):
            raise invalid("InferenceSpecification with its Containers is required for a model package")
        settings, now = {key: asked[key] for key in KEPT if key in asked}, self._twin.clock.now()
        if group_name:
            group = self._group(asked, call)
            if asked.get("Tags"):
                raise invalid("Tags cannot be given to a version: it has the tags of its model package group")
            group.versions += 1
            arn = f"{group.arn.replace(':model-package-group/', ':model-package/')}/{group.versions}"
            approval = asked.get("ModelApprovalStatus") or PENDING
            return Package(group.name, arn, now, settings, group.name, group.versions, approval)
        _check_name(str(name), "ModelPackageName")
        arn = f"{self._where(call)}:model-package/{str(name).lower()}"
        if arn in self._packages:
            raise invalid(f"Model Package already exists: {arn}")
        if asked.get("ModelApprovalStatus"):
            raise invalid("ModelApprovalStatus is of versions in a group, not of a package that stands alone")
        self._tags.create(arn, asked.get("Tags"))
        return Package(str(name), arn, now, settings)

    def update(self, asked: dict[str, Any], call: Call) -> dict[str, Any]:
        _only(asked, *CHANGED)
        package = self._asked(asked["ModelPackageArn"], call)
        if asked.get("ModelApprovalStatus"):
            if package.group is None:
                raise invalid("ModelApprovalStatus is of versions in a group, not of a package that stands alone")
            package.approval = asked["ModelApprovalStatus"]
        known = dict(package.describe().get("CustomerMetadataProperties") or {})
        known |= asked.get("CustomerMetadataProperties") or {}
        for key in asked.get("CustomerMetadataPropertiesToRemove") or ():
            known.pop(key, None)
        if known or "CustomerMetadataProperties" in package.describe():
            package.changes["CustomerMetadataProperties"] = known
        for key in ("ApprovalDescription", "InferenceSpecification", "SourceUri"):
            if key in asked:
                package.changes[key] = asked[key]
        package.modified = self._twin.clock.now()
        self._tell(package)
        return {"ModelPackageArn": package.arn}

    def list(self, asked: dict[str, Any], call: Call) -> dict[str, Any]:
        """Of a group, its versions; else the packages that stand alone, unless both are asked for."""
        _only(asked, *LISTED, "ModelApprovalStatus", "ModelPackageGroupName", "ModelPackageType")
        found = [each for each in self._packages.values() if each.arn.startswith(f"{self._where(call)}:")]
        kind = asked.get("ModelPackageType") or "Unversioned"
        if asked.get("ModelPackageGroupName"):
            group = self._group(asked, call)
            found = [package for package in self._packages.values() if _group_of(package) == group.arn]
        elif kind != "Both":
            found = [package for package in found if bool(package.group) == (kind == "Versioned")]
        status = asked.get("ModelApprovalStatus")
        found = [package for package in found if status in (None, package.approval)]
        ordered = _ordered([package.describe() for package in found], asked, "ModelPackageName")
        summaries = [self._packages[shown["ModelPackageArn"]].summary() for shown in ordered]
        return _page("ModelPackageSummaryList", summaries, asked)

    def delete(self, asked: dict[str, Any], call: Call) -> None:
        del self._packages[self._asked(asked["ModelPackageName"], call).arn]

    def _asked(self, name: str, call: Call) -> Package:
        """A package that a request names. Raises: ApiError."""
        package = self.find(name if name.startswith("arn:") else f"{self._where(call)}:model-package/{name.lower()}")
        if package.group:
            self._admit(self._groups[_group_of(package)], call, package.arn)
        return package

    def find(self, name: str) -> Package:
        """A package by its ARN, or by the name of one that stands alone. Raises: ApiError."""
        own = f"arn:aws:sagemaker:{self._twin.region}:{self._twin.account}:model-package"
        arn = name if name.startswith("arn:") else f"{own}/{name.lower()}"
        if arn not in self._packages:
            raise invalid(f"ModelPackage {arn} does not exist.")
        return self._packages[arn]

    def container(self, name: str) -> dict[str, Any]:
        """The one container of a package of which a model may be made. Raises: ApiError."""
        package = self.find(name)
        if package.group and package.approval != APPROVED:
            raise invalid(
                f"Cannot create a model of model package {package.arn}: its ModelApprovalStatus is {package.approval}, "
                f"and {APPROVED} is needed"
            )
        containers = package.describe()["InferenceSpecification"]["Containers"]
        if len(containers) != 1:
            raise invalid(f"model package {package.arn}: inference pipelines are not in the twin")
        return {key: value for key, value in containers[0].items() if key in ("Image", "ModelDataUrl", "Environment")}

    def _where(self, call: Call) -> str:
        """How ARNs of the caller's own registry begin."""
        return f"arn:aws:sagemaker:{self._twin.region}:{self._twin.identity.account_of(call.access_key)}"

    def _tell(self, package: Package) -> None:
        """Those of another account are heard here where it forwards them."""
        if package.arn.split(":")[4] not in (self._twin.account, *self.forwarding):
            return
        text = f"{package.arn.partition('/')[2]} is {package.approval or 'registered'}"
        self._twin.journal.add("model-package", text, arn=package.arn, approval=package.approval)
        self._twin.events.emit("aws.sagemaker", EVENT, package.detail(), [package.arn])


def _group_of(package: Package) -> str:
    """The ARN of a version's group."""
    return package.arn.rpartition("/")[0].replace(":model-package/", ":model-package-group/") if package.group else ""


LISTED: Final = (
    "CreationTimeAfter",
    "CreationTimeBefore",
    "NameContains",
    "SortBy",
    "SortOrder",
    "MaxResults",
    "NextToken",
)


def _ordered(shown: list[dict[str, Any]], asked: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """What is asked for, oldest first unless the request says otherwise; versions of one moment by their numbers."""
    part, span = asked.get("NameContains") or "", (asked.get("CreationTimeAfter"), asked.get("CreationTimeBefore"))
    found = [item for item in shown if part in item[name] and is_between(item["CreationTime"], *span)]
    first = name if asked.get("SortBy") == "Name" else "CreationTime"
    found.sort(
        key=lambda item: (item[first], item[name], item.get("ModelPackageVersion", 0)),
        reverse=asked.get("SortOrder") == "Descending",
    )
    return found


def _page(result: str, found: list[dict[str, Any]], asked: Mapping[str, Any]) -> dict[str, Any]:
    return page(result, found, asked.get("NextToken"), min(asked.get("MaxResults") or PAGE, PAGE))


def _check_name(name: str, what: str) -> None:
    if not NAME.fullmatch(name):
        raise invalid(f"{name}: {what} has 1 to 63 letters, digits and inner hyphens")


def _only(asked: Mapping[str, Any], *known: str) -> None:
    surplus = sorted(name for name in asked if name not in known and asked[name] not in (None, False))
    if surplus:
        raise ApiError("NotImplementedByTwin", f"the twin's model registry has no {', '.join(surplus)}")
