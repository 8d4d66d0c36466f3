"""Runs in an environment that has Tumult Analytics and Java, not in the project's: a JSON line in, JSON lines out.

In: {"sizes", "columns": {attribute: [code, ...]}, "margins": [[attribute, ...], ...], "rho", "releases"}; out, one line per
release: the counts of all margins in the given order, each asked with an equal part of rho.
"""

from __future__ import annotations

import importlib
import itertools
import json
import os
import sys
from typing import Any


def main() -> None:
    """Spark's workers need to be told which Python they are."""
    os.environ |= {"PYSPARK_PYTHON": sys.executable, "PYSPARK_DRIVER_PYTHON": sys.executable}
    task = json.loads(sys.stdin.read())
    pandas = importlib.import_module("pandas")
    sql = importlib.import_module("pyspark.sql")
    spark = sql.SparkSession.builder.master("local[1]").config("spark.sql.shuffle.partitions", "1")
    spark = spark.config("spark.ui.enabled", "false").config("spark.default.parallelism", "1").getOrCreate()
    frame = spark.createDataFrame(pandas.DataFrame(task["columns"]))
    for _ in range(task["releases"]):
        sys.stdout.write(json.dumps(_release(importlib.import_module("tmlt.analytics"), frame, task)) + "\n")
        sys.stdout.flush()


def _release(tumult: Any, frame: Any, task: dict[str, Any]) -> list[int]:
    session = tumult.Session.from_dataframe(
        privacy_budget=tumult.RhoZCDPBudget(task["rho"] * (1 + 1e-9)), source_id="people", dataframe=frame,
        protected_change=tumult.AddOneRow(),
    )  # fmt: skip
    found: list[int] = []
    for margin in task["margins"]:
        keys = {name: list(range(task["sizes"][name])) for name in margin}
        query = tumult.QueryBuilder("people").groupby(tumult.KeySet.from_dict(keys)).count(name="aantal")
        budget = tumult.RhoZCDPBudget(task["rho"] / len(task["margins"]))
        rows = session.evaluate(query, privacy_budget=budget).toPandas().set_index(list(margin))["aantal"]
        cells = itertools.product(*(range(task["sizes"][name]) for name in margin))
        found += [int(rows.loc[cell if len(margin) > 1 else cell[0]]) for cell in cells]
    return found


if __name__ == "__main__":
    main()
