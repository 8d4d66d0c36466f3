"""Cells and equations: the form in which tables, margins, relations and earlier releases meet chooser and attacker."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from schemas.errors import InputRefused

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class System:
    """What an attacker reasons about, and what he must not learn. n cells, m equations.

    keys       n hashable names of cells (for messages and certificates; never a value).
    values     int64[n], true values; `equations @ values == 0`.
    equations  CSR (m, n) of -1, 0, 1: a parent and its children, or a declared relation.
    primary    bool[n], what the rules forbid to be known exactly.
    fixed      bool[n], may not be blanked (published earlier, or exempt).
    hidden     bool[n], never published anywhere: margins shared by tables and slacks of inequalities. Free to the chooser.
    lower      int64[n], what the attacker knows a blank to be at least (1 where zeros are published, 0 otherwise).
    people     int64[n], number of distinct contributors; `first` and `last` are the least and the greatest of their ids.
    weights    float64[n], what blanking costs beyond the objective's own measure: a factor on the value.
    """

    keys: tuple[Hashable, ...]
    values: Ints
    equations: sparse.csr_array
    primary: Bools
    fixed: Bools
    hidden: Bools
    lower: Ints
    people: Ints
    first: Ints
    last: Ints
    weights: NDArray[np.float64]

    @property
    def size(self) -> int:
        """Number of cells."""
        return len(self.values)


NOBODY = (0, -1, -1)


@dataclass
class SystemBuilder:
    """Collects cells by key; a second mention of a key is the same cell, and must have the same value.

    sketch  values are placeholders, not yet known: nothing is held against them.
    """

    index: dict[Hashable, int] = field(default_factory=dict)
    values: list[int] = field(default_factory=list)
    people: list[tuple[int, int, int]] = field(default_factory=list)
    hidden: list[bool] = field(default_factory=list)
    fixed: list[bool] = field(default_factory=list)
    lower: list[int] = field(default_factory=list)
    primary: set[int] = field(default_factory=set)
    rows: dict[tuple[tuple[int, int], ...], None] = field(default_factory=dict)
    sketch: bool = False

    def cell(
        self, key: Hashable, value: int, people: tuple[int, int, int], *, hidden: bool = False, lower: int = 1
    ) -> int:
        """Index of the cell `key`; InputRefused when it is known with another value.

        people: (number of distinct contributors, least id, greatest id).
        """
        at = self.index.get(key)
        if at is None:
            at = self.index[key] = len(self.values)
            self.values.append(value)
            self.people.append(people)
            self.hidden.append(hidden)
            self.fixed.append(False)
            self.lower.append(lower)
            return at
        if self.values[at] != value and not self.sketch:
            raise InputRefused(
                f"Two tables contradict each other in the cell {describe(key)}: "
                "correct the tables, or declare no relation between them."
            )
        self.hidden[at] &= hidden
        self.lower[at] = max(self.lower[at], lower)
        return at

    def equation(self, parent: int, children: Iterable[int]) -> None:
        """Say that `parent` is the sum of `children`; InputRefused when the values do not add up."""
        members = sorted(set(children))
        if members == [parent]:
            return
        if sum(self.values[i] for i in members) != self.values[parent] and not self.sketch:
            keys = list(self.index)
            raise InputRefused(
                f"The cell {describe(keys[parent])} is not the sum of its {len(members)} parts, "
                f"the first of which is {describe(keys[members[0]]) if members else 'missing'}: correct the tables."
            )
        self.rows[(parent, -1), *((i, 1) for i in members)] = None

    def nothing(self, cells: Iterable[int], why: str) -> None:
        """Say that `cells` are all zero; InputRefused names the first that is not."""
        wrong = [at for at in cells if self.values[at]]
        if wrong and not self.sketch:
            raise InputRefused(
                f"The cell {describe(list(self.index)[wrong[0]])} is not zero, but {why}: correct the tables."
            )

    def between(self, a: int, b: int, width: int, name: Hashable) -> None:
        """Say that a - b lies within -width..width, by two amounts that nobody publishes and that may be zero."""
        if self.fixed[a] and self.fixed[b]:
            return
        up = self.cell((*_named(name), "above"), self.values[b] + width - self.values[a], NOBODY, hidden=True, lower=0)
        down = self.cell(
            (*_named(name), "below"), self.values[a] + width - self.values[b], NOBODY, hidden=True, lower=0
        )
        one, two = (self._constant(value) for value in (width, 2 * width))
        self.rows[tuple(sorted({a: 1, up: 1, b: -1, one: -1}.items()))] = None
        self.equation(two, [up, down])

    def _constant(self, value: int) -> int:
        """A cell that everybody knows."""
        at = self.cell(("constant", value), value, NOBODY)
        self.fixed[at] = True
        return at

    def build(self, weights: Mapping[int, float] | None = None) -> System:
        """The finished system."""
        n, rows = len(self.values), list(self.rows)
        data = np.array([s for row in rows for _, s in row], dtype=np.int64)
        columns = np.array([i for row in rows for i, _ in row], dtype=np.int64)
        pointers = np.concatenate([[0], np.cumsum([len(row) for row in rows], dtype=np.int64)]).astype(np.int64)
        people = np.array(self.people, dtype=np.int64).reshape(n, 3)
        factor = np.ones(n)
        for at, weight in (weights or {}).items():
            factor[at] = weight
        primary = np.zeros(n, dtype=bool)
        primary[list(self.primary)] = True
        return System(
            keys=tuple(self.index),
            values=np.array(self.values, dtype=np.int64),
            equations=sparse.csr_array((data, columns, pointers), shape=(len(rows), n)),
            primary=primary,
            fixed=np.array(self.fixed, dtype=bool),
            hidden=np.array(self.hidden, dtype=bool),
            lower=np.array(self.lower, dtype=np.int64),
            people=people[:, 0],
            first=people[:, 1],
            last=people[:, 2],
            weights=factor,
        )


def _named(name: Hashable) -> tuple[Hashable, ...]:
    return name if isinstance(name, tuple) else (name,)


def describe(key: Hashable) -> str:
    """A cell's name as a person reads it: `A=F, N=FR1`; an empty tuple is the grand total."""
    if isinstance(key, tuple):
        return (
            ", ".join("=".join(map(str, part)) if isinstance(part, tuple) else str(part) for part in key)
            or "grand total"
        )
    return str(key)
