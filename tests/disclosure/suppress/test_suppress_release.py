"""Whole releases: the joint system, an attacker written from the printed tables alone, and what earlier editions give away."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import numpy as np
import pandas as pd
import pytest
from release_attacker import Reader, Row, contributors, ranges, read, small, tiny

from disclosure.suppress import SuppressionResult, suppress_tables
from disclosure.suppress.release import Joint, build
from schemas.catalogue import Catalogue, selected
from schemas.policy_suppression import SuppressionPolicy
from schemas.tables import ExactTable, ProtectedTable
from tests.tabulation.tabulation_reference import REPORTS, reference_tables, study_and_catalogue

RULES = SuppressionPolicy(time_limit=5.0)
OUTSIDER = SuppressionPolicy(insider="none", time_limit=2.0)
D9_AND_IOM = tuple(f"nr2015_{name}" for name in (
    "f09", "f10", "f11", "f11_gemiddelde", "f12", "f13", "f14", "f15", "t03", "n68", "n68_fase",
    "f16", "f17", "f18", "f19", "f19_gemiddelde", "f20", "bestemming",
))  # fmt: skip
PARTS = {"wodc2020": None, "nr2015": D9_AND_IOM}


def part(study: str) -> tuple[Catalogue, dict[str, ExactTable]]:
    tables, catalogue = reference_tables(study), study_and_catalogue(study)[1]
    return catalogue, {name: tables[name] for name in PARTS[study] or tables}


@cache
def released(study: str) -> SuppressionResult:
    catalogue, tables = part(study)
    return suppress_tables(tables, catalogue, RULES, [], "restricted")


@cache
def joint_of(study: str) -> Joint:
    return build(reference_tables(study), study_and_catalogue(study)[1], RULES).joint()


def has_equation(joint: Joint, parent: int, children: set[int]) -> bool:
    """Whether the system says parent = sum of children (a cell that is its only part counts)."""
    if children == {parent}:
        return True
    rows = joint.system.equations
    for row in range(rows.shape[0]):
        span = slice(rows.indptr[row], rows.indptr[row + 1])
        members = dict(zip(rows.indices[span].tolist(), rows.data[span].tolist(), strict=True))
        if set(members) == {parent, *children} and members[parent] == -members[next(iter(children))]:
            return True
    return False


def cells_where(joint: Joint, tables: Mapping[str, ExactTable], name: str, **codes: object) -> set[int]:
    """Cells behind the nonzero rows of a table that have the given codes."""
    frame = tables[name].frame
    mask = np.ones(len(frame), dtype=bool)
    for dimension, code in codes.items():
        mask &= (frame[dimension] == code).to_numpy()
    return {joint.layout[name][i] for i in np.flatnonzero(mask).tolist()} - {-1}


# The system ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("study", REPORTS)
def test_every_equation_holds_and_every_row_has_its_cell(study: str) -> None:
    joint, tables = joint_of(study), reference_tables(study)
    assert not (joint.system.equations @ joint.system.values).any()
    for name, table in tables.items():
        values = table.frame["aantal" if table.kind == "count" else "n"].tolist()
        for at, value in zip(joint.layout[name], values, strict=True):
            assert (joint.system.values[at] == value) if at >= 0 else value == 0
            assert at < 0 or not joint.system.hidden[at]
            assert at < 0 or bool(joint.system.primary[at]) == (value < 5)


def test_a_number_printed_twice_is_one_cell() -> None:
    joint, tables = joint_of("nr2015"), reference_tables("nr2015")
    for year in (2010, 2014):
        assert len(cells_where(joint, tables, "nr2015_f04", jaar=year)) == 1, "a year's total is a cell of its own"
        (total,) = cells_where(joint, tables, "nr2015_f04", jaar=year)
        for name in ("nr2015_f05", "nr2015_f06", "nr2015_f08"):
            assert has_equation(joint, total, cells_where(joint, tables, name, jaar=year)), name
    wodc = joint_of("wodc2020")
    printed = reference_tables("wodc2020")
    assert cells_where(wodc, printed, "wodc2020_f03", deelname="voor") == cells_where(
        wodc, printed, "wodc2020_routes", route="route_1"
    )


def test_a_region_is_the_sum_of_its_nationalities() -> None:
    joint, tables = joint_of("nr2015"), reference_tables("nr2015")
    dimension = study_and_catalogue("nr2015")[1].entry("nr2015_f08").dimensions[1]
    for year in (2010, 2012):
        (region,) = cells_where(joint, tables, "nr2015_f08", jaar=year, regio="afrika")
        members = set()
        for country, folded in dimension.fold.items():
            if folded == "afrika":
                members |= cells_where(joint, tables, "nr2015_t02", jaar=year, nationaliteit=country)
        assert has_equation(joint, region, members)


def test_sex_and_nationality_refine_both_of_their_tables() -> None:
    joint, tables = joint_of("nr2015"), reference_tables("nr2015")
    fine = "nr2015_geslacht_nationaliteit"
    (women,) = cells_where(joint, tables, "nr2015_f05", jaar=2011, geslacht="V")
    assert has_equation(joint, women, cells_where(joint, tables, fine, jaar=2011, geslacht="V"))
    (nigeria,) = cells_where(joint, tables, "nr2015_t02", jaar=2011, nationaliteit="NGA")
    assert has_equation(joint, nigeria, cells_where(joint, tables, fine, jaar=2011, nationaliteit="NGA"))


def test_every_declared_equality_follows_from_the_system() -> None:
    """As a linear combination of its equations, so nobody can use a relation that the attacker did not have."""
    joint = joint_of("wodc2020")
    catalogue, tables = part("wodc2020")
    dense = joint.system.equations.toarray().astype(float)
    for relation in catalogue.relations:
        if relation.kind == "eq":
            wanted = np.zeros(joint.system.size)
            for sign, side in ((1, relation.left), (-1, relation.right)):
                for term in side:
                    rows = np.flatnonzero(selected(tables[term.table].frame, term))
                    for at in (joint.layout[term.table][i] for i in rows.tolist()):
                        wanted[at] += sign if at >= 0 else 0
            combined = np.linalg.lstsq(dense.T, wanted, rcond=None)[0]
            assert np.abs(dense.T @ combined - wanted).max() < 1e-8, relation.id


def test_an_inequality_is_an_equation_with_a_slack_that_may_be_zero() -> None:
    joint = joint_of("wodc2020")
    slacks = [i for i, key in enumerate(joint.system.keys) if isinstance(key, tuple) and key and key[0] == "slack"]
    declared = [r for r in part("wodc2020")[0].relations if r.kind == "le"]
    assert 0 < len(slacks) <= len(declared)
    assert (joint.system.values[slacks] >= 0).all()
    assert (joint.system.lower[slacks] == 0).all(), "no reader is told that a slack is at least 1"
    assert joint.system.hidden[slacks].all()


def test_people_are_counted_once_however_often_they_return() -> None:
    """A cell of two units of one person is a cell that this person knows."""
    catalogue, exact = tiny({"t": (("jaar",), {("2010",): 2, ("2011",): 7})})
    exact["t"].micro["person_id"] = [4, 4, *range(10, 17)]
    joint = build(exact, catalogue, RULES).joint()
    (cell,) = cells_where(joint, exact, "t", jaar="2010")
    assert (joint.system.values[cell], joint.system.people[cell], joint.system.first[cell]) == (2, 1, 4)


# What is printed ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("study", REPORTS)
def test_blanks_look_alike_and_small_cells_are_blank(study: str) -> None:
    tables = part(study)[1]
    for name, table in released(study).protected.items():
        frame, exact = table.frame, tables[name].frame
        blank = (frame["status"] == "suppressed").to_numpy()
        measures = ["aantal"] if table.kind == "count" else ["n", "gemiddelde", "sd"]
        assert set(frame["status"]) <= {"ok", "suppressed"}
        assert frame.loc[blank, measures].isna().all().all()
        assert frame.loc[~blank, measures].equals(exact.loc[~blank, measures].astype(frame[measures].dtypes))
        counts = exact[measures[0]].to_numpy()
        assert blank[(counts > 0) & (counts < 5)].all()
        assert not blank[counts == 0].any(), "zeros are published under this policy"
        assert list(frame.columns) == [*table.dimensions, *measures, "status"]


def test_the_certificate_knows_every_printed_blank() -> None:
    certificate = released("wodc2020").certificate
    assert certificate["attack"]["certified"]
    assert all(blank["low"] < blank["high"] for blank in certificate["blanks"] if blank["primary"])
    assert sum(blank["primary"] for blank in certificate["blanks"]) > 0


@pytest.mark.parametrize("study", REPORTS)
def test_a_reader_of_the_printed_tables_determines_no_small_cell(study: str) -> None:
    catalogue, tables = part(study)
    reader = read(released(study).protected, catalogue)
    narrow = [row for row, (low, high) in ranges(reader, small(tables, 5)).items() if low >= high]
    assert not narrow


@pytest.mark.parametrize("study", REPORTS)
def test_a_person_alone_in_a_cell_determines_no_other_small_cell(study: str) -> None:
    catalogue, tables = part(study)
    reader, secret = read(released(study).protected, catalogue), small(tables, 5)
    known: dict[int, dict[Row, int]] = {}
    for row, people in contributors(tables, catalogue).items():
        if len(people) == 1 and row in reader.variables:
            known.setdefault(next(iter(people)), {})[row] = value_of(tables, row)
    assert known
    for person in sorted(known)[:12]:
        others = neighbours(reader, set(secret) - set(known[person]), set(known[person]))
        hit = [row for row, (low, high) in ranges(reader, others, known[person]).items() if low >= high]
        assert not hit


@pytest.mark.slow
def test_a_reader_of_the_whole_of_nr2015_determines_no_small_cell() -> None:
    """All 36 tables, nationalities by sex and year and their five hundred relations among them."""
    catalogue, tables = study_and_catalogue("nr2015")[1], reference_tables("nr2015")
    rules = RULES.model_copy(update={"time_limit": 15.0})
    reader = read(suppress_tables(tables, catalogue, rules, [], "restricted").protected, catalogue)
    assert not [row for row, (low, high) in ranges(reader, small(tables, 5)).items() if low >= high]


def test_the_reader_is_no_fool() -> None:
    """Undo one blank at a time: the same attacker then does find small cells."""
    catalogue, tables = part("wodc2020")
    found = 0
    for name, table in released("wodc2020").protected.items():
        secondary = [
            i
            for i in np.flatnonzero(table.frame["status"] == "suppressed").tolist()
            if value_of(tables, (name, i)) >= 5
        ]
        for i in secondary[:2]:
            reader = read(released("wodc2020").protected, catalogue)
            reader.constants[name, i] = value_of(tables, (name, i))
            del reader.variables[name, i]
            reader.variables = {row: at for at, row in enumerate(reader.variables)}
            found += any(low >= high for low, high in ranges(reader, small(tables, 5)).values())
    assert found


def value_of(tables: Mapping[str, ExactTable], row: Row) -> int:
    table = tables[row[0]]
    return int(table.frame["aantal" if table.kind == "count" else "n"].iloc[row[1]])


def neighbours(reader: Reader, wanted: set[Row], start: set[Row]) -> list[Row]:
    """Wanted blanks in an equation that holds a blank of `start`: where an insider looks first."""
    near: set[Row] = set()
    for left, right in reader.equal:
        members = {*left, *right} & set(reader.variables)
        if members & start:
            near |= members
    return sorted(near & wanted)


# Rules and repetition -----------------------------------------------------------------------------------------------


TWO: dict[str, tuple[tuple[str, ...], dict[tuple[str, ...], int]]] = {
    "sexes": (("geslacht",), {("V",): 14, ("M",): 10}),
    "regions": (("regio",), {("a",): 2, ("b",): 6, ("c",): 7, ("d",): 9}),
}


def blank_codes(table: ProtectedTable) -> set[object]:
    return set(table.frame.loc[table.frame["status"] == "suppressed", table.dimensions[0]])


def test_a_total_that_another_table_gives_away_costs_a_companion() -> None:
    catalogue, exact = tiny(TWO)
    alone = suppress_tables({"regions": exact["regions"]}, catalogue, OUTSIDER, [], "restricted").protected
    assert blank_codes(alone["regions"]) == {"a"}, "no total is printed, so nothing gives the blank away"
    both = suppress_tables(exact, catalogue, OUTSIDER, [], "restricted").protected
    assert blank_codes(both["regions"]) == {"a", "b"}


def test_protected_zeros_are_blank_and_undetermined() -> None:
    catalogue, exact = tiny(TWO | {"regions": (("regio",), {("a",): 0, ("b",): 6, ("c",): 9, ("d",): 9})})
    rules = OUTSIDER.model_copy(update={"zeros": "protected"})
    assert "a" in blank_codes(suppress_tables(exact, catalogue, rules, [], "restricted").protected["regions"])
    shown = suppress_tables(exact, catalogue, OUTSIDER, [], "restricted").protected["regions"]
    assert not blank_codes(shown)


def test_the_same_tables_give_the_same_bytes() -> None:
    catalogue, tables = part("wodc2020")
    again = suppress_tables(tables, catalogue, RULES, [], "restricted").protected
    for name, table in released("wodc2020").protected.items():
        assert table.frame.equals(again[name].frame), name


# Earlier editions ---------------------------------------------------------------------------------------------------


def test_a_second_edition_of_the_same_numbers_is_the_first() -> None:
    """Two safe patterns of one table can be intersected, so what was shown stays shown and nothing else is."""
    catalogue, tables = part("wodc2020")
    first = released("wodc2020").protected
    second = suppress_tables(tables, catalogue, RULES, [first], "restricted").protected
    for name, table in first.items():
        assert table.frame["status"].equals(second[name].frame["status"]), name


def test_what_was_shown_earlier_stays_known() -> None:
    """The cheap companion was printed last year with the value it still has: another one has to go."""
    catalogue, exact = tiny(TWO)
    first = suppress_tables(exact, catalogue, OUTSIDER.model_copy(update={"threshold": 2}), [], "restricted").protected
    assert not blank_codes(first["regions"])
    shown = first["regions"].frame.copy()
    shown.loc[shown["regio"].isin(["a", "c"]), "aantal"] = pd.NA
    shown.loc[shown["regio"].isin(["a", "c"]), "status"] = "suppressed"
    earlier = ProtectedTable(
        "regions", "restricted", "suppressed", ("regio",), first["regions"].categories, shown, "count"
    )
    second = suppress_tables(exact, catalogue, OUTSIDER, [{"regions": earlier}], "restricted").protected
    assert blank_codes(second["regions"]) == {"a", "c"}


def test_every_earlier_edition_counts_and_not_only_the_last() -> None:
    """b was shown by the first edition alone, c by the second alone: both are known."""
    catalogue, exact = tiny(TWO)
    editions = [{"regions": edition(exact["regions"], blanks)} for blanks in (("a", "c", "d"), ("a", "b", "d"))]
    third = suppress_tables(exact, catalogue, OUTSIDER, editions, "restricted").protected
    assert blank_codes(third["regions"]) == {"a", "d"}


def test_two_editions_cannot_be_differenced() -> None:
    """Last year a and b were blank and c = 7 was shown; now c is 4 and blank. Showing b would give a away by last year's sum."""
    catalogue, old = tiny(TWO)
    first = {name: edition(table, ("a", "b") if name == "regions" else ()) for name, table in old.items()}
    _, new = tiny({
        "sexes": (("geslacht",), {("V",): 11, ("M",): 10}),
        "regions": (("regio",), {("a",): 2, ("b",): 6, ("c",): 4, ("d",): 9}),
    })  # fmt: skip
    second = suppress_tables(new, catalogue, OUTSIDER, [first], "restricted").protected
    assert "b" in blank_codes(second["regions"])


def edition(exact: ExactTable, blanks: tuple[str, ...]) -> ProtectedTable:
    """A table as an earlier release showed it."""
    frame = exact.frame.copy()
    mask = frame[exact.dimensions[0]].isin(blanks)
    frame["aantal"] = frame["aantal"].astype("Int64").mask(mask)
    frame["status"] = np.where(mask, "suppressed", "ok").astype(object)
    return ProtectedTable(exact.id, "restricted", "suppressed", exact.dimensions, exact.categories, frame, "count")
