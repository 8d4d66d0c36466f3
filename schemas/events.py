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


def first_rows(events: pa.Table) -> np.ndarray:
    """Places of the rows that are no exact duplicates of an earlier one, ascending; `regel` does not count."""
    distinct = _row_text(events).dictionary_encode()
    _, places = np.unique(distinct.indices.to_numpy(), return_index=True)
    ascending: np.ndarray = np.sort(places)
    return ascending


def contradicting(keys: pa.ChunkedArray) -> np.ndarray:
    """Mask of record numbers that occur more than once: of `first_rows`, different rows then share one."""
    counts = pc.value_counts(keys)
    several = pc.struct_field(counts, "values").filter(pc.greater(pc.struct_field(counts, "counts"), 1))
    mask: np.ndarray = pc.is_in(keys, value_set=several).to_numpy()
    return mask


def row_bytes(events: pa.Table) -> int:
    """How many bytes `sorted_row_bytes` gives, without making them."""
    total = 0
    for batch in events.drop_columns([LINE] if LINE in events.column_names else []).to_batches():
        for column in batch.columns:
            for count in pc.value_counts(pc.binary_length(column.cast(pa.large_string()))).to_pylist():
                length = count["values"]
                total += count["counts"] * (1 if length is None else len(f"{length}:") + length)
    return total


def sorted_row_bytes(events: pa.Table) -> memoryview:
    """All rows but their `regel`, sorted, as bytes that tell every cell apart (for the snapshot digest)."""
    rows = _row_text(events)
    if not len(rows):
        return memoryview(b"")
    # A freshly taken array lies at the start of its buffers: the values stand there in order, one behind the other.
    _, offsets, values = pc.take(rows, pc.array_sort_indices(rows)).buffers()
    return memoryview(values)[: int(np.frombuffer(offsets, dtype=np.int64)[len(rows)])]


def cells(column: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """Each cell as `length:value` (large_string), an absent one as `-`: none is the beginning of another."""
    value = column.cast(pa.large_string())
    length = pc.binary_length(value).cast(pa.large_string())
    return pc.fill_null(pc.binary_join_element_wise(length, value, _large(":")), _large("-"))


def _row_text(events: pa.Table) -> pa.Array:
    """One text per row, its cells one behind the other, so that no two rows read the same."""
    texts = [cells(events[name]) for name in events.column_names if name != LINE]
    joined = pc.binary_join_element_wise(*texts, _large(""))
    return joined.combine_chunks() if isinstance(joined, pa.ChunkedArray) else joined


def _translate(texts: pa.ChunkedArray, codes: dict[str, str]) -> pa.Array:
    place = pc.index_in(texts.combine_chunks(), value_set=pa.array(list(codes), pa.string()))
    return pa.array(list(codes.values()), pa.string()).take(place)


def _large(text: str) -> pa.Scalar:
    return pa.scalar(text, pa.large_string())
