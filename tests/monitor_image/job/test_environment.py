"""`model-monitor config`: the configuration of an endpoint that an environment file declares."""

from __future__ import annotations

import json

import pytest
import yaml

from model_monitor import cli
from model_monitor.job.configuration import parse_configuration
from model_monitor.job.environment import _problem
from stacks.configuration import laptop_document
from tests.conftest import ROOT


def config(*arguments: str) -> int:
    return cli.main(["config", *arguments])


@pytest.mark.parametrize(("environment", "endpoint"), [("dev", "covertype"), ("dev", "breast-cancer")])
def test_it_is_what_the_endpoints_runs_read(monkeypatch, capsys, environment, endpoint):
    monkeypatch.chdir(ROOT / "docs")  # anywhere in the repository
    assert config("--env", environment, endpoint) == 0
    printed = capsys.readouterr().out
    assert json.loads(printed) == laptop_document(environment, endpoint)
    assert parse_configuration(printed.encode(), "printed").endpoint == endpoint


def test_the_environments_own_block_is_a_configuration_of_the_same_monitors():
    """One dialect: what stands in the file, without what is of a deployment, reads as what the stacks write."""
    block = yaml.safe_load((ROOT / "environments" / "dev.yaml").read_text())["endpoints"]["covertype"]
    (monitor,) = block["monitors"].values()
    told = {key: value for key, value in monitor.items() if key not in ("schedule", "baseline")}
    printed = laptop_document("dev", "covertype")
    output = {"prediction": "label", "score": "score", "payload_index": "payload_index"} | block["payload"]["output"]
    said = {"version": 1, "payload": block["payload"] | {"output": output}, **told}  # an environment's default output
    mine = parse_configuration(json.dumps(said).encode(), "said")
    written = parse_configuration(json.dumps(printed).encode(), "written")
    assert mine.schema == written.schema
    assert [each.type for each in mine.monitors] == [each.type for each in written.monitors]
    for one, other in zip(mine.monitors, written.monitors, strict=True):
        assert one == other, one.type


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--env", "dev", "nothing"), "there is no 'nothing'; there are covertype, breast-cancer"),
        (
            ("--env", "nothing", "covertype"),
            "there is no environment 'nothing'. Environments: dev, fleet, prod, staging",
        ),
        (("--env", "dev", "covertype", "--monitor", "other"), "has no 'other'; name one with --monitor: loop"),
    ],
)
def test_what_is_not_there_is_told_beside_what_is(monkeypatch, capsys, arguments, told):
    monkeypatch.chdir(ROOT)
    assert config(*arguments) == 1
    assert told in capsys.readouterr().err


def test_elsewhere_it_says_where_it_works(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert config("--env", "dev", "covertype") == 1
    told = capsys.readouterr().err
    assert "is not in the kit's repository, where environment files lie. Run it there" in told


def test_a_python_without_what_environment_files_need_says_both_ways_to_get_it():
    told = _problem("Traceback:\nModuleNotFoundError: No module named 'pydantic'\n")
    assert "lacks 'pydantic'" in told
    assert "`make setup`" in told
    assert "pip install pydantic pyyaml" in told
