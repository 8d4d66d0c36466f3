"""The attacker's arithmetic: a set of blanks that may move, as a linear programme, and what surrounds a blank.

Part of `disclosure.attack`; shares no code with the chooser.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass

import highspy
import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

ALONE = 4.0  # cost of moving a cell that one person knows: witnesses that avoid those serve more people
BRANCH_SECONDS = 20.0  # for one whole-number problem; beyond it the question counts as failed


@dataclass(frozen=True)
class Secrets:
    """What an attack starts from. n cells; `equations` CSR (m, n), whole coefficients; fields as in `disclosure.suppress.system`.

    upper   int64[n], what everybody knows a blank to be at most; None: nothing is known.
    floor   int64[n], what a blank is at least when the outsider's range is judged; None: 0.
    """

    values: Ints
    equations: sparse.csr_array
    primary: Bools
    lower: Ints
    people: Ints
    first: Ints
    last: Ints
    upper: Ints | None = None
    floor: Ints | None = None

    @property
    def least(self) -> Ints:
        """int64[n], `floor` with its default."""
        return np.zeros(len(self.values), dtype=np.int64) if self.floor is None else self.floor

    @property
    def rise(self) -> NDArray[np.float64]:
        """float64[n], how far above its value a blank can be."""
        if self.upper is None:
            return np.full(len(self.values), highspy.kHighsInf)
        return (self.upper - self.values).astype(np.float64)


class Untried(Exception):
    """A question was not settled within the time."""


class Room:
    """A set of blanks that may move, all others still, as a linear programme: minimise the movement that shifts one cell."""

    def __init__(
        self, s: Secrets, matrix: sparse.csr_array, place: Ints, cells: Ints, around: Room | None = None
    ) -> None:
        self.s, self.cells, self.matrix, self.place, self.around = s, np.sort(cells), matrix, place, around
        self.solver: highspy.Highs | None = None
        self.rise = s.rise[self.cells]

    def _open(self) -> highspy.Highs:
        """Build the model on first use: columns are movements up, then movements down, of `cells`."""
        part = self.matrix[:, self.place[self.cells]]
        part = part[np.flatnonzero(np.diff(part.indptr))].tocsc()
        self.part, k = part, len(self.cells)
        self.at = {cell: i for i, cell in enumerate(self.cells.tolist())}
        cost = np.where(self.s.people[self.cells] == 1, ALONE, 1.0)
        model = highspy.HighsLp()
        model.num_col_, model.num_row_ = 2 * k, part.shape[0]
        model.col_cost_ = np.concatenate([cost, cost])
        model.col_lower_ = np.zeros(2 * k)
        model.col_upper_ = self._bounds(self.s.lower[self.cells])
        model.row_lower_ = model.row_upper_ = np.zeros(part.shape[0])
        model.a_matrix_.format_ = highspy.MatrixFormat.kColwise
        model.a_matrix_.start_ = np.concatenate([part.indptr, part.indptr[1:] + part.nnz]).astype(np.int32)
        model.a_matrix_.index_ = np.concatenate([part.indices, part.indices]).astype(np.int32)
        model.a_matrix_.value_ = np.concatenate([part.data, -part.data]).astype(np.float64)
        solver = highspy.Highs()
        for option, value in (("output_flag", False), ("threads", 1), ("presolve", "off"), ("solver", "simplex")):
            solver.setOptionValue(option, value)
        solver.passModel(model)
        self.solver = solver
        return solver

    def _bounds(self, lower: Ints) -> NDArray[np.float64]:
        fall = (self.s.values[self.cells] - lower).astype(np.float64)
        return np.concatenate([self.rise, fall])

    def witness(self, p: int, known: Iterable[int], deadline: float) -> tuple[Ints, Ints] | None:
        """Another table in which p differs and `known` does not, blanks at least `lower`; None when there is none here."""
        for move in self._ways(p):
            found = self._solve(p, move, known, self.s.lower[self.cells], deadline)
            if found is not None:
                return found
        return None

    def holds(self, p: int, known: Iterable[int], deadline: float) -> bool:
        """Whether the equations of this room alone already determine p; fractions of a shift would count as movement."""
        if p not in (self.at if self.solver else set(self.cells.tolist())):
            return False
        lower = self.s.lower[self.cells]
        return not any(self._possible(p, way, known, lower, deadline) for way in self._ways(p))

    def _ways(self, p: int) -> list[int]:
        upper = self.s.upper
        value = int(self.s.values[p])
        rises = upper is None or value < int(upper[p])
        return [1] * rises + [-1] * (value > int(self.s.lower[p]))

    def shift(self, p: int, move: int, deadline: float) -> tuple[Ints, Ints] | None:
        """Another table in which p is `move` higher, blanks at least `floor`."""
        if move > 0 and self.s.upper is not None and self.s.values[p] + move > self.s.upper[p]:
            return None
        return self._solve(p, move, (), self.s.least[self.cells], deadline)

    def _solve(self, p: int, move: int, known: Iterable[int], lower: Ints, deadline: float) -> tuple[Ints, Ints] | None:
        if not self._possible(p, move, known, lower, deadline):
            return None
        assert self.solver is not None
        found = self._whole(self.solver, lower)
        return found if found is not None else self._branch(lower, deadline)

    def _possible(self, p: int, move: int, known: Iterable[int], lower: Ints, deadline: float) -> bool:
        """Whether fractions allow the shift; the solver then holds the least movement that does it."""
        if time.monotonic() > deadline:
            raise Untried
        solver = self.solver or self._open()
        k, at = len(self.cells), self.at[p]
        self.floor, self.ceiling = np.zeros(2 * k), self._bounds(lower)
        for cell in known:
            if cell in self.at:
                self.ceiling[[self.at[cell], k + self.at[cell]]] = 0.0
        self.ceiling[[at, k + at]] = 0.0
        wanted = at if move > 0 else k + at
        self.floor[wanted] = self.ceiling[wanted] = float(abs(move))
        solver.changeColsBounds(2 * k, np.arange(2 * k, dtype=np.int32), self.floor, self.ceiling)
        solver.run()
        status = solver.getModelStatus()
        if status not in (highspy.HighsModelStatus.kInfeasible, highspy.HighsModelStatus.kOptimal):
            raise Untried
        return bool(status == highspy.HighsModelStatus.kOptimal)

    def _whole(self, solver: highspy.Highs, lower: Ints) -> tuple[Ints, Ints] | None:
        """The solver's point in whole numbers, checked in whole numbers; None when rounding breaks it."""
        point, k = np.array(solver.getSolution().col_value), len(self.cells)
        moves = np.rint(point[:k] - point[k:]).astype(np.int64)
        reached = self.s.values[self.cells] + moves
        fits = not np.any(self.part @ moves) and bool(np.all(reached >= lower) and np.all(moves <= self.rise))
        if not fits or np.abs(point[:k] - point[k:] - moves).max() > 1e-6:
            return None
        moved = np.flatnonzero(moves)
        return self.cells[moved], moves[moved]

    def _branch(self, lower: Ints, deadline: float) -> tuple[Ints, Ints] | None:
        """The same question with whole numbers demanded; a shift of more than asked would do as well, so allow it."""
        k = len(self.cells)
        wanted, ceiling = np.flatnonzero(self.floor), self.ceiling.copy()
        solver = highspy.Highs()
        solver.setOptionValue("output_flag", False)
        solver.setOptionValue("threads", 1)
        solver.setOptionValue("time_limit", max(0.1, min(BRANCH_SECONDS, deadline - time.monotonic())))
        model = self.solver.getLp() if self.solver is not None else highspy.HighsLp()
        room = self._bounds(lower)
        ceiling[wanted] = np.maximum(ceiling[wanted], room[wanted])
        model.col_lower_, model.col_upper_ = self.floor, ceiling
        model.integrality_ = [highspy.HighsVarType.kInteger] * (2 * k)
        solver.passModel(model)
        solver.run()
        status = solver.getModelStatus()
        if status == highspy.HighsModelStatus.kInfeasible:
            return None
        found = self._whole(solver, lower) if status == highspy.HighsModelStatus.kOptimal else None
        if found is None:
            raise Untried
        return found


def eliminate(equations: sparse.csr_array, blank: Bools) -> tuple[Bools, Bools]:
    """Blanks that stay unknown after solving every equation with a single unknown, and the ones so determined."""
    live = blank.copy()
    pattern = (equations != 0).astype(np.int64)
    while True:
        single = np.flatnonzero(pattern @ live.astype(np.int64) == 1)
        if not len(single):
            return live, blank & ~live
        live &= ~((pattern[single].T @ np.ones(len(single), dtype=np.int64)) > 0)


def neighbours(matrix: sparse.csr_array) -> tuple[sparse.csr_array, sparse.csr_array]:
    by_row = sparse.csr_array(matrix)
    return by_row, sparse.csr_array(by_row.T)


def ball(graph: tuple[sparse.csr_array, sparse.csr_array], seed: int, size: int) -> Ints:
    """The `size` columns nearest to `seed`, nearest first; small equations are crossed before large ones."""
    by_row, by_column = graph
    seen, order, rows_seen, at = {seed}, [seed], set[int](), 0
    width = np.diff(by_row.indptr)
    while at < len(order) and len(order) < size:
        cell = order[at]
        at += 1
        rows = by_column.indices[by_column.indptr[cell] : by_column.indptr[cell + 1]]
        for row in sorted(set(rows.tolist()) - rows_seen, key=lambda r: (int(width[r]), r)):
            rows_seen.add(row)
            for other in by_row.indices[by_row.indptr[row] : by_row.indptr[row + 1]].tolist():
                if other not in seen:
                    seen.add(other)
                    order.append(other)
    return np.array(order[:size], dtype=np.int64)
