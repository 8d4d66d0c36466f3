"""Choosing a pattern: covers and HiGHS for a cheap one, movements to see who still learns something, repairs until nobody does.

    covers from equations -> linear relaxation + cuts -> whole numbers + cuts -> repair what is left -> trim
Every pattern that is returned answers every question; the bound is what the master proved with the covers it had.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from disclosure.suppress.cuts import Pool, Separator, companions, seed
from disclosure.suppress.master import Answer, Master
from disclosure.suppress.pattern import Mender, Pattern
from disclosure.suppress.problem import Insider, Objective, Problem, pose
from disclosure.suppress.system import Bools, System
from schemas.errors import DisclosureRefused

LONGEST = 12  # equations longer than this give no companion rows: they hardly bind and fill the master
RELAXED_SHARE = 0.35  # of the time for the linear relaxation
WHOLE_SHARE = 0.25  # of what is left for one search in whole numbers
GAP = 0.002
SURE = 0.999


@dataclass(frozen=True)
class Choice:
    """blank bool[n]; `measure` is the objective of the secondary blanks, `bound` what no safe pattern goes below."""

    blank: Bools
    measure: float
    bound: float
    rounds: int
    seconds: float

    @property
    def gap(self) -> float:
        """(measure - bound) / measure; 0 when proven optimal or nothing had to be blanked."""
        return 0.0 if self.measure <= 0 else max(0.0, (self.measure - self.bound) / self.measure)


def choose(system: System, objective: Objective, insider: Insider, seconds: float) -> Choice:
    """The cheapest safe pattern that could be found in about `seconds`; DisclosureRefused when there is none at all."""
    started = time.monotonic()
    search = _Search(pose(system, objective, insider), started + seconds)
    search.run()
    if search.best is None:
        raise DisclosureRefused(
            "No safe pattern of blanks was found in the time given; allow more time or merge categories."
        )
    measure = float(search.problem.measure[search.best].sum())
    bound = min(measure, search.bound)
    return Choice(search.best, measure, bound, search.rounds, time.monotonic() - started)


class _Search:
    """Best safe pattern so far, and the bound."""

    def __init__(self, problem: Problem, deadline: float) -> None:
        self.problem, self.deadline = problem, deadline
        self.pool = Pool(problem)
        seed(self.pool)
        self.master = Master(self.pool, companions(problem, LONGEST))
        self.separator = Separator(self.pool)
        self.mender = Mender(problem)
        self.best: Bools | None = None
        self.cost, self.bound, self.rounds = float("inf"), 0.0, 0

    def left(self) -> float:
        """Seconds until the deadline."""
        return self.deadline - time.monotonic()

    def run(self) -> None:
        """Relax, then choose in whole numbers, until nothing is violated or the time is up."""
        answer = self._relaxed(self.left() * RELAXED_SHARE)
        self._finish(answer.x > 0.5)
        while self.left() > 0:
            whole = self.master.choose(max(1.0, self.left() * WHOLE_SHARE), GAP, self.best)
            if whole is None:
                break
            self.rounds += 1
            self.bound = max(self.bound, whole.bound)
            found = self._cuts(whole.x)
            self._finish(whole.x > 0.5)
            if not found or self.cost <= self.bound * (1 + GAP):
                break

    def _relaxed(self, seconds: float) -> Answer:
        until = time.monotonic() + seconds
        answer = self.master.relax()
        while time.monotonic() < until:
            self.bound = max(self.bound, answer.bound)
            self.rounds += 1
            if not self._cuts(answer.x):
                break
            answer = self.master.relax()
        return answer

    def _cuts(self, x: np.ndarray) -> int:
        """Add the covers that x violates: for the outsider, and for whoever the outsider's movement depends on."""
        self.separator.load(x, symmetric=False)
        found = 0
        for p in self.problem.targets.tolist():
            more, movement = self.separator.separate(p, frozenset())
            found += more
            if more == 0 and self.problem.insider != "none":
                for person in self._people(movement, p):
                    found += self.separator.separate(p, self.problem.known((person,)))[0]
            if self.left() < 0:
                break
        self.master.refresh()
        return found

    def _people(self, movement: np.ndarray, p: int) -> list[int]:
        moved = np.flatnonzero(np.abs(movement) > 1e-6)
        owners = {int(owner) for owner in self.problem.owner[moved] if owner >= 0}
        return sorted(owner for owner in owners if p not in self.problem.alone[owner])

    def _finish(self, blank: Bools) -> None:
        """Repair `blank` until nobody learns anything, trim it, and keep it if it is the cheapest so far."""
        blank = blank | self.problem.must
        pattern = Pattern(self.problem, blank)
        while exposed := pattern.exposed():
            pattern = Pattern(self.problem, self.mender.mend(pattern.blank, exposed))
        free = np.flatnonzero(pattern.blank & ~self.problem.must)
        pattern.trim(free[np.argsort(-self.problem.cost[free], kind="stable")], self.deadline)
        cost = float(self.problem.cost[pattern.blank].sum())
        if cost < self.cost:
            self.best, self.cost = pattern.blank.copy(), cost
