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
from disclosure.suppress.pattern import Mender, Pattern, Question
from disclosure.suppress.problem import Floats
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
    """Covers and companion rows as one matrix, `rows @ x >= least`; takes over what the pool gains."""

    def __init__(self, pool: Pool, companions: Sequence[tuple[int, tuple[int, ...]]]) -> None:
        self.pool, self.taken = pool, 0
        self.index = [np.array([*others, cell], dtype=np.int64) for cell, others in companions]
        self.value = [np.array([1.0] * len(others) + [-1.0]) for _, others in companions]
        self.least = [0.0] * len(companions)
        self.matrix: sparse.csr_array | None = None

    def refresh(self) -> sparse.csr_array:
        """The matrix with every cover that is known by now."""
        new = self.pool.covers[self.taken :]
        if new or self.matrix is None:
            self.index += [np.array(cover, dtype=np.int64) for cover in new]
            self.value += [np.ones(len(cover)) for cover in new]
            self.least += [1.0] * len(new)
            self.taken += len(new)
            pointers = np.concatenate([[0], np.cumsum([len(i) for i in self.index], dtype=np.int64)])
            size = self.pool.problem.system.size
            empty = [np.zeros(0)]
            self.matrix = sparse.csr_array(
                (np.concatenate(self.value or empty), np.concatenate(self.index or empty).astype(np.int64), pointers),
                shape=(len(self.index), size),
            )
        return self.matrix


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

    def improve(self, pattern: Pattern, until: float) -> Pattern:
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

    def _around(self, pattern: Pattern, start: int, until: float) -> Pattern | None:
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
            candidate, failed = self._carry(pattern, blank)
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
        matrix, least = self.rows.refresh(), np.array(self.rows.least)
        x = blank.astype(np.float64)
        if len(least):
            now = matrix @ x
            inside = matrix[:, region].tocsr()
            need = least - (now - inside @ x[region])
            lowest = inside.minimum(0).sum(axis=1) if inside.nnz else np.zeros(len(least))
            rows = np.flatnonzero((need > lowest + 0.5) & (now >= least - 0.5))
            inside, need = sparse.csr_array(inside[rows]), need[rows]
        else:
            inside, need = sparse.csr_array((0, len(region))), np.zeros(0)
        values, proven = _solve(self.problem.cost[region], inside, need, x[region], self.floor.slack(blank), seconds)
        found = blank.copy()
        found[region] = values > 0.5
        return found, proven

    def _carry(self, pattern: Pattern, blank: Bools) -> tuple[Pattern, list[Question]]:
        """`blank` with every movement of `pattern` that it still allows, and the questions that fail."""
        gone = frozenset(np.flatnonzero(pattern.blank & ~blank).tolist())
        candidate = Pattern(self.problem, blank)
        hit: dict[int, None] = {}
        for p, witnesses in pattern.witnesses.items():
            kept = [w for w in witnesses if gone.isdisjoint(w.cells)]
            if len(kept) < len(witnesses):
                hit[p] = None
            candidate.witnesses[p] = kept
        for (p, step), moved in pattern.reached.items():
            kept_moves = [cells for cells in moved if gone.isdisjoint(cells)]
            if len(kept_moves) < len(moved):
                hit[p] = None
            candidate.reached[p, step] = kept_moves
        return candidate, [question for p in hit for question in candidate.settle(p)]

    def _mend(self, candidate: Pattern, failed: list[Question], before: float) -> Pattern | None:
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
