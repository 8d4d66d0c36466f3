"""The cheapest movement that shifts one cell: who can learn it, and what blanking would stop that.

    minimise  sum of price_j |y_j|   subject to   A y = 0,  y_p = +1 or -1,  y_K = 0,  y_j >= 0 where a blank cannot fall

Over the blanks of a pattern its solution is a short witness that p is not determined; over all cells, with the price of blanking,
it is the cheapest repair.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import highspy
import numpy as np

from disclosure.suppress.problem import Floats, Problem
from disclosure.suppress.system import Ints

MOVED = 1e-6


@dataclass(frozen=True)
class Movement:
    """cells that move (sorted), and what that costs."""

    cells: frozenset[int]
    price: float


class Mover:
    """The linear programme over `cells` (all others stand still), re-solved from the last basis."""

    def __init__(self, problem: Problem, cells: Ints, prices: Floats) -> None:
        """prices float64[len(cells)] of moving a cell by one."""
        self.cells, self.size = cells, len(cells)
        part = problem.columns[:, cells]
        part = part[np.flatnonzero(np.bincount(part.indices, minlength=part.shape[0]))].tocsc()
        k = self.size
        may = np.concatenate([~problem.never[cells], problem.falls[cells] & ~problem.never[cells]])
        self.free = np.where(may, highspy.kHighsInf, 0.0)
        self.top = self.free.copy()
        model = highspy.HighsLp()
        model.num_col_, model.num_row_ = 2 * k, part.shape[0]
        model.col_cost_, model.col_lower_, model.col_upper_ = (
            np.concatenate([prices, prices]),
            np.zeros(2 * k),
            self.top,
        )
        model.row_lower_ = model.row_upper_ = np.zeros(part.shape[0])
        model.a_matrix_.format_ = highspy.MatrixFormat.kColwise
        model.a_matrix_.start_ = np.concatenate([part.indptr, part.indptr[1:] + part.nnz]).astype(np.int32)
        model.a_matrix_.index_ = np.concatenate([part.indices, part.indices]).astype(np.int32)
        model.a_matrix_.value_ = np.concatenate([part.data, -part.data]).astype(np.float64)
        self.solver = highspy.Highs()
        for option, value in (("output_flag", False), ("threads", 1), ("presolve", "off")):
            self.solver.setOptionValue(option, value)
        self.solver.passModel(model)
        self.at = {cell: i for i, cell in enumerate(cells.tolist())}

    def price(self, prices: Floats) -> None:
        """Change the prices of all cells."""
        both = np.concatenate([prices, prices])
        self.solver.changeColsCost(2 * self.size, np.arange(2 * self.size, dtype=np.int32), both)

    def hold(self, cell: int, still: bool) -> None:
        """Let a cell stand still from now on, or move again."""
        for column in (self.at[cell], self.size + self.at[cell]):
            self.top[column] = 0.0 if still else self.free[column]
            self.solver.changeColBounds(column, 0.0, float(self.top[column]))

    def move(self, p: int, sign: int, known: Iterable[int]) -> Movement | None:
        """The cheapest movement that shifts p by `sign` and leaves `known` still; None when there is none."""
        at = self.at[p]
        wanted, other = (at, self.size + at) if sign > 0 else (self.size + at, at)
        still = [column for cell in known if cell in self.at for column in (self.at[cell], self.size + self.at[cell])]
        for column in (*still, other):
            self.solver.changeColBounds(column, 0.0, 0.0)
        self.solver.changeColBounds(wanted, 1.0, 1.0)
        self.solver.run()
        found = None
        if self.solver.getModelStatus() == highspy.HighsModelStatus.kOptimal:
            values = np.array(self.solver.getSolution().col_value)
            steps = np.abs(values[: self.size] - values[self.size :])
            price = float(self.solver.getInfo().objective_function_value)
            found = Movement(frozenset(self.cells[steps > MOVED].tolist()), price)
        for column in (*still, wanted, other):
            self.solver.changeColBounds(column, 0.0, float(self.top[column]))
        return found
