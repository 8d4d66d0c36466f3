"""A pattern in whole numbers: who can determine what, the cheapest repair, and trimming what is not needed."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from disclosure.suppress.movement import Mover
from disclosure.suppress.problem import Problem
from disclosure.suppress.system import Bools, Ints, describe
from schemas.errors import DisclosureRefused

CHEAP = 1e-4  # price of moving a blank, as a share of the cheapest free cell: short movements serve more people
ALONE = 4.0  # price of moving a cell that somebody knows, others cost 1: such witnesses serve fewer people


class Question(NamedTuple):
    """Can `cell` be told by `coalition` (() is the outsider)? With `step`: must the outsider believe value + step possible?"""

    coalition: tuple[int, ...]
    cell: int
    step: int = 0


class Witness(NamedTuple):
    """Cells that move; `mirror`: also possible the other way round when blanks may be 0."""

    cells: frozenset[int]
    mirror: bool


class Pattern:
    """`blank` bool[n] and, for every primary, movements that show it undetermined."""

    def __init__(self, problem: Problem, blank: Bools) -> None:
        self.problem, self.blank = problem, blank.copy()
        self.cells = np.flatnonzero(blank)
        system = problem.system
        self.prices = np.where(problem.owner[self.cells] >= 0, ALONE, 1.0)
        self.mover = Mover(problem, self.cells, self.prices, (system.values - system.lower)[self.cells].clip(0))
        self.wide: Mover | None = None
        self.held: set[int] = set()
        self.witnesses: dict[int, list[Witness]] = defaultdict(list)
        self.reached: dict[tuple[int, int], list[frozenset[int]]] = defaultdict(list)
        self._needed_in, self._needed_cells = b"", set[int]()

    def exposed(self) -> list[Question]:
        """Every question that this pattern does not withstand."""
        return [question for p in self.problem.targets.tolist() for question in self.settle(p)]

    def settle(self, p: int, first: bool = False) -> list[Question]:
        """The questions about p that fail; with `first` the first one only."""
        base = self._ask((), p)
        if base is None:
            return [Question((), p)]
        failed: list[Question] = []
        for question in self._others(p, base):
            holds = self._reaches(p, question.step) if question.step else self._ask(question.coalition, p)
            if not holds:
                failed.append(question)
                if first:
                    break
        return failed

    def _others(self, p: int, base: Witness) -> Iterable[Question]:
        """What remains to be asked once the outsider cannot tell p: the range, then those whom `base` does not serve."""
        q = self.problem
        value = int(q.system.values[p])
        for step in (-min(q.down, value), q.up):
            if step and not (base.mirror and abs(step) == 1):
                yield Question((), p, step)
        if q.insider == "none":
            return
        pairs = self._twos(base) if q.insider == "pair" else set()
        for person in self._owners(base):
            if p in q.alone[person]:
                continue
            yield Question((person,), p)
            witness = self._ask((person,), p) if q.insider == "pair" else None
            if witness is not None:
                pairs |= {(min(person, b), max(person, b)) for b in self._owners(witness) if b != person}
                pairs |= {pair for pair in self._twos(witness) if person in pair}
        for pair in sorted(pairs):
            if p not in q.known(pair):
                yield Question(pair, p)

    def _owners(self, witness: Witness) -> list[int]:
        return sorted({int(self.problem.owner[c]) for c in witness.cells} - {-1})

    def _twos(self, witness: Witness) -> set[tuple[int, int]]:
        s = self.problem.system
        return {(int(s.first[c]), int(s.last[c])) for c in witness.cells if s.people[c] == 2}

    def _ask(self, coalition: tuple[int, ...], p: int) -> Witness | None:
        known = self.problem.known(coalition)
        for witness in self.witnesses[p]:
            if not (known & witness.cells):
                return witness
        for step in (1, -1):
            movement = self.mover.move(p, step, known)
            if movement is not None:
                values = self.problem.system.values
                mirror = movement.whole and all(y <= values[cell] for cell, y in movement.steps.items())
                witness = Witness(movement.cells, mirror)
                for cell in movement.cells if movement.whole else (p,):
                    if self.problem.system.primary[cell]:
                        self.witnesses[cell].append(witness)
                return witness
        return None

    def _reaches(self, p: int, step: int) -> bool:
        """Whether the outsider must believe value + step possible, blanks being at least 0."""
        if abs(step) == 1 and any(witness.mirror for witness in self.witnesses[p]):
            return True
        if self.reached[p, step]:
            return True
        if self.wide is None:
            self.wide = Mover(self.problem, self.cells, self.prices, self.problem.system.values[self.cells])
            for cell in self.held:
                self.wide.hold(cell, True)
        movement = self.wide.move(p, step, ())
        if movement is None:
            return False
        self.reached[p, step].append(movement.cells)
        return True

    def drop(self, cell: int) -> Question | None:
        """Publish `cell` if every question still holds, and return None; else a question that then fails, nothing changed."""
        hit = [p for p, found in self.witnesses.items() if any(cell in w.cells for w in found)]
        wide = {key: found for key, found in self.reached.items() if any(cell in cells for cells in found)}
        kept = {p: self.witnesses[p] for p in hit}
        self._set(cell, False)
        for p in hit:
            self.witnesses[p] = [w for w in kept[p] if cell not in w.cells]
        for key, found in wide.items():
            self.reached[key] = [cells for cells in found if cell not in cells]
        for p in dict.fromkeys([*hit, *(p for p, _ in wide)]):
            failed = self.settle(p, first=True)
            if failed:
                self._set(cell, True)
                for restored, before in kept.items():
                    self.witnesses[restored] = before + [w for w in self.witnesses[restored] if w not in before]
                self.reached.update(wide)
                return failed[0]
        return None

    def _set(self, cell: int, blank: bool) -> None:
        self.blank[cell] = blank
        (self.held.discard if blank else self.held.add)(cell)
        for mover in (self.mover, self.wide):
            if mover is not None:
                mover.hold(cell, not blank)

    def trim(self, covers: Sequence[tuple[int, ...]], deadline: float) -> list[tuple[int, Question]]:
        """Publish what is not needed, dearest first. A blank that alone meets a cover is needed.

        Returns why the other blanks stay: (cell, the question that fails without it), each the seed of a further cover.
        """
        free = np.flatnonzero(self.blank & ~self.problem.must)
        reasons: list[tuple[int, Question]] = []
        for cell in free[np.argsort(-self.problem.cost[free], kind="stable")].tolist():
            if time.monotonic() > deadline:
                break
            failed = self.drop(cell) if cell not in self._needed(covers) else None
            if failed is not None:
                reasons.append((cell, failed))
        return reasons

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
        self.movers: dict[bool, Mover] = {}

    def _mover(self, wide: bool) -> Mover:
        if wide not in self.movers:
            system = self.problem.system
            falls: Ints = system.values if wide else (system.values - system.lower).clip(0)
            self.movers[wide] = Mover(self.problem, np.arange(system.size), self.problem.cost, falls)
        return self.movers[wide]

    def mend(self, blank: Bools, questions: Sequence[Question], avoid: frozenset[int] = frozenset()) -> Bools:
        """A pattern that contains `blank` and answers all `questions` without `avoid`. DisclosureRefused when one has no answer."""
        q, blank = self.problem, blank.copy()
        cheap = CHEAP * float(q.cost[q.cost > 0].min(initial=1.0))
        moved: dict[int, list[frozenset[int]]] = defaultdict(list)
        for coalition, p, step in questions:
            known = q.known(coalition) | (avoid - {p})
            if not step and any(not (known & cells) for cells in moved[p]):
                continue
            mover = self._mover(bool(step))
            mover.price(np.where(blank, cheap, q.cost))
            tried = [mover.move(p, way, known) for way in ((step,) if step else (1, -1))]
            best = min((t for t in tried if t is not None), key=lambda t: t.price, default=None)
            if best is None:
                raise DisclosureRefused(
                    f"The cell {describe(q.system.keys[p])} cannot be protected by any pattern of blanks: "
                    "merge categories, or leave the table out."
                )
            blank[list(best.cells)] = True
            for cell in best.cells if best.whole and not step else ():
                moved[cell].append(best.cells)
        return blank
