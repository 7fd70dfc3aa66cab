"""How configuration files of older formats are read: each step makes of a document of one version one of the next.

A change of the format that would refuse or misread files of yesterday raises `contract.CONFIG_VERSION` and adds its step here:
`STEPS[1] = …` gets a document of version 1, as JSON has it, and returns one of version 2; what it is given it may change.
There has been one format, so there is no step.
"""

from __future__ import annotations

from typing import Final

from model_monitor.formats import MigrationStep

STEPS: Final[dict[int, MigrationStep]] = {}
