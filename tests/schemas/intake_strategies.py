"""Any small delivery, however broken, for hypothesis: cells bent, rows repeated, record numbers shared, fields lost."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import strategies as st
from intake_files import ENCODINGS, GOOD, HEADERS

Rows = list[list[str]]
# Unmistakable, so that finding one of them anywhere is a leak and not a coincidence.
MARKED = [
    "Qqmarkør-Ünal",
    "QQMARK, Zoë",
    "9876543210",
    "98765",
    "2031-09-09",
    "31-02-2011",
    "qqcode",
    "1911-11-11",
    "",
    " ",
    "QQ;\n'q",
]


def separator(kind: str) -> str:
    """What stands between the cells of a register's CSV."""
    return "," if kind == "iom" else ";"


def good_cells(kind: str) -> list[str]:
    """The cells of the good row."""
    return next(csv.reader([GOOD[kind]], delimiter=separator(kind)))


@st.composite
def register_rows(draw: st.DrawFn, kind: str) -> Rows:
    """One to eight rows: the good one with some cells bent, rows repeated, fields lost or added."""
    width = len(good_cells(kind))
    rows = []
    for number in range(draw(st.integers(1, 5))):
        row = good_cells(kind)
        row[0] = row[0] if draw(st.booleans()) else (f"29302794{number:02d}" if kind == "ind" else f"{row[0]}-{number}")
        for place in draw(st.lists(st.integers(0, width - 1), max_size=3)):
            row[place] = draw(st.sampled_from(MARKED))
        rows.append(row[: draw(st.sampled_from([width, width, width, width - 1]))])
    rows += draw(st.lists(st.sampled_from(rows), max_size=3))
    return draw(st.permutations(rows))


deliveries = st.fixed_dictionaries({kind: register_rows(kind) for kind in GOOD})


def write_csv(folder: Path, registers: dict[str, Rows]) -> Path:
    """The registers in their dialects."""
    for kind, rows in registers.items():
        target = io.StringIO()
        csv.writer(target, delimiter=separator(kind)).writerows([HEADERS[kind].split(separator(kind)), *rows])
        (folder / f"{kind}.csv").write_bytes(target.getvalue().encode(ENCODINGS[kind]))
    return folder


def write_parquet(folder: Path, registers: dict[str, Rows], row_group_size: int | None = None) -> Path:
    """The same as text in Parquet, where a row has every field: what is lost is null."""
    for kind, rows in registers.items():
        names = HEADERS[kind].split(separator(kind))
        columns = [[row[place] if place < len(row) else None for row in rows] for place in range(len(names))]
        table = pa.table([pa.array(column, pa.string()) for column in columns], names=names)
        pq.write_table(table, folder / f"{kind}.parquet", row_group_size=row_group_size)
    return folder
