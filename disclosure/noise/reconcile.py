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
_ROOM = 2
_SAME = 1e-6


def non_negative(
    estimate: np.ndarray, covariance: np.ndarray, equations: np.ndarray, levels: Sequence[np.ndarray]
) -> np.ndarray:
    """Cells >= 0 that satisfy the equations, closest to `estimate` level after level (weighted by inverse variance).

    Each level is fixed at what was reached before the next is fitted, so a total moves only if no non-negative cells
    reach it.
    """
    current = np.maximum(estimate, 0.0)
    fixed = equations
    right = np.zeros(len(equations))
    for sums in levels:
        wanted = sums @ estimate
        spread = np.sqrt(np.maximum(np.einsum("ij,jk,ik->i", sums, covariance, sums), 1e-12))
        if _fits(estimate, fixed, right):
            current = np.asarray(estimate)
        else:
            left = np.vstack([sums / spread[:, None], fixed * _TIGHT])
            current = nnls(left, np.concatenate([wanted / spread, right * _TIGHT]), maxiter=60 * left.shape[1])[0]
        fixed = np.vstack([fixed, sums])
        right = np.concatenate([right, sums @ current])
    return np.asarray(current)


def _fits(estimate: np.ndarray, fixed: np.ndarray, right: np.ndarray) -> bool:
    return bool((estimate >= 0).all() and np.allclose(fixed @ estimate, right, atol=_SAME))


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
    """Integer cells with `fixed` @ cells = right and the least sum of |sums @ (new - old)|, by mixed integer
    programming."""
    size, rows = len(cells), len(sums)
    cost = np.concatenate([np.zeros(size), np.ones(rows)])
    eye = np.eye(rows)
    wanted = sums @ cells
    constraints = [LinearConstraint(np.hstack([sums, -eye]), -np.inf, wanted)]
    constraints.append(LinearConstraint(np.hstack([sums, eye]), wanted, np.inf))
    if len(fixed):
        constraints.append(LinearConstraint(np.hstack([fixed, np.zeros((len(fixed), rows))]), right, right))
    integrality = np.concatenate([np.ones(size), np.zeros(rows)])
    for room in (_ROOM, np.inf):
        low = np.maximum(np.floor(cells) - room, 0)
        bounds = Bounds(
            np.concatenate([low, np.zeros(rows)]), np.concatenate([np.ceil(cells) + room, np.full(rows, np.inf)])
        )
        found = milp(cost, constraints=constraints, bounds=bounds, integrality=integrality)
        if found.x is not None:
            return np.asarray(np.rint(found.x[:size]))
    raise DisclosureRefused(
        "The noisy tables cannot be made whole and additive together; check the relations in the noise policy."
    )
