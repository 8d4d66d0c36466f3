"""Reading an Excel delivery: the first sheet, cell by cell, as the text the source's CSV would have held."""

from __future__ import annotations

import warnings
import zipfile
import zlib
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError

import numpy as np
import pyarrow as pa

from schemas.deliveries import check_header
from schemas.errors import InputRefused
from schemas.study import Dialect

_DAMAGED = (zipfile.BadZipFile, zlib.error, ParseError, KeyError, ValueError, TypeError, IndexError, OSError, EOFError)


def read_excel(path: Path, columns: tuple[str, ...], dialect: Dialect) -> tuple[pa.Table, np.ndarray, tuple[int, ...]]:
    """(columns as text, sheet row of every row, nothing ragged). Empty rows are skipped; other sheets are not read."""
    rows = _rows(path, columns, dialect)
    if rows is None:
        raise InputRefused(f"{path.name} cannot be read as an Excel workbook; deliver the complete .xlsx file.")
    lines, cells = rows
    values = list(zip(*cells, strict=True)) or [()] * len(columns)
    table = pa.table({name: pa.array(column, pa.string()) for name, column in zip(columns, values, strict=True)})
    return table, np.array(lines, dtype=np.int64), ()


def _rows(path: Path, columns: tuple[str, ...], dialect: Dialect) -> tuple[list[int], list[list[str | None]]] | None:
    """(sheet rows, their cells), None for a damaged workbook; InputRefused when the sheet has no header or column."""
    lines: list[int] = []
    cells: list[list[str | None]] = []
    places: list[int] = []
    try:
        for line, row in _filled_rows(path):
            if places:
                lines.append(line)
                cells.append(
                    [_as_text(row[place], dialect.date_format) if place < len(row) else None for place in places]
                )
                continue
            header = [str(cell.value).strip() for cell in row]
            check_header(path, header, columns)
            places = [header.index(name) for name in columns]
    except _DAMAGED:
        return None
    if not places:
        raise InputRefused(
            f"{path.name} is empty: no header on its first sheet; deliver the extract on the first sheet."
        )
    return lines, cells


def _filled_rows(path: Path) -> Iterator[tuple[int, tuple[Any, ...]]]:
    from openpyxl import load_workbook

    with warnings.catch_warnings(), path.open("rb") as handle:
        warnings.simplefilter("ignore", UserWarning)  # styles and extensions that openpyxl does not know
        book = load_workbook(handle, read_only=True, data_only=True)
        sheet = book.worksheets[0]
        sheet.reset_dimensions()  # other programs state dimensions that are too small
        for line, row in enumerate(sheet.iter_rows(), start=1):
            if any(cell.value is not None for cell in row):
                yield line, row
        book.close()


def _as_text(cell: Any, date_format: str) -> str | None:
    """Text of a cell. Numbers get leading zeros back only from a cell format of zeros: nothing else tells how many."""
    value = cell.value
    if value is None:
        return None
    if isinstance(value, datetime | date):
        return value.strftime(date_format)
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and cell.number_format and not cell.number_format.strip("0"):
        return str(value).zfill(len(cell.number_format))
    return str(value)
