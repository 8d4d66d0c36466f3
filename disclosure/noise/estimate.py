"""From noisy vectors to what is published of one population: unbiased estimates, their noise, and whole numbers that
add up.

Nothing in this module sees data: it is post-processing of what `measure` returned, and spends nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from disclosure.noise.gather import gathered
from disclosure.noise.intervals import Noise
from disclosure.noise.layout import Layout
from disclosure.noise.measure import Measured
from disclosure.noise.mechanisms import noise_variance
from disclosure.noise.reconcile import non_negative, whole
from disclosure.noise.squares import Fit, fit
from schemas.policy_noise import Population

_NOTHING = 1e-9
# Further units may fall into a cell at any rate between none and twice that of first ones, all equally likely: the
# variance of that rate, which the intervals contain. A statement of ignorance, not a number fitted to registers.
_UNEVEN = 1 / 3
_DIGITS = 6


@dataclass(frozen=True)
class Spread:
    """How further units enter some of the cells (`inside`, boolean): in proportion to the first ones.

    persons   least-squares number of people behind these cells; `number` the noisy number of further units.
    parts     the weight of each measured number of further units in `number`.
    """

    inside: np.ndarray
    persons: float
    number: float
    parts: np.ndarray

    @property
    def factor(self) -> float:
        """What multiplies every cell: one for all, so that equations between cells stay true."""
        return 1 + self.number / self.persons if self.persons > 0 else 1.0

    def share(self, sums: np.ndarray, people: np.ndarray) -> float:
        """The share of these people that `sums` counts, between 0 and 1."""
        if self.persons <= 0:
            return 0.0
        return min(max(float(sums[self.inside] @ people[self.inside]) / self.persons, 0.0), 1.0)


@dataclass(frozen=True)
class Estimate:
    """Estimates of a population's cells (`layout`), second units included.

    clean    unbiased values per cell, float64; any sum of cells is a matrix product away.
    people   the least-squares number of people behind each cell (before further units were spread), float64.
    """

    layout: Layout
    clean: np.ndarray
    people: np.ndarray
    _fit: Fit
    _scales: np.ndarray
    _factors: np.ndarray
    _spreads: tuple[Spread, ...]
    _further_variance: float

    def noise(self, sums: np.ndarray) -> Noise:
        """The distribution of `sums` @ clean around its truth (`sums`: one weight per cell)."""
        weights = (sums * self._factors) @ self._fit.gain
        variance = self._further(sums)
        if self.layout.population.mechanism == "gaussian":
            return Noise(_three_digits(float(variance + np.sum((weights * self._scales) ** 2))))
        parts: dict[tuple[float, float], int] = {}
        for weight, scale in zip(np.abs(weights), self._scales, strict=True):
            if weight > _NOTHING:
                part = (round(float(weight), _DIGITS), float(scale))
                parts[part] = parts.get(part, 0) + 1
        mixture = tuple(sorted((factor, scale, times) for (factor, scale), times in parts.items()))
        return Noise(_three_digits(variance), mixture)

    def _further(self, sums: np.ndarray) -> float:
        """Variance from further units: their noisy numbers times the shares, and where they really belong."""
        variance = 0.0
        weights = np.zeros(1)
        for spread in self._spreads:
            share = spread.share(sums, self.people)
            weights = weights + share * spread.parts
            number = max(spread.number, 0.0)
            variance += number * share * (1 - share) + _UNEVEN * (number * share) ** 2 * (1 - share)
        return float(variance + self._further_variance * np.sum(weights**2))

    def further_numbers(self, sums: np.ndarray) -> int:
        """How many measured numbers of further units stand behind a sum of cells."""
        return max((int(spread.parts.sum()) for spread in self._spreads if sums[spread.inside].any()), default=0)

    @property
    def covariance(self) -> np.ndarray:
        """Covariance of the clean cells from the vectors' noise."""
        return np.asarray(self._fit.covariance * np.outer(self._factors, self._factors))


def _three_digits(variance: float) -> float:
    """Rounded up in the third digit, so that cells with the same noise in practice share one table of acceptance regions."""
    if variance <= 0:
        return 0.0
    unit = 10.0 ** (math.floor(math.log10(variance)) - 2)
    return math.ceil(variance / unit) * unit


def estimate(
    layout: Layout, measured: Mapping[str, Measured], further: Measured | None, solution: Fit | None = None
) -> Estimate:
    """Weighted least squares over all vectors of the population; further units spread by share.

    `solution` is the fit of the same scales, where many draws of one layout are simulated.
    """
    population = layout.population
    values = np.zeros(layout.size)
    scales = np.zeros(layout.size)
    for name, block in layout.blocks.items():
        values[block.span] = measured[name].values
        scales[block.span] = measured[name].scale
    variances = np.array([noise_variance(population.mechanism, scale) for scale in scales])
    solution = solution or fit(layout.equations, variances)
    people = solution.gain @ values
    spreads = () if further is None else _spreads(layout, people, further.values)
    factors = np.ones(layout.size)
    for spread in spreads:
        factors[spread.inside] = spread.factor
    variance = 0.0 if further is None else noise_variance(population.mechanism, further.scale)
    return Estimate(layout, people * factors, people, solution, scales, factors, spreads, variance)


def _spreads(layout: Layout, people: np.ndarray, numbers: np.ndarray) -> tuple[Spread, ...]:
    """All cells take the whole number of further units; those tied by equations to the split vector take its own."""
    population = layout.population
    tied = np.zeros(layout.size, dtype=bool)
    spreads = []
    if population.split is not None:
        for name in _tied(population, population.split):
            tied[layout.blocks[name].span] = True
        row = np.zeros(layout.size)
        row[layout.blocks[population.split].span] = 1
        spreads.append(_spread(population, tied, float(row @ people), numbers, np.array([1.0, 0.0])))
    everybody = float(_units_row(layout) @ people)
    return (*spreads, _spread(population, ~tied, everybody, numbers, np.ones(len(numbers))))


def _spread(
    population: Population, inside: np.ndarray, persons: float, numbers: np.ndarray, parts: np.ndarray
) -> Spread:
    # Not clamped at zero, which would bend the totals upwards; only kept from turning a nearly empty table around.
    most = max(persons, 0.0) * (population.units - 1)
    return Spread(inside, persons, min(max(float(parts @ numbers), -most), most), parts)


def _tied(population: Population, vector: str) -> set[str]:
    """The vectors that equations tie to `vector`, itself included."""
    tied = {vector}
    while True:
        pairs = [{relation.left.vector, relation.right.vector} for relation in population.relations]
        wider = tied.union(*(pair for pair in pairs if pair & tied))
        if wider == tied:
            return tied
        tied = wider


def _units_row(layout: Layout) -> np.ndarray:
    """The sum of cells that counts everybody with a unit: a vector read from the unit table alone."""
    population = layout.population
    for vector in population.vectors:
        if all(population.attributes[name].table == population.unit_table for name in vector.attributes):
            row = np.zeros(layout.size)
            row[layout.blocks[vector.id].span] = 1
            return row
    raise AssertionError("a population with further units has a vector of its unit table")  # the policy model checks it


@dataclass(frozen=True)
class Whole:
    """Whole numbers of a population. `layout` has the small cells of `show_from` tables gathered; `cells` int64."""

    layout: Layout
    cells: np.ndarray


def reconcile(found: Estimate) -> Whole:
    """Non-negative integers that add up over all tables of the population, totals pinned first."""
    gather, layout = gathered(found.layout, found.clean)
    estimates = gather @ found.clean
    covariance = gather @ found.covariance @ gather.T
    cells = non_negative(estimates, covariance, layout.equations, layout.levels)
    return Whole(layout, whole(cells, layout.equations, layout.levels))
