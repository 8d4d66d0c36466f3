"""From microdata to measured vectors: one unit per person, one cell per person and vector, at most.

The bound holds by construction of this module, whatever the tables contain: a vector counts each person id at most once
(`_pick` keeps one row), the number of further units adds at most units - 1, an age moves a sum by
at most its reach. `reach` derives what a *person* can move from these rules and the policy's `identities`.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping

import numpy as np
import pandas as pd

from disclosure.noise.layout import Block, categories_of
from schemas.errors import UsageError
from schemas.policy_noise import Code, MeanTable, Population, Reading, Vector
from schemas.tables import ExactTable

PERSON = "person_id"
AGE = "waarde"
_ORDER = "_order"


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
    """The exact tables of a population, read through the policy: one row per person and vector."""

    def __init__(self, population: Population, tables: Mapping[str, ExactTable], picker: Picker) -> None:
        self.population = population
        self._tables = tables
        self._picker = picker
        self._units = self._rows(population.unit_table, {}) if population.unit_table else None

    def vector(self, vector: Vector, block: Block) -> np.ndarray:
        """True counts of bounded people per cell: int64, length of the block. Each person id adds at most 1 in
        total."""
        readings = [self.population.attributes[name] for name in vector.attributes]
        columns = [self._attribute(reading, vector.slots) for reading in readings]
        joined = pd.concat(columns, axis=1, join="inner", keys=range(len(columns)))
        counts = joined.value_counts(sort=False) if len(joined) else pd.Series(dtype="int64")
        return np.array([int(counts.get(key, 0)) for key in block.keys], dtype=np.int64)

    def further_units(self) -> np.ndarray:
        """The number of units beyond each person's first, clamped per person: one int64."""
        if self._units is None:
            return np.zeros(1, dtype=np.int64)
        extra = self._units.groupby(PERSON).size() - 1
        return np.array([int(extra.clip(upper=self.population.units - 1).sum())], dtype=np.int64)

    def ages(self, mean: MeanTable, categories: tuple[Code, ...]) -> np.ndarray:
        """Sums of (age clamped to the bounds - centre) per category: int64. Each person id moves one sum, by at most
        `reach`."""
        rows = self._rows(mean.id, {mean.column: tuple(str(code) for code in categories)})
        picked = self._pick(rows, mean.slots)
        sums = picked[AGE].astype("int64").clip(mean.lower, mean.upper) - mean.centre
        totals = sums.groupby(picked[mean.column]).sum()
        return np.array([int(totals.get(str(code), 0)) for code in categories], dtype=np.int64)

    def _rows(self, table: str, where: Mapping[str, tuple[Code, ...]]) -> pd.DataFrame:
        """The rows of a table's microdata that have the wanted codes, sorted by person and then by its dimensions."""
        if table not in self._tables:
            raise UsageError(
                f"The noise policy measures table {table}, which the study does not compute; name one that it does."
            )
        exact = self._tables[table]
        rows = exact.micro
        for column, codes in where.items():
            rows = rows[rows[column].isin(list(codes))]
        ordered = rows[[PERSON]].assign(**{_ORDER: np.arange(len(rows))})
        keys = [PERSON]
        for name in exact.dimensions:
            rank = {code: position for position, code in enumerate(exact.categories[name])}
            ordered[name] = rows[name].map(rank)
            keys.append(name)
        return rows.iloc[ordered.sort_values([*keys, _ORDER])[_ORDER].to_numpy()]

    def _attribute(self, reading: Reading, slots: Mapping[str, tuple[Code, ...]]) -> pd.Series:
        """Category per person id (index), at most one per person."""
        rows = self._rows(reading.table, reading.rows)
        if reading.sets:
            return self._pattern(reading, rows)
        picked = self._pick(rows, slots)
        fold = self._fold(reading)
        values = [fold.get(code) for code in picked[str(reading.column)]]
        if None in values:
            raise UsageError(
                f"Table {reading.table}, column {reading.column}: the noise policy's categories leave a code out; "
                "complete them."
            )
        found = pd.Series(values, index=picked[PERSON].to_numpy(), dtype=object)
        if reading.absent is None:
            return found
        people = pd.Index(self._everybody())
        return found.reindex(people.union(found.index)).fillna(reading.absent)

    def _everybody(self) -> list[int]:
        tables = {reading.table for reading in self.population.attributes.values()}
        return sorted({int(person) for table in tables for person in self._tables[table].micro[PERSON]})

    @staticmethod
    def _fold(reading: Reading) -> dict[Code, Code]:
        grouped = {member: code for code, members in reading.groups.items() for member in members}
        return {**{code: code for code in categories_of(reading) if code not in reading.groups}, **grouped}

    def _pattern(self, reading: Reading, rows: pd.DataFrame) -> pd.Series:
        patterns = {frozenset(codes): code for code, codes in reading.sets.items()}
        shown = rows.groupby(PERSON)[str(reading.column)].agg(frozenset)
        found = shown.map(patterns)
        if found.isna().any():
            raise UsageError(
                f"Table {reading.table}, column {reading.column}: people show a set of codes that the noise policy "
                "does not list; complete its sets."
            )
        return found.astype(object)

    def _pick(self, rows: pd.DataFrame, slots: Mapping[str, tuple[Code, ...]]) -> pd.DataFrame:
        """At most one row per person: the one that belongs to the person's picked unit, where units are known."""
        if not rows[PERSON].duplicated().any() and self._units is None:
            return rows
        numbered = rows.groupby(PERSON).cumcount().to_numpy()
        persons = rows[PERSON].to_numpy()
        have = dict(zip(*(part.tolist() for part in np.unique(persons, return_counts=True)), strict=True))
        units = self._slots(slots)
        wanted = {person: self._row_of(person, number, units.get(person)) for person, number in have.items()}
        return rows[[wanted[person] == number for person, number in zip(persons, numbered, strict=True)]]

    def _slots(self, slots: Mapping[str, tuple[Code, ...]]) -> dict[int, list[bool]]:
        """Per person, in order of their units: whether a unit can have a row in the table at hand."""
        if self._units is None:
            return {}
        fits = pd.Series(True, index=self._units.index)
        for column, codes in slots.items():
            fits &= self._units[column].isin(list(codes))
        grouped: dict[int, list[bool]] = {}
        for person, fit in zip(self._units[PERSON], fits, strict=True):
            grouped.setdefault(person, []).append(bool(fit))
        return grouped

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


def reach(population: Population, per_identity: int = 1) -> int:
    """What one person can move a vector by (L1, and L2 since one identity is in one cell): identities times the bound.

    Derived, not asserted: a person id adds at most `per_identity` to one cell of a vector (`Microdata`), and a person
    has at most `identities` ids; in the worst case all of them lie in one cell, where L1 and L2 are both the product.
    """
    return population.identities * per_identity
