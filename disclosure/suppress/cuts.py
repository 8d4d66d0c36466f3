"""Covers: sets of cells of which one must be blank, the only constraints that the choice of a pattern needs.

Seeds come from single equations (a blank needs a blank companion in each of its equations, one that the person does not
know and that can move the other way); the rest from violated attacker problems (`disclosure.suppress.flow`).
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable, Sequence

import highspy
import numpy as np

from disclosure.suppress.flow import Flow, equations_near
from disclosure.suppress.pattern import Question
from disclosure.suppress.problem import Floats, Problem
from disclosure.suppress.system import Bools, Ints, describe
from schemas.errors import DisclosureRefused

EPSILON = 1e-3  # capacity of published cells while separating: among equal cuts the one with the fewest cells is found
VIOLATED = 1e-4
HAIR = 1e-5  # the same for whole patterns, small enough to sum over all cells
SHORT = 0.05  # by how much a shift must fall short of what was asked
AGAIN = 1  # further cuts per question that a fractional pattern violates, each disjoint from the ones before
NEAR_WHOLE = (60, 250)  # equations near a primary among which covers for a whole pattern are sought first
NEAR_LARGE = (30, 120)  # the same in systems too large for ever more
ALL = 5_000  # equations up to which covers are also sought among all of them
ONCE_MORE = 1  # the same for a whole pattern


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
    """Finds covers that a (fractional) pattern violates, among the equations near a primary first."""

    def __init__(self, pool: Pool) -> None:
        self.pool, self.problem = pool, pool.problem
        self.full: Flow | None = None
        count = self.problem.system.equations.shape[0]
        self.scales = (*NEAR_WHOLE, count) if count <= ALL else NEAR_LARGE

    def _flow(self, p: int, through: Bools, most: int) -> Flow:
        """The equations near p; all of them, kept from call to call, where there are hardly more."""
        if self.problem.system.equations.shape[0] > most:
            return Flow(self.problem, equations_near(self.problem, p, through, most))
        self.full = self.full or Flow(self.problem)
        return self.full

    def relaxed(self, x: Floats, p: int, most: int) -> int:
        """Add covers about p that x, float64[n] in 0..1, violates, as far as `most` equations near p show it; how many.

        First for the outsider; then for every person whose cells the largest shift of p leans on.
        """
        falls = self.problem.falls
        symmetric = bool(falls[p])  # a shift down is a shift up turned round, if every other cell is allowed to fall
        flow = self._flow(p, x > VIOLATED, most)
        up = np.where(self.problem.never, 0.0, x + EPSILON)
        flow.capacities(up, up if symmetric else up * falls)
        for again in range(1 + AGAIN):
            flow.push(p, 1)
            cover = flow.cut()
            if p in cover or x[cover].sum() > 1 - VIOLATED or not self.pool.add(cover.tolist(), p):
                return again or self._relaxed_persons(flow, x, p, flow.moved())
            for cell in cover.tolist():
                flow.capacity(cell, 1.0, 1.0 if symmetric or falls[cell] else 0.0)
        return 1 + AGAIN

    def _relaxed_persons(self, flow: Flow, x: Floats, p: int, moved: Ints) -> int:
        """The same for those who know a cell of `moved`."""
        found, q = 0, self.problem
        for person in sorted({int(owner) for owner in q.owner[moved] if owner >= 0} - {int(q.owner[p])}):
            known = q.alone[person]
            flow.push(p, 1, known)
            cover = [cell for cell in flow.cut().tolist() if cell not in known]
            if p not in cover and x[cover].sum() <= 1 - VIOLATED:
                found += self.pool.add(cover, p)
        return found

    def whole(self, blank: Bools, questions: Sequence[Question], until: float = float("inf")) -> int:
        """Add covers for questions that the pattern `blank` fails; how many. What is blank moves as far as its value allows."""
        system, found = self.problem.system, 0
        for wide in (False, True):
            asked = [question for question in questions if bool(question.step) == wide]
            falls = system.values if wide else (system.values - system.lower).clip(0)
            up = np.where(self.problem.never, 0.0, np.where(blank, highspy.kHighsInf, HAIR))
            down = np.where(self.problem.never, 0.0, np.where(blank, falls, HAIR * (falls > 0)))
            for p, group in itertools.groupby(asked, key=lambda question: question.cell):
                left = list(group)
                for most in self.scales:
                    if left:
                        flow = self._flow(p, blank, most)
                        flow.capacities(up, down)
                        size = len(self.pool.covers)
                        left = [question for question in left if not self._answer(flow, question, blank, falls)]
                        found += len(self.pool.covers) - size
                if time.monotonic() > until:
                    return found
        return found

    def _answer(self, flow: Flow, question: Question, blank: Bools, falls: Ints) -> bool:
        """Add covers for one question; False when more equations are needed to see why it fails."""
        coalition, p, step = question
        known, need, seen = self.problem.known(coalition), max(abs(step), 1), False
        signs = [int(np.sign(step))] if step else [1, -1][: 1 + int(falls[p] > 0)]
        before = {p: flow.capacity(p, need, min(need, int(falls[p])))}
        for _ in range(1 + ONCE_MORE):
            cover: set[int] = set()
            for sign in signs:
                if flow.push(p, sign, known) > need - SHORT:
                    break
                cover |= set(flow.cut().tolist())
            else:
                seen = True
                cover -= {cell for cell in cover if blank[cell] or cell in known or cell in before}
                if self.pool.add(cover, p):
                    for cell in cover:
                        before[cell] = flow.capacity(cell, highspy.kHighsInf, int(falls[cell]))
                    continue
            break
        for cell, (up, down) in before.items():
            flow.capacity(cell, up, down)
        return seen


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
