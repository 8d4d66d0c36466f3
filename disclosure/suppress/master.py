"""The choice itself: which free cells to blank, at least cost, so that every cover is met. HiGHS, linear or in whole numbers."""

from __future__ import annotations

from dataclasses import dataclass

import highspy
import numpy as np

from disclosure.suppress.cuts import Pool
from disclosure.suppress.problem import Floats, Problem
from disclosure.suppress.system import Bools

RELATIVE = 1e-6
EXACT = 1e-6  # the least absolute gap, in units of the cost


@dataclass(frozen=True)
class Answer:
    """x float64[n] (must-blank cells 1), the bound on the cost that the solver proved, and whether x is proven cheapest."""

    x: Floats
    bound: float
    optimal: bool


class Master:
    """Grows with the pool; solved again from where it was."""

    def __init__(self, pool: Pool, companions: list[tuple[int, tuple[int, ...]]]) -> None:
        self.pool, self.problem = pool, pool.problem
        q: Problem = pool.problem
        self.free = np.flatnonzero(~(q.must | q.never))
        self.place = np.full(q.system.size, -1, dtype=np.int64)
        self.place[self.free] = np.arange(len(self.free))
        self.solver = highspy.Highs()
        self.solver.setOptionValue("output_flag", False)
        self.solver.setOptionValue("threads", 1)
        count = len(self.free)
        self.solver.addVars(count, np.zeros(count), np.ones(count))
        self.solver.changeColsCost(count, np.arange(count, dtype=np.int32), q.cost[self.free])
        self.taken = 0
        rows = [(0.0, (*others, cell), (*[1.0] * len(others), -1.0)) for cell, others in companions]
        self._rows(rows)
        self.refresh()

    def _rows(self, rows: list[tuple[float, tuple[int, ...], tuple[float, ...]]]) -> None:
        if not rows:
            return
        starts = np.concatenate([[0], np.cumsum([len(r[1]) for r in rows])[:-1]]).astype(np.int32)
        index = self.place[np.array([i for r in rows for i in r[1]], dtype=np.int64)].astype(np.int32)
        value = np.array([v for r in rows for v in r[2]])
        lower = np.array([r[0] for r in rows])
        self.solver.addRows(len(rows), lower, np.full(len(rows), highspy.kHighsInf), len(index), starts, index, value)

    def refresh(self) -> None:
        """Take over the covers that the pool gained."""
        new = self.pool.covers[self.taken :]
        self._rows([(1.0, cover, (1.0,) * len(cover)) for cover in new])
        self.taken = len(self.pool.covers)

    def relax(self) -> Answer:
        """The linear relaxation."""
        count = len(self.free)
        if not count:
            return self._answer(np.zeros(0), 0.0, True)
        self.solver.changeColsIntegrality(count, np.arange(count, dtype=np.int32), np.zeros(count, dtype=np.uint8))
        self.solver.run()
        values = np.array(self.solver.getSolution().col_value)
        return self._answer(np.clip(values, 0, 1), float(self.solver.getInfo().objective_function_value), False)

    def choose(self, seconds: float, gap: float, start: Bools | None) -> Answer | None:
        """In whole numbers, within `seconds` and absolute `gap`, from the pattern `start`; None when none was found."""
        count = len(self.free)
        if not count:
            return self._answer(np.zeros(0), 0.0, True)
        self.solver.changeColsIntegrality(count, np.arange(count, dtype=np.int32), np.ones(count, dtype=np.uint8))
        self.solver.setOptionValue("time_limit", seconds)  # of this run: HiGHS does not add up earlier ones
        self.solver.setOptionValue("mip_rel_gap", RELATIVE)
        self.solver.setOptionValue("mip_abs_gap", max(gap, EXACT))
        if start is not None:
            self.solver.setSolution(count, np.arange(count, dtype=np.int32), start[self.free].astype(np.float64))
        self.solver.run()
        info = self.solver.getInfo()
        self.solver.setOptionValue("time_limit", highspy.kHighsInf)
        if info.primal_solution_status != 2:
            return None
        values = np.rint(np.array(self.solver.getSolution().col_value))
        optimal = self.solver.getModelStatus() == highspy.HighsModelStatus.kOptimal
        return self._answer(values, float(info.mip_dual_bound), optimal)

    def _answer(self, values: Floats, bound: float, optimal: bool) -> Answer:
        x = self.problem.must.astype(np.float64)
        x[self.free] = values
        return Answer(x, bound, optimal)
