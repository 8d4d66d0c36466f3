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
from disclosure.noise.mechanisms import Price, epsilon_to_rho
from disclosure.noise.squares import fit
from disclosure.noise.units import reach
from schemas.policy_noise import Population

SECOND = "second"
_STEP = 1e-5
_DIGITS = 3


def part_budget(population: Population, part: str) -> float:
    """The rho (Gaussian) or epsilon (Laplace) of a part of the population's budget."""
    total = population.epsilon
    if population.delta is not None:
        total = epsilon_to_rho(population.epsilon, population.delta)
    return total * population.shares[part]


def prices(layout: Layout) -> dict[str, Price]:
    """The price of every vector of the population (vector id -> Price), from the shares that the policy states."""
    population = layout.population
    return {
        vector.id: Price(population.mechanism, part_budget(population, vector.part) * vector.share, reach(population))
        for vector in population.vectors
    }


def further_cells(population: Population) -> int:
    """How many numbers of further units are measured: one, or two where the policy splits them."""
    return 1 if population.split is None else 2


def further_price(population: Population) -> Price:
    """The price of the further units (part `second`): together a person moves them by at most units - 1 per id."""
    return Price(population.mechanism, part_budget(population, SECOND), reach(population, population.units - 1))


def optimum(layout: Layout, part: str) -> dict[str, float]:
    """The shares (vector id -> share of the part) that minimise the expected squared error under the importances."""
    population = layout.population
    vectors = [vector.id for vector in population.vectors if vector.part == part]
    return dict(zip(vectors, _shares(layout, vectors, part_budget(population, part)).tolist(), strict=True))


def importance(layout: Layout) -> np.ndarray:
    """Cells x cells: the quadratic form whose trace with the covariance is the stated expected squared error.

    Each table's cells share its importance equally, and its total has its own; totals of vectors and their one-way
    margins have theirs.
    """
    population = layout.population
    form = np.zeros((layout.size, layout.size))
    for target in layout.targets:
        form += target.table.importance / len(target.keys) * target.sums.T @ target.sums
        every = target.sums.sum(axis=0)
        form += target.table.total * np.outer(every, every)
    for weight, sums in (
        (population.totals_importance, layout.totals),
        (population.margins_importance, layout.margins),
    ):
        form += weight / len(sums) * sums.T @ sums
    return form


def _shares(layout: Layout, vectors: list[str], budget: float) -> np.ndarray:
    """Shares of `budget` over `vectors`, 1 together, in three digits."""
    count = len(vectors)
    if count <= 1:
        return np.ones(count)
    population = layout.population
    inside = np.zeros(layout.size, dtype=bool)
    for name in vectors:
        inside[layout.blocks[name].span] = True
    # Vectors that another part pays for are left out: their help to this part is small, and their price is not ours.
    form = importance(layout)[np.ix_(inside, inside)]
    equations = layout.equations[~layout.equations[:, ~inside].any(axis=1)][:, inside]
    lengths = [len(layout.blocks[name].keys) for name in vectors]
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])

    def error(logarithms: np.ndarray) -> tuple[float, np.ndarray]:
        shares = _softmax(logarithms)
        priced = [Price(population.mechanism, budget * share, reach(population)) for share in shares]
        variances = np.array([price.variance for price in priced])
        covariance = fit(equations, np.repeat(variances, lengths)).covariance
        total = float(np.sum(covariance * form))
        # d trace(F C) / d variance = (C F C)_ii / variance^2, summed over the vector's cells.
        felt = np.sum((covariance @ form) * covariance, axis=1)
        parts = np.add.reduceat(felt, starts) / variances**2
        slopes = parts * np.array([_slope(price) for price in priced]) * budget / total
        return float(np.log(total)), shares * (slopes - float(slopes @ shares))

    best = minimize(error, np.zeros(count), jac=True, method="L-BFGS-B", options={"maxiter": 200})
    return _rounded(_softmax(best.x))


def _rounded(shares: np.ndarray) -> np.ndarray:
    """Three digits that still sum to 1: rounded down, and what is left over to those that lost most."""
    units = shares * 10**_DIGITS
    whole = np.floor(units)
    left = 10**_DIGITS - int(whole.sum())
    whole[np.argsort(whole - units, kind="stable")[:left]] += 1
    return np.asarray(whole / 10**_DIGITS)


def _slope(price: Price) -> float:
    """Derivative of the noise variance by the price's loss."""
    if price.mechanism == "gaussian":
        return -price.variance / price.loss
    dearer = Price(price.mechanism, price.loss * (1 + _STEP), price.reach)
    return (dearer.variance - price.variance) / (price.loss * _STEP)


def _softmax(logarithms: np.ndarray) -> np.ndarray:
    powers = np.exp(logarithms - logarithms.max())
    return np.asarray(powers / powers.sum())


def variances_of(layout: Layout, priced: Mapping[str, Price]) -> np.ndarray:
    """Noise variance per cell."""
    variances = np.zeros(layout.size)
    for name, block in layout.blocks.items():
        variances[block.span] = priced[name].variance
    return variances
