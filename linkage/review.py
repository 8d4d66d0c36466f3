"""Clerical review by a masked file: how two records agree, field by field, and never a value of either.

A clerk judges patterns. The pairs come in no order that a delivery could show: by posterior, and ties as they fall.
"""

from __future__ import annotations

import pyarrow as pa

from linkage.link import Links

VERDICT = "oordeel"


def review_file(links: Links) -> pa.Table:
    """One row per pair in doubt: `paar` (1..n), `links`, `rechts` (registers), `kans` (posterior, two decimals), one
    column per compared field with the agreement in words, and `oordeel`, empty, for the clerk's yes or no.

    A conflict (equal numbers of records that cannot be one person) has `kans` 0 and only says so. What a file of profile
    `separate` knows is a score.
    """
    register = dict(zip(*(links.persons.column(name).to_pylist() for name in ("token", "bron")), strict=True))
    rows = sorted(links.review.to_pylist(), key=lambda row: (-row["posterior"], row["levels"]))
    levels = [dict(word.split("=", 1) for word in row["levels"].split()) for row in rows]
    fields = list(dict.fromkeys(name for one in levels for name in one))
    columns: dict[str, pa.Array] = {
        "paar": pa.array(range(1, len(rows) + 1), pa.int64()),
        "links": pa.array([register[row["left"]] for row in rows], pa.string()),
        "rechts": pa.array([register[row["right"]] for row in rows], pa.string()),
        "kans": pa.array([round(row["posterior"], 2) for row in rows], pa.float64()),
    }
    columns |= {name: pa.array([one.get(name, "") for one in levels], pa.string()) for name in fields}
    return pa.table(columns | {VERDICT: pa.array([""] * len(rows), pa.string())})
