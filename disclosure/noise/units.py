"""From microdata to measured vectors: one unit per person, one cell per person and vector, at most.

The bound holds by construction of this module, whatever the tables contain: a vector counts each person id at most once
(`_pick` keeps one row), further units add at most units - 1 to one of their cells, an age moves a sum by at most its
reach. `reach` derives what a *person* can move from these rules and the policy's `identities`.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from functools import lru_cache

import numpy as np

from disclosure.noise.layout import Block, Key, categories_of
from disclosure.noise.rows import Rows
from schemas.errors import UsageError
from schemas.policy_noise import Code, MeanTable, Population, Reading, Vector

Slots = Mapping[str, tuple[Code, ...]]


class Picker:
    """The random unit of a person: a number in [0, 1) from a keyed HMAC of snapshot, population and person id.

    The same snapshot gives the same pick, so that a rerun measures the same vectors; without the key nobody can tell
    which of a person's units was picked. `secret` is never stored or published.
    """

    def __init__(self, secret: bytes, snapshot: str, population: str) -> None:
        self._key = hmac.new(secret, f"unit|{snapshot}|{population}".encode(), hashlib.sha256).digest()

    def fraction(self, person: int) -> float:
        """A number in [0, 1) that depends on nothing but the key and this person."""
        digest = hmac.new(self._key, str(person).encode(), hashlib.sha256).digest()
        return int.from_bytes(digest[:6], "big") / 2**48


class Microdata:
    """The microdata of a population's tables, read through the policy: one row per person and vector.

    rows: `rows.read_tables` of the exact tables under deterministic person ids.
    """

    def __init__(self, population: Population, rows: Mapping[str, Rows], picker: Picker) -> None:
        self.population = population
        self._tables = rows
        self._picker = picker
        self._units = rows[population.unit_table] if population.unit_table else None

    def vector(self, vector: Vector, block: Block) -> np.ndarray:
        """True counts of bounded people per cell: int64, length of the block. Each person id adds at most 1 in
        total."""
        readings = [self.population.attributes[name] for name in vector.attributes]
        found = [self._attribute(reading, vector.slots) for reading in readings]
        people = found[0][0]
        for others, _ in found[1:]:
            people = np.intersect1d(people, others, assume_unique=True)
        names = [categories_of(reading) for reading in readings]
        codes = [numbers[np.searchsorted(persons, people)] for persons, numbers in found]
        cells = _places(block.keys, tuple(names))[
            np.ravel_multi_index(codes, [len(categories) for categories in names])
        ]
        return np.bincount(cells[cells >= 0], minlength=len(block.keys)).astype(np.int64)

    def further_units(self) -> np.ndarray:
        """Units beyond the one that counts, at most units - 1 per person: int64, one cell, or two where the policy
        splits them (those that count in the split vector, the others). Each person id adds at most units - 1 in
        total."""
        if self._units is None:
            return np.zeros(1, dtype=np.int64)
        persons, have = np.unique(self._units.person, return_counts=True)
        extra = np.minimum(have - 1, self.population.units - 1)
        if self.population.split is None:
            return np.array([extra.sum()], dtype=np.int64)
        vector = next(vector for vector in self.population.vectors if vector.id == self.population.split)
        reading = self.population.attributes[vector.attributes[0]]
        rows = self._tables[reading.table].where(reading.rows)
        shown = np.isin(rows.person[rows.firsts], rows.person[self._pick(rows, vector.slots)])
        left = dict(zip(rows.person[rows.firsts].tolist(), (rows.lengths - shown).tolist(), strict=True))
        inside = np.minimum([left.get(person, 0) for person in persons.tolist()], extra)
        return np.array([inside.sum(), (extra - inside).sum()], dtype=np.int64)

    def ages(self, mean: MeanTable, categories: tuple[Code, ...]) -> np.ndarray:
        """Sums of (age clamped to the bounds - centre) per category: int64. Each person id moves one sum, by at most
        `reach`."""
        names = [str(code) for code in categories]
        rows = self._tables[mean.id].where({mean.column: tuple(names)})
        kept = self._pick(rows, mean.slots)
        code = rows.fold(mean.column, {name: index for index, name in enumerate(names)})[kept]
        ages = np.clip(rows.ages[kept], mean.lower, mean.upper) - mean.centre
        sums = np.zeros(len(categories), dtype=np.int64)
        np.add.at(sums, code, ages)
        return sums

    def _attribute(self, reading: Reading, slots: Slots) -> tuple[np.ndarray, np.ndarray]:
        """(person ids, ascending; category number of each): at most one per person."""
        rows = self._tables[reading.table].where(reading.rows)
        number = {code: index for index, code in enumerate(categories_of(reading))}
        if reading.sets:
            persons, codes = _pattern(reading, rows, number)
        else:
            kept = self._pick(rows, slots)
            persons, codes = rows.person[kept], rows.fold(str(reading.column), _fold(reading, number))[kept]
        if (codes < 0).any():
            raise UsageError(
                f"Table {reading.table}, column {reading.column}: the noise policy's categories or sets leave codes "
                "out; complete them."
            )
        if reading.absent is None:
            return persons, codes
        people = np.unique(np.concatenate([self._everybody(), persons]))
        filled = np.full(len(people), number[reading.absent])
        filled[np.searchsorted(people, persons)] = codes
        return people, filled

    def _everybody(self) -> np.ndarray:
        tables = {reading.table for reading in self.population.attributes.values()}
        return np.concatenate([self._tables[table].person for table in sorted(tables)])

    def _pick(self, rows: Rows, slots: Slots) -> np.ndarray:
        """Positions of at most one row per person: the one of the person's picked unit, where units are known."""
        wanted = np.zeros(len(rows.firsts), dtype=np.int64)
        several = rows.lengths > 1
        units = self._units
        if units is not None:
            many = units.person[units.firsts][units.lengths > 1]
            several = several | np.isin(rows.person[rows.firsts], many)
        # Who has one row and at most one unit counts with that row; only the others are drawn.
        fits = units.marks(slots) if units is not None and several.any() else {}
        for place in np.flatnonzero(several).tolist():
            person = int(rows.person[rows.firsts[place]])
            wanted[place] = self._row_of(person, int(rows.lengths[place]), fits.get(person))
        return np.asarray((rows.firsts + wanted)[wanted >= 0])

    def _row_of(self, person: int, rows: int, fits: list[bool] | None) -> int:
        """Number of the person's row that counts, or -1 for none.

        The picked unit's row is the one with the same rank among the units that fit. Where a person has more rows than
        such units (a grant of an earlier application) any of the rows is picked with equal chance.
        """
        fraction = self._picker.fraction(person)
        if fits is None or rows > sum(fits):
            return int(fraction * rows)
        unit = int(fraction * len(fits))
        rank = sum(fits[:unit])
        return rank if fits[unit] and rank < rows else -1


@lru_cache(maxsize=256)
def _places(keys: tuple[Key, ...], names: tuple[tuple[Code, ...], ...]) -> np.ndarray:
    """Position in `keys` of every cell of the attributes' full cross, -1 for those that are not measured."""
    numbers = [{code: index for index, code in enumerate(codes)} for codes in names]
    sizes = [len(codes) for codes in names]
    places = np.full(int(np.prod(sizes)), -1)
    for position, key in enumerate(keys):
        where = tuple(number[code] for number, code in zip(numbers, key, strict=True))
        places[int(np.ravel_multi_index(where, sizes))] = position
    return places


def _fold(reading: Reading, number: Mapping[Code, int]) -> dict[Code, int]:
    grouped = {member: number[code] for code, members in reading.groups.items() for member in members}
    return {**{code: index for code, index in number.items() if code not in reading.groups}, **grouped}


def _pattern(reading: Reading, rows: Rows, number: Mapping[Code, int]) -> tuple[np.ndarray, np.ndarray]:
    """Per person the category whose set is exactly what the person's rows show, -1 where there is none."""
    column = str(reading.column)
    bits = np.left_shift(np.int64(1), rows.codes[column])
    places = {code: index for index, code in enumerate(rows.categories[column])}
    patterns = {sum(1 << places[code] for code in codes): number[name] for name, codes in reading.sets.items()}
    shown = np.bitwise_or.reduceat(bits, rows.firsts) if len(bits) else bits
    return rows.person[rows.firsts], np.array([patterns.get(mask, -1) for mask in shown.tolist()], dtype=np.int64)


def reach(population: Population, per_identity: int = 1) -> int:
    """What one person can move a vector by (L1, and L2 since one identity is in one cell): identities times the bound.

    Derived, not asserted: a person id adds at most `per_identity` to one cell of a vector (`Microdata`), and a person
    has at most `identities` ids; in the worst case all of them lie in one cell, where L1 and L2 are both the product.
    """
    return population.identities * per_identity


def moves(population: Population) -> dict[str, int]:
    """What one person can move each measured vector by, at most (vector id -> L1 norm): derived from the rules above.

    The further units (`second`) and mean ages are among them; the method note and `schakel budget plan` print these.
    """
    found = {vector.id: reach(population) for vector in population.vectors}
    if population.units > 1:
        found["second"] = reach(population, population.units - 1)
    return found | {mean.id: reach(population, mean.reach) for mean in population.means}
