"""Units of count with their variables: what `schemas/catalogue/variables.toml` promises, computed once.

A builder per unit makes a frame with `person_id` and the unit's variables; `Units` codes variables by their fine
categories, so that counting works on integers.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pandas as pd

from schemas.catalogue import Population
from schemas.errors import UsageError
from schemas.vocabulary import Code, Variable, Vocabulary, fine_categories
from tabulation.attributes import procedures, returns, with_final_decision
from tabulation.cases import cases
from tabulation.events import Events
from tabulation.links import chain, d9_processes
from tabulation.routes import by_window
from tabulation.spells import (
    OPEN,
    applications,
    b8_grants,
    cohort,
    dated,
    departures,
    readings,
    reflection_periods,
    signals,
    steps,
)
from tabulation.trajectories import chain_people


class Units:
    """The units of one study. Frames and codes are made on first use and kept while the object lives."""

    def __init__(self, events: Events, vocabulary: Vocabulary) -> None:
        self.events, self.vocabulary = events, vocabulary
        self._build: dict[str, Callable[[], pd.DataFrame]] = {
            "procedure": lambda: procedures(self._ind()),
            "casus": lambda: cases(self._ind(), events.years),
            "d9": lambda: d9_processes(events.frame("dtv"), self._granted()),
            "terugkeer": lambda: returns(events.frame("iom")),
            "persoon": lambda: by_window(self._ind(), vocabulary.variables["venster"].categories),
            "keten": lambda: chain(events.frames),
            "ketenpersoon": lambda: chain_people(events.frames, vocabulary.variables["traject"].categories),
            "lezing": lambda: readings(self.frame("persoon")),
            "na_bedenktijd": lambda: self._cohort("vervolg_bedenktijd", reflection_periods),
            "na_b8": lambda: self._cohort("vervolg_verlening", b8_grants),
            "na_bedenktijd_keten": lambda: self._cohort("vervolg_bedenktijd_keten", reflection_periods),
            "na_b8_keten": lambda: self._cohort("vervolg_verlening_keten", b8_grants),
            "stap": lambda: steps(self._ind(), events.years),
            "stap_keten": lambda: signals(events.frame("dtv"), self._ind(), events.years),
        }
        self.frame = cache(self._frame)
        self.coded = cache(self._coded)
        self.members = cache(self._members)

    def _ind(self) -> pd.DataFrame:
        return with_final_decision(self.events.frame("ind"))

    def _cohort(self, variable: str, origin: Callable[[pd.DataFrame], pd.DataFrame]) -> pd.DataFrame:
        """The cohort of an origin; the categories of `variable` say what can happen next, in the order in which it wins a tie."""
        ind = self._ind()
        known = {
            "b8": lambda: applications(ind, "B8"),
            "b9": lambda: applications(ind, "B9"),
            "asiel": lambda: applications(ind, "ASIEL"),
            "terugkeer": lambda: dated(self.events.frame("iom"), "vertrekdatum"),
            "vertrek": lambda: departures(self.events.frame("dtv")),
        }
        causes = {cause: known[cause]() for cause in self.vocabulary.variables[variable].categories if cause != OPEN}
        found = cohort(origin(ind), causes, self.vocabulary.variables["venster"].categories)
        return found.rename(columns={"uitkomst": variable})

    def _granted(self) -> pd.DataFrame:
        """B8 grants inside the reporting period; a study without IND has none."""
        if "ind" not in self.events.frames:
            return pd.DataFrame({"person_id": np.zeros(0, np.int64), "datum_eind": np.zeros(0, "datetime64[s]")})
        ind, (first, last) = self._ind(), self.events.period
        decided = ind["datum_eind"].to_numpy()
        granted = (ind["procedure"] == "B8").to_numpy() & (ind["eindbesluit"] == "INGEWILLIGD").to_numpy()
        return ind[granted & (decided >= first) & (decided <= last)]

    def _frame(self, unit: str) -> pd.DataFrame:
        """The frame of a unit: `person_id` and its variables, one row per unit."""
        if unit not in self._build:
            raise UsageError(f"No code builds the unit '{unit}'; the units are {', '.join(self._build)}.")
        return self._build[unit]()

    def person_ids(self, unit: str) -> np.ndarray:
        """Per unit its person (int64)."""
        return self.frame(unit)["person_id"].to_numpy(dtype=np.int64)

    def number(self, unit: str, variable: str) -> np.ndarray:
        """The variable before it is banded (float64, NaN where absent)."""
        return self.frame(unit)[variable].to_numpy(dtype=np.float64)

    def _coded(self, unit: str, variable: str) -> tuple[tuple[Code, ...], np.ndarray]:
        """(fine categories, per unit the position of its own; -1: none of them)."""
        spec = self.vocabulary.variables[variable]
        fine = fine_categories(spec, self.events.years)
        column = self.frame(unit)[variable]
        if spec.bands is not None:
            return fine, _banded(spec, fine, column.to_numpy(dtype=np.float64))
        codes, values = pd.factorize(column, use_na_sentinel=True)
        place = {category: position for position, category in enumerate(fine)}
        absent = place[spec.missing] if spec.missing is not None else -1
        lookup = np.array([place.get(value, -1) for value in values] + [absent], dtype=np.int64)
        return fine, lookup[codes]

    def _members(self, population: Population) -> np.ndarray:
        """Positions of the units of the population, in the order of the frame."""
        inside = np.ones(len(self.frame(population.unit)), dtype=bool)
        for condition in population.conditions:
            fine, codes = self.coded(population.unit, condition.variable)
            wanted = np.array([code in condition.fine for code in fine] + [False])
            inside &= wanted[codes]
        return np.flatnonzero(inside)


def _banded(spec: Variable, fine: tuple[Code, ...], value: np.ndarray) -> np.ndarray:
    """Position of the band (inclusive bounds) that holds the value."""
    absent = fine.index(spec.missing) if spec.missing is not None else -1
    codes = np.full(len(value), -1, dtype=np.int64)
    codes[np.isnan(value)] = absent
    for name, (low, high) in (spec.bands or {}).items():
        codes[(value >= low) & (value <= high)] = fine.index(name)
    return codes
