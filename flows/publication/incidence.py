"""What happened first to people after a moment, and when: curves of a table by outcome and months, from printed counts only.

The table of who came into view when tells how many people there are, and another one the shares as the reports compute them;
both are published tables like any other. What a blank leaves open is a range, never a guess (`tabulation.curves`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from flows.publication.views import View
from schemas.catalogue import Derived
from schemas.tables import COUNT, LOWER, ProtectedTable
from tabulation.curves import Curve
from tabulation.through_time import FEWEST, curves, edges

Tables = Mapping[str, ProtectedTable]


@dataclass(frozen=True)
class Step:
    """One outcome at the end of one band: shares from 0 to 1, `share` None where a blank leaves a range from least to most."""

    month: float
    share: float | None
    least: float
    most: float
    low: float
    high: float


@dataclass(frozen=True)
class Course:
    """One outcome of one cohort. naive: its share as the reports compute it, None where that needs a blank or is not there."""

    code: str
    steps: tuple[Step, ...]
    naive: float | None


@dataclass(frozen=True)
class Panel:
    """One cohort: its window (None where the table has none) and how many people, None where that is not known.

    courses    one per outcome but the last, which is being cut off; none where no curve follows from what is shown.
    thin_from  the month from which fewer than `FEWEST` people are in view for certain; the courses end there.
    """

    window: str | None
    people: float | None
    courses: tuple[Course, ...]
    thin_from: float | None


def curve_of(view: View) -> Derived | None:
    """The curve that the catalogue derives from a table, None without one, without its companion table, or under noise."""
    if LOWER in view.table.frame.columns:
        return None
    asked = (item for item in view.derived if item.statistic == "curve")
    return next((item for item in asked if item.late in view.beside), None)


def panels_of(view: View) -> tuple[Panel, ...]:
    """The cohorts of a table that has a `curve_of`."""
    item = curve_of(view)
    return () if item is None else panels(item, {**view.beside, view.table.id: view.table})


def panels(item: Derived, tables: Tables) -> tuple[Panel, ...]:
    """One panel per window of a derived curve; the tables must hold its own and that of who came into view when."""
    spells, late = tables[item.table], tables[str(item.late)]
    *_, outcome, months = spells.dimensions
    ends = [end for _, end in edges(spells.categories[months])][:-1]
    outcomes = [str(code) for code in spells.categories[outcome][:-1]]
    naive = tables.get(item.naive or "")
    found = []
    for key, curve in curves(spells, late).items():
        window = key[0] if key else None
        if curve is None:
            found.append(Panel(window, None, (), None))
            continue
        kept = _followed(curve)
        courses = tuple(
            Course(code, _steps(curve, at, ends[:kept]), None if naive is None else _share(naive, window, code))
            for at, code in enumerate(outcomes)
        )
        thin = None if kept == len(ends) else ends[kept - 1] if kept else 0.0
        found.append(Panel(window, curve.people, courses, thin))
    return tuple(found)


def _followed(curve: Curve) -> int:
    """How many bands come before the first in which it is known that fewer than `FEWEST` people are in view."""
    few = np.flatnonzero(curve.in_view < FEWEST)
    return int(few[0]) if few.size else len(curve.in_view)


def _steps(curve: Curve, at: int, ends: list[float]) -> tuple[Step, ...]:
    parts = (curve.share, curve.least, curve.most, curve.low, curve.high)
    rows = [[float(part[at, band]) for part in parts] for band in range(len(ends))]
    return tuple(
        Step(month, None if np.isnan(share) else share, *rest) for month, (share, *rest) in zip(ends, rows, strict=True)
    )


def _share(table: ProtectedTable, window: str | None, code: str) -> float | None:
    frame, names = table.frame, table.dimensions
    if window is not None:
        frame = frame[(frame[names[0]].astype(str) == window).to_numpy()]
    counts: pd.Series = frame[COUNT].astype("Float64")
    if counts.isna().any() or not counts.sum():
        return None
    mine = (frame[names[-1]].astype(str) == code).to_numpy()
    return float(counts[mine].sum() / counts.sum())
