"""The attacker who holds only the files, against enumeration, and over the reference studies' own structure."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.published import Edition, attack_published
from schemas.catalogue import Catalogue, load_catalogue
from schemas.study import load_study, resource
from schemas.tables import ProtectedTable
from tests.conftest import REFERENCE
from tests.flows.invented_release import SEXES, YEARS, tables

LINKED = ("nr2015_f15", "nr2015_t03", "nr2015_n68", "nr2015_n68_fase", "keten_overlap")


def catalogue(study: str) -> Catalogue:
    loaded = load_study(study)
    return load_catalogue(resource(study, "catalogue", loaded.catalogue), loaded.years)


NR = catalogue("nr2015")


def invented(values: list[list[int]], blank: set[tuple[int, int]], totals_blank: set[int]) -> dict[str, ProtectedTable]:
    grid = {
        year: tuple(None if (row, column) in blank else values[row][column] for column in range(3))
        for row, year in enumerate(YEARS)
    }
    totals = {year: None if row in totals_blank else sum(values[row]) for row, year in enumerate(YEARS)}
    return tables(grid, totals)


def possible(values: list[list[int]], blank: set[tuple[int, int]], free: set[int]) -> dict[tuple[int, int], set[int]]:
    """By enumeration, row by row: every value a blank can have when blanks are at least 1."""
    found: dict[tuple[int, int], set[int]] = {}
    for row in range(len(YEARS)):
        hidden = [column for column in range(3) if (row, column) in blank]
        rest = sum(values[row][column] for column in hidden)
        top = rest + 2 if row in free else rest
        for guess in itertools.product(range(1, top + 1), repeat=len(hidden)):
            if row in free or sum(guess) == rest:
                for column, value in zip(hidden, guess, strict=True):
                    found.setdefault((row, column), set()).add(value)
    return found


cell = st.tuples(st.integers(0, 4), st.integers(0, 2))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(st.integers(1, 4), min_size=3, max_size=3), min_size=5, max_size=5),
    st.sets(cell, min_size=1, max_size=8),
    st.sets(st.integers(0, 4), max_size=2),
)
def test_worked_out_is_what_enumeration_finds(
    values: list[list[int]], blank: set[tuple[int, int]], free: set[int]
) -> None:
    verdict = attack_published([Edition("a", invented(values, blank, free))], NR, lower=1)
    alone = {at: next(iter(found)) for at, found in possible(values, blank, free).items() if len(found) == 1}
    fallen = {
        (YEARS.index(int(w.codes[0])), SEXES.index(w.codes[1])): w.value
        for w in verdict.worked
        if w.table == "nr2015_f05"
    }
    assert fallen == alone
    assert all(values[row][column] == value for (row, column), value in fallen.items())
    assert verdict.open == 0


def test_contradicting_totals_are_said() -> None:
    shown = tables({2010: (1, 1, 1), 2011: (1, 1, 1), 2012: (1, 1, 1), 2013: (1, 1, 1), 2014: (1, 1, 1)})
    assert not attack_published([Edition("a", shown)], NR, lower=1).possible


def exact(study: str) -> dict[str, ProtectedTable]:
    """The reference's true tables as if nothing were blank."""
    found = {}
    reference = json.loads((REFERENCE / study / "expected_tables.json").read_text())
    for entry in catalogue(study).entries:
        if entry.id in LINKED:  # exact only up to one per cell: relations between them need not hold
            continue
        frame = pd.DataFrame(reference[entry.id])
        names = tuple(dimension.name for dimension in entry.dimensions)
        count = "aantal" if entry.kind == "count" else "n"
        frame[count] = frame[count].astype("Int64")
        frame["status"] = "ok"
        categories = {name: tuple(dict.fromkeys(frame[name])) for name in names}
        found[entry.id] = ProtectedTable(entry.id, "restricted", "suppressed", names, categories, frame, entry.kind)
    return found


def blanked(shown: dict[str, ProtectedTable], table: str, rows: list[int]) -> Iterator[tuple[str, ProtectedTable]]:
    for name, protected in shown.items():
        frame = protected.frame.copy()
        if name == table:
            frame.loc[rows, "status"] = "suppressed"
            frame.loc[rows, "aantal" if protected.kind == "count" else "n"] = pd.NA
        yield (
            name,
            ProtectedTable(
                name, "restricted", "suppressed", protected.dimensions, protected.categories, frame, protected.kind
            ),
        )


@pytest.mark.parametrize("study", ["nr2015", "wodc2020"])
def test_every_equation_holds_in_the_true_tables(study: str) -> None:
    verdict = attack_published([Edition("a", exact(study))], catalogue(study), lower=1)
    assert (verdict.possible, verdict.blanks) == (True, 0)


@pytest.mark.parametrize(
    ("study", "table"),
    [
        ("nr2015", "nr2015_f05"),  # yearly totals are in other tables
        ("nr2015", "nr2015_f08"),  # regions are sums of nationalities
        ("nr2015", "nr2015_f06_gemiddelde"),  # n of a mean, a total row
        ("nr2015", "nr2015_f07"),  # nationalities of minors: a declared relation to ages
        ("nr2015", "nr2015_f20"),
        ("wodc2020", "wodc2020_regio"),
        ("wodc2020", "wodc2020_f03"),
    ],
)
def test_a_lone_blank_falls_to_its_true_value(study: str, table: str) -> None:
    """Blank one positive cell of a table that others tie down: the attacker has to name it, with its true count."""
    shown = exact(study)
    counts = shown[table].frame["aantal" if shown[table].kind == "count" else "n"].to_numpy(dtype=float)
    row = int(np.flatnonzero(counts > 0)[0])
    verdict = attack_published([Edition("a", dict(blanked(shown, table, [row])))], catalogue(study), lower=1)
    assert [w.value for w in verdict.worked] == [int(counts[row])]
