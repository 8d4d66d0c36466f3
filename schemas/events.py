"""Canonical events: one Arrow table per register, the same columns and codes whatever the source's dialect.

Dates are date32, everything else string, absent values null; `regel` (int64) is the line as delivered. These tables
hold identities: they stay in memory and go to the encode step only.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.checks import Parsed
from schemas.dialects import split_name
from schemas.extracts import NAME_COLUMNS, Extract
from schemas.study import Dialect

LINE = "regel"


def event_schema(extract: Extract) -> pa.Schema:
    """The Arrow schema of a register's canonical events."""
    types = {"date": pa.date32()}
    fields = [pa.field(field.name, types.get(field.reads, pa.string())) for field in extract.fields]
    return pa.schema([pa.field(LINE, pa.int64()), *fields])


def canonical_events(parsed: Parsed, lines: np.ndarray, extract: Extract, dialect: Dialect) -> pa.Table:
    """Every row of a parsed delivery in canonical form; only rows without failures are meaningful."""
    columns: dict[str, pa.Array] = {LINE: pa.array(lines, pa.int64())}
    if dialect.name_column is not None:
        columns.update(zip(NAME_COLUMNS, split_name(parsed.texts[dialect.name_column]), strict=True))
    for field in extract.fields:
        if field.reads == "vnummer":
            columns[field.name] = parsed.vnummer
        elif field.reads == "date":
            columns[field.name] = parsed.dates[field.name]
        elif field.reads == "birth":
            columns[field.name] = parsed.births.iso
        elif field.reads == "sex":
            columns[field.name] = _translate(parsed.texts[field.name], dict(dialect.sex))
        elif field.name not in columns:
            columns[field.name] = parsed.texts[field.name].combine_chunks()
    return pa.table([columns[name] for name in extract.canonical], schema=event_schema(extract))


def drop_duplicates(events: pa.Table) -> tuple[pa.Table, int]:
    """(events without exact duplicates, how many were dropped). The first line stays; `regel` does not count."""
    first = (
        pa.table({"row": _row_text(events), LINE: np.arange(events.num_rows)})
        .group_by("row")
        .aggregate([(LINE, "min")])
    )
    kept = np.sort(first[f"{LINE}_min"].to_numpy())
    return events.take(pa.array(kept)), events.num_rows - len(kept)


def contradicting(events: pa.Table, key: str) -> pa.Array:
    """Mask of rows whose record number stands on another, different row as well (after `drop_duplicates`)."""
    counts = events.group_by(key).aggregate([([], "count_all")])
    several = counts.filter(pc.greater(counts["count_all"], 1))[key]
    return pc.is_in(events[key], value_set=several.combine_chunks()).combine_chunks()


def sorted_row_bytes(events: pa.Table) -> bytes:
    """All rows but their `regel`, sorted, as bytes that tell every cell apart (for the snapshot digest)."""
    rows = _row_text(events)
    if not len(rows):
        return b""
    # A freshly taken array lies at the start of its buffers: the values stand there in order, one behind the other.
    _, offsets, values = pc.take(rows, pc.array_sort_indices(rows)).buffers()
    ordered: bytes = values.slice(0, int(np.frombuffer(offsets, dtype=np.int64)[len(rows)])).to_pybytes()
    return ordered


def _row_text(events: pa.Table) -> pa.Array:
    """One text per row: each cell as `length:value`, an absent one as `-`, so that no two rows read the same."""
    pieces = []
    for name in events.column_names:
        if name == LINE:
            continue
        value = events[name].cast(pa.large_string())
        length = pc.binary_length(value).cast(pa.large_string())
        cell = pc.binary_join_element_wise(length, value, _large(":"))
        pieces.append(pc.fill_null(cell, _large("-")))
    joined = pc.binary_join_element_wise(*pieces, _large(""))
    return joined.combine_chunks() if isinstance(joined, pa.ChunkedArray) else joined


def _translate(texts: pa.ChunkedArray, codes: dict[str, str]) -> pa.Array:
    place = pc.index_in(texts.combine_chunks(), value_set=pa.array(list(codes), pa.string()))
    return pa.array(list(codes.values()), pa.string()).take(place)


def _large(text: str) -> pa.Scalar:
    return pa.scalar(text, pa.large_string())
