"""Constants of the modules of a package: adding a rule is adding a file."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from typing import Any


def constants(package_name: str, constant: str) -> Iterator[Any]:
    """The constant of every module below a package that has one, in the order of the modules' names."""
    package = importlib.import_module(package_name)
    for module in sorted(pkgutil.walk_packages(package.__path__, f"{package_name}."), key=lambda info: info.name):
        value = getattr(importlib.import_module(module.name), constant, None)
        if value is not None:
            yield value
