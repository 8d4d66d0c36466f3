"""Finding and reading delivered files: CSV, Parquet or Excel in, the columns of the extract as text out, batch by batch.

Whatever the container, the text is what the source's CSV would have held, so that one set of rules reads all three.
Everything that is wrong with a file as a whole is refused here; what is wrong with a row is left to `schemas.checks`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.dialects import empty_to_null, flat
from schemas.errors import InputRefused
from schemas.extracts import EXTRACTS
from schemas.study import Register

SUFFIXES = (".csv", ".parquet", ".xlsx")
# Rows that are text at the same time; cut by the data, so that every machine reads the same batches.
BATCH_ROWS = 250_000
Batch = tuple[pa.Table, np.ndarray]


@dataclass(frozen=True)
class Delivery:
    """One file as delivered, sound as a whole.

    rows     delivered rows, broken ones included.
    ragged   lines of rows with more or fewer fields than the header; they are in no batch.
    batches  to be read once, at least one: the extract's columns (string, blanks trimmed, null where empty), one row per
             well-formed delivered row, and int64, where each row starts in the file: the header is line 1.
    """

    rows: int
    ragged: tuple[int, ...]
    batches: Iterator[Batch]


def locate(register: Register, data_dir: Path) -> Path:
    """The register's file under `data_dir`; InputRefused when there is none, or more than one."""
    if not data_dir.is_dir():
        raise InputRefused(f"{data_dir} is not a folder; name the folder that holds the extracts.")
    candidates = [data_dir / f"{register.file}{suffix}" for suffix in SUFFIXES]
    found = [path for path in candidates if path.is_file()]
    if not found:
        raise InputRefused(
            f"{register.bron}: {candidates[0].name} is missing in {data_dir} (.parquet and .xlsx are read as well); "
            "put the extract there under that name."
        )
    if len(found) > 1:
        names = " and ".join(path.name for path in found)
        raise InputRefused(f"{register.bron}: {data_dir} holds {names}; leave the one that is to be read.")
    return found[0]


def open_delivery(register: Register, path: Path) -> Delivery:
    """Read one file through; InputRefused when it is empty, unreadable or lacks a column. Extra columns are never read.

    Of Parquet nothing stays in memory: it is read again for its batches. CSV and Excel stay, as text, until those are read.
    """
    columns = EXTRACTS[register.kind].delivered(register.dialect)
    if path.suffix == ".parquet":
        from schemas.delivered_parquet import open_parquet

        rows, batches = open_parquet(path, columns, register.dialect)
        ragged: tuple[int, ...] = ()
    else:
        if path.suffix == ".csv":
            from schemas.delivered_csv import read_csv

            texts, lines, ragged = read_csv(path, columns, register.dialect)
        else:
            from schemas.delivered_excel import read_excel

            texts, lines, ragged = read_excel(path, columns, register.dialect)
        rows, batches = len(lines) + len(ragged), _cut(texts, lines)
    if not rows:
        raise InputRefused(f"{path.name} holds a header and no rows; deliver the extract with its rows.")
    return Delivery(rows, ragged, ((_trimmed(texts, columns), lines) for texts, lines in batches))


def _cut(texts: pa.Table, lines: np.ndarray) -> Iterator[Batch]:
    for start in range(0, max(len(lines), 1), BATCH_ROWS):
        yield texts.slice(start, BATCH_ROWS), lines[start : start + BATCH_ROWS]


def _trimmed(texts: pa.Table, columns: tuple[str, ...]) -> pa.Table:
    return pa.table({name: empty_to_null(pc.utf8_trim_whitespace(flat(texts[name]))) for name in columns})


def check_header(path: Path, header: list[str], columns: tuple[str, ...], hint: str = "") -> None:
    """InputRefused when a needed column is absent or occurs twice. The header may itself be a row: not printed."""
    absent = [name for name in columns if name not in header]
    if absent:
        raise InputRefused(
            f"{path.name} lacks the column{'s' if len(absent) > 1 else ''} {', '.join(absent)}{hint}; "
            "deliver the file with the header the study expects."
        )
    twice = [name for name in columns if header.count(name) > 1]
    if twice:
        raise InputRefused(f"{path.name} has the column {twice[0]} twice; deliver it once.")
