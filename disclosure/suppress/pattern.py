"""A pattern in whole numbers: who can determine what, the cheapest repair, and trimming what is not needed."""

from __future__ import annotations

import time
from collections import defaultdict

import highspy
import numpy as np

from disclosure.suppress.flow import Flow
from disclosure.suppress.problem import Floats, Problem
from disclosure.suppress.system import Bools, describe
from schemas.errors import DisclosureRefused

Question = tuple[tuple[int, ...], int]
MOVED = 1e-6
CHEAP = 1e-4  # price of moving what is blank already, as a share of the cheapest free cell: short movements serve more people


class Pattern:
    """`blank` bool[n] and, for every primary, movements (sets of cells) that show it undetermined."""

    def __init__(self, problem: Problem, blank: Bools) -> None:
        self.problem, self.blank = problem, blank.copy()
        self.flow = Flow(problem, np.flatnonzero(blank))
        self.witnesses: dict[int, list[frozenset[int]]] = defaultdict(list)
        self._load()

    def _load(self) -> None:
        up = self.blank[self.flow.cells].astype(np.float64)
        self.flow.capacities(up, up * self.problem.falls[self.flow.cells])

    def exposed(self, deadline: float = float("inf")) -> list[Question]:
        """Every question (coalition, primary) that this pattern does not withstand; coalition () is the outsider."""
        found: list[Question] = []
        for p in self.problem.targets.tolist():
            found += self.settle(p)
            if time.monotonic() > deadline:
                break
        return found

    def settle(self, p: int, first: bool = False) -> list[Question]:
        """The questions about p that fail; with `first` the first one only."""
        q = self.problem
        base = self._ask((), p)
        if base is None:
            return [((), p)]
        failed: list[Question] = []
        if q.insider == "none":
            return failed
        pairs = self._twos(base) if q.insider == "pair" else set()
        for person in self._owners(base):
            if p in q.alone[person]:
                continue
            witness = self._ask((person,), p)
            if witness is None:
                failed.append(((person,), p))
                if first:
                    return failed
            elif q.insider == "pair":
                pairs |= {(min(person, b), max(person, b)) for b in self._owners(witness)}
                pairs |= {pair for pair in self._twos(witness) if person in pair}
        for pair in sorted(pairs):
            if p not in q.known(pair) and self._ask(pair, p) is None:
                failed.append((pair, p))
                if first:
                    return failed
        return failed

    def _owners(self, cells: frozenset[int]) -> list[int]:
        return sorted({int(self.problem.owner[c]) for c in cells} - {-1})

    def _twos(self, cells: frozenset[int]) -> set[tuple[int, int]]:
        s = self.problem.system
        return {(int(s.first[c]), int(s.last[c])) for c in cells if s.people[c] == 2}

    def _ask(self, coalition: tuple[int, ...], p: int) -> frozenset[int] | None:
        known = self.problem.known(coalition)
        for witness in self.witnesses[p]:
            if not (known & witness):
                return witness
        for sign in (1, -1):
            if sign == 1 or self.problem.falls[p]:
                reach, movement = self.flow.push(p, sign, known)
                if reach > MOVED:
                    return self._note(frozenset(self.flow.cells[np.abs(movement) > MOVED].tolist()))
        return None

    def _note(self, witness: frozenset[int]) -> frozenset[int]:
        for cell in witness:
            if self.problem.system.primary[cell]:
                self.witnesses[cell].append(witness)
        return witness

    def drop(self, cell: int) -> bool:
        """Publish `cell` if every question still holds; True when it does, else the pattern stays as it was."""
        hit = [p for p in self.problem.targets.tolist() if any(cell in w for w in self.witnesses[p])]
        kept = {p: self.witnesses[p] for p in hit}
        self._set(cell, False)
        for p in hit:
            self.witnesses[p] = [w for w in kept[p] if cell not in w]
        for p in hit:
            if self.settle(p, first=True):
                self._set(cell, True)
                for restored in hit:
                    self.witnesses[restored] = kept[restored] + [
                        w for w in self.witnesses[restored] if w not in kept[restored]
                    ]
                return False
        return True

    def _set(self, cell: int, blank: bool) -> None:
        self.blank[cell] = blank
        at = self.flow.at[cell]
        self.flow.up[at] = float(blank)
        self.flow.down[at] = float(blank and self.problem.falls[cell])
        self.flow.solver.changeColBounds(at, -self.flow.down[at], self.flow.up[at])

    def trim(self, order: np.ndarray, deadline: float) -> int:
        """Publish what is not needed, in the given order of cells; how many were published."""
        count = 0
        for cell in order.tolist():
            if time.monotonic() > deadline:
                break
            if self.blank[cell] and not self.problem.must[cell]:
                count += self.drop(cell)
        return count


class Mender:
    """Cheapest further blanks that let one primary move for one coalition: a linear programme over all cells."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        n, part = problem.system.size, problem.columns
        model = highspy.HighsLp()
        model.num_col_, model.num_row_ = 2 * n, part.shape[0]
        model.col_cost_ = model.col_lower_ = model.col_upper_ = np.zeros(2 * n)
        model.row_lower_ = model.row_upper_ = np.zeros(part.shape[0])
        model.a_matrix_.format_ = highspy.MatrixFormat.kColwise
        model.a_matrix_.start_ = np.concatenate([part.indptr, part.indptr[1:] + part.nnz]).astype(np.int32)
        model.a_matrix_.index_ = np.concatenate([part.indices, part.indices]).astype(np.int32)
        model.a_matrix_.value_ = np.concatenate([part.data, -part.data]).astype(np.float64)
        self.solver = highspy.Highs()
        for option, value in (("output_flag", False), ("threads", 1), ("presolve", "off")):
            self.solver.setOptionValue(option, value)
        self.solver.passModel(model)

    def mend(self, blank: Bools, questions: list[Question]) -> Bools:
        """A pattern that contains `blank` and answers all `questions`. DisclosureRefused when one has no answer."""
        q, n, blank = self.problem, self.problem.system.size, blank.copy()
        columns = np.arange(2 * n, dtype=np.int32)
        cheapest = float(q.cost[q.cost > 0].min(initial=1.0))
        for coalition, p in questions:
            known = np.fromiter(q.known(coalition), dtype=np.int64)
            cost = np.where(blank, CHEAP * cheapest, q.cost)
            best: tuple[float, Floats] | None = None
            for sign in (1, -1):
                if sign == -1 and not q.falls[p]:
                    continue
                top = np.concatenate(
                    [np.where(q.never, 0.0, highspy.kHighsInf), np.where(q.falls & ~q.never, highspy.kHighsInf, 0)]
                )
                low = np.zeros(2 * n)
                top[known], top[n + known] = 0.0, 0.0
                top[[p, n + p]] = 0.0
                low[p if sign == 1 else n + p] = top[p if sign == 1 else n + p] = 1.0
                self.solver.changeColsBounds(2 * n, columns, low, top)
                self.solver.changeColsCost(2 * n, columns, np.concatenate([cost, cost]))
                self.solver.run()
                if self.solver.getModelStatus() != highspy.HighsModelStatus.kOptimal:
                    continue
                price = float(self.solver.getInfo().objective_function_value)
                if best is None or price < best[0]:
                    best = price, np.array(self.solver.getSolution().col_value)
            if best is None:
                raise DisclosureRefused(
                    f"The cell {describe(q.system.keys[p])} cannot be protected by any pattern of blanks: "
                    "merge categories, or leave the table out."
                )
            blank |= (best[1][:n] + best[1][n:]) > MOVED
        return blank
