"""Tables over the history of windows, so that Athena and QuickSight read what `model-monitor index` writes."""

from __future__ import annotations

from aws_cdk import CfnOutput, Environment, Stack, aws_glue as glue
from constructs import Construct

from model_monitor import contract
from stacks.constructs.places import Place

PARQUET = "org.apache.hadoop.hive.ql.io.parquet"
FIRST_DAY = "2020-01-01"


class HistoryStack(Stack):
    """A database of two tables. Their dates follow from the clock, so no crawler and no partition has to be added."""

    def __init__(
        self, scope: Construct, construct_id: str, environment: str, place: Place, *, env: Environment
    ) -> None:
        super().__init__(
            scope, construct_id, env=env, description="Model monitoring: tables over the history of windows"
        )
        name = f"model_monitor_{environment.replace('-', '_')}"
        about = "Windows of the model monitor, and their metrics"
        database = glue.CfnDatabase(
            self,
            "Database",
            catalog_id=self.account,
            database_input=glue.CfnDatabase.DatabaseInputProperty(name=name, description=about),
        )
        for table, columns in contract.HISTORY_TABLES.items():
            made = glue.CfnTable(
                self,
                table.title(),
                catalog_id=self.account,
                database_name=name,
                table_input=_table(table, columns, f"{place.folder_uri}{table}/"),
            )
            made.add_dependency(database)
        CfnOutput(self, "HistoryDatabase", value=name, description="Ask it with Athena")
        CfnOutput(self, "HistoryLocation", value=place.folder_uri, description="Copy the folder history/ here")


def _table(name: str, columns: dict[str, tuple[str, str]], location: str) -> glue.CfnTable.TableInputProperty:
    """Of Parquet below `date=2026-03-02/`."""
    key = contract.HISTORY_PARTITION
    return glue.CfnTable.TableInputProperty(
        name=name,
        table_type="EXTERNAL_TABLE",
        parameters={
            "EXTERNAL": "TRUE",
            "classification": "parquet",
            "projection.enabled": "true",
            f"projection.{key}.type": "date",
            f"projection.{key}.format": "yyyy-MM-dd",
            f"projection.{key}.range": f"{FIRST_DAY},NOW",
            "storage.location.template": f"{location}{key}=${{{key}}}/",
        },
        partition_keys=[glue.CfnTable.ColumnProperty(name=key, type="string", comment="of the window's start, UTC")],
        storage_descriptor=glue.CfnTable.StorageDescriptorProperty(
            columns=[
                glue.CfnTable.ColumnProperty(name=column, type=type_, comment=meaning)
                for column, (type_, meaning) in columns.items()
            ],
            location=location,
            input_format=f"{PARQUET}.MapredParquetInputFormat",
            output_format=f"{PARQUET}.MapredParquetOutputFormat",
            serde_info=glue.CfnTable.SerdeInfoProperty(serialization_library=f"{PARQUET}.serde.ParquetHiveSerDe"),
        ),
    )
