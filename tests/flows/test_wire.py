"""Desks talk in blobs: what goes in comes out, and a torn message is noticed."""

import io

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.wire import pack_table, receive, send, send_tables, unpack_table

BLOBS = st.dictionaries(st.text(min_size=1, max_size=8), st.binary(max_size=64), max_size=5)


@given(BLOBS)
def test_blobs_survive_the_pipe(blobs: dict[str, bytes]) -> None:
    stream = io.BytesIO()
    send(stream, blobs)
    stream.seek(0)
    assert receive(stream) == blobs


@given(BLOBS, st.integers(min_value=1))
def test_a_torn_message_is_noticed(blobs: dict[str, bytes], cut: int) -> None:
    stream = io.BytesIO()
    send(stream, blobs)
    whole = stream.getvalue()
    with pytest.raises(EOFError):
        receive(io.BytesIO(whole[: len(whole) - 1 - cut % len(whole)]))


def test_tables_keep_types_and_nulls() -> None:
    table = pa.table({"token": pa.array([b"x" * 16, None], pa.binary(16)), "leeftijd": pa.array([None, 3], pa.int16())})
    assert unpack_table(pack_table(table)).equals(table)


def test_tables_leave_as_packed_ones_do_and_are_dropped():
    """Byte for byte, with the end once, also of tables in several chunks and with no rows."""
    tables = {
        "a": pa.table({"x": [1, 2, None]}),
        "b": pa.concat_tables([pa.table({"y": ["p"]}), pa.table({"y": ["q", "r"]})]),
        "c": pa.table({"z": pa.array([], pa.binary(3))}),
    }
    packed, direct = io.BytesIO(), io.BytesIO()
    send(packed, {name: pack_table(table) for name, table in tables.items()})
    going = dict(tables)
    send_tables(direct, going)
    assert direct.getvalue() == packed.getvalue()
    assert going == {}
    direct.seek(0)
    assert {name: unpack_table(blob).equals(tables[name]) for name, blob in receive(direct).items()} == dict.fromkeys(
        tables, True
    )
