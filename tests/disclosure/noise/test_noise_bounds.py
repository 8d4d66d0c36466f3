"""One person moves no measured vector by more than stated: everybody removed one by one, with many cases, split in
two."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow.compute as pc
import pytest
from noise_reference import SECRET, STUDIES, catalogue, exact, member, policy, registers, rows

from disclosure.noise.layout import Layout, build, categories_of
from disclosure.noise.rows import Rows, read_tables
from disclosure.noise.units import Microdata, Picker, moves, reach
from schemas.errors import UsageError
from schemas.policy_noise import Population
from schemas.tables import ExactTable
from tabulation.tabulate import tabulate

Tables = dict[str, ExactTable]
Vectors = dict[str, np.ndarray]
POPULATIONS = [(study, population.id) for study in STUDIES for population in policy(study).populations]


def counted(population: Population, layout: Layout, found: Mapping[str, Rows], secret: bytes = SECRET) -> Vectors:
    """Every measured vector, from the rows of the tables."""
    micro = Microdata(population, found, Picker(secret, "snapshot", population.id))
    vectors = {vector.id: micro.vector(vector, layout.blocks[vector.id]) for vector in population.vectors}
    if population.units > 1:
        vectors["second"] = micro.further_units()
    for mean in population.means:
        vectors[mean.id] = micro.ages(mean, categories_of(population.attributes[mean.attribute]))
    return vectors


def measured(population: Population, tables: Tables, secret: bytes = SECRET) -> Vectors:
    return counted(population, build(population), read_tables(population, tables), secret)


def bounds(population: Population) -> dict[str, int]:
    """What one person id may move per vector; `reach` multiplies by the ids that one person can have."""
    return {name: most // population.identities for name, most in moves(population).items()}


def assert_within(population: Population, before: Vectors, after: Vectors) -> int:
    moved = 0
    for name, bound in bounds(population).items():
        change = int(np.abs(before[name] - after[name]).sum())
        assert change <= bound, (population.id, name)
        moved += change
    return moved


def without(found: Mapping[str, Rows], person: int) -> dict[str, Rows]:
    return {name: table.keep(table.person != person) for name, table in found.items()}


def people_of(found: Mapping[str, Rows]) -> pd.Series:
    """Rows per person over all tables that the population reads, most first."""
    return pd.concat([pd.Series(table.person) for table in found.values()]).value_counts()


def remove_each(study: str, name: str, step: int) -> None:
    """The derivation is run anew on the rows of everybody else, for the ten busiest people and every `step`th."""
    population, found = member(study, name), rows(study, name)
    layout = build(population)
    before = counted(population, layout, found)
    people = people_of(found).index
    moved = [
        assert_within(population, before, counted(population, layout, without(found, int(person))))
        for person in [*people[:10], *people[10::step]]
    ]
    assert max(moved) > 0, "somebody must count, or the test shows nothing"


@pytest.mark.parametrize(("study", "name"), POPULATIONS)
def test_removing_a_person_moves_no_vector_by_more_than_stated(study: str, name: str) -> None:
    remove_each(study, name, 25)


@pytest.mark.slow
@pytest.mark.parametrize(("study", "name"), POPULATIONS)
def test_removing_anybody_moves_no_vector_by_more_than_stated(study: str, name: str) -> None:
    remove_each(study, name, 1)


def remove_from_registers(study: str, sample: int, seed: int) -> None:
    """Delete somebody's register rows and run the whole derivation again, for the busiest and a random sample."""
    held, attributes, persons = registers(study)
    everybody = persons["person_id"].value_counts().to_pandas()
    busiest = int(max(everybody, key=lambda found: found["counts"])["values"])
    ids = np.unique(persons["person_id"].to_numpy())
    drawn = np.random.Generator(np.random.PCG64(seed)).choice(ids, sample, replace=False)
    for person in [busiest, *drawn.tolist()]:
        gone = persons.filter(pc.equal(persons["person_id"], person))["token"]
        fewer = {bron: table.filter(pc.invert(pc.is_in(table["token"], gone))) for bron, table in attributes.items()}
        rest = persons.filter(pc.invert(pc.is_in(persons["token"], gone)))
        tables = tabulate(fewer, rest, held, catalogue(study))
        for population in policy(study).populations:
            assert_within(population, measured(population, exact(study)), measured(population, tables))


@pytest.mark.parametrize("study", STUDIES)
def test_removing_a_person_from_the_registers_moves_no_more(study: str) -> None:
    remove_from_registers(study, 1, seed=1)


@pytest.mark.slow
@pytest.mark.parametrize("study", STUDIES)
def test_removing_many_people_from_the_registers_moves_no_more(study: str) -> None:
    remove_from_registers(study, 12, seed=2)


def with_cases(person: int, cases: int) -> Tables:
    """The reference tables with one more person who has many cases, applications, grants and ages."""
    tables = dict(exact("nr2015"))
    for name, table in tables.items():
        if len(table.micro):
            extra = pd.concat([table.micro.iloc[[index % len(table.micro)]] for index in range(cases)])
            tables[name] = replace(
                table, micro=pd.concat([table.micro, extra.assign(person_id=person)], ignore_index=True)
            )
    return tables


def test_a_person_with_fifty_cases_counts_like_any_other() -> None:
    for population in policy("nr2015").populations:
        assert_within(population, measured(population, with_cases(10**6, 50)), measured(population, exact("nr2015")))


@pytest.mark.parametrize(("study", "name"), POPULATIONS)
def test_a_person_split_over_two_numbers_moves_at_most_twice_as_much(study: str, name: str) -> None:
    """The guarantee is per V-number; a person with two of them is protected at twice the price (group privacy)."""
    population, found = member(study, name), rows(study, name)
    layout = build(population)
    before = counted(population, layout, found)
    people = people_of(found).index
    after = counted(population, layout, without(without(found, int(people[0])), int(people[1])))
    for vector, bound in bounds(population).items():
        assert np.abs(before[vector] - after[vector]).sum() <= 2 * bound


def test_a_category_that_the_policy_does_not_know_is_refused_without_naming_it() -> None:
    table = exact("nr2015")["nr2015_f13"]
    odd = replace(
        table,
        micro=table.micro.assign(aangifte="GEHEIM"),
        categories={**table.categories, "aangifte": ("GEHEIM",)},
    )
    with pytest.raises(UsageError) as refused:
        measured(member("nr2015", "nr2015.dtv"), {**exact("nr2015"), "nr2015_f13": odd})
    assert "GEHEIM" not in str(refused.value)


def test_a_code_outside_a_tables_own_categories_is_refused() -> None:
    table = exact("nr2015")["nr2015_f13"]
    odd = replace(table, micro=table.micro.assign(aangifte="GEHEIM"))
    with pytest.raises(UsageError) as refused:
        measured(member("nr2015", "nr2015.dtv"), {**exact("nr2015"), "nr2015_f13": odd})
    assert "GEHEIM" not in str(refused.value)


def test_the_pick_is_random_over_cases_and_fixed_by_the_snapshot() -> None:
    rows = np.array([Picker(SECRET, "a", "p").fraction(person) for person in range(2000)])
    assert (rows == [Picker(SECRET, "a", "p").fraction(person) for person in range(2000)]).all()
    assert abs(rows.mean() - 0.5) < 0.03
    others = np.array([Picker(SECRET, "b", "p").fraction(person) for person in range(2000)])
    assert abs(np.corrcoef(rows, others)[0, 1]) < 0.1


def test_picking_one_case_and_spreading_the_rest_is_nearly_unbiased() -> None:
    """Totals exactly, on average over picks: grants have further units of their own."""
    population, found = member("nr2015", "nr2015.ind"), rows("nr2015", "nr2015.ind")
    layout = build(population)
    drawn = [counted(population, layout, found, secret=bytes([repetition]) * 32) for repetition in range(10)]
    cases = {int(item["zaken"].sum() + item["second"].sum()) for item in drawn}
    grants = {int(item["verleningen"].sum() + item["second"][0]) for item in drawn}
    assert cases == {len(exact("nr2015")["nr2015_t01_geslacht"].micro)}
    assert grants == {len(exact("nr2015")["nr2015_f05"].micro)}
    truth = exact("nr2015")["nr2015_f04"].frame["aantal"].to_numpy()
    years = [
        item["verlening_geslacht"].reshape(5, 2).sum(axis=1) * (1 + item["second"][0] / item["verleningen"].sum())
        for item in drawn
    ]
    assert np.abs(np.mean(years, axis=0) - truth).max() < 4


def test_an_empty_table_gives_the_same_cells_as_a_full_one() -> None:
    for study, name in POPULATIONS:
        population = member(study, name)
        empty = {name: replace(table, micro=table.micro.iloc[:0]) for name, table in exact(study).items()}
        full = measured(population, exact(study))
        for vector, values in measured(population, empty).items():
            assert values.shape == full[vector].shape
            assert not values.any()


def test_what_a_person_can_move_is_derived_from_the_policy() -> None:
    by_id = {population.id: population for population in policy("nr2015").populations}
    assert reach(by_id["nr2015.ind"]) == 1
    assert reach(by_id["nr2015.keten"]) == 3
    assert reach(by_id["nr2015.ind"], by_id["nr2015.ind"].means[0].reach) == 15
