"""One person moves no measured vector by more than stated: removed one by one, with many cases, and split in two."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow.compute as pc
import pytest
from noise_reference import SECRET, STUDIES, catalogue, exact, policy, registers

from disclosure.noise.layout import build, categories_of
from disclosure.noise.units import Microdata, Picker, reach
from schemas.policy_noise import Population
from schemas.tables import ExactTable
from tabulation.tabulate import tabulate

Tables = dict[str, ExactTable]


def measured(population: Population, tables: Tables, secret: bytes = SECRET) -> dict[str, np.ndarray]:
    micro = Microdata(population, tables, Picker(secret, "snapshot", population.id))
    layout = build(population)
    found = {vector.id: micro.vector(vector, layout.blocks[vector.id]) for vector in population.vectors}
    found["second"] = micro.further_units()
    for mean in population.means:
        found[mean.id] = micro.ages(mean, categories_of(population.attributes[mean.attribute]))
    return found


def bounds(population: Population) -> dict[str, int]:
    """What one person id may move per vector; `reach` multiplies by the ids that one person can have."""
    stated = {vector.id: 1 for vector in population.vectors} | {"second": max(population.units - 1, 0)}
    return stated | {mean.id: mean.reach for mean in population.means}


def without(tables: Tables, person: int) -> Tables:
    return {
        name: replace(table, micro=table.micro[table.micro["person_id"] != person]) for name, table in tables.items()
    }


def assert_within(population: Population, before: dict[str, np.ndarray], after: dict[str, np.ndarray]) -> int:
    moved = 0
    for name, bound in bounds(population).items():
        change = before[name] - after[name]
        assert np.abs(change).sum() <= bound, (population.id, name)
        moved += int(np.abs(change).sum())
    return moved


def people_of(population: Population, tables: Tables) -> pd.Series:
    """Rows per person over all tables that the population reads, most first."""
    names = {reading.table for reading in population.attributes.values()}
    return pd.concat([tables[name].micro["person_id"] for name in names]).value_counts()


@pytest.mark.parametrize("study", STUDIES)
def test_removing_a_person_moves_no_vector_by_more_than_stated(study: str) -> None:
    for population in policy(study).populations:
        before = measured(population, exact(study))
        people = people_of(population, exact(study))
        busiest_and_some_others = [*people.index[:5], *people.index[5 :: max(len(people) // 5, 1)]]
        moved = [
            assert_within(population, before, measured(population, without(exact(study), person)))
            for person in busiest_and_some_others
        ]
        assert max(moved) > 0, "somebody must count, or the test shows nothing"


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("study", STUDIES)
def test_removing_anybody_moves_no_vector_by_more_than_stated(study: str) -> None:
    for population in policy(study).populations:
        before = measured(population, exact(study))
        for person in people_of(population, exact(study)).index:
            assert_within(population, before, measured(population, without(exact(study), person)))


@pytest.mark.parametrize("study", STUDIES)
def test_removing_a_person_from_the_registers_is_the_same_as_from_the_tables(study: str) -> None:
    """Deterministic ids: nobody else's rows change when somebody leaves the registers."""
    held, attributes, persons = registers(study)
    for population in policy(study).populations:
        before = measured(population, exact(study))
        for person in people_of(population, exact(study)).index[:2]:
            gone = persons.filter(pc.equal(persons["person_id"], int(person)))["token"]
            fewer = {
                bron: table.filter(pc.invert(pc.is_in(table["token"], gone))) for bron, table in attributes.items()
            }
            rest = persons.filter(pc.invert(pc.is_in(persons["token"], gone)))
            tables = tabulate(fewer, rest, held, catalogue(study))
            assert_within(population, before, measured(population, tables))


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


def test_a_person_split_over_two_numbers_moves_at_most_twice_as_much() -> None:
    """The guarantee is per V-number; a person with two of them is protected at twice the price (group privacy)."""
    population = policy("nr2015").populations[0]
    before = measured(population, exact("nr2015"))
    after = measured(population, without(without(exact("nr2015"), 0), 1))
    for name, bound in bounds(population).items():
        assert np.abs(before[name] - after[name]).sum() <= 2 * bound


def test_the_pick_is_random_over_cases_and_fixed_by_the_snapshot() -> None:
    rows = np.array([Picker(SECRET, "a", "p").fraction(person) for person in range(2000)])
    assert (rows == [Picker(SECRET, "a", "p").fraction(person) for person in range(2000)]).all()
    assert abs(rows.mean() - 0.5) < 0.03
    others = np.array([Picker(SECRET, "b", "p").fraction(person) for person in range(2000)])
    assert abs(np.corrcoef(rows, others)[0, 1]) < 0.1


def test_picking_one_case_and_spreading_the_rest_is_nearly_unbiased() -> None:
    population = policy("nr2015").populations[0]
    layout = build(population)
    truth = exact("nr2015")["nr2015_f01"].frame["aantal"].to_numpy()
    total = np.zeros(10)
    for repetition in range(10):
        found = measured(population, exact("nr2015"), secret=bytes([repetition]) * 32)
        persons = found["zaken"].sum()
        factor = 1 + found["second"][0] / persons
        total += np.concatenate([found["bedenktijd"], found["aanvraag"]]) * factor
    assert np.abs(total / 10 - truth).max() < 6
    assert layout.size > 0


def test_an_empty_table_gives_the_same_cells_as_a_full_one() -> None:
    population = policy("nr2015").populations[1]
    empty = {name: replace(table, micro=table.micro.iloc[:0]) for name, table in exact("nr2015").items()}
    full = measured(population, exact("nr2015"))
    for name, values in measured(population, empty).items():
        assert values.shape == full[name].shape
        assert not values.any()


def test_what_a_person_can_move_is_derived_from_the_policy() -> None:
    by_id = {population.id: population for population in policy("nr2015").populations}
    assert reach(by_id["nr2015.ind"]) == 1
    assert reach(by_id["nr2015.keten"]) == 3
    assert reach(by_id["nr2015.ind"], by_id["nr2015.ind"].means[0].reach) == 15
