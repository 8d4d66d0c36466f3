"""Reading a delimited text file: fast when every line is a row, exact when it is not.

The first attempt is Arrow's reader. When rows span lines, or do not have the fields of the header, Python's csv reader
takes over, because only it says on which physical line each row starts.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import NoReturn

import numpy as np
import pyarrow as pa
from pyarrow import csv as arrow_csv

from schemas.deliveries import check_header
from schemas.errors import InputRefused
from schemas.study import Dialect

_SENTINEL = "\x00end of file"
_LF, _CR = 10, 13
Read = tuple[pa.Table, np.ndarray, tuple[int, ...]]


def read_csv(path: Path, columns: tuple[str, ...], dialect: Dialect) -> Read:
    """(columns as text, start line of every row, lines of ragged rows); InputRefused when the file as a whole is broken."""
    text = _decode(path, dialect)
    if not text.strip():
        raise InputRefused(f"{path.name} is empty; deliver the extract with its header and rows.")
    header = [name.strip() for name in _header(text, dialect)]
    hint = f", because its header is not separated by '{dialect.separator}'" if len(header) == 1 else ""
    check_header(path, header, columns, hint)
    data = text.encode("utf-8")
    return _read_lines(data, header, columns, dialect) or _read_records(path, text, header, columns, dialect)


def _decode(path: Path, dialect: Dialect) -> str:
    data = path.read_bytes()
    # Excel's "CSV UTF-8" adds a byte-order mark that the dialect need not announce.
    name = codecs.lookup(dialect.encoding).name
    is_utf8 = name in ("utf-8", "utf-8-sig")
    try:
        text = data.decode("utf-8-sig" if is_utf8 else name)
    except UnicodeDecodeError:
        _refuse_encoding(path, dialect)
    if not is_utf8 and not data.isascii() and _valid_utf8(data):
        _refuse_encoding(path, dialect)
    return text


def _valid_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _refuse_encoding(path: Path, dialect: Dialect) -> NoReturn:
    raise InputRefused(
        f"{path.name} is not written in {dialect.encoding}, the encoding of the study file; "
        "deliver it in that encoding or correct the dialect."
    ) from None


def _header(text: str, dialect: Dialect) -> list[str]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=dialect.separator)
    try:
        return next(row for row in reader if row)
    except csv.Error:
        return []


def _read_lines(data: bytes, header: list[str], columns: tuple[str, ...], dialect: Dialect) -> Read | None:
    """Arrow's reading, or None unless every line that is not blank is one row with the fields of the header."""
    lines = _filled_lines(data)
    if lines is None:
        return None
    wanted = set(columns)
    # Names of our own: a column outside the extract may have any name, or none, or one twice.
    names = [name if name in wanted else f"\x00{index}" for index, name in enumerate(header)]
    try:
        table = arrow_csv.read_csv(
            pa.py_buffer(data),
            read_options=arrow_csv.ReadOptions(column_names=names, skip_rows=int(lines[0])),
            parse_options=arrow_csv.ParseOptions(delimiter=dialect.separator, newlines_in_values=True),
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(columns, pa.string()),
                include_columns=list(columns),
                strings_can_be_null=False,
            ),
        )
    except pa.ArrowInvalid:
        return None
    return (table, lines[1:], ()) if table.num_rows == len(lines) - 1 else None


def _filled_lines(data: bytes) -> np.ndarray | None:
    """Numbers of the lines that hold anything; None where a lone carriage return makes lines ambiguous."""
    if data.count(b"\r") != data.count(b"\r\n"):
        return None
    buffer = np.frombuffer(data if data.endswith(b"\n") else data + b"\n", dtype=np.uint8)
    ends = np.flatnonzero(buffer == _LF)
    starts = np.concatenate(([0], ends[:-1] + 1))
    carriage = (ends > starts) & (buffer[np.maximum(ends - 1, 0)] == _CR)
    filled: np.ndarray = np.flatnonzero(ends - carriage > starts) + 1
    return filled


def _read_records(path: Path, text: str, header: list[str], columns: tuple[str, ...], dialect: Dialect) -> Read:
    places = [header.index(name) for name in columns]
    cells: list[list[str]] = []
    lines: list[int] = []
    ragged: list[tuple[int, int]] = []
    for line, record in _records(path, text, dialect):
        if len(record) == len(header):
            lines.append(line)
            cells.append([record[place] for place in places])
        else:
            ragged.append((line, len(record)))
    last_is_ragged = ragged and (not lines or ragged[-1][0] > lines[-1])
    if last_is_ragged and ragged[-1][1] < len(header) and not text.endswith(("\n", "\r")):
        raise InputRefused(f"{path.name} breaks off in line {ragged[-1][0]}, its last; deliver the complete file.")
    values = list(zip(*cells, strict=True)) or [()] * len(columns)
    table = pa.table({name: pa.array(column, pa.string()) for name, column in zip(columns, values, strict=True)})
    return table, np.array(lines, dtype=np.int64), tuple(line for line, _ in ragged)


def _records(path: Path, text: str, dialect: Dialect) -> Iterator[tuple[int, list[str]]]:
    """(start line, fields) of every row after the header, blank lines left out."""
    body = text if text.endswith(("\n", "\r")) else text + "\n"
    reader = csv.reader(chain(io.StringIO(body, newline=""), [_SENTINEL]), delimiter=dialect.separator)
    start, header_seen, closed = 1, False, False
    try:
        for record in reader:
            closed = record == [_SENTINEL]
            if record and header_seen and not closed and not record[-1].endswith(_SENTINEL):
                yield start, record
            header_seen = header_seen or bool(record)
            last, start = start, reader.line_num + 1
    except csv.Error:
        # Only a quotation mark that never closes makes a field longer than the reader allows.
        last, closed = start, False
    if not closed:
        raise InputRefused(
            f"{path.name} opens a quotation mark in line {last} that never closes; deliver the complete file."
        )
