"""Quantiles of the days until a step, from counts by band, with 95 % intervals.

Within a band the rate among those in view is taken to be constant (the piecewise exponential model: Friedman, Annals of
Statistics 10, 1982); a band that leaves nobody empties evenly.
An interval is the set of days that a test does not reject as the quantile: the days at which the share so far lies
within chance of the one asked for (Woodruff, JASA 47, 1952; under censoring Brookmeyer & Crowley, Biometrics 38, 1982).
The chance is that of the share as it is computed, between two edges of a band: a binomial interval is too wide there, because
a share between edges varies less than one at an edge. The test is the score's, on the number of people that would give this
variance without censoring, as on the curves (`tabulation.curves`). Steps are taken to be independent of each other. Doubt about
links adds the variance between draws, as between imputations (Rubin, Multiple Imputation for Nonresponse in Surveys, 1987, 3.3).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from tabulation.curves import Floats, Z, exposure
from tabulation.through_time import edges

QUARTILES = (0.25, 0.5, 0.75)
PER_BAND = 64  # places looked at within a band; between two of them an end of an interval is interpolated
SMALL = 1e-12
FLAT = 1e-6  # where so few leave, a constant rate and an even spread are the same

__all__ = ["QUARTILES", "Quantile", "Taken", "quantiles"]


@dataclass(frozen=True)
class Taken:
    """Counts by band; NaN is a blank.

    taken       float64[b], who took the step after so many days.
    still_open  float64[b], who had not by the end of the period, that many days after they could.
    """

    taken: Floats
    still_open: Floats


@dataclass(frozen=True)
class Quantile:
    """About which day a share of the people had taken the step, in which band that is, and its 95 % interval.

    In the last band, which has no end, `day` is that band's first one; where the interval reaches into it, `high` is infinite.
    """

    share: float
    band: str
    day: float
    low: float
    high: float
    n: int


def quantiles(
    counts: Taken,
    bands: Sequence[str],
    *,
    uncut: bool,
    shares: Sequence[float] = QUARTILES,
    drawn: Sequence[Taken] = (),
) -> list[Quantile]:
    """Quantiles in days of those who took the step, or (`uncut`) as they would be had nobody been cut off.

    These are of the steps within the last band that has an end: nobody was in view long enough to tell how many come later.
    drawn: the same counts under other ways to link. None where a blank is among those who took it (or, `uncut`, among the
    others), or nobody took it in a band with an end.
    """
    ends = np.array([0.0, *(end for _, end in edges(bands)[:-1])])
    found = _distribution(counts, uncut=uncut)
    if found is None:
        return []
    inside = [np.linspace(one, end, PER_BAND, endpoint=False) for one, end in pairwise(ends)]
    places = np.concatenate([*inside, ends[-1:]])
    share, variance = found.at(ends, places)
    others = [other.at(ends, places)[0] for one in drawn if (other := _distribution(one, uncut=uncut)) is not None]
    between = (1 + 1 / len(others)) * np.var(others, axis=0, ddof=1) if len(others) > 1 else np.zeros(len(places))
    return [
        _quantile(asked, places, share, _under(asked, share, variance, found.n) + between, bands, ends, found)
        for asked in shares
    ]  # fmt: skip


@dataclass(frozen=True)
class _Distribution:
    """The share at every edge, with its covariance.

    within   quantiles are of those by the last edge, else of all who took the step.
    waiting  float64[edges], in view and waiting at each edge; `each`: by how much it falls when the share rises by one.
    """

    share: Floats
    covariance: Floats
    n: int
    within: bool
    waiting: Floats
    each: float

    def at(self, ends: Floats, places: Floats) -> tuple[Floats, Floats]:
        """(share, variance) at each place."""
        share, slope = _between(self, ends, places)
        if self.within:
            whole = self.share[-1]
            share = share / whole
            slope[:, -1] -= share
            slope = slope / whole
        return share, np.maximum(np.einsum("ij,jk,ik->i", slope, self.covariance, slope), 0.0)


def _distribution(counts: Taken, *, uncut: bool) -> _Distribution | None:
    taken, cut = counts.taken, counts.still_open
    n = taken.sum()
    if np.isnan(n) or n <= 0:
        return None
    if not uncut:
        share = np.concatenate([[0.0], np.cumsum(taken)[:-1]]) / n
        covariance = (np.minimum.outer(share, share) - np.outer(share, share)) / n
        gone = np.concatenate([[0.0], np.cumsum(taken + np.nan_to_num(cut))])
        return _Distribution(share, covariance, int(n), within=False, waiting=gone[-1] - gone[:-1], each=float(n))
    if np.isnan(cut).any() or not taken[:-1].any():
        return None
    exposed = exposure(taken, cut, np.zeros(len(taken)), float(n + cut.sum()))[:-1]
    here = taken[:-1]
    with np.errstate(invalid="ignore", divide="ignore"):
        rate = np.where(exposed > 0, here / exposed, 0.0)
        greenwood = np.where((exposed > 0) & (rate < 1), rate / (exposed * (1 - rate)), 0.0)
    left = np.concatenate([[1.0], np.cumprod(1 - rate)])
    so_far = np.concatenate([[0.0], np.cumsum(greenwood)])
    covariance = np.outer(left, left) * np.minimum.outer(so_far, so_far)
    return _Distribution(1 - left, covariance, int(here.sum()), within=True, waiting=left, each=1.0)


def _between(of: _Distribution, ends: Floats, places: Floats) -> tuple[Floats, Floats]:
    """The share at each place, and by how much it changes with the share at each edge (places, edges).

    With a constant rate those who wait fall from one edge to the next by the same part in equal times, and the step is taken in
    proportion to them; whether others are cut off beside it is in how many wait at the next edge.
    """
    at = np.clip(np.searchsorted(ends, places, side="right") - 1, 0, len(ends) - 2)
    along = (places - ends[at]) / (ends[at + 1] - ends[at])
    before, step = of.waiting[at], of.share[at + 1] - of.share[at]
    with np.errstate(invalid="ignore", divide="ignore"):
        kept = of.waiting[at + 1] / before
        evenly = ~((kept > SMALL) & (kept < 1 - FLAT))
        fall = np.where(evenly, 0.5, kept)
        part = np.where(evenly, along, (1 - fall**along) / (1 - fall))
        bend = (1 - fall**along - along * fall ** (along - 1) * (1 - fall)) / (1 - fall) ** 2
        turn = np.where(evenly, 0.0, step * bend * of.each / before)
    slope = np.zeros((len(places), len(ends)))
    rows = np.arange(len(places))
    slope[rows, at] = 1 - part + turn * fall
    slope[rows, at + 1] = part - turn
    return of.share[at] + part * step, slope


def _under(asked: float, share: Floats, variance: Floats, n: int) -> Floats:
    """The variance of the share where the one asked for is the true one: of as many people as give the variance seen."""
    spread = share * (1 - share)
    seen = (spread > SMALL) & (variance > 0)
    people = np.where(seen, spread / np.where(seen, variance, 1.0), n)
    found: Floats = asked * (1 - asked) / people
    return found


def _quantile(
    asked: float, places: Floats, share: Floats, variance: Floats, bands: Sequence[str], ends: Floats, of: _Distribution
) -> Quantile:  # fmt: skip
    beyond = bool(share[-1] < asked - SMALL)
    day = float(ends[-1]) if beyond else _crossing(places, asked - share, int(np.argmax(share >= asked - SMALL)))
    off = np.abs(share - asked) - Z * np.sqrt(variance)
    kept = np.flatnonzero(off <= 0)
    endless = not of.within and share[-1] < 1 - SMALL
    if not kept.size:  # the test rejects every day: the quantile lies between two places, or beyond them all
        low, high = day, float("inf") if beyond else day
    else:
        low = _crossing(places, off, int(kept[0]))
        last = int(kept[-1]) == len(places) - 1
        high = (float("inf") if endless else float(places[-1])) if last else _crossing(places, off, int(kept[-1]) + 1)
    at = len(bands) - 1 if beyond else int(np.searchsorted(ends[1:], day - SMALL))
    return Quantile(asked, bands[at], day, low, high, of.n)


def _crossing(places: Floats, off: Floats, at: int) -> float:
    """Where a line through two neighbouring places, the second of which is `at`, crosses nought."""
    if at == 0:
        return float(places[0])
    one, other = float(off[at - 1]), float(off[at])
    part = one / (one - other) if one != other else 1.0
    return float(places[at - 1] + min(max(part, 0.0), 1.0) * (places[at] - places[at - 1]))
