"""Linking whole-record encodings (profile `separate`): one score per pair, and a threshold that needs no truth.

The score of a pair is the better of its two similarities, and a little more where both agree. What strangers score is
not modelled but counted: two people of a register with one row per person are not one person. What pairs over registers
score beyond that must be matches, so the odds of a match at a score are (observed - strangers) / strangers. Their
logarithm is fitted as a straight line over the score with an intercept per pair of registers and per what the numbers
say: a misspelt number differs for a match too, only rarely.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.optimize import minimize

from linkage.compare import dice
from linkage.evaluate import Blind, as_dict, strangers_linked, together
from linkage.judged import (
    NOTHING,
    Checks,
    Floats,
    Found,
    Judged,
    Rules,
    among,
    in_band,
    overall,
    per_registers,
)
from linkage.kernel import dice_pairs
from linkage.views import Index, Views
from schemas.errors import InputRefused

# Encodings of 1,024 bits of two unrelated records have Dice .5 with a standard deviation of .016: five of them up.
FLOOR = 0.58
# Six deviations: equal numbers of two rows this alike are one person's. Fixed, because public tables rest on it.
PLAUSIBLE = 0.6
# Two encodings that agree say more than one; chosen once on synthetic registers, where .25 to 1 gave the same links.
BOTH = 0.5
# Bits per .01 of score and its standard deviation before anything is counted: from certainly not at .6 to certainly at
# .75 is 16 bits. It rules only where there are next to no strangers to count.
SLOPE, SLOPE_SPREAD = 100.0, 50.0
# One match in fifty is under the floor: what a pair that was not found says against a cluster.
ABSENT = -6.0
# All pairs are compared, because a block key would be a salt's fingerprint: time grows with the product of the registers.
# What one core does of such pairs in a second, cautiously (`schakel bench link` has the kernel at twice that), and the pairs
# beyond which nobody would wait: fourteen hours of it.
PAIRS_PER_SECOND, MOST_PAIRS = 2e8, 1e13
LIMIT = 60.0
LN2 = float(np.log(2.0))


def comparisons(rows: Mapping[str, int], unique: frozenset[str]) -> int:
    """Pairs of encodings that registers of so many rows make: over every two registers, and inside those whose people are
    known to be different (inside all where none is).
    """
    across = sum(a * b for a, b in combinations(rows.values(), 2))
    inside = [n for bron, n in rows.items() if bron in unique] or list(rows.values())
    return across + sum(n * n for n in inside) if len(rows) > 1 else 0


def alike(a: Views, b: Views, ia: Index, ib: Index) -> NDArray[np.bool_]:
    """Whether views `a[ia]` and `b[ib]` can be one person: at least one of the two encodings is clearly alike."""
    return score(a, b, ia, ib) >= PLAUSIBLE


def score(a: Views, b: Views, ia: Index, ib: Index) -> Floats:
    """The better similarity of the two encodings, and half of what the other has above the floor, shape (pairs,)."""
    parts = [dice(a.words[name][ia], b.words[name][ib]) for name in a.words]
    best: Floats = np.maximum(*parts) + BOTH * np.maximum(np.minimum(*parts) - FLOOR, 0.0)
    return best


@dataclass(frozen=True)
class _Scored:
    """Pairs of entities above the floor with the score of their best spellings; differs: both have numbers, unequal."""

    left: Index
    right: Index
    score: Floats
    differs: NDArray[np.bool_]


def _scored(a: Views, b: Views) -> _Scored:
    found = [dice_pairs(a.words[name], b.words[name], FLOOR) for name in a.words]
    codes = np.unique(np.concatenate([left * len(b.entity) + right for left, right in found]))
    ia, ib = codes // max(len(b.entity), 1), codes % max(len(b.entity), 1)
    points = score(a, b, ia, ib)
    left, right = a.entity[ia], b.entity[ib]
    order = np.lexsort((-points, right, left))
    left, right = left[order], right[order]
    best = order[np.flatnonzero(np.r_[True, (left[1:] != left[:-1]) | (right[1:] != right[:-1])][: len(order)])]
    mine, theirs = a.subject[ia[best]], b.subject[ib[best]]
    differs = (mine >= 0) & (theirs >= 0) & (mine != theirs)
    return _Scored(a.entity[ia[best]], b.entity[ib[best]], points[best], differs)


@dataclass(frozen=True)
class _Strangers:
    """Scores of pairs of different people inside registers with one row per person, of `pairs` pairs in all."""

    of: dict[str, _Scored]
    score: Floats
    pairs: int


def _strangers(views: dict[str, Views], unique: frozenset[str]) -> _Strangers:
    """Known non-matches; where no register has one row per person, the pairs inside all of them, which overstates."""
    sides = sorted(unique & set(views)) or sorted(views)
    of = {}
    for bron in sides:
        pairs = _scored(views[bron], views[bron])
        keep = pairs.left < pairs.right
        of[bron] = _Scored(pairs.left[keep], pairs.right[keep], pairs.score[keep], pairs.differs[keep])
    total = sum(views[bron].entities * (views[bron].entities - 1) // 2 for bron in sides)
    return _Strangers(of, np.concatenate([pairs.score for pairs in of.values()]), total)


@dataclass(frozen=True)
class _Cell:
    """One pair of registers and one answer of the numbers: observed scores, and strangers expected per stranger seen."""

    observed: Floats
    weight: float


def by_records(views: dict[str, Views], rules: Rules, sure: Index) -> Judged:
    """Posteriors of all pairs above the floor; `sure`: keys of the pairs linked by number. InputRefused for more pairs than
    MOST_PAIRS.
    """
    asked = comparisons({bron: len(side.entity) for bron, side in views.items()}, rules.unique)
    if asked > MOST_PAIRS:
        raise InputRefused(
            f"These linkage files make {asked:.1e} pairs, which is {asked / PAIRS_PER_SECOND / 3600:,.0f} hours of work where "
            f"{MOST_PAIRS / PAIRS_PER_SECOND / 3600:.0f} are the most; hand over fewer rows per package, or link in profile "
            "single-site, which compares in blocks."
        )
    known = _strangers(views, rules.unique)
    offsets = dict(zip(views, np.cumsum([0, *(v.entities for v in views.values())]), strict=False))
    parts = [_scored(views[a], views[b]) for a, b in combinations(views, 2)]
    group = np.repeat(np.arange(len(parts)), [len(p.score) for p in parts])
    starts = [(offsets[a], offsets[b]) for a, b in combinations(views, 2)]
    left = np.concatenate([p.left + start for p, (start, _) in zip(parts, starts, strict=True)])
    right = np.concatenate([p.right + start for p, (_, start) in zip(parts, starts, strict=True)])
    points = np.concatenate([p.score for p in parts])
    if not len(points):
        return NOTHING
    by_number = among(left, right, sure)
    cell = 2 * group + np.concatenate([p.differs for p in parts])
    cells = _cells(views, known, points, cell, by_number)
    slope, intercept = _fit(cells, known.score)
    bits = np.clip(intercept[cell] + slope * points, -LIMIT, LIMIT)
    posterior = _one_partner(views, rules, group, left, right, np.where(by_number, LIMIT, bits))

    linked = (posterior >= rules.threshold) | by_number
    found = Found(left, right, group, bits, linked, by_number, cell % 2 == 1)

    def strangers(side: str, place: int) -> int:
        pairs = known.of[side]
        return strangers_linked(intercept[2 * place] + slope * pairs.score, pairs.left, pairs.right)

    def blind(differs: int) -> list[Blind]:
        """Per pair of registers the links by number judged as if it were missing, or differed."""
        odds = np.where(by_number, intercept[2 * group + differs] + slope * points, bits)
        again = _one_partner(views, rules, group, left, right, odds) >= rules.threshold
        asked = [by_number & (group == place) for place in range(len(parts))]
        return [Blind(int(mine.sum()), int((again & mine).sum()), 0) for mine in asked]

    missing = blind(0)
    quality = {
        "registers": per_registers(views, rules, found, Checks(strangers, None, missing, blind(1))),
        "recall_without_number": as_dict(together(missing).recall) if len(sure) else None,
        "thresholds": {
            f"{a}+{b}": {
                "no number": _even(intercept[2 * g], slope),
                "numbers differ": _even(intercept[2 * g + 1], slope),
            }
            for g, (a, b) in enumerate(combinations(views, 2))
        },
        **overall(posterior, by_number, rules),
    }
    doubtful = in_band(posterior, rules.grey)
    words = [f"score={points[row]:.2f} number={'differs' if cell[row] % 2 else 'missing'}" for row in doubtful.tolist()]
    levels = pa.array(words, pa.string())
    return Judged(left, right, posterior, bits, bits, doubtful, levels, ABSENT, quality)


def _even(intercept: float, slope: float) -> float:
    """The score at which a pair by itself is as likely a match as not."""
    return round(float(-intercept / slope), 3)


def _cells(
    views: dict[str, Views], known: _Strangers, points: Floats, cell: Index, by_number: NDArray[np.bool_]
) -> list[_Cell]:
    """Per pair of registers two cells, numbers missing and numbers different; pairs linked by number are in neither."""
    out = []
    for place, (first, second) in enumerate(combinations(views, 2)):
        a, b = views[first], views[second]
        both = float((a.subject >= 0).mean() * (b.subject >= 0).mean()) if len(a.subject) and len(b.subject) else 0.0
        for differs, part in enumerate((1 - both, both)):
            expected = part * a.entities * b.entities / max(known.pairs, 1)
            out.append(_Cell(points[(cell == 2 * place + differs) & ~by_number], expected))
    return out


def _fit(cells: list[_Cell], strangers: Floats) -> tuple[float, Floats]:
    """Slope and intercepts (one per cell) of the log2 odds of a match over the score, by maximum likelihood.

    A score at which strangers are expected at rate e is observed at rate e (1 + odds): Poisson, conditionally on the
    scores seen on either side. Observed counts are compared with the strangers, weighted to what each cell expects.
    """
    start = np.r_[SLOPE, np.full(len(cells), -SLOPE * 0.68)]

    def loss(x: Floats) -> tuple[float, Floats]:
        total = 0.5 * ((x[0] - SLOPE) / SLOPE_SPREAD) ** 2
        gradient = np.zeros_like(x)
        gradient[0] = (x[0] - SLOPE) / SLOPE_SPREAD**2
        for place, cell in enumerate(cells, start=1):
            for scores, weight, seen in ((cell.observed, 1.0, True), (strangers, cell.weight, False)):
                part, slope, level = _terms(scores, x[0], x[place], seen=seen)
                total += weight * part
                gradient[0] += weight * slope
                gradient[place] += weight * level
            # An empty cell must not run off to minus infinity: one match in ten strangers' place is thought possible.
            middle = x[place] + x[0] * 0.68
            total += 0.5 * (middle / 10) ** 2
            gradient[0] += middle * 0.68 / 100
            gradient[place] += middle / 100
        return float(total), gradient

    bounds = [(20.0, 300.0)] + [(None, None)] * len(cells)
    solution = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x
    return float(solution[0]), solution[1:]


def _terms(scores: Floats, slope: float, intercept: float, *, seen: bool) -> tuple[float, float, float]:
    """Minus log-likelihood of scores being observed (rate 1 + odds against 1) or strangers, and its two derivatives."""
    odds = np.exp2(np.clip(intercept + slope * scores, -LIMIT, LIMIT))
    rate = odds * LN2 / (2 + odds)
    if seen:
        value, towards = np.log((2 + odds) / (1 + odds)), rate - odds * LN2 / (1 + odds)
    else:
        value, towards = np.log(2 + odds), rate
    return float(value.sum()), float((towards * scores).sum()), float(towards.sum())


def _one_partner(
    views: dict[str, Views], rules: Rules, group: Index, left: Index, right: Index, bits: Floats
) -> Floats:
    """Posteriors o / (1 + the odds of all candidates) where a record has at most one partner in the other register."""
    odds = np.exp2(bits)
    rivals = np.zeros(len(odds))
    for place, (first, second) in enumerate(combinations(views, 2)):
        rows = np.flatnonzero(group == place)
        for one, codes in ((second, left), (first, right)):
            if one in rules.unique and len(rows):
                rivals[rows] += np.bincount(codes[rows], weights=odds[rows])[codes[rows]] - odds[rows]
    posterior: Floats = odds / (1 + odds + np.maximum(rivals, 0.0))
    return posterior
