"""Quantiles of days from bands: worked by hand, their test inverted point by point, and drawn anew."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tabulation.curves import Z
from tabulation.quantiles import QUARTILES, Quantile, Taken, quantiles

BANDS = ["0-1", "2-7", "8-30", "31+"]
COUNTS = st.lists(st.integers(0, 200), min_size=4, max_size=4)


def taken(*counts: float) -> Taken:
    return Taken(np.array(counts, dtype=float), np.zeros(len(counts)))


def cut(counts: list[float], still_open: list[float]) -> Taken:
    return Taken(np.array(counts, dtype=float), np.array(still_open, dtype=float))


def test_a_quantile_lies_where_a_constant_rate_puts_it_and_never_beyond_the_first_day_of_the_last_band() -> None:
    found = quantiles(taken(10, 20, 5, 5), BANDS, uncut=False)
    assert [q.band for q in found] == ["0-1", "2-7", "2-7"]
    # From 30 of 40 waiting on day 2 to 10 on day 8: 20 of them after log(30/20)/log(30/10) of the six days.
    want = [2.0, 2 + 6 * math.log(30 / 20) / math.log(30 / 10), 8.0]
    assert [q.day for q in found] == pytest.approx(want, abs=0.01)
    beyond = quantiles(taken(1, 1, 1, 97), BANDS, uncut=False, shares=[0.5])[0]
    assert (beyond.day, beyond.band, beyond.high) == (31, "31+", math.inf)
    assert quantiles(taken(10, math.nan, 10, 0), BANDS, uncut=False) == []
    assert quantiles(taken(0, 0, 0, 0), BANDS, uncut=False) == []


def test_a_band_that_leaves_nobody_empties_evenly() -> None:
    assert quantiles(taken(20, 20, 0, 0), BANDS, uncut=False, shares=[0.75])[0].day == pytest.approx(5.0)


def test_who_was_cut_off_makes_the_median_later_and_a_blank_among_them_says_nothing() -> None:
    counts, still_open = [10.0, 10.0, 10.0, 0.0], [20.0, 20.0, 10.0, 20.0]
    plain = quantiles(taken(*counts), BANDS, uncut=False, shares=[0.5])[0].day
    assert quantiles(cut(counts, still_open), BANDS, uncut=True, shares=[0.5])[0].day > plain
    assert quantiles(cut(counts, [math.nan, 1, 1, 1]), BANDS, uncut=True) == []


@given(COUNTS)
@settings(max_examples=20, deadline=None)
def test_the_life_table_of_people_who_were_never_cut_off_is_the_multinomial(counts: list[int]) -> None:
    """Greenwood's covariance and the ratio on one side, a share of so many on the other: points and intervals agree."""
    counts[3] = 0
    plain = quantiles(taken(*counts), BANDS, uncut=False)
    later = quantiles(cut([float(c) for c in counts], [0.0] * 4), BANDS, uncut=True)
    for one, other in zip(plain, later, strict=True):
        assert (one.day, one.low, one.high) == pytest.approx((other.day, other.low, other.high), abs=1e-6)


@given(COUNTS, st.sampled_from(QUARTILES))
@settings(max_examples=20, deadline=None)
def test_the_interval_is_the_days_that_the_binomial_test_keeps(counts: list[int], share: float) -> None:
    """At the edges of bands the share is a binomial proportion: an edge is inside exactly if its score is small."""
    n = sum(counts)
    if n < 40:
        return
    found = quantiles(taken(*counts), BANDS, uncut=False, shares=[share])[0]
    assert found.low <= found.day <= found.high
    for edge, so_far in zip((2, 8, 31), np.cumsum(counts), strict=False):
        score = (so_far / n - share) / math.sqrt(share * (1 - share) / n)
        if score > Z:
            assert found.high <= edge + 1e-6
        elif score < -Z:
            assert found.low >= edge - 1e-6
        else:
            assert found.low - 1e-6 <= edge <= found.high + 1e-6


def test_the_variance_under_censoring_is_that_of_drawing_again() -> None:
    """Greenwood's covariance through a ratio and a curve between edges, beside the spread of 250 registers drawn anew."""
    generator = np.random.Generator(np.random.PCG64(4))
    days, width = [], []
    for _ in range(250):
        span, view = generator.exponential(20, 300), generator.uniform(0, 60, 300)
        seen = np.minimum(span, view)
        counts = [np.histogram(seen[mine], [0, 2, 8, 31, math.inf])[0] for mine in (span <= view, span > view)]
        (q,) = quantiles(cut(*[c.astype(float).tolist() for c in counts]), BANDS, uncut=True, shares=[0.5])
        days.append(q.day)
        width.append((q.high - q.low) / (2 * Z))
    assert np.mean(width) == pytest.approx(np.std(days), rel=0.15)


def test_doubt_about_links_widens_and_never_narrows() -> None:
    counts, still_open = [30.0, 40.0, 30.0, 5.0], [4.0, 5.0, 6.0, 30.0]
    moved = [cut([30 + k, 40 - k, 30, 5], still_open) for k in (-12.0, 0.0, 12.0)]
    same = [cut(counts, still_open)] * 3

    def width(of: list[Quantile]) -> list[float]:
        return [q.high - q.low for q in of]

    plain = quantiles(cut(counts, still_open), BANDS, uncut=True)
    assert width(quantiles(cut(counts, still_open), BANDS, uncut=True, drawn=same)) == pytest.approx(width(plain))
    wider = quantiles(cut(counts, still_open), BANDS, uncut=True, drawn=moved)
    assert all(after > before for after, before in zip(width(wider), width(plain), strict=True))
    assert [q.day for q in wider] == [q.day for q in plain]
