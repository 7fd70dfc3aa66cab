"""Synthesized environments for tests of the stacks. Tests that use them belong to one worker: `xdist_group("synth")`."""

from __future__ import annotations

import pytest

from tests.analyses import analysed
from tests.reviewed import everywhere
from tests.synthesis import ENVIRONMENTS, Assembly, environment, synthesize


@pytest.fixture(scope="session", params=ENVIRONMENTS)
def assembly(request: pytest.FixtureRequest) -> Assembly:
    """Each environment in turn."""
    return environment(request.param)


@pytest.fixture(scope="session")
def dev() -> Assembly:
    """The environment that the demo deploys."""
    return environment("dev")


@pytest.fixture(scope="session")
def prod() -> Assembly:
    """The environment with everything brought."""
    return environment("prod")


@pytest.fixture(scope="session")
def every_type() -> Assembly:
    """An environment with one schedule of every type."""
    return synthesize(analysed())


@pytest.fixture(scope="session")
def reviews() -> Assembly:
    """An environment with every way to review predictions."""
    return synthesize(everywhere())
