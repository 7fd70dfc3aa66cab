"""Spark SQL on two local threads: the work of a Spark analyzer written by us (KLL, HyperLogLog, moments, histograms).

CSV payloads without quotes only. Needs a Java runtime.
"""

from __future__ import annotations

import json
import sys

from pyspark.sql import SparkSession, functions as sql

NUMBERS, TEXTS = [f"c{i}" for i in range(54)], ["c54", "c55"]

if __name__ == "__main__":
    spark = (
        SparkSession.builder.master("local[2]")
        .config("spark.driver.memory", "3g")
        .config("spark.sql.shuffle.partitions", "4")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .getOrCreate()
    )
    events = (
        spark.read.schema("captureData struct<endpointInput: struct<data: string>>")
        .option("recursiveFileLookup", "true")
        .json(sys.argv[1])
    )
    lines = events.select(sql.explode(sql.split("captureData.endpointInput.data", "\n")).alias("line"))
    types = ", ".join([f"{name} double" for name in NUMBERS] + [f"{name} string" for name in TEXTS])
    rows = lines.select(sql.from_csv("line", types).alias("row")).select("row.*")
    wanted = [sql.count(sql.lit(1)).alias("rows"), sql.avg("c0").alias("mean")]
    for name in NUMBERS:
        wanted += [function(name) for function in (sql.count, sql.sum, sql.min, sql.max, sql.stddev_pop)]
        wanted.append(sql.kll_sketch_agg_double(name, sql.lit(2048)))
    wanted += [sql.hll_sketch_estimate(sql.hll_sketch_agg(name)) for name in TEXTS]
    result = rows.agg(*wanted).collect()[0]
    for name in TEXTS:
        rows.groupBy(name).count().collect()
    print(json.dumps({"rows": result["rows"], "mean": result["mean"]}))
    spark.stop()
