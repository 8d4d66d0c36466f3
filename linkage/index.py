"""Which pairs are compared: recordlinkage index algorithms over encodings.

Small register pairs are compared in full, because every rule loses matches and a computer compares a million pairs in a
second. Larger ones go through blocks of equal keyed values. The size of every block is known before a pair of it is made.
A block that is too large (half a register born on 1 January), and the largest ones of a rule that would make more pairs
than its budget (a million births make 45 million pairs on the same day), are split by sex, nationality and what else is a
code; what is still too large then is left to the other rules and counted. So time and memory grow with the registers, not
with their product, whatever is in them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numba import njit
from numpy.typing import NDArray
from recordlinkage.base import BaseIndexAlgorithm

from linkage.kernel import dice_pairs, expected_pairs
from linkage.views import Index, Views, Words, mixed

# Up to here all pairs are compared: a second or two, and nothing is lost.
FULL_PAIRS = 4_000_000
# Up to here the kernel looks at all record-level encodings, some ten seconds of one core; above, blocks alone.
KERNEL_PAIRS = 5_000_000_000
# Dice of record-level encodings from which a pair is a candidate: two edits in names and birth date keep about .7.
SIMILAR = 0.7
# Steps by which that rises where too many pairs are similar.
STRICTER = 0.05
# A threshold that no pair reaches.
NOBODY = 2.0
# A block that would make more pairs than this is split.
BLOCK_PAIRS = 20_000
# Pairs a rule may make: so many, and on larger registers so many per record of either side.
RULE_PAIRS, RULE_PAIRS_PER_RECORD = 2_000_000, 1
# Numbers of blocks, (v,).
Blocks = NDArray[np.int32]


class _OverViews(BaseIndexAlgorithm):
    """An index over the views of two registers; the frames only carry their row numbers as index."""

    def __init__(self, a: Views, b: Views) -> None:
        super().__init__()
        self._a, self._b = a, b

    def _link_index(self, df_a: pd.DataFrame, df_b: pd.DataFrame) -> pd.MultiIndex:
        left, right = self.pairs()
        return pd.MultiIndex.from_arrays([df_a.index.to_numpy()[left], df_b.index.to_numpy()[right]])

    def pairs(self) -> tuple[Index, Index]:
        """Row numbers left and right."""
        raise NotImplementedError


class AllPairs(_OverViews):
    """The full cross product."""

    def pairs(self) -> tuple[Index, Index]:
        """Every view left with every view right."""
        size_a, size_b = len(self._a.entity), len(self._b.entity)
        return np.repeat(np.arange(size_a), size_b), np.tile(np.arange(size_b), size_a)


class EqualKeys(_OverViews):
    """Pairs that agree on all of `keys` (columns of the views), from blocks that are not too large.

    limit: pairs a block may make; budget: pairs all blocks together may make, the smallest first; splits: columns by
    which what is too large is split, in order; None takes the codes of the scheme. `skipped_pairs` counts what was left
    out, after `pairs`.
    """

    def __init__(
        self, a: Views, b: Views, keys: tuple[str, ...], limit: int = BLOCK_PAIRS, budget: int | None = None,
        splits: tuple[str, ...] | None = None,
    ) -> None:  # fmt: skip
        super().__init__(a, b)
        self._keys, self._limit = keys, limit
        self._budget = rule_pairs(len(a.entity) + len(b.entity)) if budget is None else budget
        self._splits = tuple(name for name in code_columns(a) if name not in keys) if splits is None else splits
        self.skipped_pairs = 0

    def pairs(self) -> tuple[Index, Index]:
        """Pairs within blocks, none of which is made before the sizes of all are known."""
        plan = planned(self._a, self._b, self._keys, self._limit, self._budget, self._splits)
        self.skipped_pairs = plan.skipped
        return pairs_in(plan.left, plan.right, 1, len(plan.predicted) + 1)


@dataclass(frozen=True)
class Plan:
    """The blocks of one rule, numbered from 1, before a pair of them is made.

    left, right: per view of either side its block, 0 for none, (v,) each; predicted (k,): how many pairs each block
    makes; skipped: pairs of blocks that were too large.
    """

    left: Blocks
    right: Blocks
    predicted: Index
    skipped: int = 0


def planned(
    a: Views, b: Views, keys: tuple[str, ...], limit: int, budget: int, splits: tuple[str, ...]
) -> Plan:  # fmt: skip
    """Blocks of views that agree on all of `keys`; what is too large is split by one of `splits` after the other."""
    of = [np.zeros(len(side.entity), dtype=np.int32) for side in (a, b)]
    sides = [_Rows.present(side, keys) for side in (a, b)]
    predicted, skipped = [np.zeros(0, dtype=np.int64)], 0
    for split in (*splits, None):
        blocks = _Shared(*sides)
        kept = blocks.smallest(limit, budget)
        blocks.number(kept, 1 + sum(map(len, predicted)), of)
        predicted.append(blocks.predicted[kept])
        budget -= int(predicted[-1].sum())
        if kept.all() or split is None:
            skipped = int(blocks.predicted[~kept].sum())
            break
        sides = [rows.split(side, split) for rows, side in zip(blocks.rest(kept), (a, b), strict=True)]
    return Plan(of[0], of[1], np.concatenate(predicted), skipped)


def planned_by_number(a: Views, b: Views) -> Plan:
    """Blocks of views with one number; a number that a whole register shares makes one block, whatever its size."""
    of = [np.zeros(len(side.entity), dtype=np.int32) for side in (a, b)]
    blocks = _Shared(*(_Rows.numbered(side) for side in (a, b)))
    blocks.number(np.ones(len(blocks.predicted), dtype=bool), 1, of)
    return Plan(of[0], of[1], blocks.predicted)


def pairs_in(left: Blocks, right: Blocks, first: int, last: int, part: slice = slice(None)) -> tuple[Index, Index]:
    """Pairs of views in the blocks from `first` up to `last`, which is not included; part: of the left views only some."""
    rows = []
    for of, some in ((left, part), (right, slice(None))):
        here = np.flatnonzero((of >= first) & (of < last))
        here = here[np.argsort(of[here], kind="stable")][some]
        rows.append(_Rows(here, of[here]))
    blocks = _Shared(*rows)
    return blocks.pairs()


def code_columns(side: Views) -> Iterable[str]:
    """Columns of single codes: those of fields that have no filter."""
    return (name for name in side.words if name.endswith("_h") and f"{name[:-2]}_f" not in side.words)


@dataclass(frozen=True)
class _Rows:
    """Rows of one side that still are to be paired, with the value that those of a block share, sorted by it."""

    rows: Index
    value: NDArray[Any]

    @classmethod
    def present(cls, side: Views, keys: tuple[str, ...]) -> _Rows:
        """All rows that have every one of the keys."""
        start = cls(np.arange(len(side.entity)), np.zeros(len(side.entity), dtype=np.uint64))
        for key in keys:
            start = start._mixed(side.words[key])
        return start._sorted()

    @classmethod
    def numbered(cls, side: Views) -> _Rows:
        """All rows with a number, by it."""
        rows = np.flatnonzero(side.subject >= 0)
        return cls(rows, side.subject[rows].astype(np.uint64))._sorted()

    def split(self, side: Views, key: str) -> _Rows:
        """The rows that have `key`, in the finer blocks it makes."""
        return self._mixed(side.words[key])._sorted()

    def _mixed(self, words: NDArray[np.uint64]) -> _Rows:
        present = words[self.rows].any(axis=1)
        rows = self.rows[present]
        return _Rows(rows, mixed(words[rows], self.value[present]))

    def _sorted(self) -> _Rows:
        order = np.argsort(self.value)
        return _Rows(self.rows[order], self.value[order])


class _Shared:
    """Blocks of rows with one value on both sides, and how many pairs each would make (`predicted`)."""

    def __init__(self, a: _Rows, b: _Rows) -> None:
        self._sides = (a, b)
        first_a, first_b = (np.flatnonzero(np.r_[True, s.value[1:] != s.value[:-1]][: len(s.value)]) for s in (a, b))
        _, in_a, in_b = np.intersect1d(a.value[first_a], b.value[first_b], assume_unique=True, return_indices=True)
        self._starts = (first_a[in_a], first_b[in_b])
        self._counts = (np.diff(np.r_[first_a, len(a.rows)])[in_a], np.diff(np.r_[first_b, len(b.rows)])[in_b])
        self.predicted = self._counts[0] * self._counts[1]

    def smallest(self, limit: int, budget: int) -> NDArray[np.bool_]:
        """Which blocks are within the limit and, smallest first, within the budget."""
        order = np.argsort(self.predicted, kind="stable")
        fits = np.empty(len(order), dtype=bool)
        fits[order] = np.cumsum(self.predicted[order]) <= budget
        kept: NDArray[np.bool_] = fits & (self.predicted <= limit)
        return kept

    def number(self, kept: NDArray[np.bool_], first: int, of: list[Blocks]) -> None:
        """Write the numbers of the blocks that are kept, from `first` on, to their rows of either side."""
        numbers = np.arange(first, first + int(kept.sum()), dtype=np.int32)
        for side, count, places, mine in zip(self._sides, self._counts, self._places(kept), of, strict=True):
            mine[side.rows[places]] = np.repeat(numbers, count[kept])

    def pairs(self) -> tuple[Index, Index]:
        """All pairs of all blocks."""
        (a, b), (start_a, start_b), (count_a, count_b) = self._sides, self._starts, self._counts
        left, right = _spread(a.rows, b.rows, start_a, count_a, start_b, count_b, int(self.predicted.sum()))
        return left, right

    def rest(self, kept: NDArray[np.bool_]) -> list[_Rows]:
        """The rows of the other blocks, left and right."""
        found = zip(self._sides, self._places(~kept), strict=True)
        return [_Rows(side.rows[places], side.value[places]) for side, places in found]

    def _places(self, some: NDArray[np.bool_]) -> list[Index]:
        """Where the rows of some blocks are, one block after the other, on either side."""
        out = []
        for start, count in zip(self._starts, self._counts, strict=True):
            places = np.repeat(start[some] - np.r_[0, np.cumsum(count[some])[:-1]][: some.sum()], count[some])
            out.append(places + np.arange(len(places)))
        return out


@njit(nogil=True, cache=True)
def _spread(
    rows_a: Index, rows_b: Index, start_a: Index, count_a: Index, start_b: Index, count_b: Index, size: int
) -> tuple[Index, Index]:
    """The cross products of blocks, one after the other."""
    left, right = np.empty(size, np.int64), np.empty(size, np.int64)
    place = 0
    for block in range(len(start_a)):
        for i in range(start_a[block], start_a[block] + count_a[block]):
            for j in range(start_b[block], start_b[block] + count_b[block]):
                left[place], right[place] = rows_a[i], rows_b[j]
                place += 1
    return left, right


class SimilarRecords(_OverViews):
    """Pairs whose record-level encodings have Dice of at least `threshold`, which is raised as `similar_pairs` says."""

    def __init__(self, a: Views, b: Views, threshold: float, budget: int | None = None) -> None:
        super().__init__(a, b)
        self._budget = budget
        self.threshold = threshold

    def pairs(self) -> tuple[Index, Index]:
        """Pairs in order of rows; `threshold` then says from which Dice on."""
        left, right = (side.words["record_f"] for side in (self._a, self._b))
        self.threshold, rows, columns = similar_pairs(left, right, self.threshold, self._budget)
        return rows, columns


def similar_pairs(left: Words, right: Words, threshold: float, budget: int | None = None) -> tuple[float, Index, Index]:
    """The threshold of `affordable`, and all pairs of filters that reach it: exact, over all pairs."""
    reached = affordable(left, right, threshold, budget)
    if reached > 1:
        return 1.0, np.zeros(0, np.int64), np.zeros(0, np.int64)
    return reached, *dice_pairs(left, right, reached)


def affordable(left: Words, right: Words, threshold: float, budget: int | None = None) -> float:
    """The Dice from `threshold` on that no more pairs than `budget` are expected to reach (everybody may have the same
    names); above 1 where even equal filters are too many.
    """
    most = rule_pairs(len(left) + len(right)) if budget is None else budget
    while expected_pairs(left, right, threshold) > most:
        if threshold >= 1:
            return NOBODY
        threshold = min(round(threshold + STRICTER, 2), 1.0)
    return threshold


def rule_pairs(records: int) -> int:
    """How many pairs one rule may make."""
    return max(RULE_PAIRS, RULE_PAIRS_PER_RECORD * records)


def same_subject(a: Views, b: Views) -> tuple[Index, Index]:
    """Pairs of views with the same pseudonym; a number that a whole register shares still gives only these pairs."""
    plan = planned_by_number(a, b)
    return pairs_in(plan.left, plan.right, 1, len(plan.predicted) + 1)
