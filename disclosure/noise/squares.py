"""Weighted least squares under equations, in closed form: the best linear unbiased estimate and its covariance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Fit:
    """`gain` (cells x cells) turns measured values into estimates; `covariance` is that of the estimates."""

    gain: np.ndarray
    covariance: np.ndarray


def fit(equations: np.ndarray, variances: np.ndarray) -> Fit:
    """The projection onto {y: equations @ y = 0} in the metric of the inverse variances (one per cell).

    y = m - S A' (A S A')^+ A m, the minimiser of sum (m - y)^2 / variance; by Gauss-Markov no linear unbiased estimate
    from the same measurements has a smaller variance, for any sum of cells.
    """
    size = len(variances)
    if not len(equations):
        return Fit(np.eye(size), np.diag(variances))
    spread = equations * variances
    inverse = np.linalg.pinv(spread @ equations.T, rcond=1e-10, hermitian=True)
    lift = spread.T @ inverse
    return Fit(np.eye(size) - lift @ equations, np.diag(variances) - lift @ spread)
