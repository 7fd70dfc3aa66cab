"""How functions reach AWS: every client and every table repeats calls in botocore's standard mode."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

from tests.lambda_.conftest import LAMBDA


def made(path: Path) -> Iterator[ast.Call]:
    """Clients and resources that a file makes."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("boto3.client", "boto3.resource"):
            yield node


def test_one_module_makes_all_of_them_with_one_configuration():
    found = {path.relative_to(LAMBDA).as_posix(): list(made(path)) for path in sorted(LAMBDA.rglob("*.py"))}
    assert [path for path, calls in found.items() if calls] == ["shared/aws.py"]
    for call in found["shared/aws.py"]:
        assert "STANDARD" in {ast.unparse(each.value) for each in call.keywords if each.arg == "config"}, call.lineno


def test_throttling_is_waited_out_with_jitter(load: Callable[[str], SimpleNamespace]):
    aws = load("plan").aws
    for found in (aws.client("s3"), aws.table_named("t").meta.client):
        assert found.meta.config.retries["mode"] == "standard"
