"""Marked people planted in the reference registers, and a search for them in everything a run leaves behind."""

from __future__ import annotations

import base64
import shutil
import sqlite3
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq

FIRST, LAST = "Qwxzanary", "Vvkzbird"
V_NUMBER, DOTTED = "2987650143", "298.765.0143"
BORN = ("1931-07-29", "29-07-1931", "29/07/1931", "19310729")
BAD_CODE, BAD_NAME = "QXZ", "Jqkwanary"
MARKS = (FIRST, LAST, LAST.upper(), V_NUMBER, DOTTED, *BORN, BAD_NAME, f"{LAST.upper()}, {FIRST}")


def plant(examples: Path, folder: Path) -> Path:
    """Copy the nr2015 extracts and add marked rows to each register, two of them broken."""
    folder.mkdir(parents=True)
    for name in ("ind.csv", "dtv.csv", "iom.csv"):
        shutil.copy(examples / "nr2015" / name, folder / name)
    _append(
        folder / "ind.csv", "utf-8",
        f"{V_NUMBER};{FIRST};{LAST};{BORN[0]};V;NGA;B8;2012-03-04;2012-03-05;INGEWILLIGD;;;AANGIFTE",
        f"{V_NUMBER};{BAD_NAME};{LAST};{BORN[0]};V;{BAD_CODE};B8;2012-03-04;2012-03-05;INGEWILLIGD;;;AANGIFTE",
    )  # fmt: skip
    _append(
        folder / "dtv.csv", "cp1252",
        f"D9-2012-9999;{DOTTED};{LAST};{FIRST};{BORN[1]};V;NGA;01-02-2012;01-04-2012;J;VERGUNNING",
    )  # fmt: skip
    _append(
        folder / "iom.csv", "utf-8",
        f'IOM201299999,,"{LAST.upper()}, {FIRST}",{BORN[2]},F,NGA,01/06/2013,NGA,OPVANG',
    )  # fmt: skip
    return folder


def _append(path: Path, encoding: str, *lines: str) -> None:
    raw = path.read_bytes()
    newline = b"" if raw.endswith(b"\n") else b"\n"
    path.write_bytes(raw + newline + "".join(f"{line}\n" for line in lines).encode(encoding))


def found_in(*folders: Path) -> list[str]:
    """`file: mark` for every mark in any file below the folders: plain, UTF-16, base64 at every offset, unpacked."""
    needles = [(mark, needle) for mark in MARKS for needle in _shapes(mark)]
    return [
        f"{path}: {mark}"
        for folder in folders
        for path in sorted(p for p in folder.rglob("*") if p.is_file())
        for mark, needle in needles
        if any(needle in chunk for chunk in _contents(path))
    ]


def _shapes(mark: str) -> Iterator[bytes]:
    raw = mark.encode()
    yield raw
    yield mark.encode("utf-16-le")
    for offset in range(3):
        coded = base64.b64encode(b"\0" * offset + raw)
        skip = {0: 0, 1: 2, 2: 3}[offset]
        yield coded[skip : len(coded) - 4]


def _contents(path: Path) -> list[bytes]:
    raw = path.read_bytes()
    chunks = [raw]
    if raw.startswith(b"PK\x03\x04"):
        with zipfile.ZipFile(path) as archive:
            chunks += [archive.read(name) for name in archive.namelist()]
    if raw.startswith(b"PAR1"):
        chunks.append(pq.read_table(path).to_pandas().to_csv().encode())
    if raw.startswith(b"SQLite format 3"):
        chunks.append(_database_text(path))
    if raw.startswith(b"%PDF"):
        chunks += [_inflate(part) for part in raw.split(b"stream\r\n")[1:] + raw.split(b"stream\n")[1:]]
    return chunks


def _database_text(path: Path) -> bytes:
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as connection:
        return "\n".join(connection.iterdump()).encode()


def _inflate(part: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(part)
    except zlib.error:
        return b""
