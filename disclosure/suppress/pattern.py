"""A pattern in whole numbers: who can determine what, the cheapest repair, and trimming what is not needed."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from disclosure.suppress.movement import Mover
from disclosure.suppress.problem import Problem
from disclosure.suppress.system import Bools, describe
from schemas.errors import DisclosureRefused

Question = tuple[tuple[int, ...], int]
CHEAP = 1e-4  # price of moving what is blank already, as a share of the cheapest free cell: short movements serve more people
ALONE = 4.0  # price of moving a cell that somebody knows, others cost 1: such witnesses serve fewer people


class Pattern:
    """`blank` bool[n] and, for every primary, movements (sets of cells) that show it undetermined."""

    def __init__(self, problem: Problem, blank: Bools) -> None:
        self.problem, self.blank = problem, blank.copy()
        cells = np.flatnonzero(blank)
        self.mover = Mover(problem, cells, np.where(problem.owner[cells] >= 0, ALONE, 1.0))
        self.witnesses: dict[int, list[frozenset[int]]] = defaultdict(list)
        self._needed_in, self._needed_cells = b"", set[int]()

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
                movement = self.mover.move(p, sign, known)
                if movement is not None:
                    return self._note(movement.cells)
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
        self.mover.hold(cell, not blank)

    def trim(self, covers: Sequence[tuple[int, ...]], deadline: float) -> int:
        """Publish what is not needed, dearest first; how many were published. A blank that alone meets a cover is needed."""
        free = np.flatnonzero(self.blank & ~self.problem.must)
        count = 0
        for cell in free[np.argsort(-self.problem.cost[free], kind="stable")].tolist():
            if time.monotonic() > deadline:
                break
            if cell not in self._needed(covers):
                count += self.drop(cell)
        return count

    def _needed(self, covers: Sequence[tuple[int, ...]]) -> set[int]:
        """Cells that are the only blank of a cover; recomputed after every change of the pattern."""
        state = self.blank.tobytes()
        if self._needed_in != state:
            met = ([cell for cell in cover if self.blank[cell]] for cover in covers)
            self._needed_cells = {cells[0] for cells in met if len(cells) == 1}
            self._needed_in = state
        return self._needed_cells


class Mender:
    """Cheapest further blanks that let a primary move for a coalition."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.mover = Mover(problem, np.arange(problem.system.size), problem.cost)

    def mend(self, blank: Bools, questions: list[Question]) -> Bools:
        """A pattern that contains `blank` and answers all `questions`. DisclosureRefused when one has no answer."""
        q, blank = self.problem, blank.copy()
        cheap = CHEAP * float(q.cost[q.cost > 0].min(initial=1.0))
        moved: dict[int, list[frozenset[int]]] = defaultdict(list)
        for coalition, p in questions:
            known = q.known(coalition)
            if any(not (known & cells) for cells in moved[p]):
                continue
            self.mover.price(np.where(blank, cheap, q.cost))
            tried = [self.mover.move(p, sign, known) for sign in ((1, -1) if q.falls[p] else (1,))]
            best = min((t for t in tried if t is not None), key=lambda t: t.price, default=None)
            if best is None:
                raise DisclosureRefused(
                    f"The cell {describe(q.system.keys[p])} cannot be protected by any pattern of blanks: "
                    "merge categories, or leave the table out."
                )
            blank[list(best.cells)] = True
            for cell in best.cells:
                moved[cell].append(best.cells)
        return blank
