"""Trajectories: against a plain loop over each person's events, on invented registers; ties, and the closed list."""

from __future__ import annotations

from collections import defaultdict
from datetime import date

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st
from invented import Procedure, Process, Registers, Return, tables
from tabulation_reference import reference_input, study_and_catalogue

from tabulation.events import read_events, with_persons
from tabulation.trajectories import EVENTS, OTHER, chain_people

ORDER = ("DTV", "IND", "IOM")
STUDY = study_and_catalogue("nr2015")[0]
NAMED = study_and_catalogue("nr2015")[1].vocabulary.variables["traject"].categories

people = st.integers(0, 4)
days = st.integers(1, 6).map(lambda day: date(2012, 3, day))  # few days: ties are common
histories = st.tuples(
    st.lists(st.tuples(people, st.sampled_from(("BEDENKTIJD", "B8", "B9", "ASIEL")), days), max_size=8),
    st.lists(st.tuples(people, days), max_size=4),
    st.lists(st.tuples(people, days), max_size=4),
)


def registers(history) -> Registers:
    ind, dtv, iom = history
    who = {"sex": "V", "nationality": "NGA", "age": 20}
    return Registers(
        [Procedure(p, what, day, None, None, None, None, ground=None, **who) for p, what, day in ind],
        [Process(p, day, None, None, "N", **who) for p, day in dtv],
        [Return(p, day, "NGA", None, **who) for p, day in iom],
    )


def told(history) -> dict[int, tuple[str, str, str | None]]:
    """Per person the order of registers, the trajectory, and the step before the return, by a plain loop."""
    ind, dtv, iom = history
    events = defaultdict(list)
    for person, what, day in ind:
        events[person].append((day, EVENTS.index(what), what, "IND"))
    for person, day in dtv:
        events[person].append((day, 0, "D9", "DTV"))
    for person, day in iom:
        events[person].append((day, 5, "VERTREK", "IOM"))
    found = {}
    for person, steps in events.items():
        steps.sort()
        kinds = ">".join(dict.fromkeys(what for _, _, what, _ in steps))
        met = ">".join(dict.fromkeys(r for _, _, _, r in sorted(steps, key=lambda s: (s[0], ORDER.index(s[3])))))
        left = min((day for day, _, what, _ in steps if what == "VERTREK"), default=None)
        before = [what for day, _, what, _ in steps if left and day <= left and what != "VERTREK"]
        last = (before[-1] if before else "niets") if left else None
        found[person] = (met, kinds if kinds in NAMED else OTHER, last)
    return found


@given(histories.filter(lambda h: any(h)))
@settings(max_examples=60, deadline=None)
def test_trajectories_are_those_of_a_plain_loop(history) -> None:
    frame = chain_people(read_events(with_persons(*tables(registers(history), STUDY), STUDY), STUDY).frames, NAMED)
    told_by = sorted(told(history).items())
    rows = frame[["volgorde", "traject", "voor_vertrek"]].itertuples(index=False, name=None)
    assert [tuple(None if pd.isna(value) else value for value in row) for row in rows] == [want for _, want in told_by]


def test_every_person_of_the_chain_has_one_trajectory_of_the_closed_list() -> None:
    frame = chain_people(read_events(with_persons(*reference_input("nr2015"), STUDY), STUDY).frames, NAMED)
    assert not frame["person_id"].duplicated().any()
    assert set(frame["traject"]) <= set(NAMED)
    split = frame["volgorde"].str.split(">").map(frozenset)
    assert (split == frame["registers"].str.split("+").map(frozenset)).all()
    assert (frame["traject"] == OTHER).mean() < 0.05, "a list that names too little"
