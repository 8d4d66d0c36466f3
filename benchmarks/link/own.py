"""Schakel on one or two files; run as `python -m benchmarks.link.own` in a process of its own, like every peer.

Task: files (one or two CSV with unique_id), kind, pairs (file to write: id, id, posterior), clear (the same model on clear
text instead of encodings). The two halves of the work, encoding and linking, share a process here: only the numbers are
of interest.
"""

from __future__ import annotations

import csv
import sys
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.link.cleartext import in_clear
from benchmarks.link.environments import SCRIPTS
from benchmarks.link.febrl import FEBRL, cleartext
from benchmarks.link.files import PEOPLE, Clear, people_text, table_of
from benchmarks.link.speed import KEYS
from linkage.judge import judge
from linkage.judged import Rules
from linkage.views import load_views
from schemas.engine import LocalEngine

KINDS = {"address": (FEBRL, cleartext), "people": (PEOPLE, people_text)}
# Pairs below this posterior are of no interest to any threshold that could be chosen.
LEAST = 1e-3


def work(task: dict[str, Any]) -> dict[str, Any]:
    """Link the files and write every pair that is worth a threshold. Two files have one row per person; one has not."""
    scheme, fields = KINDS[task["kind"]]
    sides = ("left", "right")[: len(task["files"])]
    frames = {
        side: pd.read_csv(path, dtype=str, index_col="unique_id")
        for side, path in zip(sides, task["files"], strict=True)
    }
    clear: dict[str, Clear] = {side: fields(frame) for side, frame in frames.items()}
    tables = {side: table_of(clear[side], map(str, frames[side].index), scheme, KEYS) for side in sides}
    views = load_views(tables, scheme)
    names: list[str] = []
    rows: dict[str, list[int]] = {}
    for side in sides:
        of_record = {record: row for row, record in enumerate(tables[side].column("record").to_pylist())}
        in_order = [of_record[record] for record in views[side].records.to_pylist()]
        names += [str(frames[side].index[row]) for row in in_order]
        rows[side] = [in_order[entity] for entity in views[side].entity]
    if task.get("clear"):
        views = in_clear(views, clear, rows, scheme)
    unique, within = (frozenset(sides), frozenset[str]()) if len(sides) == 2 else (frozenset[str](), frozenset(sides))
    judged = judge(views, scheme, Rules(unique, 0.5, (0.05, 0.95), within), np.zeros(0, np.int64), LocalEngine())
    with open(task["pairs"], "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(
            [names[judged.left[row]], names[judged.right[row]], judged.posterior[row]]
            for row in np.flatnonzero(judged.posterior >= LEAST)
        )
    registers: Any = judged.quality["registers"]
    return {"estimates": next(iter(registers.values()))}


if __name__ == "__main__":
    sys.path.insert(0, str(SCRIPTS))
    from common import answer  # type: ignore[import-not-found]

    answer(work, "schakel")
