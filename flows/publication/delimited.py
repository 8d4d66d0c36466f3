"""CSV twice: tidy for machines, and the dialect that Dutch spreadsheets open with the columns in place."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from io import StringIO

from flows.publication.frames import Cell, Column, columns, rows
from schemas.tables import ProtectedTable


@dataclass(frozen=True)
class CsvDialect:
    """How one CSV flavour is written."""

    delimiter: str
    decimal: str
    encoding: str
    line_end: str


TIDY = CsvDialect(",", ".", "utf-8", "\n")
DUTCH = CsvDialect(";", ",", "utf-8-sig", "\r\n")  # the BOM makes Excel read UTF-8


def csv_bytes(table: ProtectedTable, dialect: CsvDialect) -> bytes:
    """One table as CSV; blanks are empty fields."""
    described = columns(table)
    buffer = StringIO()
    writer = csv.writer(buffer, delimiter=dialect.delimiter, lineterminator=dialect.line_end)
    writer.writerow([column.name for column in described])
    for row in rows(table):
        writer.writerow([_text(cell, column, dialect) for cell, column in zip(row, described, strict=True)])
    return buffer.getvalue().encode(dialect.encoding)


def _text(cell: Cell, column: Column, dialect: CsvDialect) -> str:
    if cell is None:
        return ""
    if column.kind == "decimal":
        return f"{cell:.{column.decimals}f}".replace(".", dialect.decimal)
    return str(cell)
