"""A driver that a test kills in the middle of a step: `python -m tests.spark.driver ENGINE FOLDER MARKS`."""

from __future__ import annotations

import sys
from pathlib import Path

import pyarrow as pa

from flows.spark.session import opened
from tests.spark.kernels import SLOWLY, made

if __name__ == "__main__":
    engine, folder, marks = sys.argv[1:]
    with opened(engine, Path(folder)) as spark:
        given = {"where": pa.table({"folder": [marks]})}
        list(spark.map(SLOWLY, spark.parts([made(50, seed) for seed in range(60)]), given))
