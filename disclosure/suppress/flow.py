"""Movement in a pattern: how far can one cell shift when every cell has a capacity? Its dual is a cut: cells of which one must be blank.

    maximise  sign * y_p   subject to   A y = 0,  y_K = 0,  -falls_j c_j <= y_j <= c_j

With c_j the blanking variable this is the min-cut form of the attacker problem (`docs/suppression.md`): its optimum is zero exactly
when p cannot move, and the columns with a reduced cost are cells of which at least one more has to be blank.
"""

from __future__ import annotations

from collections.abc import Iterable

import highspy
import numpy as np
from numpy.typing import NDArray

from disclosure.suppress.problem import Floats, Problem

ZERO = 1e-6


class Flow:
    """One linear programme over all cells, re-solved from the last basis for every question."""

    def __init__(self, problem: Problem, cells: NDArray[np.int64] | None = None) -> None:
        """`cells`: the columns to keep (default all); equations that lose a column keep the rest, so give closed sets or fixed cells."""
        self.cells = np.arange(problem.system.size) if cells is None else cells
        part = problem.columns[:, self.cells]
        used = np.flatnonzero(np.bincount(part.indices, minlength=part.shape[0]))
        part = part[used].tocsc()
        n, m = len(self.cells), part.shape[0]
        model = highspy.HighsLp()
        model.num_col_, model.num_row_ = n, m
        model.col_cost_ = model.col_lower_ = model.col_upper_ = np.zeros(n)
        model.row_lower_ = model.row_upper_ = np.zeros(m)
        model.a_matrix_.format_ = highspy.MatrixFormat.kColwise
        model.a_matrix_.start_ = part.indptr.astype(np.int32)
        model.a_matrix_.index_ = part.indices.astype(np.int32)
        model.a_matrix_.value_ = part.data.astype(np.float64)
        self.solver = highspy.Highs()
        for option, value in (("output_flag", False), ("threads", 1), ("presolve", "off"), ("simplex_strategy", 4)):
            self.solver.setOptionValue(option, value)
        self.solver.passModel(model)
        self.at = {cell: i for i, cell in enumerate(self.cells.tolist())}
        self.up = self.down = np.zeros(n)
        self.aim: int | None = None

    def capacities(self, up: Floats, down: Floats) -> None:
        """Set how far each of `cells` may rise and fall (same order as `cells`)."""
        self.up, self.down = up, down
        self.solver.changeColsBounds(len(up), np.arange(len(up), dtype=np.int32), -down, up)

    def push(self, p: int, sign: int, known: Iterable[int] = ()) -> tuple[float, Floats]:
        """The largest shift of p in direction `sign` while `known` stay still, and the movement of all of `cells`."""
        still = [self.at[cell] for cell in known if cell in self.at]
        for i in still:
            self.solver.changeColBounds(i, 0.0, 0.0)
        aim = self.at[p]
        if self.aim is not None and self.aim != aim:
            self.solver.changeColCost(self.aim, 0.0)
        self.solver.changeColCost(aim, -float(sign))
        self.aim = aim
        self.solver.run()
        if self.solver.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            self.solver.clearSolver()
            self.solver.run()
        self.solution = self.solver.getSolution()
        reach = -float(self.solver.getInfo().objective_function_value)  # before the bounds change: that voids it
        for i in still:
            self.solver.changeColBounds(i, -float(self.down[i]), float(self.up[i]))
        return reach, np.array(self.solution.col_value)

    def cut(self) -> NDArray[np.int64]:
        """Cells whose capacity limited the last `push`; a lower bound of zero that no capacity widens does not count."""
        price = np.array(self.solution.col_dual)
        return np.asarray(self.cells[(price < -ZERO) | ((price > ZERO) & (self.down > 0))])
