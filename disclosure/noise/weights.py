"""How a part's budget is divided over its vectors: the weights that minimise the stated expected error, before any
data.

For the Gaussian the variance of any published number is a convex function of the budget shares (the covariance after
least squares is the inverse of an information matrix that is linear in them), so that the optimum is global; shares
are found in logarithms, where the problem is unconstrained. For Laplace the same search is a descent from the equal
division.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.optimize import minimize

from disclosure.noise.layout import Layout
from disclosure.noise.mechanisms import Price
from disclosure.noise.squares import fit
from disclosure.noise.units import reach
from schemas.policy_noise import Population

_STEP = 1e-5
_DIGITS = 4


def part_budget(population: Population, part: str) -> float:
    """The rho (Gaussian) or epsilon (Laplace) of a part of the population's budget."""
    from disclosure.noise.mechanisms import epsilon_to_rho

    total = population.epsilon
    if population.delta is not None:
        total = epsilon_to_rho(population.epsilon, population.delta)
    return total * population.shares[part]


def prices(layout: Layout) -> dict[str, Price]:
    """The price of every vector of the population (vector id -> Price). Shares are rounded down so that the sum never
    exceeds."""
    population = layout.population
    found: dict[str, Price] = {}
    for part in population.shares:
        vectors = [vector.id for vector in population.vectors if vector.part == part]
        if not vectors:
            continue
        budget = part_budget(population, part)
        shares = _shares(layout, vectors, budget)
        for name, share in zip(vectors, shares, strict=True):
            found[name] = Price(population.mechanism, float(budget * share), reach(population))
    return found


def importance(layout: Layout) -> np.ndarray:
    """Cells x cells: the quadratic form whose trace with the covariance is the stated expected squared error.

    Each table's cells share its importance equally; totals of vectors and their one-way margins have theirs.
    """
    population = layout.population
    form = np.zeros((layout.size, layout.size))
    for target in layout.targets:
        form += target.table.importance / len(target.keys) * target.sums.T @ target.sums
    for weight, level in ((population.totals_importance, 0), (population.margins_importance, 1)):
        sums = layout.levels[level]
        form += weight / len(sums) * sums.T @ sums
    return form


def _shares(layout: Layout, vectors: list[str], budget: float) -> np.ndarray:
    """Shares of `budget` over `vectors`, at most 1 together, rounded down to four digits."""
    count = len(vectors)
    if count == 1:
        return np.ones(1)
    population = layout.population
    inside = np.zeros(layout.size, dtype=bool)
    for name in vectors:
        inside[layout.blocks[name].span] = True
    # Vectors that another part pays for are left out: their help to this part is small, and their price is not ours.
    form = importance(layout)[np.ix_(inside, inside)]
    equations = layout.equations[~layout.equations[:, ~inside].any(axis=1)][:, inside]
    lengths = [len(layout.blocks[name].keys) for name in vectors]

    def error(logarithms: np.ndarray) -> float:
        priced = [Price(population.mechanism, budget * share, reach(population)) for share in _softmax(logarithms)]
        covariance = fit(equations, np.repeat([price.variance for price in priced], lengths)).covariance
        return float(np.log(np.sum(covariance * form)))

    best = minimize(error, np.zeros(count), method="L-BFGS-B", options={"eps": _STEP, "maxiter": 200})
    rounded: np.ndarray = np.floor(_softmax(best.x) * 10**_DIGITS) / 10**_DIGITS
    return rounded


def _softmax(logarithms: np.ndarray) -> np.ndarray:
    powers = np.exp(logarithms - logarithms.max())
    return np.asarray(powers / powers.sum())


def variances_of(layout: Layout, priced: Mapping[str, Price]) -> np.ndarray:
    """Noise variance per cell."""
    variances = np.zeros(layout.size)
    for name, block in layout.blocks.items():
        variances[block.span] = priced[name].variance
    return variances
