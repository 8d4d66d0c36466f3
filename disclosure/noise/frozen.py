"""Frozen years: each year's noise is drawn once, and a person counts in at most `lifetime` years of a vector, for ever.

A slice is one year of one vector. Its query key does not depend on the snapshot, so that every later edition publishes the
very numbers that were drawn first, whatever a later delivery says of that year. Who is counted in a slice is written into
the sealed memory, and committed, before the slice is drawn: a person whose years are used up counts in no further one, also
when a correction moves their case. So over all editions one person moves all slices of a vector together by at most
`lifetime`, and pays for `lifetime` slices, not for every edition. Each year has a budget line of its own
(`<population>/<year>`), which covers one draw.

Of years that are new in the same edition a person's are picked at random (the first one would bend the trend within the
edition). Across editions the earlier edition wins, and later cases of the same person are not counted: that is the price.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections import Counter
from collections.abc import Iterable, Mapping

import numpy as np

from disclosure.noise.layout import Block, Layout, categories_of
from disclosure.noise.measure import Query, canonical
from disclosure.noise.mechanisms import Price
from disclosure.noise.protocol import MemoryLike
from disclosure.noise.rows import Rows
from disclosure.noise.units import Microdata, Picker
from schemas.errors import IntegrityError, UsageError
from schemas.policy_noise import Code, Population, Vector
from schemas.tables import Audience

Slice = tuple[str, Code]
# Vector of an audience's population -> year -> the person ids counted there.
Counted = dict[str, dict[str, list[int]]]


def budget_line(population: Population, year: Code) -> str:
    """The ledger's name for one year of a population."""
    return f"{population.id}/{year}"


def places(vector: Vector, block: Block, year: Code) -> np.ndarray:
    """Boolean over the block's cells: those of the year."""
    return block.where({str(vector.year): (year,)})


def slice_query(population: Population, vector: Vector, block: Block, year: Code, price: Price) -> Query:
    """The query of one year of a vector: what it counts, without the window of the edition that asks first."""
    cells = [list(key) for key, inside in zip(block.keys, places(vector, block, year).tolist(), strict=True) if inside]
    shape = {
        "attributes": {name: _timeless(population, vector, name) for name in vector.attributes},
        "order": list(vector.attributes),
        "cells": cells,
        "year": year,
        "lifetime": population.lifetime,
    }
    return Query(budget_line(population, year), vector.id, shape, len(cells), price, frozen=True)


def _timeless(population: Population, vector: Vector, name: str) -> dict[str, object]:
    reading = population.attributes[name]
    shape: dict[str, object] = reading.model_dump(mode="json")
    if name == vector.year:
        shape |= {"categories": None, "rows": {k: v for k, v in reading.rows.items() if k != reading.column}}
    return shape


class Register:
    """The rows of one population, cut by year: who could count in a slice, and the slice's true counts."""

    def __init__(self, layout: Layout, rows: Mapping[str, Rows], secret: bytes) -> None:
        self.layout, self.population = layout, layout.population
        self._rows, self._secret = rows, secret

    def present(self, vector: Vector, year: Code) -> np.ndarray:
        """Ids of the people who have a row in that year, ascending."""
        return np.unique(self._year_rows(vector, year).person)

    def counts(self, vector: Vector, year: Code, people: Iterable[int]) -> np.ndarray:
        """True counts of the slice over these people, each in at most one cell: int64."""
        allowed = np.array(sorted(people), dtype=np.int64)
        of_year = self.population.attributes[str(vector.year)].table
        cut = {name: rows.keep(np.isin(rows.person, allowed)) for name, rows in self._rows.items()}
        cut[of_year] = self._year_rows(vector, year, cut[of_year])
        block = self.layout.blocks[vector.id]
        micro = Microdata(self.population, cut, Picker(self._secret, "frozen", self.population.id))
        return np.asarray(micro.vector(vector, block)[places(vector, block, year)])

    def chances(self, year: Code) -> Picker:
        """Decides which of a person's new years counts."""
        return Picker(self._secret, f"frozen {year}", self.population.id)

    def _year_rows(self, vector: Vector, year: Code, rows: Rows | None = None) -> Rows:
        reading = self.population.attributes[str(vector.year)]
        found = rows or self._rows[reading.table]
        return found.where({**reading.rows, str(reading.column): _codes(reading.groups, year)})


def _codes(groups: Mapping[str, tuple[Code, ...]], year: Code) -> tuple[Code, ...]:
    return groups.get(str(year), (year,))


def claim(
    register: Register, memory: MemoryLike | None, drawn: set[Slice], audience: Audience, secret: bytes
) -> dict[Slice, list[int]]:
    """Who counts in every slice that is not drawn yet; committed to the memory when this returns.

    drawn: slices whose noisy numbers the ledger holds. UsageError without a memory; IntegrityError (6) where the memory
    is gone, older than the ledger, or of another secret: nobody could tell then who was counted.
    """
    population = register.population
    if memory is None:
        raise UsageError(f"The years of {population.id} are frozen, which needs the memory of the state store.")
    tag = hmac.new(secret, b"who was counted", hashlib.sha256).hexdigest()

    def change(kept: bytes | None) -> bytes:
        counted = _read(kept, tag, population)
        for vector in population.vectors:
            mine = counted.setdefault(_name(population, vector, audience), {})
            used = {year for name, year in drawn if name == vector.id}
            if lost := sorted(str(year) for year in used if str(year) not in mine):
                raise IntegrityError(
                    f"Noise of {budget_line(population, lost[0])} was drawn, but who was counted in it is not remembered; "
                    "restore the state store, or give the population a new id and a budget of its own."
                )
            fresh = [year for year in categories_of(population.attributes[str(vector.year)]) if year not in used]
            _add(mine, register, vector, fresh)
        return canonical({"key": tag, "counted": counted})

    counted = json.loads(memory.count(change))["counted"]
    return {
        (vector.id, year): counted[_name(population, vector, audience)][str(year)]
        for vector in population.vectors
        for year in population.slices
        if (vector.id, year) not in drawn
    }


def _name(population: Population, vector: Vector, audience: Audience) -> str:
    return f"{audience}/{population.id}/{vector.id}"


def _read(kept: bytes | None, tag: str, population: Population) -> Counted:
    if kept is None:
        return {}
    body = json.loads(kept)
    if body["key"] != tag:
        raise IntegrityError(
            f"Who was counted in the frozen years of {population.id} was remembered under another study secret, and is "
            "nobody's now; give the population a new id and a budget of its own."
        )
    found: Counted = body["counted"]
    return found


def _add(mine: dict[str, list[int]], register: Register, vector: Vector, fresh: list[Code]) -> None:
    """Give everybody who is present in new years as many of them as their lifetime leaves."""
    times = Counter(person for people in mine.values() for person in people)
    held = {year: set(mine.get(str(year), ())) for year in fresh}
    open_years: dict[int, list[tuple[float, int]]] = {}
    for position, year in enumerate(fresh):
        chances = register.chances(year)
        for person in register.present(vector, year).tolist():
            if person not in held[year]:
                open_years.setdefault(person, []).append((chances.fraction(person), position))
    for person, found in open_years.items():
        for _, position in sorted(found)[: max(register.population.lifetime - times[person], 0)]:
            held[fresh[position]].add(person)
    for year in fresh:
        mine[str(year)] = sorted(held[year])


def whole_vector(vector: Vector, block: Block, slices: Mapping[Code, np.ndarray]) -> np.ndarray:
    """A vector's cells in the order of its block, from its slices: int64."""
    values = np.zeros(len(block.keys), dtype=np.int64)
    for year, part in slices.items():
        values[places(vector, block, year)] = part
    return values
