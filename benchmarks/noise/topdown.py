"""A two-level TopDown, as a peer: coarse counts first, then fine ones that must add up to them.

Source: Abowd et al. (2022), "The 2020 Census disclosure avoidance system TopDown algorithm": each level is measured with
its own part of the budget, made non-negative by least squares under the level above, and rounded before the next.
Here the levels are the total with the one-way margins, and the two-way margins.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.optimize import nnls

from disclosure.noise import margins as five
from disclosure.noise.benchmark import Design
from disclosure.noise.margins import Margin
from disclosure.noise.mechanisms import Price, draw
from disclosure.noise.reconcile import whole

_TIGHT = 1e3


class TopDown:
    """All margins of five attributes; both levels get half of the budget, equally divided over their margins."""

    def __init__(self, design: Design) -> None:
        self.layout = design.layout
        self.margins = design.margins
        coarse = [margin for margin in self.margins if len(margin) < 2]
        fine = [margin for margin in self.margins if len(margin) == 2]
        self.prices = {
            margin: Price("gaussian", five.RHO / 2 / len(level), 1) for level in (coarse, fine) for margin in level
        }
        self.coarse = np.concatenate([np.full(five.cells(margin), len(margin) < 2) for margin in self.margins])

    def release(self, truth: Mapping[Margin, np.ndarray]) -> np.ndarray:
        """One release: whole, non-negative, additive cells in the order of the design's layout."""
        noisy = np.concatenate([draw(truth[margin], self.prices[margin])[0] for margin in self.margins]).astype(float)
        equations = self.layout.equations
        inside = ~equations[:, ~self.coarse].any(axis=1)
        cells = np.zeros(self.layout.size)
        first = equations[np.ix_(inside, self.coarse)]
        cells[self.coarse] = _fit(noisy[self.coarse], first, np.zeros(len(first)))
        top = whole(cells[self.coarse], first, [np.eye(int(self.coarse.sum()))])
        second = equations[np.ix_(~inside, ~self.coarse)]
        right = -(equations[np.ix_(~inside, self.coarse)] @ top)
        cells[~self.coarse] = _fit(noisy[~self.coarse], second, right)
        cells[self.coarse] = top
        return whole(cells, equations, [np.eye(self.layout.size)[self.coarse], np.eye(self.layout.size)])


def _fit(noisy: np.ndarray, equations: np.ndarray, right: np.ndarray) -> np.ndarray:
    left = np.vstack([np.eye(len(noisy)), equations * _TIGHT])
    return np.asarray(nnls(left, np.concatenate([noisy, right * _TIGHT]), maxiter=60 * len(noisy))[0])
