"""Differences between groups: what chance explains, what linking error explains, and what neither does; blanks stay out."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from schemas.tables import ProtectedTable
from tabulation.comparisons import compare, difference_interval

GROUPS = ("V", "M", "O")


def table(cells: dict[str, tuple[int | None, int | None]]) -> ProtectedTable:
    rows = [
        (group, what, count) for group, pair in cells.items() for what, count in zip(("ja", "nee"), pair, strict=True)
    ]
    frame = pd.DataFrame(rows, columns=["geslacht", "bij_ind", "aantal"])
    frame["aantal"] = frame["aantal"].astype("Int64")
    frame["status"] = frame["aantal"].notna().map({True: "ok", False: "suppressed"})
    categories = {"geslacht": tuple(cells), "bij_ind": ("ja", "nee")}
    return ProtectedTable("t", "restricted", "suppressed", ("geslacht", "bij_ind"), categories, frame)


def drawn(*counts: list[int]) -> np.ndarray:
    return np.array(counts)


def test_without_doubt_the_interval_is_that_of_two_beta_posteriors() -> None:
    low, high = difference_interval(drawn([30, 70, 60, 40]))
    grid = np.random.Generator(np.random.PCG64(1)).random((2, 200_000))
    wanted = np.quantile(stats.beta.ppf(grid[0], 30.5, 70.5) - stats.beta.ppf(grid[1], 60.5, 40.5), [0.025, 0.975])
    assert [low, high] == pytest.approx(wanted.tolist(), abs=0.01)


def test_a_large_difference_is_one_and_a_small_one_is_chance() -> None:
    (large,) = compare(table({"V": (90, 10), "M": (30, 70)}))
    assert (large.group, large.other, large.verdict) == ("M", "V", "difference")
    assert large.difference == pytest.approx(-60)
    assert large.low < -60 < large.high < 0
    (small,) = compare(table({"V": (50, 50), "M": (48, 52)}))
    assert small.verdict == "none"


def test_what_the_links_could_have_been_makes_an_artefact() -> None:
    """The same counts; in half of the draws the lower group's people are linked as often as the others'."""
    shown = table({"V": (160, 40), "M": (66, 34)})
    (sure,) = compare(shown)
    (unsure,) = compare(shown, drawn([160, 40, 66, 34], [160, 40, 80, 20]))
    assert sure.verdict == "difference"
    assert unsure.verdict == "artefact"
    assert unsure.high - unsure.low > sure.high - sure.low


def test_links_that_may_be_missing_make_an_artefact() -> None:
    shown = table({"V": (160, 40), "M": (66, 34)})
    assert compare(shown, missed=0.15)[0].verdict == "artefact"
    assert compare(shown, missed=0.01)[0].verdict == "difference"


@pytest.mark.parametrize("blank", [(None, 34), (66, None), (None, None), (0, 34)])
def test_a_group_with_a_blank_or_a_nought_is_never_compared(blank: tuple[int | None, int | None]) -> None:
    """Not with its own number, and not as the largest group either."""
    cells = {"V": (160, 40), "M": blank, "O": (20, 20)}
    assert [(one.group, one.other) for one in compare(table(cells))] == [("O", "V")]
    assert compare(table({"V": (160, 40), "M": blank})) == []
