"""The cheapest movement that shifts one cell: who can learn it, and what blanking would stop that.

    minimise  sum of price_j |y_j|   subject to   A y = 0,  y_p = step,  y_K = 0,  y_j >= -fall_j

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
    """The cells that move and by how much, and what that costs. `whole`: every step is a whole number."""

    steps: dict[int, float]
    price: float
    whole: bool

    @property
    def cells(self) -> frozenset[int]:
        """The cells that move."""
        return frozenset(self.steps)


class Mover:
    """The linear programme over `cells` (all others stand still), re-solved from the last basis."""

    def __init__(self, problem: Problem, cells: Ints, prices: Floats, falls: Ints) -> None:
        """prices float64[k] of moving a cell by one; falls int64[k], how far below its value a cell can be."""
        self.cells, self.size = cells, len(cells)
        part = problem.columns[:, cells]
        part = part[np.flatnonzero(np.bincount(part.indices, minlength=part.shape[0]))].tocsc()
        k, held = self.size, problem.never[cells]
        self.free = np.concatenate([np.where(held, 0.0, highspy.kHighsInf), np.where(held, 0.0, falls)])
        self.top = self.free.copy()
        model = highspy.HighsLp()
        model.num_col_, model.num_row_ = 2 * k, part.shape[0]
        model.col_cost_ = np.concatenate([prices, prices])
        model.col_lower_, model.col_upper_ = np.zeros(2 * k), self.top
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

    def move(self, p: int, step: int, known: Iterable[int]) -> Movement | None:
        """The cheapest movement that shifts p by `step` and leaves `known` still; None when there is none."""
        at, k = self.at[p], self.size
        wanted, other = (at, k + at) if step > 0 else (k + at, at)
        if self.top[wanted] < abs(step):
            return None
        still = [column for cell in known if cell in self.at for column in (self.at[cell], k + self.at[cell])]
        for column in (*still, other):
            self.solver.changeColBounds(column, 0.0, 0.0)
        self.solver.changeColBounds(wanted, float(abs(step)), float(abs(step)))
        self.solver.run()
        found = self._read() if self.solver.getModelStatus() == highspy.HighsModelStatus.kOptimal else None
        for column in (*still, wanted, other):
            self.solver.changeColBounds(column, 0.0, float(self.top[column]))
        return found

    def _read(self) -> Movement:
        values = np.array(self.solver.getSolution().col_value)
        steps = values[: self.size] - values[self.size :]
        moved = np.flatnonzero(np.abs(steps) > MOVED)
        whole = bool(np.abs(steps[moved] - np.rint(steps[moved])).max(initial=0.0) < MOVED)
        price = float(self.solver.getInfo().objective_function_value)
        return Movement(dict(zip(self.cells[moved].tolist(), steps[moved].tolist(), strict=True)), price, whole)
