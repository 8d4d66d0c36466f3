"""Kernels that executors import by name: those of the tests of the engine."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.engine import Engine, GroupStep, Step, Tables

ROWS = pa.schema([("token", pa.binary(16)), ("key", pa.int64()), ("value", pa.uint64())])
SUMS = pa.schema([("key", pa.int64()), ("a", pa.uint64()), ("b", pa.int64())])


def made(rows: int, seed: int) -> pa.Table:
    """Rows of every kind of column that linkage files have."""
    draw = np.random.default_rng(seed)
    tokens = pa.FixedSizeBinaryArray.from_buffers(pa.binary(16), rows, [None, pa.py_buffer(draw.bytes(16 * rows))])
    return pa.table([tokens, draw.integers(0, 200, rows), draw.integers(0, 2**62, rows).astype(np.uint64)], schema=ROWS)


def times(part: pa.Table, given: Tables) -> pa.Table:
    return part.set_column(2, ROWS.field("value"), pc.multiply(part["value"], given["by"]["by"][0]))


def by_key(tables: Tables, _given: Tables) -> pa.Table:
    """Per key of either table the wrapped sum of `a` in order, and the rows of `b`."""
    keys = np.union1d(*(t["key"].to_numpy() for t in tables.values()))
    a, b = tables["a"], tables["b"]
    sums = [np.sum(a["value"].to_numpy()[a["key"].to_numpy() == key], dtype=np.uint64) for key in keys]
    counts = [int((b["key"].to_numpy() == key).sum()) for key in keys]
    return pa.table(
        [pa.array(keys, pa.int64()), pa.array(sums, pa.uint64()), pa.array(counts, pa.int64())], schema=SUMS
    )


def reveals(part: pa.Table, _given: Tables) -> pa.Table:
    """Fails with what a record holds in its text, as libraries do."""
    raise ValueError(f"cannot read {part['name'][0].as_py()}")


def slowly(part: pa.Table, given: Tables) -> pa.Table:
    """Marks in a folder that an executor began it, then takes its time."""
    folder = Path(given["where"]["folder"][0].as_py())
    (folder / f"{os.getpid()}-{os.getppid()}").touch()
    time.sleep(1.0)
    return part


TIMES = Step("times", times, ROWS)
BY_KEY = GroupStep("by key", by_key, SUMS)
REVEALS = Step("reveals", reveals, pa.schema([("name", pa.string())]))
SLOWLY = Step("slowly", slowly, ROWS)


def slow_groups(tables: Tables, given: Tables) -> pa.Table:
    """`by_key`, marked and slow."""
    slowly(tables["a"], given)
    return by_key(tables, given)


SLOW_GROUPS = GroupStep("slow groups", slow_groups, SUMS)


def used(engine: Engine) -> tuple[pa.Table, pa.Table]:
    """What a map that is kept and a grouping of it give: the same on every engine."""
    parts = [made(500, seed) for seed in range(5)]
    by = {"by": pa.table({"by": pa.array([3], pa.uint64())})}
    tripled = engine.map(TIMES, engine.parts(parts), by).kept()
    groups = engine.grouped(BY_KEY, {"a": tripled, "b": engine.parts(parts)}, "key", 7)
    return pa.concat_tables(list(tripled)), pa.concat_tables(list(groups))
