"""Statistics of a table for its readers: test of independence, percentages, top lists with shared ranks.

They take a table's frame, so that they can be, and for anything published must be, applied to **protected** tables: the
dimension columns and `aantal`, in which blanks are missing values. A blank is never guessed: what needs it is missing too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from schemas.catalogue import Derived
from schemas.tables import COUNT

PERCENT = "percentage"
REPETITIONS = 4999
SEED = 20150213  # protects nobody: it makes the same table give the same p-value
RANK, SHARED, PROVISIONAL = "rang", "gedeeld", "voorbehoud"


@dataclass(frozen=True)
class ChiSquare:
    """Pearson's statistic, degrees of freedom, p-value (two-sided), and the cases it rests on."""

    statistic: float
    df: int
    p: float
    n: int


def chi_square(frame: pd.DataFrame, rows: str, columns: str, *, yates: bool = False) -> ChiSquare | None:
    """Independence of two dimensions (Pearson 1900); None where a cell is blank or a margin is empty.

    Section 3.2 of wodc2020 tests whether people who ask for asylum leave the scheme earlier, and prints no statistic. The
    catalogue's tests go without Yates' continuity correction, which is too conservative at these counts; with it the
    conclusions are the same (all people differ, African people do not). The plain p-value does not hold for noisy counts:
    `noisy_p_value` does.
    """
    from scipy.stats import chi2

    if frame[COUNT].isna().any():
        return None
    sums = frame.groupby([rows, columns], sort=False, observed=True)[COUNT].sum()
    counts = sums.unstack(columns, fill_value=0).to_numpy(dtype=np.float64)
    expected = _expected(counts)
    df = (counts.shape[0] - 1) * (counts.shape[1] - 1)
    if df == 0 or (expected <= 0).any():
        return None
    distance = np.abs(counts - expected)
    if yates:
        distance = np.maximum(distance - 0.5, 0.0)
    statistic = float((distance**2 / expected).sum())
    return ChiSquare(statistic, df, float(chi2.sf(statistic, df)), int(counts.sum()))


def noisy_p_value(counts: np.ndarray, deviations: np.ndarray) -> float:
    """The p-value of Pearson's statistic when the counts carry noise: a parametric bootstrap (after Gaboardi et al. 2016).

    counts, deviations: rows by columns; the deviations are those of the noise. Tables without association are drawn with the
    shares of the margins, get normal noise, and are rounded and kept from going negative, as the published ones are.
    """
    generator = np.random.Generator(np.random.PCG64(SEED))
    expected = _expected(counts)
    size = round(float(counts.sum()))
    drawn = generator.multinomial(size, (expected / expected.sum()).ravel(), size=REPETITIONS).astype(np.float64)
    drawn = drawn.reshape(REPETITIONS, *counts.shape)
    noisy = np.maximum(np.rint(drawn + generator.normal(size=drawn.shape) * deviations), 0.0)
    as_large = int((_statistic(noisy) >= _statistic(counts)).sum())
    return (as_large + 1) / (REPETITIONS + 1)


def _expected(tables: np.ndarray) -> np.ndarray:
    """Expected counts under independence; `tables` is (... by) rows by columns."""
    total = np.maximum(tables.sum(axis=(-2, -1), keepdims=True), 1.0)
    expected: np.ndarray = tables.sum(axis=-1, keepdims=True) * tables.sum(axis=-2, keepdims=True) / total
    return expected


def _statistic(tables: np.ndarray) -> np.ndarray:
    """Pearson's statistic of every table; cells that nothing is expected in add nothing."""
    expected = _expected(tables)
    distance = (tables - expected) ** 2
    parts: np.ndarray = np.divide(distance, expected, out=np.zeros_like(distance), where=expected > 0)
    statistic: np.ndarray = parts.sum(axis=(-2, -1))
    return statistic


def percentages(frame: pd.DataFrame, by: Sequence[str] = ()) -> pd.DataFrame:
    """`frame` with `percentage` (Float64, one decimal): of all cases of a combination of `by`, unknowns included.

    Missing for every cell of a group with a blank, because its total is unknown, and for an empty group.
    """
    total = _group_totals(frame, by)
    share = (100 * frame[COUNT].astype("Float64") / total.where(total > 0)).round(1)
    return frame.assign(**{PERCENT: share})


def top_list(frame: pd.DataFrame, of: str, by: Sequence[str] = (), size: int = 5) -> pd.DataFrame:
    """The categories of `of` with the largest counts, within each combination of `by`, ranks shared on ties (3', 5').

    Other dimensions are summed out. Columns: by, of, aantal (Int64), rang (competition rank), gedeeld (the rank is shared),
    voorbehoud (the group has blanks, any of which may belong higher). All that share the last rank are listed; zeros and
    blanks are not.
    """
    groups = [*by, of]
    sums = frame.groupby(groups, sort=False, observed=True)[COUNT].agg(_sum).astype("Int64").reset_index()
    blank = _group_totals(sums, by).isna()
    shown = sums[sums[COUNT].fillna(0) > 0].copy()
    counts = shown.groupby(list(by), sort=False)[COUNT] if by else shown[COUNT]
    shown[RANK] = counts.rank(method="min", ascending=False).astype("Int64")
    shown = shown[shown[RANK] <= size]
    shown = shown.assign(**{SHARED: shown.duplicated([*by, RANK], keep=False), PROVISIONAL: blank.loc[shown.index]})
    order = {name: position for position, name in enumerate(dict.fromkeys(map(tuple, frame[list(by)].to_numpy())))}
    place = pd.Series([order[key] for key in map(tuple, shown[list(by)].to_numpy())], index=shown.index, dtype="int64")
    shown = shown.assign(_place=place).sort_values(["_place", RANK, of], kind="stable")
    return shown.drop(columns="_place").reset_index(drop=True)


def derive(item: Derived, frame: pd.DataFrame) -> pd.DataFrame | ChiSquare | None:
    """The statistic that a catalogue entry asks for, on the (protected) frame of its table.

    Not those of restricted notes, which need more than a frame (`tabulation.comparisons`, `unseen_table`, `through_time`).
    """
    if item.statistic == "percent":
        return percentages(frame, item.by)
    if item.statistic == "top" and item.of is not None:
        return top_list(frame, item.of, item.by, item.size)
    rows, columns = item.by
    return chi_square(frame, rows, columns)


def _sum(values: pd.Series) -> object:
    """The sum; missing if any of the values is."""
    return values.sum(skipna=False)


def _group_totals(frame: pd.DataFrame, by: Sequence[str]) -> pd.Series:
    """Per row the total of its group (Float64); missing where the group has a blank."""
    count = frame[COUNT].astype("Float64")
    if not by:
        return pd.Series(_sum(count), index=frame.index, dtype="Float64")
    groups = [frame[name] for name in by]
    return count.fillna(0).groupby(groups).transform("sum").mask(count.isna().groupby(groups).transform("any"))
