"""Protected tables of cohorts and readings -> curves and ranges. Blanks are missing, never guessed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from schemas.tables import COUNT, ProtectedTable
from tabulation.curves import Banded, Curve, curve

FROM_START = "begin"
FEWEST = 10  # people on either side of a quantile, or in view on a curve: the rule of ten of the public tables

__all__ = ["FEWEST", "Reach", "banded", "curves", "edges", "reaches"]


def edges(bands: Sequence[object]) -> list[tuple[float, float]]:
    """`0-5`, `6-11`, `36+` as whole units from the first up to before the next; the last one has no end."""
    found = []
    for band in map(str, bands):
        first = float(band.rstrip("+").split("-")[0])
        found.append((first, float("inf") if band.endswith("+") else float(band.split("-")[1]) + 1))
    return found


def banded(
    spells: pd.DataFrame, late: pd.DataFrame, by: Sequence[str], outcomes: Sequence[str], bands: Sequence[str]
) -> Banded:
    """The rows of one window as counts: `by` names outcome and band; the last outcome is being cut off."""
    cells = (
        spells.assign(**{name: spells[name].astype(str) for name in by}).set_index(list(by))[COUNT].astype("Float64")
    )
    whole = np.array([[cells.get((outcome, band), 0.0) for band in bands] for outcome in outcomes], dtype=object)
    counts = pd.DataFrame(whole).astype("Float64").to_numpy(dtype=np.float64, na_value=np.nan)
    seen = late.set_index(late[by[-1]].astype(str))[COUNT].astype("Float64")
    arrivals = np.array(
        [float("nan") if pd.isna(seen.get(band, 0.0)) else float(seen.get(band, 0.0)) for band in bands]
    )
    start = seen.get(FROM_START, 0.0)
    return Banded(counts[:-1], counts[-1], arrivals, float("nan") if pd.isna(start) else float(start))


def _of(frame: pd.DataFrame, groups: Sequence[str], key: tuple[str, ...]) -> pd.DataFrame:
    part: pd.DataFrame = frame[(frame[groups[0]].astype(str) == key[0]).to_numpy()] if groups else frame
    return part


def curves(spells: ProtectedTable, late: ProtectedTable) -> dict[tuple[str, ...], Curve | None]:
    """Per window (`()` where the tables have none) its curve; None where too much is blank."""
    *groups, outcome, months = spells.dimensions
    outcomes = [str(code) for code in spells.categories[outcome]]
    bands = [str(code) for code in spells.categories[months]]
    found: dict[tuple[str, ...], Curve | None] = {}
    for key in [(str(code),) for code in spells.categories[groups[0]]] if groups else [()]:
        here, arrivals = (_of(table.frame, groups, key) for table in (spells, late))
        found[key] = curve(banded(here, arrivals, (outcome, months), outcomes, bands))
    return found


@dataclass(frozen=True)
class Reach:
    """One route's share (0 to 1) in every reading (rows) and window (columns); NaN where it follows from no printed numbers."""

    route: str
    shares: np.ndarray

    @property
    def definition(self) -> float:
        """The most that readings differ in one window."""
        return _most(np.ptp(self.shares, axis=0))

    @property
    def window(self) -> float:
        """The most that windows differ in one reading."""
        return _most(np.ptp(self.shares, axis=1))


def _most(values: np.ndarray) -> float:
    return float(np.nanmax(values)) if np.isfinite(values).any() else float("nan")


def reaches(table: ProtectedTable) -> list[Reach]:
    """Per route of a table by reading, window and route the shares of its group; a group with a blank has none."""
    route = table.dimensions[-1]
    frame = table.frame.assign(value=table.frame[COUNT].astype("Float64").to_numpy(dtype=np.float64, na_value=np.nan))
    shape = tuple(len(table.categories[name]) for name in table.dimensions)
    order = [
        pd.Categorical(frame[name].astype(str), [str(c) for c in table.categories[name]]).codes
        for name in table.dimensions
    ]
    cells = np.zeros(shape)
    cells[tuple(order)] = frame["value"].to_numpy()
    totals = cells.sum(axis=2, keepdims=True)
    shares = np.where(totals > 0, cells / totals, np.nan)
    return [Reach(str(code), shares[:, :, at]) for at, code in enumerate(table.categories[route])]
