"""Shares over readings and windows, curves from printed tables, a rule for quantiles: worked by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from disclosure.rules import quantile_of_few
from schemas.tables import ProtectedTable
from tabulation.through_time import curves, edges, reaches

BANDS = ["0-1", "2-7", "8-30", "31+"]


def table(name: str, dimensions: dict[str, tuple[str, ...]], counts: list[int | None]) -> ProtectedTable:
    index = pd.MultiIndex.from_product(dimensions.values(), names=list(dimensions))
    frame = index.to_frame(index=False).assign(aantal=pd.array(counts, dtype="Int64"))
    frame["status"] = np.where(frame["aantal"].isna(), "suppressed", "ok")
    return ProtectedTable(name, "restricted", "suppressed", tuple(dimensions), dict(dimensions), frame)


def test_a_band_says_where_it_begins_and_ends() -> None:
    assert edges(BANDS) == [(0, 2), (2, 8), (8, 31), (31, float("inf"))]


@pytest.mark.parametrize(
    ("n", "share", "few"), [(20, 0.5, False), (19, 0.5, True), (40, 0.25, False), (39, 0.75, True)]
)
def test_a_quantile_needs_ten_people_on_either_side(n: int, share: float, few: bool) -> None:
    assert quantile_of_few(n, share, 10) == few


def test_readings_and_windows_are_told_apart() -> None:
    shape = {"lezing": ("soepel", "streng"), "venster": ("a", "b"), "route": ("x", "y")}
    found = reaches(table("t", shape, [50, 50, 40, 60, 45, 55, 35, 65]))
    assert found[0].definition == pytest.approx(0.05)
    assert found[0].window == pytest.approx(0.10)
    blank = reaches(table("t", shape, [50, None, 40, 60, 45, 55, 35, 65]))
    assert np.isnan(blank[0].shares[0, 0])


def test_a_printed_table_gives_its_curve_and_a_blank_a_range() -> None:
    outcomes = {"vervolg": ("b9", "open"), "maanden": ("0-5", "6-11", "12+")}
    late = table("late", {"maanden": ("begin", "0-5", "6-11", "12+")}, [100, 0, 0, 0])
    whole = curves(table("t", outcomes, [20, 16, 0, 0, 0, 64]), late)[()]
    assert whole is not None
    assert whole.share[0] == pytest.approx([0.20, 0.36])
    part = curves(table("t", outcomes, [20, None, 0, 0, 0, None]), late)[()]
    assert part is not None
    assert np.isnan(part.share[0, 1])
    assert part.least[0, 1] <= 0.36 <= part.most[0, 1]
    unknown = table("late", {"maanden": ("begin", "0-5", "6-11", "12+")}, [None, 0, 0, 0])
    assert curves(table("t", outcomes, [20, 16, 0, 0, 0, 64]), unknown)[()] is None
