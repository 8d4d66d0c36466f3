"""Choosing a pattern: covers and HiGHS for a cheap one, movements to see who still learns something, repairs until nobody does.

    covers from equations -> linear relaxation + cuts -> ( whole numbers + cuts -> repair -> trim -> search nearby ) ...
Every pattern that is returned answers every question; the bound is what the master proved with the covers it had.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass

import numpy as np

from disclosure.suppress.chains import Chains
from disclosure.suppress.cuts import Pool, Separator, companions, seed
from disclosure.suppress.floor import Floor
from disclosure.suppress.judge import Attack, Learned, judge_of, learned
from disclosure.suppress.master import Master
from disclosure.suppress.nearby import Nearby
from disclosure.suppress.pattern import Question
from disclosure.suppress.problem import Insider, Objective, Problem, pose
from disclosure.suppress.quick import Quick, QuickMender
from disclosure.suppress.system import Bools, System
from schemas.errors import DisclosureRefused

LARGE, HURRIED = 6_000, 1_000  # cells, and cells per second given, beyond which only chains are sought
LONGEST = 40  # equations longer than this give no companion rows: they hardly bind and fill the master
NEAR_RELAXED = (30, 120, 3_000)  # equations around a primary that are looked at for the linear relaxation
FEW = 0.05  # share of primaries with new covers below which only those are looked at again
RELAXED_SHARE = 0.2  # of the time for the linear relaxation
SHARPEN_SHARE = 0.4  # of what is left, in a large system: covers for patterns in whole numbers before the first repair
MEND_SHARE = 0.5  # of what is left: how long repairs by chains are sought thoroughly
SLICE = 0.08  # of the time: the first search in whole numbers, and the first search nearby
LONGER = 1.5  # how much longer the next search in whole numbers may take when one did not finish
ASKED = 2  # questions per primary that become covers in one round: the rest mostly give the same ones
HALF = 0.01  # a step that is further from a whole number than this is a fraction
APPEALS = 8  # repairs of a pattern that only the judge, who counts in whole numbers, sees through
MOMENT = 1.0  # seconds that a first pattern and its trim get, whatever the time limit
CLOSE = 1e-6
KEPT = 1.3  # times what certifying took last: kept free at the end for certifying once more


@dataclass(frozen=True)
class Choice:
    """blank bool[n]; `measure` is the objective of the secondary blanks, `bound` what no safe pattern goes below.

    found  the attack that let it pass.
    """

    blank: Bools
    found: Attack
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
    alone = system.size > min(LARGE, HURRIED * seconds)
    search = _Search(pose(system, objective, insider, down, up), started + seconds, alone)
    search.run()
    if search.found is None:
        raise DisclosureRefused("No safe pattern of blanks was found: merge categories, or allow more time.")
    measure = float(search.problem.measure[search.best.blank].sum())
    bound = min(measure, search.floor.measure(search.bound))
    return Choice(search.best.blank, search.found, measure, bound, search.rounds, time.monotonic() - started)


class _Search:
    """Best safe pattern so far, and the bound."""

    def __init__(self, problem: Problem, deadline: float, alone: bool) -> None:
        self.problem, self.deadline, self.judge = problem, deadline, judge_of(problem)
        self.floor = Floor(problem)
        self.pool = Pool(problem)
        seed(self.pool)
        rows = companions(problem, LONGEST)
        self.master = Master(self.pool, rows)
        self.separator = Separator(self.pool)
        self.chains = Chains(problem, alone=alone)
        self.mender = QuickMender(problem, self.chains)
        self.nearby = Nearby(self.pool, rows, self.separator, self.mender)
        self.best = Quick(problem, problem.must, self.chains)
        self.cost, self.bound, self.rounds = float("inf"), 0.0, 0
        self.certifying = 0.0
        self.found: Attack | None = None

    def left(self) -> float:
        """Seconds until the deadline, what certifying takes set aside."""
        return self.deadline - time.monotonic() - KEPT * self.certifying

    def proven(self) -> bool:
        """Whether no safe pattern has a smaller measure than the best."""
        if self.cost == float("inf"):
            return False
        return self.floor.measure(self.bound) >= float(self.problem.measure[self.best.blank].sum()) - CLOSE

    def run(self) -> None:
        """Relax; then choose in whole numbers and search nearby in turn, until nothing is violated or the time is up."""
        share = self.left() * SLICE
        self._relax(time.monotonic() + self.left() * RELAXED_SHARE)
        if self.chains.alone:
            self._sharpen(time.monotonic() + self.left() * SHARPEN_SHARE)
        while True:
            start = None if self.cost == float("inf") else self.best.blank
            slack = 0.0 if start is None else self.floor.slack(start)
            whole = self.master.choose(max(MOMENT, min(share, self.left())), slack, start)
            self.rounds += 1
            self.bound = max(self.bound, 0.0 if whole is None else whole.bound)
            optimal = whole is not None and whole.optimal
            self._learn(self.problem.must if whole is None else whole.x > 0.5)
            if not optimal:
                self._search_nearby(time.monotonic() + min(share, self.left()))
                share *= LONGER
            if self.left() <= 0 or self.proven():
                return

    def _sharpen(self, until: float) -> None:
        """Covers for patterns in whole numbers before one is repaired: in a large system most questions fail at first."""
        while time.monotonic() < until:
            whole = self.master.choose(max(MOMENT, until - time.monotonic()), 0.0, None)
            if whole is None:
                return
            self.rounds += 1
            self.bound = max(self.bound, whole.bound)
            blank = whole.x > 0.5
            exposed = Quick(self.problem, blank, self.chains).exposed()
            found = self._cut(blank, exposed, until)
            self.master.refresh()
            if not found or len(exposed) < FEW * len(self.problem.targets):
                return

    def _learn(self, blank: Bools) -> None:
        """A safe pattern from `blank`, and covers for all that was wrong with it."""
        pattern = Quick(self.problem, blank, self.chains)
        exposed = pattern.exposed()
        refused = not self._finish(pattern, exposed)
        if self.left() <= 0 or self.proven():
            return
        if not self._cut(blank, exposed, time.monotonic() + self.left()) and (exposed or refused):
            others = np.flatnonzero(~blank & ~self.problem.never)  # what is not safe is not safer with fewer blanks
            self.pool.add(others.tolist(), -1)
        self.master.refresh()

    def _search_nearby(self, until: float) -> None:
        if self.cost < float("inf"):
            found = self.nearby.improve(self.best, until)
            self.master.refresh()
            if found is not self.best:
                self._finish(found, [])

    def _relax(self, until: float) -> None:
        """Covers for the linear relaxation: what few equations around each primary show, then more, as time allows."""
        for most in NEAR_RELAXED:
            waiting = self.problem.targets.tolist()
            while waiting:
                answer = self.master.relax()
                self.bound = max(self.bound, answer.bound)
                again = []
                for p in waiting:
                    if self.separator.relaxed(answer.x, p, most):
                        again.append(p)
                    if time.monotonic() > until:
                        break
                self.master.refresh()
                self.rounds += 1
                waiting = again if len(again) < len(waiting) * FEW else self.problem.targets.tolist()
                if time.monotonic() > until:
                    return

    def _cut(self, blank: Bools, exposed: list[Question], until: float) -> int:
        """Covers for the questions that `blank` fails, as far as time allows; how many."""
        asked: Counter[int] = Counter()
        some: list[Question] = []
        for question in exposed:
            asked[question.cell] += 1
            if asked[question.cell] <= ASKED:
                some.append(question)
        return self.separator.whole(blank, some, until)

    def _finish(self, pattern: Quick, exposed: list[Question]) -> bool:
        """Repair until nobody learns anything, trim, and keep what is cheapest; False when the judge lets nothing pass."""
        self.mender.until = time.monotonic() + self.left() * MEND_SHARE
        while exposed:
            self.mender.mend(pattern, exposed)
            exposed = pattern.exposed()
        reasons = pattern.trim(self.pool.covers, time.monotonic() + max(self.left(), MOMENT))
        until = time.monotonic() + self.left() * SLICE
        for cell, question in reasons:
            if time.monotonic() > until:
                break
            without = pattern.blank.copy()
            without[cell] = False
            self.separator.whole(without, [question])
        for _ in range(APPEALS):
            cost = float(self.problem.cost[pattern.blank].sum())
            if cost >= self.cost:
                return True
            asked = time.monotonic()
            found = self.judge(pattern.blank)
            self.certifying = time.monotonic() - asked
            if found.certified:
                self.best, self.cost, self.found = pattern, cost, found
                return True
            self._appeal(pattern, learned(found))
        return False

    def _appeal(self, pattern: Quick, hits: Learned) -> None:
        """The judge counts in whole numbers: give each cell that it exposes a movement that avoids a broken one."""
        for coalition, p in hits:
            broken = pattern.movement(p, (1, -1), self.problem.known(coalition))
            halves = [cell for cell, y in broken.steps.items() if abs(y - round(y)) > HALF] if broken else []
            self.mender.mend(pattern, [Question(coalition, p)], frozenset(halves[:1]))
