"""Clerical review by a masked file: how two records agree, field by field, and never a value of either.

A clerk judges patterns. The pairs come in no order that a delivery could show: by posterior, and ties as they fall.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pyarrow as pa

from linkage.link import Links
from linkage.verdicts import MARK, VERDICTS
from schemas.errors import InputRefused

VERDICT, PAIR = "oordeel", "kenmerk"
WORDS = {"ja": True, "nee": False}
# A letter in front, because a spreadsheet takes some digests for numbers.
_LETTER = "p"


def review_file(links: Links) -> pa.Table:
    """One row per pair in doubt: `paar` (1..n), `kenmerk` (the pair's mark), `links`, `rechts` (registers), `kans`
    (posterior, two decimals), one column per compared field with the agreement in words, and `oordeel`, empty, for the
    clerk's `ja` or `nee`.

    A conflict (equal numbers of records that cannot be one person) has `kans` 0 and only says so. What a file of profile
    `separate` knows is a score.
    """
    register = dict(zip(*(links.persons.column(name).to_pylist() for name in ("token", "bron")), strict=True))
    rows = sorted(links.review.to_pylist(), key=lambda row: (-row["posterior"], row["levels"]))
    levels = [dict(word.split("=", 1) for word in row["levels"].split()) for row in rows]
    fields = list(dict.fromkeys(name for one in levels for name in one))
    columns: dict[str, pa.Array] = {
        "paar": pa.array(range(1, len(rows) + 1), pa.int64()),
        PAIR: pa.array([_LETTER + row["pair"].hex() for row in rows], pa.string()),
        "links": pa.array([register[row["left"]] for row in rows], pa.string()),
        "rechts": pa.array([register[row["right"]] for row in rows], pa.string()),
        "kans": pa.array([round(row["posterior"], 2) for row in rows], pa.float64()),
    }
    columns |= {name: pa.array([one.get(name, "") for one in levels], pa.string()) for name in fields}
    return pa.table(columns | {VERDICT: pa.array([""] * len(rows), pa.string())})


def read_verdicts(path: Path) -> pa.Table:
    """`kenmerk` and `oordeel` of a file that a clerk filled in, as `linkage.verdicts` takes them; what is empty is open.

    Commas or semicolons, whatever a spreadsheet writes. InputRefused (3) names the line that cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        raise InputRefused(
            f"{path} cannot be read; give the review.csv that --report wrote, saved as CSV in UTF-8."
        ) from None
    head = text.partition("\n")[0]
    lines = csv.DictReader(io.StringIO(text), delimiter=";" if head.count(";") > head.count(",") else ",")
    if not {PAIR, VERDICT} <= set(lines.fieldnames or ()):
        raise InputRefused(f"{path} has no columns {PAIR} and {VERDICT}; give the review.csv that --report wrote.")
    said: dict[bytes, bool] = {}
    for row in lines:
        word = (row[VERDICT] or "").strip().lower()
        if not word:
            continue
        mark = _mark((row[PAIR] or "").strip())
        if mark is None or word not in WORDS:
            raise InputRefused(
                f"Line {lines.line_num} of {path} has a {PAIR} that was changed or an {VERDICT} that is not 'ja' or 'nee'; "
                "correct it, or leave the verdict empty."
            )
        if said.setdefault(mark, WORDS[word]) != WORDS[word]:
            raise InputRefused(f"Line {lines.line_num} of {path} contradicts an earlier verdict on its pair; keep one.")
    return pa.table([list(said), list(said.values())], schema=VERDICTS)


def _mark(text: str) -> bytes | None:
    try:
        mark = bytes.fromhex(text.removeprefix(_LETTER))
    except ValueError:
        return None
    return mark if text.startswith(_LETTER) and len(mark) == MARK else None
