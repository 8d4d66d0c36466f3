"""What a policy would give before anything is spent: closed-form errors, in words, and what the years cost.

No data enter: sizes are those the policy states as public already, or a previous release's. A number is called useful
when its half-width is at most the larger of 5 and a fifth of its value.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from disclosure.noise.estimate import Estimate, estimate
from disclosure.noise.frozen import budget_line
from disclosure.noise.intervals import Noise, half_width
from disclosure.noise.layout import Layout, Target, build
from disclosure.noise.measure import Measured
from disclosure.noise.mechanisms import Price, epsilon_to_rho, noise_variance, rho_to_epsilon
from disclosure.noise.units import reach
from disclosure.noise.weights import SECOND, further_cells, further_price, part_budget, prices
from schemas.policy_noise import MeanTable, NoisePolicy, Population
from schemas.study import Text
from schemas.tables import COUNT

USEFUL_COUNT = 5
USEFUL_SHARE = 0.2
DELTA = 1e-6
# The published number is whole: it is off by k or less when the estimate is off by less than k and a half.
_ROUNDING = 0.5
_CONFIDENCE = 0.95


@dataclass(frozen=True)
class PlanRow:
    """Expected half-widths of one table: `cells` (the worst of them), `total`; `size` is the assumed typical cell."""

    table: str
    population: str
    cells: float
    total: float
    size: float
    useful: bool
    words: Text


@dataclass(frozen=True)
class PlanPopulation:
    """One population's price of an edition, and what `years` yearly editions cost a person who is in all of them.

    years    which of the two the policy chose; a frozen population's limit is that of one year.
    rolling  every edition draws anew over its window: a person pays for each edition that contains them;
             `full_epsilon` is for somebody whom every edition contains.
    frozen   each year's noise is drawn once: a person pays for the years of a lifetime (`lifetime`), and a sum over the
             window carries the noise of each of its years (`frozen_total`, half-width). None where no table counts
             years: routes are attributes of a lifetime, so that every edition costs in full.
    """

    id: str
    mechanism: str
    epsilon: float
    delta: float | None
    rho: float
    limit: float
    years: str
    editions: int
    rolling_epsilon: float
    full_epsilon: float
    frozen_epsilon: float | None
    rolling_total: float | None
    frozen_total: float | None


@dataclass(frozen=True)
class Plan:
    """The whole plan; `warnings` are sentences for people."""

    rows: tuple[PlanRow, ...]
    populations: tuple[PlanPopulation, ...]
    warnings: tuple[str, ...]


def plan(
    policy: NoisePolicy,
    *,
    epsilon: float | None = None,
    years: int = 1,
    window: int = 5,
    previous: Mapping[str, pd.DataFrame] | None = None,
) -> Plan:
    """The expected error of every table, before anything is spent.

    epsilon   replaces the epsilon of every population, its shares and importances kept.
    years     yearly editions looked at; `window` is the number of years in one edition's reporting period.
    previous  frames of an earlier release by table id, whose typical counts replace the policy's assumptions.
    """
    rows: list[PlanRow] = []
    populations: list[PlanPopulation] = []
    for stated in policy.populations:
        population = stated if epsilon is None else stated.model_copy(update={"epsilon": epsilon})
        found = _without_data(build(population))
        further = _further_variance(population)
        for target in found.layout.targets:
            rows.append(_row(found, target, further, policy.confidence, (previous or {}).get(target.table.id)))
        rows += [_mean_row(found, mean, policy.confidence) for mean in population.means]
        populations.append(_population(found, policy.confidence, years, window))
    return Plan(tuple(rows), tuple(populations), tuple(_warning(row) for row in rows if not row.useful))


def coarse(population: Population, cells: np.ndarray) -> tuple[int, int]:
    """(numbers that would be too coarse, all numbers) of the tables whose cells are all shown, were these the true cells.

    cells: counts in the order of the layout, of invented or published people; further units belong anywhere.
    """
    found = _without_data(build(population))
    further = _further_variance(population)
    bad = numbers = 0
    for target in found.layout.targets:
        rows = [sums for sums in target.sums if sums.any() and target.table.show_from is None]
        for sums in rows:
            half = _half(found, sums, 1 / len(rows), further, _CONFIDENCE)
            bad += half > max(USEFUL_COUNT, USEFUL_SHARE * float(sums @ cells))
        numbers += len(rows)
    return int(bad), numbers


def limits(policy: NoisePolicy) -> dict[str, float]:
    """The ledger's limit per budget line, in rho: what the policy's number of full editions costs, or one frozen year."""
    found: dict[str, float] = {}
    for population in policy.populations:
        rho = edition_rho(population)
        if population.years == "frozen":
            # Each year is drawn once; the lifetime bounds how many of these lines one person pays.
            found |= dict.fromkeys((budget_line(population, year) for year in population.slices), rho)
        else:
            found[population.id] = rho * population.editions
    return found


def edition_rho(population: Population) -> float:
    """What one edition (or one frozen year) costs somebody in it, in rho: the sum over vectors, further units and means."""
    layout = build(population)
    total = sum(price.rho for price in prices(layout).values())
    # A hair for the rounding of sums: the last charge of the last edition must not fail on the sixteenth digit.
    parts = [mean.part for mean in population.means] + ([SECOND] if population.units > 1 else [])
    total += sum(Price(population.mechanism, part_budget(population, part), 1).rho for part in dict.fromkeys(parts))
    return total * (1 + 1e-9)


def person_curve(policies: list[NoisePolicy], delta: float = DELTA) -> list[tuple[str, float, float]]:
    """(populations so far, rho, epsilon at delta) for a person who is in more and more populations, dearest last.

    A person pays the sum over registers and, where people overlap, over studies; pure parts enter as rho.
    """
    parts = sorted(
        (edition_rho(population) * population.lifetime, population.id)
        for item in policies
        for population in item.populations
    )
    curve: list[tuple[str, float, float]] = []
    total = 0.0
    for rho, name in parts:
        total += rho
        curve.append((name, total, rho_to_epsilon(total, delta)))
    return curve


def _without_data(layout: Layout) -> Estimate:
    measured = {
        name: Measured(np.zeros(len(layout.blocks[name].keys), dtype=np.int64), price.scale)
        for name, price in prices(layout).items()
    }
    population = layout.population
    if population.units == 1:
        return estimate(layout, measured, None)
    numbers = np.zeros(further_cells(population), dtype=np.int64)
    return estimate(layout, measured, Measured(numbers, further_price(population).scale))


def _further_variance(population: Population) -> float:
    return further_price(population).variance if population.units > 1 else 0.0


def _half(found: Estimate, sums: np.ndarray, share: float, further: float, confidence: float) -> float:
    noise = found.noise(sums)
    return half_width(
        Noise(noise.variance + share**2 * further * found.further_numbers(sums), noise.laplace), confidence
    )


def _row(found: Estimate, target: Target, further: float, confidence: float, previous: pd.DataFrame | None) -> PlanRow:
    cells = [sums for sums in target.sums if sums.any()]
    share = 1 / len(cells)
    size = target.table.assumed * share
    if target.table.show_from is not None:
        # A long list is judged by its smallest shown point.
        share, size = target.table.show_from / max(target.table.assumed, 1), float(target.table.show_from)
    if previous is not None and previous[COUNT].notna().any():
        size = float(previous[COUNT].median())
    worst = max(_half(found, sums, share, further, confidence) for sums in cells)
    total = _half(found, np.sum(cells, axis=0), 1.0, further, confidence)
    useful = worst <= max(USEFUL_COUNT, USEFUL_SHARE * size)
    population = found.layout.population.id
    return PlanRow(target.table.id, population, worst, total, size, useful, words(worst, confidence))


def _mean_row(found: Estimate, mean: MeanTable, confidence: float) -> PlanRow:
    """Half-width in years of age, for a category of the assumed size."""
    population = found.layout.population
    price = Price(population.mechanism, part_budget(population, mean.part), reach(population, mean.reach))
    counted = next(table for table in population.tables if any(piece.vector == mean.counts for piece in table.pieces))
    categories = len({key[0] for key in found.layout.blocks[mean.counts].keys})
    size = counted.assumed / categories
    deviation = math.sqrt(noise_variance(population.mechanism, price.scale))
    one = half_width(Noise(deviation**2), confidence) / size
    every = half_width(Noise(deviation**2 * categories), confidence) / counted.assumed
    spread = Text(
        nl=f"gemiddelden wijken {_times(confidence, 'nl')} ten hoogste {one:.1f} jaar af",
        en=f"means are off by {one:.1f} years or less, {_times(confidence, 'en')}",
    )
    return PlanRow(mean.id, population.id, one, every, size, one <= USEFUL_COUNT, spread)


def words(half: float, confidence: float) -> Text:
    """A half-width as a reader understands it."""
    number = math.ceil(half - _ROUNDING)
    return Text(
        nl=f"cellen wijken {_times(confidence, 'nl')} ten hoogste {number} af",
        en=f"cells are off by {number} or less, {_times(confidence, 'en')}",
    )


def _times(confidence: float, language: str) -> str:
    of = round(1 / (1 - confidence))
    return f"{of - 1} van de {of} keer" if language == "nl" else f"{of - 1} times out of {of}"


def _warning(row: PlanRow) -> str:
    return (
        f"{row.table}: {row.words.en}, where a typical or smallest shown cell is {row.size:.0f}: "
        f"too coarse to use by itself; merge categories, drop the table or give {row.population} more budget."
    )


def _population(found: Estimate, confidence: float, years: int, window: int) -> PlanPopulation:
    population = found.layout.population
    rho = edition_rho(population)
    yearly = next((target for target in found.layout.targets if _counts_years(target)), None)
    rolling_total = frozen_total = None
    if yearly is not None:
        rolling_total = half_width(found.noise(yearly.sums.sum(axis=0)), confidence)
        frozen_total = half_width(found.noise(yearly.sums[0]), confidence) * math.sqrt(window)
        if population.years == "frozen":
            frozen_total = rolling_total  # nothing is measured over several years, so the years' noise is all there is
    return PlanPopulation(
        id=population.id,
        mechanism=population.mechanism,
        epsilon=population.epsilon,
        delta=population.delta,
        rho=rho,
        limit=rho * population.editions,
        years=population.years,
        editions=years,
        rolling_epsilon=_lifetime(population, years if yearly is None else min(years, window)),
        full_epsilon=_lifetime(population, years),
        frozen_epsilon=None if yearly is None else _lifetime(population, population.lifetime),
        rolling_total=rolling_total,
        frozen_total=frozen_total,
    )


def _counts_years(target: Target) -> bool:
    return len(target.table.dimensions) == 1 and all(isinstance(key[0], int) for key in target.keys)


def _lifetime(population: Population, editions: int) -> float:
    """The stated promise after several editions: composed in zCDP for (epsilon, delta), added up for a pure epsilon."""
    if population.delta is None:
        return population.epsilon * editions
    return rho_to_epsilon(epsilon_to_rho(population.epsilon, population.delta) * editions, population.delta)
