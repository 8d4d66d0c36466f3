"""Known non-matches: what pairs of different people of one register with one row per person agree on.

How often they agree at least as much as a pair does bounds that pair's u from below (`floors`). Only pairs that share
three main fields are compared; the others agree too little to bound anything.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numba import njit
from numpy.typing import NDArray

from linkage.compare import Bits
from linkage.compared import digits, numbered, radices
from linkage.patterns import Columns, bounded
from linkage.resolve import pair_keys
from linkage.views import Codes, Index

Levels = NDArray[np.int8]


@dataclass(frozen=True)
class Known:
    """What `pairs` pairs of people show: agreement patterns (q, columns that bound) and how many pairs show each (q,)."""

    patterns: Levels
    counts: Index
    pairs: int


@dataclass(frozen=True)
class Counted:
    """Counts known non-matches part by part; a part has all pairs of a left record, so that two people are in one part."""

    columns: Columns
    _parts: list[tuple[Levels, Index]]

    @classmethod
    def of(cls, columns: Columns) -> Counted:
        """Nothing counted yet."""
        return cls(columns, [(np.zeros((0, len(bounded(columns))), np.int8), np.zeros(0, np.int64))])

    def add(self, compared: pa.Table, several: NDArray[np.bool_]) -> None:
        """Count the pairs of a part (`compared.COMPARED`); several (e,): which people have several spellings."""
        sizes = radices(self.columns)
        codes, of = numbered(compared.column("code").to_numpy(), math.prod(sizes))
        levels = np.column_stack(list(digits(codes, sizes))).astype(np.int8)
        left, right = (compared.column(name).to_numpy() for name in ("left", "right"))
        self._parts.append(counted(self.columns, levels, of, left, right, several))

    def all(self, pairs: int) -> Known:
        """What was counted, of so many pairs of people in all."""
        patterns, of = np.unique(np.concatenate([p for p, _ in self._parts]), axis=0, return_inverse=True)
        counts = np.zeros(len(patterns), np.int64)
        np.add.at(counts, of.ravel(), np.concatenate([c for _, c in self._parts]))
        return Known(patterns, counts, pairs)


def counted(
    columns: Columns, levels: Levels, of: Codes, left: Codes, right: Codes, several: NDArray[np.bool_]
) -> tuple[Levels, Index]:
    """Agreement patterns on the columns that bound, and how many pairs of people show each in one of their spellings.

    levels (p, k): the patterns; of, left, right (n,): the pattern and the people of every pair of spellings; several (e,):
    which people have several.
    """
    distinct, number = np.unique(levels[:, bounded(columns)], axis=0, return_inverse=True)
    numbers = number.ravel()[of]
    # A pattern that two people show twice counts once.
    again = several[left] | several[right]
    keys, shown = pair_keys(left[again], right[again]), numbers[again]
    order = np.lexsort((shown, keys))
    keys, shown = keys[order], shown[order]
    new = np.r_[True, (keys[1:] != keys[:-1]) | (shown[1:] != shown[:-1])][: len(keys)]
    counts = np.bincount(numbers[~again], minlength=len(distinct)) + np.bincount(shown[new], minlength=len(distinct))
    return distinct, counts.astype(np.int64)


def floors(columns: Columns, levels: Levels, known: list[Known]) -> Bits:
    """Log2 of the share of known non-matches that agree at least as much as each pattern (p, k) does on what bounds it."""
    asked, number = np.unique(levels[:, bounded(columns)], axis=0, return_inverse=True)
    reach = np.zeros(len(asked))
    for some in known:
        reach += reached(asked, some.patterns, some.counts)
    with np.errstate(divide="ignore"):
        floor: Bits = np.log2(reach / max(sum(some.pairs for some in known), 1))
    return floor[number.ravel()]


@njit(nogil=True, cache=True)
def reached(asked: Levels, patterns: Levels, counts: Index) -> Index:
    """Per row of levels (p, k) the counts of all patterns (q, k) that are nowhere below it."""
    out = np.zeros(len(asked), np.int64)
    for p in range(len(asked)):
        for q in range(len(patterns)):
            above = True
            for column in range(asked.shape[1]):
                if patterns[q, column] < asked[p, column]:
                    above = False
                    break
            if above:
                out[p] += counts[q]
    return out
