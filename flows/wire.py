"""How two desks talk: named blobs, length-prefixed, over a pipe. Nothing touches a disk."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from typing import IO, Any

import pyarrow as pa

_HEAD = struct.Struct(">IQ")


def send(stream: IO[bytes], blobs: Mapping[str, bytes]) -> None:
    """Write every blob as (name length, blob length, name, blob), then an empty name as the end."""
    for name, blob in blobs.items():
        _begin(stream, name, len(blob))
        stream.write(blob)
    _end(stream)


def send_tables(stream: IO[bytes], tables: dict[str, pa.Table]) -> None:
    """What `send` writes of packed tables, which are dropped as they leave and never packed as a whole."""
    while tables:
        name, table = next(iter(tables.items()))
        size = pa.MockOutputStream()
        _write(table, size)
        _begin(stream, name, size.size())
        _write(table, stream)
        del tables[name], table
    _end(stream)


def _begin(stream: IO[bytes], name: str, size: int) -> None:
    raw = name.encode()
    stream.write(_HEAD.pack(len(raw), size))
    stream.write(raw)


def _end(stream: IO[bytes]) -> None:
    stream.write(_HEAD.pack(0, 0))
    stream.flush()


def _write(table: pa.Table, sink: Any) -> None:
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)


def receive(stream: IO[bytes]) -> dict[str, bytes]:
    """Read what `send` wrote; EOFError when the other side ended early."""
    blobs: dict[str, bytes] = {}
    while True:
        name_size, size = _HEAD.unpack(_exactly(stream, _HEAD.size))
        if name_size == 0:
            return blobs
        name = _exactly(stream, name_size).decode()
        blobs[name] = _exactly(stream, size)


def _exactly(stream: IO[bytes], size: int) -> bytes:
    data = stream.read(size)
    if len(data) != size:
        raise EOFError("the other desk ended early")
    return data


def pack_table(table: pa.Table) -> bytes:
    """An Arrow table as one IPC stream."""
    sink = pa.BufferOutputStream()
    _write(table, sink)
    return bytes(sink.getvalue())


def unpack_table(blob: bytes) -> pa.Table:
    """The table that `pack_table` packed."""
    return pa.ipc.open_stream(blob).read_all()


def pack_json(value: dict[str, Any]) -> bytes:
    """A small message; keys sorted so that equal messages are equal bytes."""
    return json.dumps(value, sort_keys=True).encode()


def unpack_json(blob: bytes) -> dict[str, Any]:
    """The message that `pack_json` packed."""
    value = json.loads(blob)
    if not isinstance(value, dict):
        raise TypeError("a message between desks is an object")
    return value
