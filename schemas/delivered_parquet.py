"""Reading a Parquet delivery batch by batch: whatever types its columns have, as the text the source's CSV would have held.

It is read twice: first every page, so that a file which is broken anywhere is refused before any of its rows is judged, then
again for its rows. Only the first reading can say whether a column of decimal numbers holds whole ones throughout.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from schemas import deliveries
from schemas.deliveries import Batch, check_header
from schemas.dialects import flat
from schemas.errors import InputRefused
from schemas.study import Dialect

_READABLE = (
    pa.types.is_string,
    pa.types.is_large_string,
    pa.types.is_string_view,
    pa.types.is_integer,
    pa.types.is_floating,
    pa.types.is_decimal,
    pa.types.is_boolean,
    pa.types.is_date,
    pa.types.is_timestamp,
    pa.types.is_null,
)


# Bytes of a column that are fetched at a time: a row group may be as large as the file.
_FETCHED = 1 << 20


def open_parquet(path: Path, columns: tuple[str, ...], dialect: Dialect) -> tuple[int, Iterator[Batch]]:
    """(rows, batches of columns as text and the line of every row); the first row is line 2, as under a CSV header."""
    rows = 0
    fractions: set[str] = set()
    for table in _tables(path, columns):
        rows += table.num_rows
        fractions.update(name for name in columns if _is_decimal(table[name].type) and not _is_whole(table[name]))
    return rows, _batches(path, columns, dialect.date_format, fractions)


def _batches(path: Path, columns: tuple[str, ...], date_format: str, fractions: set[str]) -> Iterator[Batch]:
    line = 2
    for table in _tables(path, columns):
        texts = {name: _as_text(table[name], date_format, whole=name not in fractions) for name in columns}
        yield pa.table(texts), np.arange(line, line + table.num_rows, dtype=np.int64)
        line += table.num_rows


def _tables(path: Path, columns: tuple[str, ...]) -> Iterator[pa.Table]:
    """The delivered columns, so many rows at a time, none of them a dictionary; InputRefused where they cannot be read."""
    try:
        with pq.ParquetFile(path, buffer_size=_FETCHED) as file:
            schema = file.schema_arrow
            check_header(path, list(schema.names), columns)
            for name in columns:
                _check_type(path, name, _value_type(schema.field(name).type))
            for batch in file.iter_batches(batch_size=deliveries.BATCH_ROWS, columns=list(columns)):
                yield pa.table({name: _decoded(batch[name]) for name in columns})
            return
    except (pa.ArrowException, OSError):
        pass  # its text may hold a value, and would go along as the context of what is raised here
    raise InputRefused(f"{path.name} cannot be read as Parquet; deliver the complete file.")


def _check_type(path: Path, name: str, kind: pa.DataType) -> None:
    if pa.types.is_timestamp(kind) and kind.tz is not None:
        raise InputRefused(f"{path.name}: {name} holds moments with a time zone, not dates; deliver dates.")
    if not any(fits(kind) for fits in _READABLE):
        raise InputRefused(f"{path.name}: {name} holds neither text nor dates nor numbers; deliver one of them.")


def _value_type(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _decoded(values: pa.Array) -> pa.Array:
    """Plain values, not-a-number as null."""
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if pa.types.is_floating(values.type):
        values = pc.if_else(pc.is_nan(values), pa.scalar(None, values.type), values)
    return values


def _is_decimal(kind: pa.DataType) -> bool:
    return bool(pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def _is_whole(values: pa.ChunkedArray) -> bool:
    """Whether numbers that the program in between gave decimals are whole again: a V-number has none."""
    try:
        values.cast(pa.int64())
    except pa.ArrowInvalid:
        return False
    return True


def _as_text(column: pa.ChunkedArray, date_format: str, *, whole: bool) -> pa.Array:
    values = flat(column)
    if pa.types.is_date(values.type) or pa.types.is_timestamp(values.type):
        return pc.strftime(values.cast(pa.timestamp("s"), safe=False), format=date_format)
    if _is_decimal(values.type) and whole:
        values = values.cast(pa.int64())
    return values.cast(pa.string())
