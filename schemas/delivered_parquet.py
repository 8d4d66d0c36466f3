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

_READABLE = (
    pa.types.is_string,
    pa.types.is_large_string,
    pa.types.is_string_view,
    pa.types.is_integer,
    pa.types.is_floating,
    pa.types.is_decimal,
    pa.types.is_boolean,
    pa.types.is_null,
)


def read_parquet(
    path: Path, columns: tuple[str, ...], dialect: Dialect
) -> tuple[pa.Table, np.ndarray, tuple[int, ...]]:
    """(columns as text, line of every row, nothing ragged); the first row is line 2, as under a CSV header."""
    delivered = _read(path, columns)
    if delivered is None:
        raise InputRefused(f"{path.name} cannot be read as Parquet; deliver the complete file.")
    texts = {name: _as_text(path, name, flat(delivered[name]), dialect.date_format) for name in columns}
    return pa.table(texts), np.arange(2, delivered.num_rows + 2, dtype=np.int64), ()


def _read(path: Path, columns: tuple[str, ...]) -> pa.Table | None:
    try:
        with pq.ParquetFile(path) as file:
            check_header(path, list(file.schema_arrow.names), columns)
            return file.read(columns=list(columns))
    except (pa.ArrowException, OSError):
        return None


def _as_text(path: Path, name: str, values: pa.Array, date_format: str) -> pa.Array:
    kind = values.type
    if pa.types.is_dictionary(kind):
        return _as_text(path, name, values.dictionary_decode(), date_format)
    if pa.types.is_timestamp(kind) and kind.tz is not None:
        raise InputRefused(f"{path.name}: {name} holds moments with a time zone, not dates; deliver dates.")
    if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        return pc.strftime(values.cast(pa.timestamp("s"), safe=False), format=date_format)
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        values = _whole(values)
    if not any(fits(values.type) for fits in _READABLE):
        raise InputRefused(f"{path.name}: {name} holds neither text nor dates nor numbers; deliver one of them.")
    return values.cast(pa.string())


def _whole(values: pa.Array) -> pa.Array:
    """Numbers that the program in between gave decimals, whole again: a V-number has none."""
    if pa.types.is_floating(values.type):
        values = pc.if_else(pc.is_nan(values), pa.scalar(None, values.type), values)
    try:
        return values.cast(pa.int64())
    except pa.ArrowInvalid:
        return values
