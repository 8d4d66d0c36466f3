"""Life tables with competing causes, late entry and censoring, from banded counts: what a protected table can carry.

The published estimator is the actuarial form of Aalen-Johansen's (Aalen & Johansen, Scandinavian Journal of Statistics 5, 1978):
within a band, people who come into view late and people who are cut off count for half of it. Its variance is that of
cumulative incidence (Dinse & Larson, Biometrics 42, 1986; Marubini & Valsecchi, Analysing Survival Data, 1995, 10.4), its
interval Wilson's on the number of people that would give this variance (Korn & Graubard, Survey Methodology 24, 1998).
A blank is never guessed: where the curve depends on one, it is the range of curves that the blanks allow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Z = 1.959963984540054  # 95 %, two-sided

__all__ = ["Banded", "Curve", "Z", "curve", "exposure", "incidence"]


@dataclass(frozen=True)
class Banded:
    """k causes and b bands of time since the moment; NaN is a blank, which stands for one person at least.

    events    float64[k, b], to how many each cause happened first, by band.
    censored  float64[b], who was cut off with nothing having happened.
    late      float64[b], who came into view in the band; start: who was in view from the moment itself.
    """

    events: Floats
    censored: Floats
    late: Floats
    start: float


@dataclass(frozen=True)
class Curve:
    """Cumulative incidence at the end of each band but the last, which has no end. Shapes [k, b - 1].

    share       the estimate; NaN where a blank keeps it from being one number.
    least, most the estimates that the blanks allow; equal to `share` where there are none.
    low, high   the 95 % interval, around all that the blanks allow.
    in_view     float64[b - 1], the most people who can have been in view in each band; people: all of them.
    """

    share: Floats
    least: Floats
    most: Floats
    low: Floats
    high: Floats
    in_view: Floats
    people: float


def incidence(events: Floats, censored: Floats, late: Floats, start: float) -> tuple[Floats, Floats]:
    """(share [k, b], variance [k, b]) at the end of each band, from counts without blanks."""
    exposed = exposure(events.sum(axis=0), censored, late, start)
    with np.errstate(invalid="ignore", divide="ignore"):
        by_cause = np.where(exposed > 0, events / exposed, 0.0)
    free = np.cumprod(1 - by_cause.sum(axis=0))
    before = np.concatenate([[1.0], free[:-1]])
    share = np.cumsum(before * by_cause, axis=1)
    return share, _variance(events, exposed, before, share)


def exposure(happened: Floats, censored: Floats, late: Floats, start: float) -> Floats:
    """float64[b]: the people to whom something could happen in each band, who came late or were cut off in it for half."""
    leaving = np.concatenate([[0.0], np.cumsum(happened + censored - late)[:-1]])
    found: Floats = np.maximum(start - leaving + late / 2 - censored / 2, happened)
    return found


def _variance(events: Floats, exposed: Floats, before: Floats, share: Floats) -> Floats:
    happened = events.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        greenwood = np.where(exposed > happened, happened / (exposed * (exposed - happened)), 0.0)
        own = np.where(exposed > 0, before**2 * events * (exposed - events) / exposed**3, 0.0)
        cross = np.where(exposed > 0, before * events / exposed**2, 0.0)
    gap = share[:, :, None] - share[:, None, :]  # [cause, until, band]
    until = np.tril(np.ones((exposed.size, exposed.size)))
    found: Floats = (until * (gap**2 * greenwood + own[:, None, :] - 2 * gap * cross[:, None, :])).sum(axis=2)
    return np.maximum(found, 0.0)


def curve(counts: Banded) -> Curve | None:
    """The curve with its interval; None where it cannot be bounded because it is not known how many people there are.

    What is blank in `late` or `start` leaves the number of people open; blanks among outcomes share what their total leaves.
    """
    people = counts.start + counts.late.sum()
    cells = np.vstack([counts.events, counts.censored])
    if np.isnan(people) or people <= 0:
        return None
    blank = np.isnan(cells)
    left = people - np.nansum(cells)
    most = left - blank.sum() + 1 if blank.any() else 0.0
    if most < 0 or (blank.any() and most < 1):
        return None
    middle = np.where(blank, left / max(blank.sum(), 1), cells)
    share, variance = incidence(middle[:-1], middle[-1], counts.late, counts.start)
    least, highest = (share, share) if not blank.any() else _range(counts, cells, blank, left)
    size = _effective(share, variance, people)
    low, high = _wilson(least, size)[0], _wilson(highest, size)[1]
    known = np.where(highest - least < 1e-12, share, np.nan)
    in_view = counts.start + np.cumsum(counts.late) - _gone(cells, blank, left, least=True)
    shares = [part[:, :-1] for part in (known, least, highest, low, high)]
    return Curve(shares[0], shares[1], shares[2], shares[3], shares[4], in_view[:-1], float(people))


def _range(counts: Banded, cells: Floats, blank: NDArray[np.bool_], left: float) -> tuple[Floats, Floats]:
    """The least and the most that the shares can be, whatever stands in the blanks: bounds of every part, put together."""
    ends = [np.where(blank, end, cells) for end in (1.0, left - blank.sum() + 1)]
    low, high = (_gone(cells, blank, left, least=least) for least in (True, False))
    in_view = counts.start + np.concatenate([[0.0], np.cumsum(counts.late)[:-1]]) + counts.late / 2
    exposed = [np.maximum(in_view - gone - ends[at][-1] / 2, 0.5) for gone, at in ((high, 1), (low, 0))]
    with np.errstate(divide="ignore"):
        least, most = ends[0][:-1] / exposed[1], np.minimum(ends[1][:-1] / exposed[0], 1.0)
    free = [np.cumprod(np.clip(1 - part.sum(axis=0), 0, 1)) for part in (most, least)]
    before = [np.concatenate([[1.0], part[:-1]]) for part in free]
    lower, upper = np.cumsum(before[0] * least, axis=1), np.cumsum(before[1] * most, axis=1)
    return lower, np.minimum(upper, np.minimum(1 - free[0], 1.0))


def _gone(cells: Floats, blank: NDArray[np.bool_], left: float, *, least: bool) -> Floats:
    """How many left before each band, at least or at most, when all blanks together are `left` and each is one or more."""
    known = np.concatenate([[0.0], np.cumsum(np.nansum(cells, axis=0))[:-1]])
    inside = np.concatenate([[0.0], np.cumsum(blank.sum(axis=0))[:-1]])
    outside = blank.sum() - inside
    if least:
        return known + np.where(outside == 0, left, inside)
    return known + np.where(inside == 0, 0.0, left - outside)


def _effective(share: Floats, variance: Floats, people: float) -> Floats:
    """How many people without censoring would give this variance; where nothing happened yet, all of them."""
    with np.errstate(invalid="ignore", divide="ignore"):
        found = share * (1 - share) / variance
    return np.where(np.isfinite(found) & (found > 0), np.minimum(found, people), people)


def _wilson(share: Floats, size: Floats) -> tuple[Floats, Floats]:
    middle = (share + Z**2 / (2 * size)) / (1 + Z**2 / size)
    half = Z / (1 + Z**2 / size) * np.sqrt(share * (1 - share) / size + Z**2 / (4 * size**2))
    return np.maximum(middle - half, 0.0), np.minimum(middle + half, 1.0)


def plain_incidence(
    events: Sequence[Sequence[float]], censored: Sequence[float], late: Sequence[float], start: float
) -> list[list[float]]:
    """`incidence` band by band in plain Python: its twin, for tests."""
    free, at_risk = 1.0, start
    share = [[] for _ in events]  # type: list[list[float]]
    for band, cut in enumerate(censored):
        here = [cause[band] for cause in events]
        exposed = max(at_risk + late[band] / 2 - cut / 2, sum(here))
        for at, happened in enumerate(here):
            so_far = share[at][-1] if share[at] else 0.0
            share[at].append(so_far + (free * happened / exposed if exposed else 0.0))
        free *= 1 - (sum(here) / exposed if exposed else 0.0)
        at_risk += late[band] - cut - sum(here)
    return share
