"""What the model is fitted on: pairs by their patterns of levels, and what each pair of registers is like as a whole."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from linkage.compare import Bits
from linkage.views import Codes, Index

Columns = dict[str, tuple[str, ...]]
SUBJECT = "subject"


@dataclass(frozen=True)
class Group:
    """One pair of registers: how many pairs it has, the smaller one's entities, and who has at most one partner.

    totals: per column the counts of levels over all its pairs. unique_left, unique_right: whether a record of that
    side can have at most one partner on the other side.
    """

    totals: list[Bits]
    pairs: int
    smaller: int
    unique_left: bool
    unique_right: bool


@dataclass(frozen=True)
class Patterns:
    """p distinct rows of levels (p, k) with their group (p,), in threes that differ in the number's level alone: pattern
    3 n + l has level l of it.

    floor (p,): log2 of the share of known non-matches that agree at least as much on everything but the number, -inf
    where none does.
    """

    levels: NDArray[np.int8]
    group: Index
    floor: Bits

    def by_frequency(self, columns: Columns) -> NDArray[np.bool_]:
        """Which columns (p, k) go by the frequency of the shared value."""
        return np.column_stack(
            [np.isin(self.levels[:, place], shared) for place, shared in enumerate(by_value(columns))]
        )


@dataclass(frozen=True)
class Evidence:
    """Candidate pairs of entities over all pairs of registers, those of a pair of registers one after the other.

    of (n,): the pattern of each pair; frequency (n,): the sum of the log2 frequencies of what it shares; left, right (n,):
    entity codes, unique over registers; left_view, right_view (n,): the spellings that were compared, by register;
    ends (groups + 1,): where the pairs of each of `groups` begin and end.
    """

    columns: Columns
    patterns: Patterns
    of: Codes
    frequency: Bits
    left: Codes
    right: Codes
    left_view: Codes
    right_view: Codes
    ends: Index
    groups: list[Group]

    def __len__(self) -> int:
        """Number of pairs."""
        return len(self.of)

    def rows(self, place: int) -> slice:
        """The pairs of one group."""
        return slice(int(self.ends[place]), int(self.ends[place + 1]))

    @property
    def levels(self) -> NDArray[np.int8]:
        """The levels of every pair, (n, k)."""
        return self.patterns.levels[self.of]

    @property
    def group(self) -> Index:
        """The group of every pair, (n,)."""
        return self.patterns.group[self.of]


def by_value(columns: Columns) -> list[list[int]]:
    """Per column the levels at which a value is shared, whose frequency then counts; the number counts by itself."""
    return [
        [] if name == SUBJECT else [level for level, word in enumerate(words) if word in ("subset", "equal")]
        for name, words in columns.items()
    ]


def bounded(columns: Iterable[str]) -> list[int]:
    """Places of the columns that known non-matches bound: all but the number and the order of names."""
    return [place for place, name in enumerate(columns) if name != SUBJECT and not name.endswith("_order")]
