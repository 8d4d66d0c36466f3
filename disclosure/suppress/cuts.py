"""Covers: sets of cells of which one must be blank, the only constraints that the choice of a pattern needs.

Seeds come from single equations (a blank needs a blank companion in each of its equations, one that the person does not know and that
can move the other way); the rest from violated attacker problems (`disclosure.suppress.flow`).
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from disclosure.suppress.flow import Flow
from disclosure.suppress.problem import Floats, Problem
from disclosure.suppress.system import Bools, describe
from schemas.errors import DisclosureRefused

EPSILON = 1e-3  # capacity of published cells while separating: among equal cuts the one with the fewest cells is found
VIOLATED = 1e-4
AGAIN = 3  # further cuts per violated question, each disjoint from the ones before


class Pool:
    """Distinct covers over free cells. `covers` grows; a cover that a must-blank cell satisfies is never added."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.covers: list[tuple[int, ...]] = []
        self._seen: set[tuple[int, ...]] = set()

    def add(self, cells: Iterable[int], p: int, known: Iterable[int] = ()) -> bool:
        """Add 'one of `cells`, p and `known` apart, must be blank'; DisclosureRefused when nothing is left to blank."""
        q = self.problem
        left = set(cells) - set(known) - {p}
        if any(q.must[cell] for cell in left):
            return False
        cover = tuple(sorted(cell for cell in left if not q.never[cell]))
        if not cover:
            raise DisclosureRefused(
                f"The cell {describe(q.system.keys[p])} cannot be protected by any pattern of blanks: "
                "merge categories, or leave the table out."
            )
        if cover in self._seen:
            return False
        self._seen.add(cover)
        self.covers.append(cover)
        return True


def seed(pool: Pool) -> None:
    """Covers from single equations, for the outsider and for every person alone in one of the companions."""
    q, rows = pool.problem, pool.problem.system.equations
    for p in q.targets.tolist():
        column = slice(q.columns.indptr[p], q.columns.indptr[p + 1])
        for row, own in zip(q.columns.indices[column].tolist(), q.columns.data[column].tolist(), strict=True):
            span = slice(rows.indptr[row], rows.indptr[row + 1])
            others = [
                (i, c) for i, c in zip(rows.indices[span].tolist(), rows.data[span].tolist(), strict=True) if i != p
            ]
            cells = {i for i, c in others if c != own or q.falls[i]}
            if q.falls[p]:
                cells |= {i for i, c in others if c == own or q.falls[i]}
            pool.add(cells, p)
            for person in {int(q.owner[i]) for i in cells if q.owner[i] >= 0} - {int(q.owner[p])}:
                pool.add(cells, p, q.alone[person])


class Separator:
    """Finds covers that a (fractional) pattern violates."""

    def __init__(self, pool: Pool) -> None:
        self.pool, self.problem = pool, pool.problem
        self.flow = Flow(pool.problem)
        self.symmetric = False

    def load(self, x: Floats, symmetric: bool) -> None:
        """Use the pattern x, float64[n] in 0..1. `symmetric`: let every cell fall, which any shift of a larger cell implies."""
        self.x, self.symmetric = x, symmetric
        up = np.where(self.problem.never, 0.0, x + EPSILON)
        self.flow.capacities(up, up if symmetric else up * self.problem.falls)

    def separate(self, p: int, known: frozenset[int]) -> int:
        """Add violated covers for one question; their number."""
        found, base = 0, self.x
        for _ in range(1 + AGAIN):
            cover = self._cover(p, known)
            inside = cover[~np.isin(cover, list(known))]
            if p in cover or self.x[inside].sum() > 1 - VIOLATED:  # p's own capacity was the limit, or enough is blank
                break
            if not self.pool.add(inside.tolist(), p, known):
                break
            found += 1
            self.x = self.x.copy()
            self.x[inside] = 1.0
            self.load(self.x, self.symmetric)
        if self.x is not base:
            self.load(base, self.symmetric)
        return found

    def _cover(self, p: int, known: frozenset[int]) -> np.ndarray:
        self.flow.push(p, 1, known)
        cover = self.flow.cut()
        if self.problem.falls[p] and not self.symmetric:
            self.flow.push(p, -1, known)
            cover = np.union1d(cover, self.flow.cut())
        return cover


def companions(problem: Problem, longest: int) -> list[tuple[int, tuple[int, ...]]]:
    """(cell, others): a free cell is blank only if one of the others of its equation is, in equations up to `longest` cells.

    Not needed for safety, but no cheapest pattern has a blank that an equation gives away, and the bound gains much from it.
    """
    rows, found = problem.system.equations, []
    free: Bools = ~(problem.must | problem.never)
    for row in np.flatnonzero(np.diff(rows.indptr) <= longest).tolist():
        cells = rows.indices[rows.indptr[row] : rows.indptr[row + 1]]
        must = int(problem.must[cells].sum())
        for cell in cells[free[cells]].tolist() if must == 0 else ():
            found.append((cell, tuple(int(i) for i in cells if i != cell and free[i])))
    return found
