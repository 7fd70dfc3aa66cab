"""Synthesis itself: pure, the same every time, in every partition, with a CLI that can read the result."""

from __future__ import annotations

import importlib.metadata
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from stacks.settings import account, environment as settings
from tests.synthesis import ROOT, SAMPLES, Assembly, synthesize

pytestmark = pytest.mark.xdist_group("synth")

OLDEST_CLI = (2, 1147, 0)  # the first that reads the assemblies of the pinned library


def moved(assembly: Assembly, region: str, convert: Callable[[str], str] = str) -> settings.Settings:
    """The settings of an environment in another region, everything that names a partition converted, what it lacks left out."""
    document = assembly.settings.model_dump(mode="json", exclude={"environment"}, exclude_unset=True)
    if region.startswith("cn-"):  # the kit makes no VPC endpoints there
        for key in ("endpoints", "route_tables"):
            document.get("network", {}).pop(key, None)
    for endpoint in document["endpoints"].values():
        if account.POOLS[0] in account.LACKING.get(region, ()):
            endpoint.pop("review", None)
        if account.SCHEDULES in account.LACKING.get(region, ()):
            for monitor in endpoint["monitors"].values():
                monitor.pop("scheduler", None)
    text = json.dumps(document).replace(assembly.settings.region, region)
    return settings.parse(json.loads(convert(text)), assembly.settings.environment, "moved")


def test_two_syntheses_are_alike(dev):
    again = synthesize(dev.settings)
    assert again.templates == dev.templates
    assert sorted(path.name for path in again.folder.iterdir()) == sorted(path.name for path in dev.folder.iterdir())


@pytest.mark.parametrize(
    ("region", "partition", "suffix"),
    [("cn-north-1", "aws-cn", "amazonaws.com.cn"), ("us-gov-west-1", "aws-us-gov", "amazonaws.com")],
)
def test_templates_name_no_partition_of_their_own(prod, region, partition, suffix):
    def convert(text: str) -> str:
        return text.replace("arn:aws:", f"arn:{partition}:").replace(".amazonaws.com/", f".{suffix}/")

    elsewhere = synthesize(moved(prod, region, convert))
    assert "arn:aws:" not in json.dumps(elsewhere.templates)
    assert f"arn:{partition}:" in json.dumps(elsewhere.templates)
    resources = [each for template in elsewhere.templates.values() for each in template.get("Resources", {}).values()]
    assert not {each["Type"] for each in resources} & set(account.LACKING[region])


def test_our_code_names_no_partition():
    sources = [ROOT / "app.py", *(ROOT / "stacks").rglob("*.py"), *(ROOT / "lambda").rglob("*.py")]
    assert [str(path) for path in sources if re.search(r"arn:aws(-cn|-us-gov)?:", path.read_text())] == []


def test_stacks_are_bound_to_the_account_and_region_of_their_file(assembly):
    manifest = json.loads((assembly.folder / "manifest.json").read_text())
    environments = {a["environment"] for a in manifest["artifacts"].values() if a["type"] == "aws:cloudformation:stack"}
    assert environments == {f"aws://{assembly.settings.account}/{assembly.settings.region}"}


def test_nothing_is_looked_up(assembly):
    assert "missing" not in json.loads((assembly.folder / "manifest.json").read_text())
    assert not (ROOT / "cdk.context.json").exists()


def test_the_app_does_not_know_the_twin():
    sources = [
        ROOT / "app.py",
        ROOT / "cdk.json",
        *(ROOT / "stacks").rglob("*.py"),
        *(ROOT / "environments").glob("*.yaml"),
    ]
    assert [str(path) for path in sources if re.search(r"\b(twin|moto|localhost)\b", path.read_text())] == []


@pytest.mark.parametrize("context", [{}, {"env": "nowhere"}])
def test_a_missing_environment_is_refused_with_the_list_of_those_there_are(context):
    variables = {"PATH": "/usr/bin:/bin", "CDK_CONTEXT_JSON": json.dumps(context)}
    result = subprocess.run(
        [sys.executable, "app.py"], cwd=ROOT, env=variables, capture_output=True, text=True, check=False
    )
    assert result.returncode == 1
    assert f"Environments: {', '.join(SAMPLES)}" in result.stderr
    assert "Traceback" not in result.stderr


def test_the_pinned_cli_reads_what_the_library_writes():
    pin = json.loads((ROOT / "package.json").read_text())["devDependencies"]["aws-cdk"]
    lock = json.loads((ROOT / "package-lock.json").read_text())["packages"]["node_modules/aws-cdk"]["version"]
    schema = int(importlib.metadata.version("aws-cdk-cloud-assembly-schema").split(".")[0])
    assert tuple(map(int, pin.split("."))) >= OLDEST_CLI
    assert lock == pin
    assert schema == 55, "the library writes another schema now: find the first CLI that reads it and raise OLDEST_CLI"


def test_the_assembly_has_the_schema_that_the_pin_was_chosen_for(dev):
    manifest = json.loads((dev.folder / "manifest.json").read_text())
    assert manifest["version"].split(".")[0] == "55"


def test_image_is_built_for_the_platform_that_sagemaker_runs(dev):
    manifests = [json.loads(path.read_text()) for path in Path(dev.folder).glob("*.assets.json")]
    images = [image["source"] for manifest in manifests for image in manifest["dockerImages"].values()]
    assert {image["platform"] for image in images} == {"linux/amd64"}
