"""Do the intervals tell the truth? Releases drawn many times over known tables, by size class.

Every repetition draws and estimates; the first `finished` of them are also made whole, which is what takes time. A
published interval is the hull of the estimate's interval and the whole number, so coverage without it is the lower one.
For synthetic or public tables only: it compares with exact counts, and prints nothing but shares and mean errors.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields

import numpy as np

from disclosure.noise.estimate import Estimate, estimate, reconcile
from disclosure.noise.intervals import Noise, interval
from disclosure.noise.layout import Block, Layout, build, categories_of
from disclosure.noise.measure import Measured
from disclosure.noise.mechanisms import draw
from disclosure.noise.rows import read_tables
from disclosure.noise.squares import fit
from disclosure.noise.units import Microdata, Picker
from disclosure.noise.weights import further_cells, further_price, prices, variances_of
from schemas.policy_noise import Code, NoisePolicy, Population, Vector
from schemas.tables import COUNT, ExactTable

CLASSES = ("0", "1-5", "6-20", "21-100", "100+", "margins", "totals")
_UPPER = (0, 5, 20, 100)
_PICKS = 8


@dataclass
class Tally:
    """One size class: how often the interval held the truth, and mean errors of both published columns."""

    intervals: int = 0
    held: int = 0
    clean_error: float = 0.0
    clean_square: float = 0.0
    finished: int = 0
    hulls: int = 0
    whole_error: float = 0.0
    whole_square: float = 0.0

    @property
    def coverage(self) -> float:
        """Share of the estimates' intervals that hold the truth."""
        return self.held / self.intervals if self.intervals else float("nan")

    @property
    def published(self) -> float:
        """Share of published intervals (finished repetitions) that hold the truth."""
        return self.hulls / self.finished if self.finished else float("nan")

    @property
    def bias(self) -> float:
        """Mean of `aantal` (finished repetitions) less the truth."""
        return self.whole_error / self.finished if self.finished else float("nan")

    @property
    def clean_bias(self) -> float:
        """Mean of `aantal_zuiver` less the truth."""
        return self.clean_error / self.intervals if self.intervals else float("nan")

    @property
    def clean_spread(self) -> float:
        """Standard deviation of one error of `aantal_zuiver`."""
        return float(np.sqrt(self.clean_square / self.intervals)) if self.intervals else float("nan")

    @property
    def whole_spread(self) -> float:
        """Standard deviation of one error of `aantal`."""
        return float(np.sqrt(self.whole_square / self.finished)) if self.finished else float("nan")


@dataclass
class Coverage:
    """Tallies by population and class; `releases` is the number of repetitions, `finished` of those made whole."""

    releases: int
    finished: int
    tallies: dict[str, dict[str, Tally]] = field(default_factory=dict)

    def overall(self) -> dict[str, Tally]:
        """Tallies by class over all populations."""
        total = {name: Tally() for name in CLASSES}
        for classes in self.tallies.values():
            for name, tally in classes.items():
                for part in fields(Tally):
                    setattr(total[name], part.name, getattr(total[name], part.name) + getattr(tally, part.name))
        return total


def coverage(
    tables: Mapping[str, ExactTable], policy: NoisePolicy, repetitions: int, finished: int | None = None
) -> Coverage:
    """Draw every population `repetitions` times with OpenDP and compare intervals with the exact counts; the first
    `finished` (default all) are made whole too.

    Blanked cells count, because they keep their interval. The picked cases vary too.
    """
    found = Coverage(repetitions, repetitions if finished is None else min(finished, repetitions))
    for population in policy.populations:
        study = _Study(population, tables)
        tallies = {name: Tally() for name in CLASSES}
        for number, noisy in enumerate(study.draws(repetitions)):
            study.score(noisy, policy.confidence, tallies, number < found.finished)
        found.tallies[population.id] = tallies
    return found


class _Study:
    """One population with its exact published cells, ready to be drawn."""

    def __init__(self, population: Population, tables: Mapping[str, ExactTable]) -> None:
        self.population = population
        self.layout: Layout = build(population)
        self.priced = prices(self.layout)
        self.solution = fit(self.layout.equations, variances_of(self.layout, self.priced))
        rows = read_tables(population, tables)
        self.micros = [
            Microdata(population, rows, Picker(hashlib.sha256(bytes([pick])).digest(), "coverage", population.id))
            for pick in range(_PICKS if population.units > 1 else 1)
        ]
        self.truth = exact_cells(population, self.layout, tables, self.micros[0])
        self.noise: dict[bytes, Noise] = {}

    def draws(self, repetitions: int) -> Iterator[Estimate]:
        """Estimates of simulated releases."""
        bounded = [
            {vector.id: micro.vector(vector, self.layout.blocks[vector.id]) for vector in self.population.vectors}
            for micro in self.micros
        ]
        further = [micro.further_units() for micro in self.micros]
        noise = {
            name: np.array(draw(np.zeros(repetitions * len(block.keys), dtype=np.int64), self.priced[name])[0])
            for name, block in self.layout.blocks.items()
        }
        price = further_price(self.population) if self.population.units > 1 else None
        width = further_cells(self.population)
        extra = np.array(draw(np.zeros(repetitions * width, dtype=np.int64), price)[0] if price else [0] * repetitions)
        extra = extra.reshape(repetitions, -1)
        for repetition in range(repetitions):
            pick = repetition % len(self.micros)
            measured = {
                name: Measured(
                    bounded[pick][name] + noise[name].reshape(repetitions, -1)[repetition], self.priced[name].scale
                )
                for name in bounded[pick]
            }
            second = Measured(further[pick] + extra[repetition], price.scale) if price else None
            yield estimate(self.layout, measured, second, self.solution)

    def score(self, found: Estimate, confidence: float, tallies: dict[str, Tally], finish: bool) -> None:
        """Add one release to the tallies."""
        numbers = reconcile(found) if finish else None
        whole = {target.table.id: target for target in numbers.layout.targets} if numbers else {}
        for target in self.layout.targets:
            kind = "margins" if len(target.table.dimensions) == 1 else None
            gathered = whole.get(target.table.id)
            counts = (
                dict(zip(gathered.keys, (gathered.sums @ numbers.cells).tolist(), strict=True))
                if numbers and gathered
                else {}
            )
            for key, sums in zip(target.keys, target.sums, strict=True):
                if sums.any():
                    self._tally(found, sums, counts.get(key), confidence, finish, tallies, kind)
            every = target.sums.sum(axis=0)
            if len(target.table.pieces) == 1 and target.table.show_from is None and every.max() <= 1:
                total = sum(counts.values()) if counts else None
                self._tally(found, every, total, confidence, finish, tallies, "totals")

    def _tally(
        self, found: Estimate, sums: np.ndarray, count: float | None, confidence: float, finish: bool,
        tallies: dict[str, Tally], kind: str | None,
    ) -> None:  # fmt: skip
        truth = round(float(sums @ self.truth))
        clean = float(sums @ found.clean)
        low, high = interval(clean, self._noise(found, sums), confidence)
        tally = tallies[kind or _class(truth)]
        tally.intervals += 1
        tally.held += low <= truth <= high
        tally.clean_error += clean - truth
        tally.clean_square += (clean - truth) ** 2
        if not finish:
            return
        if count is not None and count >= self.population.threshold:
            low, high = min(low, round(count)), max(high, round(count))
        tally.finished += 1
        tally.hulls += low <= truth <= high
        off = (clean if count is None else count) - truth
        tally.whole_error += off
        tally.whole_square += off**2

    def _noise(self, found: Estimate, sums: np.ndarray) -> Noise:
        """A cell's noise; without further units it does not depend on what was drawn."""
        if self.population.units > 1:
            return found.noise(sums)
        key = sums.tobytes()
        if key not in self.noise:
            self.noise[key] = found.noise(sums)
        return self.noise[key]


def _class(truth: int) -> str:
    return next((name for name, upper in zip(CLASSES, _UPPER, strict=False) if truth <= upper), "100+")


def exact_cells(
    population: Population, layout: Layout, tables: Mapping[str, ExactTable], micro: Microdata
) -> np.ndarray:
    """The exact cells of a population in the order of its layout, all units included: int64."""
    parts = [_exact(population, vector, layout.blocks[vector.id], tables, micro) for vector in population.vectors]
    return np.concatenate(parts)


def _exact(
    population: Population, vector: Vector, block: Block, tables: Mapping[str, ExactTable], micro: Microdata
) -> np.ndarray:
    """Exact cells, all units included. Vectors over several tables belong to populations of people: bounded is exact."""
    readings = [population.attributes[name] for name in vector.attributes]
    if len({reading.table for reading in readings}) > 1 or any(reading.sets for reading in readings):
        return micro.vector(vector, block)
    frame = tables[readings[0].table].frame
    for reading in readings:
        for column, codes in reading.rows.items():
            frame = frame[frame[column].isin(list(codes))]
    columns = []
    for reading in readings:
        fold: dict[Code, Code] = {code: code for code in categories_of(reading) if code not in reading.groups}
        fold |= {member: code for code, members in reading.groups.items() for member in members}
        columns.append(frame[str(reading.column)].map(fold).to_numpy())
    counts = frame[COUNT].groupby(columns).sum()
    keys = [key if len(readings) > 1 else key[0] for key in block.keys]
    return np.array([int(counts.get(key, 0)) for key in keys], dtype=np.int64)
