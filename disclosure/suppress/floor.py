"""From a bound on the cost to a bound on the objective: what a tie-break may have added at most.

The chooser minimises `cost`, which is the objective's own `measure` and a little of the other objective, so that ties fall the
sensible way. A proof about the cost says less about the measure, and this says how much less.
"""

from __future__ import annotations

import numpy as np

from disclosure.suppress.problem import Problem
from disclosure.suppress.system import Bools

HAIR = 1e-6
BARELY = 1e-9  # share by which a bound is lowered against rounding in the solver


class Floor:
    """For a measure m, the highest cost that a pattern of that measure can have: m and the largest tie-breaks that fit in it.

    The tie-breaks are a fractional knapsack: cells in the order of tie-break by measure, as far as the measure reaches.
    """

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        ties, measure = problem.cost - problem.measure, problem.measure
        counted = np.flatnonzero(problem.cost > 0)
        order = counted[np.argsort(-ties[counted] / np.maximum(measure[counted], HAIR), kind="stable")]
        self.measures = np.concatenate([[0.0], np.cumsum(measure[order])])
        self.costs = self.measures + np.concatenate([[0.0], np.cumsum(ties[order])])
        self.whole = bool(np.all(measure == np.rint(measure)))

    def measure(self, cost: float) -> float:
        """What the measure of a pattern that costs at least `cost` cannot be below."""
        least = float(np.interp(cost * (1 - BARELY), self.costs, self.measures))
        return float(np.ceil(least - HAIR)) if self.whole else least

    def slack(self, blank: Bools) -> float:
        """How far below the cost of `blank` a bound may stay and still prove its measure least; 0 where only equality does."""
        if not self.whole:
            return 0.0
        cost, measure = (float(each[blank].sum()) for each in (self.problem.cost, self.problem.measure))
        return max(0.0, cost - float(np.interp(measure - 1.0, self.measures, self.costs)) - 10 * HAIR - cost * BARELY)
