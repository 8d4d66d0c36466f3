"""Schakel on two files, encoded; run as `python -m benchmarks.link.own` in a process of its own, like every peer.

Task: left, right (CSV with unique_id), pairs (file to write: id, id, posterior). The two halves of the work, encoding and
linking, share a process here: only the numbers are of interest.
"""

from __future__ import annotations

import csv
import sys
from typing import Any

import pandas as pd

from benchmarks.link.environments import SCRIPTS
from benchmarks.link.febrl import FEBRL, linkage_table
from benchmarks.link.speed import KEYS
from linkage.link import LinkParameters, link


def work(task: dict[str, Any]) -> dict[str, Any]:
    """Link the files and write every pair above a posterior of .001; both files have one row per person."""
    frames = {name: pd.read_csv(task[name], dtype=str, index_col="unique_id") for name in ("left", "right")}
    tables = {name: linkage_table(frame, KEYS) for name, frame in frames.items()}
    links = link(tables, LinkParameters(unique=frozenset(tables), scheme=FEBRL), None)
    names = {
        token: name
        for side, table in tables.items()
        for token, name in zip(table.column("token").to_pylist(), frames[side].index, strict=True)
    }
    with open(task["pairs"], "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(
            [names[row["left"]], names[row["right"]], row["probability"]] for row in links.uncertain.to_pylist()
        )
    return {"quality": links.quality}


if __name__ == "__main__":
    sys.path.insert(0, str(SCRIPTS))
    from common import answer  # type: ignore[import-not-found]

    answer(work, "schakel", "recordlinkage")
