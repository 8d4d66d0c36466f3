"""Cheaper patterns near a safe one: away from a seed every cell stays as it is, around it the cheapest choice is sought.

    blanks of the safe pattern, some cells free again -> whole numbers + covers -> nobody learns anything -> the next safe pattern
The part that is solved is small, so it is solved in a moment; every cover that it needs is one that all patterns need.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import highspy
import numpy as np
from scipy import sparse

from disclosure.suppress.cuts import Pool, Separator
from disclosure.suppress.floor import Floor
from disclosure.suppress.flow import cells_near
from disclosure.suppress.pattern import Mender, Question
from disclosure.suppress.problem import Floats
from disclosure.suppress.quick import Quick
from disclosure.suppress.system import Bools, Ints

SEED = 2011  # decides where is searched, nothing that protects anybody
FIRST, LEAST, MOST = 60, 30, 1_500  # free cells per search: at the start, and within what bounds it adapts
GROW, SHRINK = 1.15, 0.7
SECONDS = 2.0  # for one choice in whole numbers
ROUNDS = 12  # choices per seed before another seed is taken
ASKED = 60  # questions per round that become covers
GAP = 1e-6
BETTER = 1e-7  # share by which a pattern must be cheaper


class Rows:
    """Covers and companion rows as one matrix, `matrix @ x >= least`; takes over what the pool gains."""

    def __init__(self, pool: Pool, companions: Sequence[tuple[int, tuple[int, ...]]]) -> None:
        self.pool, self.taken = pool, 0
        self.matrix = self._of([(*others, cell) for cell, others in companions])
        self.matrix.data[self.matrix.indptr[1:] - 1] = -1.0
        self.least = np.zeros(len(companions))

    def _of(self, sets: Sequence[tuple[int, ...]]) -> sparse.csr_array:
        pointers = np.concatenate([[0], np.cumsum([len(cells) for cells in sets], dtype=np.int64)]).astype(np.int64)
        index = np.array([cell for cells in sets for cell in cells], dtype=np.int64)
        shape = (len(sets), self.pool.problem.system.size)
        return sparse.csr_array((np.ones(len(index)), index, pointers), shape=shape)

    def refresh(self) -> None:
        """Add the covers that are new in the pool."""
        new = self.pool.covers[self.taken :]
        if new:
            self.matrix = sparse.vstack([self.matrix, self._of(new)], format="csr")
            self.least = np.concatenate([self.least, np.ones(len(new))])
            self.taken += len(new)


class Nearby:
    """Large neighbourhood search (Shaw 1998) over safe patterns, with the pool's covers as memory."""

    def __init__(
        self, pool: Pool, companions: Sequence[tuple[int, tuple[int, ...]]], separator: Separator, mender: Mender
    ) -> None:
        self.pool, self.problem, self.separator, self.mender = pool, pool.problem, separator, mender
        self.rows = Rows(pool, companions)
        self.floor = Floor(pool.problem)
        self.random = np.random.Generator(np.random.PCG64(SEED))
        self.size = float(FIRST)
        self.open = ~self.problem.never
        self.free = ~(self.problem.must | self.problem.never)

    def improve(self, pattern: Quick, until: float) -> Quick:
        """The cheapest pattern found from the safe `pattern` before `until`, in which the chooser sees nobody learn anything."""
        while time.monotonic() < until and self.free.any():
            blanks = np.flatnonzero(pattern.blank & self.free)
            if not len(blanks):
                return pattern
            cost = self.problem.cost[blanks]
            start = int(self.random.choice(blanks, p=cost / cost.sum()))
            found = self._around(pattern, start, until)
            if found is not None:
                pattern = found
        return pattern

    def _around(self, pattern: Quick, start: int, until: float) -> Quick | None:
        """A cheaper safe pattern that differs only near `start`; None when there is none, or none was found in time."""
        near = cells_near(self.problem, start, self.open, self._reach())
        region = near[self.free[near]]
        before = float(self.problem.cost[pattern.blank].sum())
        for _ in range(ROUNDS):
            blank, proven = self._choose(pattern.blank, region, max(0.05, min(SECONDS, until - time.monotonic())))
            self.size = float(np.clip(self.size * (1.0 if proven else SHRINK), LEAST, MOST))
            saved = before - float(self.problem.cost[blank].sum())
            if saved <= before * BETTER:
                self.size = float(np.clip(self.size * GROW, LEAST, MOST)) if proven else self.size
                return None
            candidate, hit = pattern.without(blank)
            failed = [question for p in hit for question in candidate.settle(p)]
            if not failed:
                return candidate
            if time.monotonic() > until:
                return None
            found = self.separator.whole(blank, failed[:ASKED], until)
            mended = self._mend(candidate, failed, before)
            if mended is not None or not found:
                return mended
        return None

    def _reach(self) -> int:
        """How many cells, free or not, to look at so that about `size` free ones are among them."""
        share = max(float(self.free.mean()), 0.05)
        return int(self.size / share)

    def _choose(self, blank: Bools, region: Ints, seconds: float) -> tuple[Bools, bool]:
        """The cheapest blanks of `region` (int[k]) that meet all rows, the rest as in `blank`; and whether that is proven."""
        self.rows.refresh()
        x, now = blank.astype(np.float64), self.rows.matrix @ blank
        inside = self.rows.matrix[:, region]
        need = self.rows.least - (now - inside @ x[region])
        lowest = np.asarray(inside.minimum(0).sum(axis=1)).ravel()
        rows = np.flatnonzero((need > lowest + 0.5) & (now >= self.rows.least - 0.5))  # that the region decides
        inside, need = sparse.csr_array(inside[rows]), need[rows]
        values, proven = _solve(self.problem.cost[region], inside, need, x[region], self.floor.slack(blank), seconds)
        found = blank.copy()
        found[region] = values > 0.5
        return found, proven

    def _mend(self, candidate: Quick, failed: list[Question], before: float) -> Quick | None:
        """`candidate` repaired, if that keeps it cheaper than `before`; questions that fail only afterwards are repaired too."""
        while failed:
            for question in failed:
                self.mender.mend(candidate, [question])
                if float(self.problem.cost[candidate.blank].sum()) >= before * (1 - BETTER):
                    return None
            failed = [again for p in dict.fromkeys(q.cell for q in failed) for again in candidate.settle(p)]
        return candidate


def _solve(
    cost: Floats, rows: sparse.csr_array, need: Floats, start: Floats, gap: float, seconds: float
) -> tuple[Floats, bool]:
    """min cost @ x, rows @ x >= need, x in {0, 1}, from the feasible `start`: (x, whether none is cheaper by `gap` or more)."""
    count = len(cost)
    model = highspy.HighsLp()
    model.num_col_, model.num_row_ = count, len(need)
    model.col_cost_, model.col_lower_, model.col_upper_ = cost, np.zeros(count), np.ones(count)
    model.row_lower_, model.row_upper_ = need, np.full(len(need), highspy.kHighsInf)
    model.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    model.a_matrix_.start_ = rows.indptr.astype(np.int32)
    model.a_matrix_.index_ = rows.indices.astype(np.int32)
    model.a_matrix_.value_ = rows.data.astype(np.float64)
    model.integrality_ = [highspy.HighsVarType.kInteger] * count
    solver = highspy.Highs()
    for option, value in (("output_flag", False), ("threads", 1), ("time_limit", seconds), ("mip_rel_gap", GAP)):
        solver.setOptionValue(option, value)
    solver.setOptionValue("mip_abs_gap", max(gap, GAP))
    solver.passModel(model)
    solver.setSolution(count, np.arange(count, dtype=np.int32), start)
    solver.run()
    if solver.getInfo().primal_solution_status != 2:
        return start, False
    proven = bool(solver.getModelStatus() == highspy.HighsModelStatus.kOptimal)
    return np.rint(np.array(solver.getSolution().col_value)), proven
