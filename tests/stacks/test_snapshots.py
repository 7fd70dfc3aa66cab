"""One snapshot per stack, asset hashes masked: a change of infrastructure is seen in review. `make golden` rewrites them."""

from __future__ import annotations

import json
import re

import pytest
from syrupy.extensions.json import JSONSnapshotExtension

from tests.synthesis import environment

pytestmark = pytest.mark.xdist_group("synth")

HASH = re.compile(r"[0-9a-f]{64}")
STACKS = (
    "dev-Storage",
    "dev-Alerting",
    "dev-Dashboard",
    "dev-ControlPlane",
    "dev-RetrainingPlane",
    "dev-Release",
    "dev-Live",
    "dev-covertype-Endpoint",
    "dev-covertype-Monitoring",
    "prod-Network",
    "prod-Storage",
    "prod-ControlPlane",
    "prod-Reconciler",
    "prod-Review",
    "prod-covertype-Monitoring",
    "prod-fraud-Monitoring",
    "prod-churn-Monitoring",
)


@pytest.mark.parametrize("stack", STACKS)
def test_stack_matches_its_snapshot(stack, snapshot):
    template = environment(stack.partition("-")[0]).templates[stack]
    masked = HASH.sub("<hash>", json.dumps(template))
    assert json.loads(masked) == snapshot(extension_class=JSONSnapshotExtension)
