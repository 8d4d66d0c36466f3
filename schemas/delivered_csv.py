"""Reading a delimited text file: fast when every line is a row, exact when it is not.

The first attempt is Arrow's reader, which sets lines aside that do not have the fields of the header. When rows span lines,
or the quotation marks of such a line do not close, Python's csv reader takes over, because only it says on which physical
line each row starts.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import csv as arrow_csv

from schemas.deliveries import check_header
from schemas.errors import InputRefused
from schemas.study import Dialect

_SENTINEL = "\x00end of file"
_LONGEST_HEADER = 65_536  # characters; no need to copy a large file to see its first line
_LF, _CR = 10, 13
Read = tuple[pa.Table, np.ndarray, tuple[int, ...]]


def read_csv(path: Path, columns: tuple[str, ...], dialect: Dialect) -> Read:
    """(columns as text, start line of every row, lines of ragged rows); InputRefused when the whole file is broken."""
    text = _decode(path, dialect)
    if not text.strip():
        raise InputRefused(f"{path.name} is empty; deliver the extract with its header and rows.")
    header = [name.strip() for name in _header(text, dialect)]
    hint = f", because its header is not separated by '{dialect.separator}'" if len(header) == 1 else ""
    check_header(path, header, columns, hint)
    data = text.encode("utf-8")
    del text  # a large file is in memory once, as bytes, while it is read
    return _read_lines(data, header, columns, dialect) or _read_records(path, data.decode(), header, columns, dialect)


def _decode(path: Path, dialect: Dialect) -> str:
    data = path.read_bytes()
    # Excel's "CSV UTF-8" adds a byte-order mark that the dialect need not announce.
    name = codecs.lookup(dialect.encoding).name
    is_utf8 = name in ("utf-8", "utf-8-sig")
    text = _decoded(data, "utf-8-sig" if is_utf8 else name)
    # A one-byte encoding reads anything, UTF-8 too, and would turn every accent into two wrong characters.
    is_other = not is_utf8 and not data.isascii() and _decoded(data, "utf-8") is not None
    if text is None or is_other:
        raise InputRefused(
            f"{path.name} is not written in {dialect.encoding}, the encoding of the study file; "
            "deliver it in that encoding or correct the dialect."
        )
    return text


def _decoded(data: bytes, encoding: str) -> str | None:
    """The text, or None; the codec's own error would carry the whole file into whatever is raised while handling it."""
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        return None


def _header(text: str, dialect: Dialect) -> list[str]:
    reader = csv.reader(io.StringIO(text[:_LONGEST_HEADER], newline=""), delimiter=dialect.separator)
    try:
        return next(row for row in reader if row)
    except csv.Error:
        return []


def _read_lines(data: bytes, header: list[str], columns: tuple[str, ...], dialect: Dialect) -> Read | None:
    """Arrow's reading, or None unless every line that is not blank is one row, and what is wrong with it is plain."""
    lines = _filled_lines(data)
    if lines is None:
        return None
    wanted = set(columns)
    # Names of our own: a column outside the extract may have any name, or none, or one twice.
    names = [name if name in wanted else f"\x00{index}" for index, name in enumerate(header)]
    ragged: list[int] = []
    plain = [data.endswith((b"\n", b"\r"))]

    def aside(row: arrow_csv.InvalidRow) -> str:
        """Note a row with more or fewer fields; never keep its text."""
        ragged.append(row.number - int(lines[0]))
        plain.append(_fields(row.text, dialect) == row.actual_columns)
        return "skip"

    try:
        table = arrow_csv.read_csv(
            pa.py_buffer(data),
            # Only a reader with one thread numbers the rows that it sets aside.
            read_options=arrow_csv.ReadOptions(column_names=names, skip_rows=int(lines[0]), use_threads=False),
            parse_options=arrow_csv.ParseOptions(
                delimiter=dialect.separator, newlines_in_values=True, invalid_row_handler=aside
            ),
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(columns, pa.string()),
                include_columns=list(columns),
                strings_can_be_null=False,
            ),
        )
    except pa.ArrowInvalid:
        return None
    if table.num_rows + len(ragged) != len(lines) - 1 or (ragged and not all(plain)):
        return None
    good = np.ones(len(lines), dtype=bool)
    good[[0, *ragged]] = False
    return table, lines[good], tuple(lines[ragged].tolist())


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
    ragged: list[int] = []
    short = False
    for first, last, record in _records(path, text, dialect):
        short = len(record) < len(header)
        if len(record) == len(header):
            lines.append(first)
            cells.append([record[place] for place in places])
        else:
            # A stray quotation mark makes one row of several lines: each is left out, so each is listed.
            ragged.extend(range(first, last + 1))
    if short and not text.endswith(("\n", "\r")):
        raise InputRefused(f"{path.name} breaks off in line {ragged[-1]}, its last; deliver the complete file.")
    values = list(zip(*cells, strict=True)) or [()] * len(columns)
    table = pa.table({name: pa.array(column, pa.string()) for name, column in zip(columns, values, strict=True)})
    return table, np.array(lines, dtype=np.int64), tuple(ragged)


def _records(path: Path, text: str, dialect: Dialect) -> Iterator[tuple[int, int, list[str]]]:
    """(first line, last line, fields) of every row after the header, blank lines left out; no fields: unreadable."""
    lines = list(io.StringIO(text if text.endswith(("\n", "\r")) else text + "\n", newline=""))
    reader = csv.reader(chain(lines, [_SENTINEL]), delimiter=dialect.separator)
    last, header_seen, record = 0, False, [""]
    try:
        for record in reader:
            first, last = last + 1, reader.line_num
            if record and header_seen and last <= len(lines):
                yield first, last, record if first == last or _well_quoted(lines[first - 1 : last], dialect) else []
            header_seen = header_seen or bool(record)
    except csv.Error:
        # Only a quotation mark that never closes makes a field longer than the reader allows.
        first, record = last + 1, [""]
    if record != [_SENTINEL]:
        raise InputRefused(
            f"{path.name} opens a quotation mark in line {first} that never closes; deliver the complete file."
        )


def _well_quoted(lines: list[str], dialect: Dialect) -> bool:
    """Whether every quotation mark of a row over several lines closes at the end of a field: else it swallowed rows."""
    return _strictly(lines, dialect) is not None


def _fields(text: str, dialect: Dialect) -> int:
    """The fields of a row in one line; -1 where a quotation mark does not close at the end of its field."""
    record = _strictly([text], dialect)
    return -1 if record is None else len(record)


def _strictly(lines: list[str], dialect: Dialect) -> list[str] | None:
    """The one row that lines are, or None where they are not one."""
    try:
        records = list(csv.reader(lines, delimiter=dialect.separator, strict=True))
    except csv.Error:
        return None
    return records[0] if len(records) == 1 else None
