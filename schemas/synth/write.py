"""Writing a register in its dialect, a chunk at a time, as CSV or Parquet."""

from __future__ import annotations

import codecs
import csv
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from anyascii import anyascii

from schemas.extracts import EXTRACTS, NAME_COLUMNS
from schemas.study import Dialect, Register
from schemas.synth.flaws import Columns

Form = Literal["csv", "parquet"]
_FOLD = "schakel-anyascii"


def _fold(error: UnicodeError) -> tuple[str, int]:
    """What a clerk with an old code page does: the letter without its mark."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return anyascii(error.object[error.start : error.end]), error.end


codecs.register_error(_FOLD, _fold)


def file_columns(register: Register) -> tuple[str, ...]:
    """The header of a register's file, in the order of the reference extracts."""
    names = [field.name for field in EXTRACTS[register.kind].fields]
    if register.dialect.name_column is not None:
        at = min(names.index(name) for name in NAME_COLUMNS)
        names = [name for name in names if name not in NAME_COLUMNS]
        names.insert(at, register.dialect.name_column)
    return tuple(names)


def in_one_column(surname: np.ndarray, given: np.ndarray) -> np.ndarray:
    """`SURNAME, First names`, the surname in plain capitals, as the IOM writes it."""
    capitals = np.array([anyascii(name).upper() for name in surname], dtype=object)
    joined: np.ndarray = capitals + ", " + given
    return joined


class RegisterWriter:
    """One open delivery. `write` takes object arrays of str by column; empty text is an absent value."""

    def __init__(self, path: Path, register: Register, form: Form) -> None:
        self._columns = file_columns(register)
        self._form = form
        if form == "csv":
            dialect: Dialect = register.dialect
            self._text = path.open("x", encoding=dialect.encoding, errors=_FOLD, newline="")
            self._csv = csv.writer(self._text, delimiter=dialect.separator, lineterminator="\r\n")
            self._csv.writerow(self._columns)
        else:
            self._schema = pa.schema([(name, pa.string()) for name in self._columns])
            self._parquet = pq.ParquetWriter(path, self._schema)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        (self._text if self._form == "csv" else self._parquet).close()

    def write(self, columns: Columns, ragged: np.ndarray) -> None:
        """Append rows; those where `ragged` (bool) lack their last field, which only a text file can show."""
        lists = [columns[name].tolist() for name in self._columns]
        if self._form == "parquet":
            arrays = [pa.array([value or None for value in values], pa.string()) for values in lists]
            self._parquet.write_table(pa.table(arrays, schema=self._schema))
            return
        rows = list(zip(*lists, strict=True))
        for row in np.flatnonzero(ragged).tolist():
            rows[row] = rows[row][:-1]
        self._csv.writerows(rows)
