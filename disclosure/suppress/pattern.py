"""A pattern in whole numbers: who can determine what, the cheapest repair, and trimming what is not needed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from disclosure.suppress.flow import cells_near
from disclosure.suppress.movement import Movement, Mover
from disclosure.suppress.problem import Problem
from disclosure.suppress.system import Bools, Ints, describe
from schemas.errors import DisclosureRefused

CHEAP = 1e-4  # price of moving a blank, as a share of the cheapest free cell: short movements serve more people
WHOLE = 2_500  # up to this many cells one programme over all of them is quicker than many over neighbourhoods
AROUND = 800  # cells near a primary for a repair, beyond WHOLE
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


class Pattern(ABC):
    """`blank` bool[n] and, for every primary, movements that show it undetermined; how these are found is `Quick`'s."""

    def __init__(self, problem: Problem, blank: Bools) -> None:
        self.problem, self.blank = problem, blank.copy()
        self.cells = np.flatnonzero(blank)
        self.movers: dict[bool, Mover] = {}
        self.local: dict[tuple[int, int, bool], Mover] = {}
        self.witnesses: dict[int, list[Witness]] = defaultdict(list)
        self.reached: dict[tuple[int, int], list[frozenset[int]]] = defaultdict(list)

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
        movement = self.movement(p, (1, -1), known)
        return None if movement is None else self.note(p, movement)

    @abstractmethod
    def note(self, p: int, movement: Movement) -> Witness:
        """Keep a movement of p, found with blanks at least `lower`, as a witness for primaries that it moves."""

    def answered(self, question: Question) -> bool:
        """Whether a witness kept so far answers the question."""
        coalition, p, step = question
        if step:
            return bool(self.reached[p, step]) or (abs(step) == 1 and any(w.mirror for w in self.witnesses[p]))
        known = self.problem.known(coalition)
        return any(not (known & witness.cells) for witness in self.witnesses[p])

    def grow(self, cells: frozenset[int]) -> None:
        """Blank more cells; what was shown so far stays shown."""
        if not all(self.blank[cell] for cell in cells):
            self.blank[list(cells)] = True
            self.cells = np.flatnonzero(self.blank)
            self.movers.clear()
            self.local.clear()

    @abstractmethod
    def movement(self, p: int, ways: Sequence[int], known: frozenset[int], wide: bool = False) -> Movement | None:
        """A movement of p by one of `ways` over blanks, none of them `known`. `wide`: blanks may be 0."""

    def _near(self, p: int, most: int, wide: bool) -> Mover:
        if (p, most, wide) not in self.local:
            self.local = {key: mover for key, mover in self.local.items() if key[0] == p}
            self.local[p, most, wide] = self._mover(cells_near(self.problem, p, self.blank, most), wide)
        return self.local[p, most, wide]

    def _all(self, wide: bool) -> Mover:
        if wide not in self.movers:
            self.movers[wide] = self._mover(self.cells, wide)
            for cell in self.cells[~self.blank[self.cells]].tolist():
                self.movers[wide].hold(cell, True)
        return self.movers[wide]

    def _mover(self, cells: Ints, wide: bool) -> Mover:
        falls = self._falls(wide)[cells]
        return Mover(self.problem, cells, np.where(self.problem.owner[cells] >= 0, ALONE, 1.0), falls)

    def _falls(self, wide: bool) -> Ints:
        system = self.problem.system
        return system.values if wide else (system.values - system.lower).clip(0)

    def _reaches(self, p: int, step: int) -> bool:
        """Whether the outsider must believe value + step possible, blanks being at least 0."""
        if self.answered(Question((), p, step)):
            return True
        movement = self.movement(p, (step,), frozenset(), wide=True)
        if movement is None:
            return False
        self.reached[p, step].append(movement.cells)
        return True

    def _set(self, cell: int, blank: bool) -> None:
        self.blank[cell] = blank
        self.local.clear()
        for mover in self.movers.values():
            mover.hold(cell, not blank)


class Mender:
    """Cheapest further blanks that let a primary move for a coalition."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.movers: dict[bool, Mover] = {}

    def _within(self, p: int, wide: bool) -> Iterator[Mover]:
        """Cells near p first, then all."""
        system = self.problem.system
        falls: Ints = system.values if wide else (system.values - system.lower).clip(0)
        if system.size > WHOLE:
            near = cells_near(self.problem, p, ~self.problem.never, AROUND)
            yield Mover(self.problem, near, self.problem.cost[near], falls[near])
        if wide not in self.movers:
            self.movers[wide] = Mover(self.problem, np.arange(system.size), self.problem.cost, falls)
        yield self.movers[wide]

    def mend(self, pattern: Pattern, questions: Iterable[Question], avoid: frozenset[int] = frozenset()) -> None:
        """Grow `pattern` until it answers all `questions` without `avoid`. DisclosureRefused when one has no answer."""
        q = self.problem
        cheap = CHEAP * float(q.cost[q.cost > 0].min(initial=1.0))
        for question in questions:
            coalition, p, step = question
            if not avoid and pattern.answered(question):
                continue
            best, known = None, q.known(coalition) | (avoid - {p})
            for mover in self._within(p, bool(step)):
                mover.price(np.where(pattern.blank, cheap, q.cost)[mover.cells])
                tried = [mover.move(p, way, known) for way in ((step,) if step else (1, -1))]
                best = min((t for t in tried if t is not None), key=lambda t: t.price, default=None)
                if best is not None:
                    break
            if best is None:
                raise DisclosureRefused(
                    f"The cell {describe(q.system.keys[p])} cannot be protected by any pattern of blanks: "
                    "merge categories, or leave the table out."
                )
            pattern.grow(best.cells)
            if step:
                pattern.reached[p, step].append(best.cells)
            else:
                pattern.note(p, best)
