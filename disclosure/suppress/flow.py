"""Movement in a pattern: how far can a cell shift when every cell has a capacity? The dual is a cut, of which one must be blank.

    maximise  sign * y_p   subject to   A y = 0,  y_K = 0,  -down_j <= y_j <= up_j

With the blanking variable as capacity this is the min-cut form of the attacker problem (`docs/suppression.md`): its optimum is zero
exactly when p cannot move, and columns with a reduced cost are cells of which at least one more has to be blank. Leaving equations
out only lets more move, so what is a cut for the equations near p is a cut for all.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import highspy
import numpy as np
from numpy.typing import NDArray

from disclosure.suppress.problem import Floats, Problem
from disclosure.suppress.system import Bools, Ints

ZERO = 1e-6


def equations_near(problem: Problem, p: int, through: Bools, most: int) -> Ints:
    """Up to about `most` equations that a movement of p can reach over the cells `through` (bool[n]), nearest first."""
    rows, columns = problem.system.equations, problem.columns
    found: dict[int, None] = {}
    seen, queue = {p}, [p]
    for cell in queue:
        for row in columns.indices[columns.indptr[cell] : columns.indptr[cell + 1]].tolist():
            if row in found:
                continue
            found[row] = None
            for other in rows.indices[rows.indptr[row] : rows.indptr[row + 1]].tolist():
                if through[other] and other not in seen:
                    seen.add(other)
                    queue.append(other)
        if len(found) >= most:
            break
    return np.sort(np.fromiter(found, dtype=np.int64))


def cells_near(problem: Problem, p: int, through: Bools, most: int) -> Ints:
    """About `most` of the cells `through` (bool[n]) nearest to p, sorted; short equations are crossed first."""
    rows, columns = problem.system.equations, problem.columns
    crossed, found = set[int](), {p: None}
    queue = [p]
    for cell in queue:
        touched = set(columns.indices[columns.indptr[cell] : columns.indptr[cell + 1]].tolist()) - crossed
        for row in sorted(touched, key=lambda r: (int(rows.indptr[r + 1] - rows.indptr[r]), r)):
            crossed.add(row)
            for other in rows.indices[rows.indptr[row] : rows.indptr[row + 1]].tolist():
                if through[other] and other not in found:
                    found[other] = None
                    queue.append(other)
        if len(found) >= most:
            break
    return np.sort(np.fromiter(itertools.islice(found, most), dtype=np.int64))


class Flow:
    """One linear programme over the cells of some equations, re-solved from the last basis for every question."""

    def __init__(self, problem: Problem, equations: Ints | None = None) -> None:
        """`equations`: which rows of the system to keep; default all."""
        if equations is None:
            part, self.cells = problem.columns, np.arange(problem.system.size)
        else:
            rows = problem.system.equations[equations]
            self.cells = np.unique(rows.indices).astype(np.int64)
            part = rows[:, self.cells].tocsc()
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
        """Set how far each cell of the system (float64[n]) may rise and fall."""
        self.up, self.down = up[self.cells], down[self.cells]
        self.solver.changeColsBounds(len(self.up), np.arange(len(self.up), dtype=np.int32), -self.down, self.up)

    def capacity(self, cell: int, up: float, down: float) -> tuple[float, float]:
        """Set how far one cell may rise and fall; what it was before."""
        i = self.at[cell]
        before = float(self.up[i]), float(self.down[i])
        self.up[i], self.down[i] = up, down
        self.solver.changeColBounds(i, -float(down), float(up))
        return before

    def push(self, p: int, sign: int, known: Iterable[int] = ()) -> float:
        """The largest shift of p in direction `sign` while `known` stay still."""
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
        return reach

    def cut(self) -> NDArray[np.int64]:
        """Cells whose capacity limited the last `push`; a lower bound of zero that no capacity widens does not count."""
        price = np.array(self.solution.col_dual)
        return np.asarray(self.cells[(price < -ZERO) | ((price > ZERO) & (self.down > 0))])

    def moved(self) -> NDArray[np.int64]:
        """Cells that the last `push` moved."""
        return np.asarray(self.cells[np.abs(np.array(self.solution.col_value)) > ZERO])
