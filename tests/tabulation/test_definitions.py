"""The vectorised definitions against their row-by-row twins, on invented registers full of ties, repeats and edges."""

from __future__ import annotations

import random
from collections import Counter
from datetime import date
from typing import Any

import twins
from hypothesis import given, settings
from hypothesis import strategies as st
from invented import Procedure, Registers, registers, tables
from tabulation_reference import study_and_catalogue

from schemas.vocabulary import load_vocabulary
from tabulation.events import read_events, with_persons
from tabulation.units import Units

NR, WODC = (study_and_catalogue(name)[0] for name in ("nr2015", "wodc2020"))


def units(made: Registers, name: str) -> Units:
    study = study_and_catalogue(name)[0]
    vocabulary = load_vocabulary(study.first_year, study.last_year)
    return Units(read_events(with_persons(*tables(made, study), study), study), vocabulary)


def by_person(rows: list[Procedure]) -> dict[int, list[Procedure]]:
    """The rows of everybody with a scheme procedure."""
    people = {row.person for row in rows if row.procedure in twins.SCHEME}
    return {person: [row for row in rows if row.person == person] for person in people}


@settings(max_examples=60, deadline=None)
@given(registers(2010, 5))
def test_cases(made: Registers) -> None:
    frame = units(made, "nr2015").frame("casus")
    want = twins.cases(made.ind, NR.years)
    assert Counter(zip(frame["person_id"], frame["gebruik"], frame["jaar_casus"], strict=True)) == Counter(
        dict(_by_year(want))
    )
    edge = Counter(edge for edge in frame["rand"] if edge)
    early = sum(
        n for (_, use, day), n in want.items() if use == "alleen_aanvraag" and (day.year, day.month) < (2010, 4)
    )
    late = sum(
        n for (_, use, day), n in want.items() if use == "alleen_bedenktijd" and (day.year, day.month) > (2014, 9)
    )
    assert (edge["vroege_aanvraag"], edge["late_bedenktijd"]) == (early, late)


def _by_year(cases: Counter[tuple[int, str, date]]) -> Counter[tuple[int, str, int]]:
    years: Counter[tuple[int, str, int]] = Counter()
    for (person, use, day), n in cases.items():
        years[person, use, day.year] += n
    return years


@settings(max_examples=80, deadline=None)
@given(registers(2013, 5))
def test_routes_and_stages(made: Registers) -> None:
    frame = units(made, "wodc2020").frame("persoon")
    people = by_person(made.ind)
    whole = {row["person_id"]: row for row in frame.to_dict("records") if row["venster"] == "2013-2017"}
    assert set(whole) == {person for person, own in people.items() if twins.within(own, 2013, 2017)}
    for person, row in whole.items():
        own = people[person]
        assert row["route"] == twins.route(own)
        assert row["route_streng"] == twins.strict_route(own)
        assert row["laatste_fase"] in twins.last_stage(own)
        if sum(r.procedure == "ASIEL" and r.applied == twins.first_asylum(own) for r in own) <= 1:
            assert (row["parallel"] or None) == twins.parallel(own)


@settings(max_examples=60, deadline=None)
@given(registers(2013, 5))
def test_windows_and_what_follows(made: Registers) -> None:
    frame = units(made, "wodc2020").frame("persoon")
    people = by_person(made.ind)
    for window in ("2013-2017", "2013-2016", "2014-2017", "2014-2016"):
        first, last = map(int, window.split("-"))
        part = frame[frame["venster"] == window]
        assert sorted(part["person_id"]) == sorted(p for p, own in people.items() if twins.within(own, first, last))
        for row in part.to_dict("records"):
            own = people[row["person_id"]]
            assert row["b8_in_venster"] == ("ja" if twins.granted(own, first, last) else "nee")
            b9 = any(r.procedure == "B9" for r in own)
            asylum = twins.first_asylum(own) is not None
            assert row["vervolg_b8"] == ("vraagt_b9" if b9 else "asiel" if asylum else "geen_van_beide")


@settings(max_examples=60, deadline=None)
@given(registers(2010, 5))
def test_linked(made: Registers) -> None:
    frame = units(made, "nr2015").frame("d9")
    names = ["person_id", "b8_na_signalering", "b8_voor_signalering", "b8_fase", "uitstroom_b8"]
    want = Counter((process.person, *twins.linked(process, made, NR.years)) for process in made.dtv)
    assert Counter(frame[names].itertuples(index=False, name=None)) == want


@settings(max_examples=25, deadline=None)
@given(registers(2010, 5))
def test_chain(made: Registers) -> None:
    frame = units(made, "nr2015").frame("keten")
    kinds: dict[str, list[Any]] = {"IND": made.ind, "DTV": made.dtv, "IOM": made.iom}
    people = {row.person for rows in kinds.values() for row in rows}
    want = {p: "+".join(name for name, rows in kinds.items() if any(r.person == p for r in rows)) for p in people}
    assert dict(zip(frame["person_id"], frame["registers"], strict=True)) == want


@settings(max_examples=25, deadline=None)
@given(registers(2010, 5), st.integers(0, 99))
def test_a_shuffled_delivery_changes_nothing(made: Registers, seed: int) -> None:
    """Rows in another order, hence with other tokens, give the same units: ties are never decided by delivery."""
    shuffled = Registers(list(made.ind), list(made.dtv), list(made.iom))
    kinds: tuple[list[Any], ...] = (shuffled.ind, shuffled.dtv, shuffled.iom)
    for rows in kinds:
        random.Random(seed).shuffle(rows)
    one, other = units(made, "nr2015"), units(shuffled, "nr2015")
    for name, unit in one.vocabulary.units.items():
        columns = ["person_id", *unit.variables]
        assert one.frame(name)[columns].astype(str).equals(other.frame(name)[columns].astype(str)), name
