"""What printed percentages, means and deviations tell the attacker: inequalities over counts, from how they were rounded.

Part of `disclosure.attack`; shares no code with the chooser. A number printed with d decimals lies within half a unit of the last
one, so a share of a known total bounds a count (4.1 % of 919 is 38 and nothing else), and a mean age with counts by age band bounds
those: the youngest that the bands allow cannot be older than the mean says, nor the oldest younger.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
from scipy import sparse

from disclosure.attack_room import Bools, Secrets

__all__ = ["Band", "Fact", "mean_facts", "share_facts", "with_facts"]


@dataclass(frozen=True)
class Fact:
    """Sum of weights x counts <= most, whole numbers all; `source` is the cell that was printed beside it, -1: none."""

    cells: tuple[int, ...]
    weights: tuple[int, ...]
    most: int
    source: int = -1


@dataclass(frozen=True)
class Band:
    """A count of people whose age in completed years lies between `low` and `high`."""

    cell: int
    low: int
    high: int


def share_facts(cell: int, share: str, total: int) -> tuple[Fact, Fact]:
    """`share` as printed, in per cent of the printed `total`: the count lies where rounding gives that text."""
    low, high = _between(share)
    least, most = math.ceil(low * total / 100), math.floor(high * total / 100)
    return Fact((cell,), (1,), most), Fact((cell,), (-1,), -least)


def mean_facts(source: int, n: int, mean: str, deviation: str | None, bands: Sequence[Band]) -> list[Fact]:
    """Of `n` people whose ages have this mean and standard deviation (n-1) as printed, counted by age band in `bands`."""
    low, high = _between(mean)
    cells = tuple(band.cell for band in bands)
    facts = _moment(source, cells, [(b.low, b.high) for b in bands], math.ceil(low * n), math.floor(high * n))
    if deviation is not None:
        narrow, wide = _between(deviation)
        least = math.ceil(max(narrow, Fraction(0)) ** 2 * (n - 1) + low**2 * n)
        most = math.floor(wide**2 * (n - 1) + high**2 * n)
        facts += _moment(source, cells, [(b.low**2, b.high**2) for b in bands], least, most)
    return facts


def _moment(source: int, cells: tuple[int, ...], ends: list[tuple[int, int]], least: int, most: int) -> list[Fact]:
    """The sum of a power of all ages lies between `least` and `most`, and each band adds between its ends per person."""
    return [
        Fact(cells, tuple(low for low, _ in ends), most, source),
        Fact(cells, tuple(-high for _, high in ends), -least, source),
    ]


def _between(printed: str) -> tuple[Fraction, Fraction]:
    """What may have been rounded to `printed`; both ends count, whichever way halves were rounded."""
    decimals = len(printed.partition(".")[2])
    half = Fraction(1, 2 * 10**decimals)
    return Fraction(printed) - half, Fraction(printed) + half


def with_facts(secrets: Secrets, blank: Bools, facts: Sequence[Fact]) -> tuple[Secrets, Bools]:
    """The attacker who knows `facts` besides: each adds an equation with an amount that nobody prints and that is not negative.

    ValueError where a fact is not true of the values: it would prove everything.
    """
    n, m = len(secrets.values), len(facts)
    rows = [
        (i, cell, weight) for i, fact in enumerate(facts) for cell, weight in zip(fact.cells, fact.weights, strict=True)
    ]
    place = np.array([[i, cell] for i, cell, _ in rows], dtype=np.int64).reshape(-1, 2)
    weights = np.array([weight for _, _, weight in rows], dtype=np.int64)
    told = sparse.csr_array((weights, (place[:, 0], place[:, 1])), shape=(m, n))
    told.eliminate_zeros()
    rest = np.array([fact.most for fact in facts], dtype=np.int64) - told @ secrets.values
    if (rest < 0).any():
        raise ValueError("a printed share or mean does not fit the counts it was computed from")
    equations = sparse.csr_array(
        sparse.block_array([[secrets.equations, None], [told, sparse.eye_array(m)]], format="csr")
    )
    none = np.zeros(m, dtype=np.int64)
    known = replace(
        secrets,
        values=np.concatenate([secrets.values, rest]),
        equations=sparse.csr_array(equations.astype(np.int64)),
        primary=np.concatenate([secrets.primary, none.astype(bool)]),
        lower=np.concatenate([secrets.lower, none]),
        people=np.concatenate([secrets.people, none]),
        first=np.concatenate([secrets.first, none - 1]),
        last=np.concatenate([secrets.last, none - 1]),
        upper=None if secrets.upper is None else np.concatenate([secrets.upper, none + np.iinfo(np.int32).max]),
        floor=None if secrets.floor is None else np.concatenate([secrets.floor, none]),
    )
    return known, np.concatenate([blank, np.ones(m, dtype=bool)])
