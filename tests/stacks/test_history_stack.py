"""Tables over the history: every column of the files, and dates that follow from the clock."""

from __future__ import annotations

import pytest
from aws_cdk import App, Environment
from aws_cdk.assertions import Template

from model_monitor import contract
from stacks.constructs.places import Place
from stacks.history_stack import HistoryStack

pytestmark = pytest.mark.xdist_group("synth")


def test_the_tables_are_those_of_the_files() -> None:
    env = Environment(account="123456789012", region="eu-west-1")
    stack = HistoryStack(App(), "Test", "dev", Place.at("s3://reports/tables/"), env=env)
    found = {
        table["Properties"]["TableInput"]["Name"]: table["Properties"]["TableInput"]
        for table in Template.from_stack(stack).find_resources("AWS::Glue::Table").values()
    }
    assert found.keys() == contract.HISTORY_TABLES.keys()
    for name, table in found.items():
        stored = table["StorageDescriptor"]
        columns = {column["Name"]: (column["Type"], column["Comment"]) for column in stored["Columns"]}
        assert columns == contract.HISTORY_TABLES[name]
        assert stored["Location"] == f"s3://reports/tables/{name}/"
        template = table["Parameters"]["storage.location.template"]
        assert template == f"s3://reports/tables/{name}/date=${{date}}/"
        assert table["Parameters"]["projection.date.format"] == "yyyy-MM-dd"
        assert [key["Name"] for key in table["PartitionKeys"]] == [contract.HISTORY_PARTITION]
