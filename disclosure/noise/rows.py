"""Microdata of a table as arrays: sorted by person, categories as numbers, so that a person's rows are one slice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from schemas.errors import UsageError
from schemas.policy_noise import Code, Population
from schemas.tables import ExactTable

PERSON = "person_id"
AGE = "waarde"


@dataclass(frozen=True)
class Rows:
    """The rows of one table, ascending by person and then by the table's dimensions.

    person      int64 per row; `codes` per column int64 per row, numbers into `categories` of the column.
    ages        int64 per row: completed years in mean tables, zeros elsewhere.
    """

    person: np.ndarray
    codes: dict[str, np.ndarray]
    categories: dict[str, tuple[Code, ...]]
    ages: np.ndarray

    @cached_property
    def firsts(self) -> np.ndarray:
        """Position of every person's first row."""
        fresh = np.ones(len(self.person), dtype=bool)
        fresh[1:] = self.person[1:] != self.person[:-1]
        return np.flatnonzero(fresh)

    @cached_property
    def lengths(self) -> np.ndarray:
        """Number of rows of every person, in the order of `firsts`."""
        return np.diff(np.append(self.firsts, len(self.person)))

    def keep(self, mask: np.ndarray) -> Rows:
        """The rows where `mask` is true."""
        codes = {name: values[mask] for name, values in self.codes.items()}
        return Rows(self.person[mask], codes, self.categories, self.ages[mask])

    def where(self, wanted: Mapping[str, tuple[Code, ...]]) -> Rows:
        """The rows whose codes are among the wanted ones (column -> codes)."""
        if not wanted:
            return self
        mask = np.ones(len(self.person), dtype=bool)
        for column, codes in wanted.items():
            mask &= self.fold(column, dict.fromkeys(codes, 1)) > 0
        return self.keep(mask)

    def fold(self, column: str, numbers: Mapping[Code, int]) -> np.ndarray:
        """Per row the number that its code maps to, -1 where it maps to nothing."""
        lookup = np.array([numbers.get(code, -1) for code in self.categories[column]], dtype=np.int64)
        return np.asarray(lookup[self.codes[column]])

    def marks(self, slots: Mapping[str, tuple[Code, ...]]) -> dict[int, list[bool]]:
        """Per person with several rows, in order: whether a row has the wanted codes."""
        fits = np.ones(len(self.person), dtype=bool)
        for column, codes in slots.items():
            fits &= self.fold(column, dict.fromkeys(codes, 1)) > 0
        several = zip(self.firsts[self.lengths > 1].tolist(), self.lengths[self.lengths > 1].tolist(), strict=True)
        return {int(self.person[first]): fits[first : first + length].tolist() for first, length in several}


def read_tables(population: Population, tables: Mapping[str, ExactTable]) -> dict[str, Rows]:
    """The microdata of every table that the population reads; UsageError for one that the study does not compute."""
    names = {reading.table for reading in population.attributes.values()} | {mean.id for mean in population.means}
    names |= {population.unit_table} if population.unit_table else set()
    if lost := sorted(names - set(tables)):
        raise UsageError(
            f"The noise policy measures table {lost[0]}, which the study does not compute; name one that it does."
        )
    return {name: _coded(tables[name]) for name in sorted(names)}


def _coded(table: ExactTable) -> Rows:
    micro = table.micro
    codes = {name: _numbers(micro[name], tuple(table.categories[name]), table.id) for name in table.dimensions}
    person = micro[PERSON].to_numpy(dtype=np.int64)
    order = np.lexsort([*(codes[name] for name in reversed(table.dimensions)), person])
    ages = micro[AGE].to_numpy(dtype=np.int64) if AGE in micro else np.zeros(len(micro), dtype=np.int64)
    categories: dict[str, tuple[Code, ...]] = {
        name: tuple(_plain(code) for code in table.categories[name]) for name in table.dimensions
    }
    return Rows(person[order], {name: values[order] for name, values in codes.items()}, categories, ages[order])


def _plain(code: object) -> Code:
    return code if isinstance(code, str) else int(str(code))


def _numbers(column: pd.Series, categories: tuple[object, ...], table: str) -> np.ndarray:
    place = {code: position for position, code in enumerate(categories)}
    found = column.map(place)
    if found.isna().any():
        raise UsageError(f"Table {table}, column {column.name}: a row has a code that is not among its categories.")
    return found.to_numpy(dtype=np.int64)
