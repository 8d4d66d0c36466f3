"""Decoys are what their owner would have encoded, and duplicates inside one file are found with errors estimated."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pyarrow as pa
import pytest

from linkage.decoys import recombined
from linkage.encode import encode_fields
from linkage.fields import REGISTER, field_columns
from linkage.keys import StudyKeys
from linkage.link import LinkParameters, link
from linkage.views import load_views

KEYS = StudyKeys(b"d" * 32, "decoys")
FIRST = ("amina", "bram", "chen", "dilek", "elena", "farid", "greta", "hasan", "ineke", "joy", "karim", "lotte")
LAST = ("adeyemi", "bakker", "cetin", "dubois", "eriksen", "fofana", "garcia", "hoxha", "ivanova", "jansen", "kovacs")


def _people(count: int, generator: np.random.Generator) -> list[dict[str, str]]:
    return [
        {
            "surname": f"{generator.choice(LAST)}{generator.choice(LAST)}",
            "given": str(generator.choice(FIRST)),
            "year": str(1950 + int(generator.integers(50))),
            "month": f"{int(generator.integers(1, 13)):02}",
            "day": f"{int(generator.integers(1, 29)):02}",
            "sex": str(generator.choice(["V", "M"])),
            "nationality": str(generator.choice(["NGA", "HUN", "SYR"])),
        }
        for _ in range(count)
    ]


def _encoded(people: list[dict[str, str]]) -> pa.Table:
    clear = {name: [person[name] for person in people] for name in people[0]}
    numbers = range(len(people))
    head = {
        "token": pa.array([b"%016d" % n for n in numbers], pa.binary(16)),
        "subject": pa.nulls(len(people), pa.binary(32)),
        "record": pa.array([b"%032d" % n for n in numbers], pa.binary(32)),
    }
    return pa.table(head | encode_fields(clear, REGISTER, KEYS))


def test_a_decoy_is_bit_for_bit_what_its_owner_would_have_encoded():
    generator = np.random.Generator(np.random.PCG64(1))
    people = _people(60, generator)
    side = load_views({"A": _encoded(people)}, REGISTER)["A"]
    decoys, sources = recombined(side, REGISTER, generator)
    clear = [
        {name: people[source][name] for c, source in zip(REGISTER.comparisons, row, strict=True) for name in c.fields}
        for row in sources
    ]
    owners = load_views({"A": _encoded(clear)}, REGISTER)["A"]
    order = np.argsort(owners.entity)
    for field in REGISTER.fields:
        for column, _ in field_columns(field):
            assert np.array_equal(decoys.words[column], owners.words[column][order])
    assert (sources != np.arange(60)[:, None]).any(axis=1).mean() > 0.9


@pytest.fixture(scope="module")
def duplicates():
    """A file of 600 records of 400 people, no number: every second person twice, a name or a date part misspelt."""
    generator = np.random.Generator(np.random.PCG64(2))
    people = _people(400, generator)
    again = []
    for place, person in enumerate(people[:200]):
        changed = dict(person)
        if place % 3:
            field = ("surname", "day", "given")[place % 3]
            changed[field] = changed[field][:-1] + ("x" if field != "day" else "9")
        again.append(changed)
    links = link({"A": _encoded(people + again)}, LinkParameters(unique=frozenset(), within=frozenset("A")), None)
    return links, {frozenset((place, 400 + place)) for place in range(200)}


def test_duplicates_inside_one_file_are_found(duplicates):
    links, true = duplicates
    people: dict[int, list[int]] = {}
    for token, person in zip(*(links.persons.column(n).to_pylist() for n in ("token", "person_id")), strict=True):
        people.setdefault(person, []).append(int(token))
    found = {frozenset(pair) for rows in people.values() for pair in combinations(rows, 2)}
    assert 2 * len(found & true) / (len(found) + len(true)) > 0.97
    part = links.quality["registers"]["A+A"]
    assert part["precision"]["low"] <= len(found & true) / len(found) <= part["precision"]["high"]
    assert part["recall"]["low"] <= len(found & true) / len(true) <= part["recall"]["high"]


def test_a_file_is_not_searched_for_duplicates_unasked(duplicates):
    generator = np.random.Generator(np.random.PCG64(3))
    alone = link({"A": _encoded(_people(50, generator) * 2)}, LinkParameters(), None)
    assert len(set(alone.persons.column("person_id").to_pylist())) == 100
