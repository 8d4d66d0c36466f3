"""Protected tables as bytes and back, so that a pattern once chosen is the pattern for ever."""

from __future__ import annotations

import io
from typing import Any

import pyarrow as pa

from flows.wire import pack_json, pack_table, receive, send, unpack_json, unpack_table
from schemas.tables import ProtectedTable

ABOUT = "about/"
FRAME = "frame/"


def pack_protected(tables: dict[str, ProtectedTable]) -> bytes:
    """Protected tables as named Arrow streams; what is blank in them is absent here too."""
    stream = io.BytesIO()
    blobs = {}
    for name, table in tables.items():
        blobs[ABOUT + name] = pack_json(_about(table))
        blobs[FRAME + name] = pack_table(pa.Table.from_pandas(table.frame, preserve_index=False))
    send(stream, blobs)
    return stream.getvalue()


def unpack_protected(blob: bytes) -> dict[str, ProtectedTable]:
    """The tables that `pack_protected` packed, frames equal to the last type."""
    blobs = receive(io.BytesIO(blob))
    names = [name.removeprefix(ABOUT) for name in blobs if name.startswith(ABOUT)]
    return {name: _table(unpack_json(blobs[ABOUT + name]), blobs[FRAME + name]) for name in names}


def _about(table: ProtectedTable) -> dict[str, Any]:
    return {
        "id": table.id, "audience": table.audience, "regime": table.regime, "kind": table.kind,
        "categories": [[name, list(table.categories[name])] for name in table.dimensions],
    }  # fmt: skip


def _table(about: dict[str, Any], frame: bytes) -> ProtectedTable:
    categories = {name: tuple(values) for name, values in about.pop("categories")}
    return ProtectedTable(
        **about, dimensions=tuple(categories), categories=categories, frame=unpack_table(frame).to_pandas()
    )
