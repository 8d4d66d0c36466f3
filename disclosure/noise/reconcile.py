"""From least squares to whole, non-negative numbers that add up, level by level: totals, margins, published cells,
cells.

Pinning the totals and then the one-way margins at their least-squares value before the cells are made non-negative
keeps the bias of truncation out of the totals; no non-negative estimate is unbiased at zero, which is why the
least-squares value is published too.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp, nnls

from schemas.errors import DisclosureRefused

_TIGHT = 1e3
_WHOLE = 1e-6


def non_negative(
    estimate: np.ndarray, covariance: np.ndarray, equations: np.ndarray, levels: Sequence[np.ndarray]
) -> np.ndarray:
    """Cells >= 0 that satisfy the equations, closest to `estimate` level after level (weighted by inverse variance).

    Each level is fixed at what was reached before the next is fitted, so a total moves only if no non-negative cells
    reach it.
    """
    if (estimate >= 0).all():
        return np.asarray(estimate)
    current = np.maximum(estimate, 0.0)
    fixed = equations
    right = np.zeros(len(equations))
    for sums in levels:
        wanted = sums @ estimate
        spread = np.sqrt(np.maximum(np.sum((sums @ covariance) * sums, axis=1), 1e-12))
        left = np.vstack([sums / spread[:, None], fixed * _TIGHT])
        current = nnls(left, np.concatenate([wanted / spread, right * _TIGHT]), maxiter=60 * left.shape[1])[0]
        fixed = np.vstack([fixed, sums])
        right = np.concatenate([right, sums @ current])
    return np.asarray(current)


def whole(cells: np.ndarray, equations: np.ndarray, levels: Sequence[np.ndarray]) -> np.ndarray:
    """Integers >= 0 that satisfy the equations exactly, close to `cells` level after level, totals first (int64).

    Each level minimises the sum of absolute changes of its sums; earlier levels stay at the integers already found.
    """
    fixed = equations
    right = np.zeros(len(equations))
    rounded = np.rint(cells)
    for sums in levels:
        rounded = _nearest(cells, sums, fixed, right)
        fixed = np.vstack([fixed, sums])
        right = np.concatenate([right, np.rint(sums @ rounded)])
    return np.asarray(rounded.astype(np.int64))


def _nearest(cells: np.ndarray, sums: np.ndarray, fixed: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Integer cells with `fixed` @ cells = right and the least sum of |sums @ (new - old)|.

    The cost of a sum, |new - old| joined up between whole numbers, is linear between them, so that the linear program of
    linked two-way tables already has whole solutions; only where it has not, it is searched further.
    """
    size, rows = len(cells), len(sums)
    wanted = sums @ cells
    below = np.floor(wanted)
    # sums @ y = below - down + part + up, with 0 <= part <= 1.
    pieces = np.hstack([sums, np.eye(rows), -np.eye(rows), -np.eye(rows)])
    cost = np.concatenate([np.zeros(size), np.ones(rows), 1 - 2 * (wanted - below), np.ones(rows)])
    constraints = [LinearConstraint(pieces, below, below)]
    if len(fixed):
        constraints.append(LinearConstraint(np.hstack([fixed, np.zeros((len(fixed), 3 * rows))]), right, right))
    upper = np.concatenate([np.full(size + rows, np.inf), np.ones(rows), np.full(rows, np.inf)])
    bounds = Bounds(np.zeros(size + 3 * rows), upper)
    return _whole_solution(cost, constraints, bounds, size)


def _whole_solution(cost: np.ndarray, constraints: list[LinearConstraint], bounds: Bounds, size: int) -> np.ndarray:
    """The linear program's first `size` values, whole: depth first over floor and ceiling of the most fractional one.

    The nearer side is tried first, so that the first whole solution is close to the best. (The solver's own integer search
    writes to the standard output of the process, and is not needed for the handful of cases that branch at all.)
    """
    waiting = [(bounds.lb, bounds.ub)]
    while waiting:
        low, high = waiting.pop()
        found = milp(cost, constraints=constraints, bounds=Bounds(low, high))
        if found.x is None:
            continue
        values = np.asarray(found.x[:size])
        gap = np.abs(values - np.rint(values))
        worst = int(np.argmax(gap))
        if gap[worst] <= _WHOLE:
            return np.asarray(np.rint(values))
        below, above = high.copy(), low.copy()
        below[worst], above[worst] = np.floor(values[worst]), np.ceil(values[worst])
        sides = [(low, below), (above, high)]
        waiting += sides if values[worst] % 1 > 0.5 else sides[::-1]
    raise DisclosureRefused(
        "The noisy tables cannot be made whole and additive together; check the relations in the noise policy."
    )
