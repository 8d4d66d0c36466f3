"""Reading a Parquet delivery: whatever types its columns have, as the text the source's CSV would have held."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from schemas.deliveries import check_header
from schemas.dialects import flat
from schemas.errors import InputRefused
from schemas.study import Dialect


def read_parquet(
    path: Path, columns: tuple[str, ...], dialect: Dialect
) -> tuple[pa.Table, np.ndarray, tuple[int, ...]]:
    """(columns as text, line of every row, nothing ragged); the first row is line 2, as under a CSV header."""
    try:
        with pq.ParquetFile(path) as file:
            check_header(path, list(file.schema_arrow.names), columns)
            delivered = file.read(columns=list(columns))
    except (pa.ArrowException, OSError):
        raise InputRefused(f"{path.name} cannot be read as Parquet; deliver the complete file.") from None
    texts = {name: _as_text(path, name, flat(delivered[name]), dialect.date_format) for name in columns}
    return pa.table(texts), np.arange(2, delivered.num_rows + 2, dtype=np.int64), ()


def _as_text(path: Path, name: str, values: pa.Array, date_format: str) -> pa.Array:
    kind = values.type
    if pa.types.is_dictionary(kind):
        return _as_text(path, name, values.dictionary_decode(), date_format)
    if pa.types.is_timestamp(kind) and kind.tz is not None:
        raise InputRefused(f"{path.name}: {name} holds moments with a time zone, not dates; deliver dates.")
    if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        return pc.strftime(values.cast(pa.timestamp("s"), safe=False), format=date_format)
    if pa.types.is_floating(kind):
        values = _whole(values)
    elif pa.types.is_decimal(kind) and pc.all(pc.equal(values, pc.floor(values)), min_count=0).as_py():
        values = values.cast(pa.decimal128(kind.precision, 0))
    if pa.types.is_nested(kind) or pa.types.is_time(kind) or pa.types.is_duration(kind):
        raise InputRefused(f"{path.name}: {name} is of type {kind}, not text; deliver text, a date or a number.")
    try:
        return values.cast(pa.string())
    except pa.ArrowException:
        raise InputRefused(f"{path.name}: {name} cannot be read as text; deliver text, a date or a number.") from None


def _whole(values: pa.Array) -> pa.Array:
    """Numbers that an absent value turned into floating point, whole again: a V-number has no decimals."""
    present = pc.if_else(pc.is_nan(values), pa.scalar(None, values.type), values)
    try:
        return present.cast(pa.int64())
    except pa.ArrowInvalid:
        return present
