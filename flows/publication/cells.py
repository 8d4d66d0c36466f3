"""Points of a table as a reader meets them: value, interval, share; blanks stay blanks.

A share is computed from protected counts only. Where a cell of its group is blank there is no share, unless another
published table states the group's total.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from flows.publication.labels import Language
from flows.publication.words import BLANK, interval, number
from schemas.tables import COUNT, LOWER, STATUS, UPPER, ProtectedTable

MEAN = "gemiddelde"
IMPOSSIBLE = "\u2013"
Codes = tuple[object, ...]


@dataclass(frozen=True)
class Share:
    """A part of a group's total (0 to 1), with its interval where the counts carry noise."""

    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Point:
    """One cell: `value` is None where it is blank; `low` and `high` are None outside the noisy regime."""

    codes: Codes
    value: float | None
    low: float | None
    high: float | None
    status: str
    spread: float | None = None


def points(table: ProtectedTable) -> dict[Codes, Point]:
    """All cells of a table by their category codes, in the order of the frame."""
    frame = table.frame
    value = COUNT if table.kind == "count" else MEAN
    columns = {name: _column(frame, name) for name in (value, LOWER, UPPER, "sd")}
    keys = list(zip(*(frame[name].tolist() for name in table.dimensions), strict=True))
    return {
        key: Point(key, columns[value][at], columns[LOWER][at], columns[UPPER][at], status, columns["sd"][at])
        for at, (key, status) in enumerate(zip(keys, frame[STATUS].tolist(), strict=True))
    }


def _column(frame: pd.DataFrame, name: str) -> list[float | None]:
    if name not in frame.columns:
        return [None] * len(frame)
    return [None if pd.isna(value) else value for value in frame[name].tolist()]


def shares(table: ProtectedTable, totals: Mapping[Codes, Point], depth: int) -> dict[Codes, Share]:
    """Shares within the groups of the first `depth` dimensions; `totals` knows group totals from other tables.

    The interval of a noisy share follows from those of the cells: lowest against the others' highest, and the reverse.
    It holds whenever the intervals of the group's cells hold, so it is on the wide side.
    """
    groups: dict[Codes, list[Point]] = {}
    for point in points(table).values():
        groups.setdefault(point.codes[:depth], []).append(point)
    found: dict[Codes, Share] = {}
    for group, members in groups.items():
        total = group_total(members, totals.get(group))
        if not total:
            continue
        found |= {point.codes: _share(point, members, total) for point in members if point.value is not None}
    return found


def group_total(members: list[Point], stated: Point | None) -> float | None:
    """The sum of a group, or the stated total where a member is blank, or None.

    A stated total below what is shown (two noisy tables that were not reconciled) is no total of these cells.
    """
    known = sum(point.value or 0 for point in members)
    if all(point.value is not None for point in members):
        return known
    if stated is None or stated.value is None or stated.value < known:
        return None
    return stated.value


def _share(point: Point, members: list[Point], total: float) -> Share:
    assert point.value is not None
    if any(member.low is None or member.high is None for member in members):
        return Share(point.value / total, None, None)
    lows = sum(max(0.0, member.low or 0) for member in members if member is not point)
    highs = sum(max(0.0, member.high or 0) for member in members if member is not point)
    low, high = max(0.0, point.low or 0), max(0.0, point.high or 0)
    value = point.value / total
    return Share(
        value,
        min(value, low / (low + highs)) if low + highs else 0.0,
        max(value, high / (high + lows)) if high + lows else 1.0,
    )


def decimals_of(table: ProtectedTable) -> int:
    """Decimals of the value column."""
    return 0 if table.kind == "count" else 1


def cell_text(point: Point, language: Language, decimals: int = 0) -> str:
    """`231 (220-242)`, `231`, a dot for a blank, or `dot (0-12)` for a blank that keeps its interval."""
    if point.status == "zero_structural":
        return IMPOSSIBLE
    shown = BLANK if point.value is None else number(point.value, language, decimals)
    if point.low is None or point.high is None:
        return shown
    return f"{shown} ({interval(point.low, point.high, language, decimals)})"
