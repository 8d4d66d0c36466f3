"""From the protected table of who is known to which registers to `tabulation.unseen`: its noise, rounding and blanks go along."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from math import gcd
from typing import Any

import numpy as np
import pandas as pd

from schemas.tables import CLEAN, COUNT, LOWER, STATUS, UPPER, ProtectedTable
from tabulation.unseen import HISTORIES, Refusal, Unseen, estimate

REGISTERS = "registers"
LISTS = ("IND", "DTV", "IOM")
# Tables drawn from what a protected table allows; the ends of a 95 % interval need no more.
DRAWS = 50
SEED = 2015  # describes doubt and protects nobody: the same table gives the same interval
NORMAL = 1.959964


def unseen(table: ProtectedTable, drawn: np.ndarray | None = None) -> Unseen | Refusal:
    """The population behind the lists of a table with the one dimension `registers`, or why there is no estimate.

    drawn  (draws, rows of the frame): its counts under other ways to link, where they are known; only used where every
           cell is shown.
    """
    frame = table.frame
    codes_of = frame[REGISTERS].tolist() if table.dimensions == (REGISTERS,) else []
    codes = ["+".join(name for name, on in zip(LISTS, history, strict=True) if on) for history in HISTORIES]
    if set(codes) != set(codes_of):
        return estimate(LISTS, [], [])
    place = [codes_of.index(code) for code in codes]
    records = frame.to_dict("records")
    rows: list[Mapping[Any, Any]] = [records[at] for at in place]
    base = _base(frame)
    least = [_least(row, base) for row in rows]
    if table.regime == "suppressed" and None not in least:
        exact = np.array([int(row[COUNT]) for row in rows])
        return estimate(LISTS, exact[np.newaxis] if drawn is None else drawn[:, place], least)
    generator = np.random.Generator(np.random.PCG64(SEED))
    return estimate(LISTS, np.stack([_drawn(row, base, generator) for row in rows], axis=1), least)


def _base(frame: pd.DataFrame) -> int:
    """The base of a rounded table: the largest number that all its counts are multiples of."""
    return max(1, reduce(gcd, (int(count) for count in frame.loc[frame[STATUS] == "rounded", COUNT]), 0))


def _least(row: Mapping[Any, Any], base: int) -> int | None:
    if LOWER in row and pd.notna(row[LOWER]):
        return int(row[LOWER])
    if pd.isna(row[COUNT]):
        return None
    return max(0, int(row[COUNT]) - (base - 1 if row[STATUS] == "rounded" else 0))


def _drawn(row: Mapping[Any, Any], base: int, generator: np.random.Generator) -> np.ndarray:
    """What a count could have been: within rounding, or around the unbiased value as its interval says."""
    if LOWER in row and pd.notna(row[LOWER]):
        low, high = float(row[LOWER]), float(row[UPPER])
        middle = float(row[CLEAN]) if pd.notna(row[CLEAN]) else (low + high) / 2
        draws = np.round(generator.normal(middle, (high - low) / (2 * NORMAL), DRAWS))
        around: np.ndarray = np.maximum(draws, 0.0)
        return around
    count = float("nan") if pd.isna(row[COUNT]) else float(row[COUNT])
    reach = base - 1 if row[STATUS] == "rounded" else 0
    within: np.ndarray = np.maximum(count + generator.integers(-reach, reach + 1, DRAWS), 0.0)
    return within
