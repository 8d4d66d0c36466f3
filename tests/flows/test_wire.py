"""Desks talk in blobs: what goes in comes out, and a torn message is noticed."""

import io

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.wire import pack_table, receive, send, unpack_table

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
