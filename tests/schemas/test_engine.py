"""The seam: whatever runs a step gives its parts in order, whole groups, and no column that was not declared."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.engine import GroupStep, LocalEngine, Step, Tables, group_of

NUMBERS = pa.schema([("key", pa.int64()), ("value", pa.int64())])
SUMS = pa.schema([("group", pa.int64()), ("a", pa.int64()), ("b", pa.int64())])


def doubled(part: pa.Table, given: Tables) -> pa.Table:
    factor = given["factor"]["factor"][0]
    return part.set_column(1, "value", pc.multiply(part["value"], factor))


def sums(tables: Tables, _given: Tables) -> pa.Table:
    key = next((t["key"][0].as_py() for t in tables.values() if t.num_rows), -1)
    total = {name: [sum(t["value"].to_pylist())] for name, t in tables.items()}
    return pa.table({"group": [key % 7 if key >= 0 else -1], **total}, SUMS)


def other_columns(part: pa.Table, _given: Tables) -> pa.Table:
    return part.select(["key"])


rows = st.lists(st.tuples(st.integers(0, 50), st.integers(-5, 5)), max_size=40)


def table(pairs: list[tuple[int, int]]) -> pa.Table:
    return pa.table({"key": [k for k, _ in pairs], "value": [v for _, v in pairs]}, NUMBERS)


@settings(max_examples=20, deadline=None)
@given(st.lists(rows, max_size=6), st.integers(1, 3))
def test_parts_come_back_in_order(parts: list[list[tuple[int, int]]], workers: int) -> None:
    engine = LocalEngine(workers)
    factor = pa.table({"factor": [3]})
    found = list(engine.map(Step("x", doubled, NUMBERS), engine.parts([table(p) for p in parts]), {"factor": factor}))
    assert [t["value"].to_pylist() for t in found] == [[3 * v for _, v in p] for p in parts]


@settings(max_examples=20, deadline=None)
@given(st.lists(rows, min_size=1, max_size=4), st.lists(rows, min_size=1, max_size=4))
def test_groups_hold_all_rows_of_a_key_of_every_table(a: list, b: list) -> None:
    engine = LocalEngine()
    tables = {"a": engine.parts([table(p) for p in a]), "b": engine.parts([table(p) for p in b])}
    found = list(engine.grouped(GroupStep("x", sums, SUMS), tables, "key", 7))
    assert len(found) == 7
    for group, part in enumerate(found):
        of = {n: sum(v for p in ps for k, v in p if k % 7 == group) for n, ps in (("a", a), ("b", b))}
        assert {n: part[n][0].as_py() for n in of} == of
        assert part["group"][0].as_py() in (group, -1)


def test_no_more_parts_are_read_than_workers_need() -> None:
    read: list[int] = []

    def stream() -> Iterator[pa.Table]:
        for place in range(50):
            read.append(place)
            yield table([(place, place)])

    engine = LocalEngine(2)
    found = iter(engine.map(Step("x", doubled, NUMBERS), engine.parts(stream()), {"factor": pa.table({"factor": [1]})}))
    next(found)
    assert len(read) <= 4


def test_what_is_kept_is_computed_once() -> None:
    engine, calls, lock = LocalEngine(), [], threading.Lock()

    def stream() -> Iterator[pa.Table]:
        with lock:
            calls.append(1)
        yield table([(1, 1)])

    kept = engine.map(Step("x", doubled, NUMBERS), engine.parts(stream()), {"factor": pa.table({"factor": [1]})}).kept()
    assert [t.num_rows for t in kept] == [t.num_rows for t in kept] == [1]
    assert len(calls) == 1


def test_a_step_that_gives_other_columns_is_refused() -> None:
    engine = LocalEngine()
    with pytest.raises(TypeError, match="step x gave other columns"):
        list(engine.map(Step("x", other_columns, NUMBERS), engine.parts([table([(1, 1)])])))


def test_grouping_by_a_column_with_nulls_or_of_text_is_refused() -> None:
    with pytest.raises(ValueError, match="no nulls"):
        group_of(pa.chunked_array([pa.array([1, None])]), 3)
    with pytest.raises(TypeError, match="string"):
        group_of(pa.chunked_array([pa.array(["a"])]), 3)


def test_random_binaries_are_grouped_by_their_first_bytes_wherever_they_lie() -> None:
    tokens = pa.array([bytes([i]) + bytes(15) for i in range(9)], pa.binary(16))
    whole = group_of(pa.chunked_array([tokens]), 4).tolist()
    assert whole == [i % 4 for i in range(9)]
    assert group_of(pa.chunked_array([tokens.slice(3, 4)]), 4).tolist() == whole[3:7]
