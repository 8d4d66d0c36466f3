"""Choosing a pattern: covers and HiGHS for a cheap one, movements to see who still learns something, repairs until nobody does.

    covers from equations -> linear relaxation + cuts -> whole numbers + cuts -> repair what is left -> trim
Every pattern that is returned answers every question; the bound is what the master proved with the covers it had.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass

import numpy as np

from disclosure.suppress.cuts import Pool, Separator, companions, seed
from disclosure.suppress.judge import Learned, judge_of
from disclosure.suppress.master import Master
from disclosure.suppress.pattern import Mender, Pattern, Question
from disclosure.suppress.problem import Insider, Objective, Problem, pose
from disclosure.suppress.system import Bools, System
from schemas.errors import DisclosureRefused

LONGEST = 40  # equations longer than this give no companion rows: they hardly bind and fill the master
RELAXED_SHARE = 0.12  # of the time for the linear relaxation
WHOLE_SHARE = 0.4  # of what is left for one search in whole numbers
GAP = 2e-5
ASKED = 2  # questions per primary that become covers in one round: the rest mostly give the same ones
HALF = 0.01  # a step that is further from a whole number than this is a fraction
APPEALS = 8  # repairs of a pattern that only the judge, who counts in whole numbers, sees through
BARELY = 1e-9  # share by which the bound is lowered against rounding in the solver


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


def choose(
    system: System, objective: Objective, insider: Insider, seconds: float, down: int = 1, up: int = 1
) -> Choice:  # fmt: skip
    """The cheapest pattern that the attacker lets pass and that could be found in about `seconds`.

    The outsider's range of every primary v contains [v - down, v + up]. DisclosureRefused when there is no safe pattern.
    A first one is sought whatever the time; the time is for cheaper ones.
    """
    started = time.monotonic()
    search = _Search(pose(system, objective, insider, down, up), started + seconds)
    search.run()
    if search.cost == float("inf"):
        raise DisclosureRefused("No safe pattern of blanks was found: merge categories, or allow more time.")
    measure = float(search.problem.measure[search.best].sum())
    return Choice(search.best, measure, search.proven(measure), search.rounds, time.monotonic() - started)


class _Search:
    """Best safe pattern so far, and the bound."""

    def __init__(self, problem: Problem, deadline: float) -> None:
        self.problem, self.deadline, self.judge = problem, deadline, judge_of(problem)
        self.pool = Pool(problem)
        seed(self.pool)
        self.master = Master(self.pool, companions(problem, LONGEST))
        self.separator = Separator(self.pool)
        self.mender = Mender(problem)
        self.best: Bools = problem.must
        self.cost, self.bound, self.rounds = float("inf"), 0.0, 0

    def left(self) -> float:
        """Seconds until the deadline."""
        return self.deadline - time.monotonic()

    def proven(self, measure: float) -> float:
        """What no safe pattern goes below, in the objective's own measure: the proven cost less the most a tie-break can add."""
        ties = float((self.problem.cost - self.problem.measure).clip(0).sum())
        least = self.bound * (1 - BARELY) - min(
            ties, float((self.problem.cost - self.problem.measure)[self.best].sum())
        )
        whole = bool(np.all(self.problem.measure == np.rint(self.problem.measure)))
        return min(measure, max(0.0, float(np.ceil(least - 1e-6)) if whole else least))

    def run(self) -> None:
        """Relax, then choose in whole numbers, until nothing is violated or the time is up."""
        self._relax(time.monotonic() + self.left() * RELAXED_SHARE)
        while True:
            start = None if self.cost == float("inf") else self.best
            whole = self.master.choose(max(1.0, self.left() * WHOLE_SHARE), GAP, start)
            blank = self.problem.must if whole is None else whole.x > 0.5
            pattern = Pattern(self.problem, blank)
            exposed = pattern.exposed()
            self._finish(pattern, exposed)
            if whole is None:
                return
            self.rounds += 1
            self.bound = max(self.bound, whole.bound)
            if self.left() <= 0 or self.cost <= self.bound * (1 + GAP) or not self._cut(blank, exposed):
                return

    def _relax(self, until: float) -> None:
        while time.monotonic() < until:
            answer = self.master.relax()
            self.bound = max(self.bound, answer.bound)
            self.rounds += 1
            found = 0
            for p in self.problem.targets.tolist():
                found += self.separator.relaxed(answer.x, p)
                if time.monotonic() > until:
                    break
            self.master.refresh()
            if not found:
                return

    def _cut(self, blank: Bools, exposed: list[Question]) -> int:
        """Covers for the questions that `blank` fails, as far as time allows; without any, exclude the pattern itself."""
        asked: Counter[int] = Counter()
        some: list[Question] = []
        for question in exposed:
            asked[question.cell] += 1
            if asked[question.cell] <= ASKED:
                some.append(question)
        found = self.separator.whole(blank, some, self.deadline)
        if not found:
            others = np.flatnonzero(~blank & ~self.problem.never)
            found = int(self.pool.add(others.tolist(), -1)) if len(others) else 0
        self.master.refresh()
        return found

    def _finish(self, pattern: Pattern, exposed: list[Question]) -> None:
        """Repair a pattern until nobody learns anything, trim it, and keep it if it is the cheapest that the judge lets pass."""
        while exposed:
            self.mender.mend(pattern, exposed)
            exposed = pattern.exposed()
        reasons = pattern.trim(self.pool.covers, max(self.deadline, time.monotonic() + 1.0))
        for cell, question in reasons:
            if self.left() < 0:
                break
            without = pattern.blank.copy()
            without[cell] = False
            self.separator.whole(without, [question])
        for _ in range(APPEALS):
            cost = float(self.problem.cost[pattern.blank].sum())
            if cost >= self.cost:
                return
            learned = self.judge(pattern.blank)
            if not learned:
                self.best, self.cost = pattern.blank.copy(), cost
                return
            self._appeal(pattern, learned)

    def _appeal(self, pattern: Pattern, learned: Learned) -> None:
        """The judge counts in whole numbers: give each cell that it exposes a movement that avoids a broken one."""
        for coalition, p in learned:
            broken = pattern.movement(p, (1, -1), self.problem.known(coalition))
            halves = [cell for cell, y in broken.steps.items() if abs(y - round(y)) > HALF] if broken else []
            self.mender.mend(pattern, [Question(coalition, p)], frozenset(halves[:1]))
