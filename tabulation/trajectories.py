"""Trajectories over three registers: in which order a person first met each register, and each kind of event.

An event is the application for a procedure (IND), the start of a D9 process (DT&V) or an assisted return (IOM). Only the
first of a kind counts, so that a trajectory has at most six steps. Events of one day are taken in the order of `EVENTS`: the
signal comes before what it leads to, the departure after everything. Categories are a closed list of the vocabulary
(`schemas/catalogue/variables.toml`): a sequence that it does not name is `anders`, and no category depends on data.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from tabulation.events import FIRST_DATE
from tabulation.links import chain

EVENTS = ("D9", "BEDENKTIJD", "B8", "B9", "ASIEL", "VERTREK")
SIGNAL, DEPARTURE = EVENTS.index("D9"), EVENTS.index("VERTREK")
REGISTERS = ("DTV", "IND", "IOM")  # in the order in which a day's events are taken
STEP = ">"
OTHER, NOTHING = "anders", "niets"
NEVER = np.iinfo(np.int64).max
PERSON = ("geslacht", "nationaliteit", "leeftijd")


def chain_people(frames: Mapping[str, pd.DataFrame], known: Sequence[str]) -> pd.DataFrame:
    """Unit `ketenpersoon`: everybody with a valid row in any register.

    known  the trajectories that the vocabulary names.
    Columns: person_id; registers, as `keten_overlap`; volgorde, registers in order of first event (`DTV>IND`); traject, kinds
    of events in order (`BEDENKTIJD>B8`) or `anders`; voor_vertrek, the last event on or before the day of the first return,
    `niets` without one, absent for people who did not return; geslacht, nationaliteit, leeftijd of the first row.
    """
    people = chain(frames)
    who = people["person_id"].to_numpy()
    rows = _rows(frames)
    place = np.searchsorted(who, rows["person_id"].to_numpy())
    day = rows["day"].to_numpy()
    events = _first(place, rows["event"].to_numpy(), day, len(who), len(EVENTS))
    registers = _first(place, rows["register"].to_numpy(), day, len(who), len(REGISTERS))
    trajectories = _sequences(events, EVENTS)
    named = np.isin(trajectories, list(known))
    first = rows.take(np.lexsort((rows["event"].to_numpy(), day, place)))
    first = first[~first["person_id"].duplicated().to_numpy()].reset_index(drop=True)
    return people.assign(
        volgorde=_sequences(registers, REGISTERS),
        traject=np.where(named, trajectories, OTHER),
        voor_vertrek=_before_departure(place, rows["event"].to_numpy(), day, events[:, DEPARTURE]),
        **{name: first[name] for name in PERSON},
    )


def _rows(frames: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """One row per event: person_id, day (days since 1970), event, register, and the person's attributes on that row."""
    parts = []
    for kind, frame in frames.items():
        if kind == "ind":
            events = frame["procedure"].astype(object).map({name: at for at, name in enumerate(EVENTS)}).to_numpy()
        else:
            events = np.full(len(frame), SIGNAL if kind == "dtv" else DEPARTURE)
        part = frame[["person_id", *PERSON]].astype({name: object for name in PERSON if name != "leeftijd"})
        day = frame[FIRST_DATE[kind]].to_numpy().astype("datetime64[D]").astype(np.int64)
        parts.append(part.assign(day=day, event=events.astype(np.int64), register=REGISTERS.index(kind.upper())))
    return pd.concat(parts, ignore_index=True)


def _first(place: np.ndarray, column: np.ndarray, day: np.ndarray, people: int, width: int) -> np.ndarray:
    """The first day of every kind per person (people, width); NEVER where there is none."""
    days = np.full((people, width), NEVER)
    np.minimum.at(days, (place, column), day)
    return days


def _sequences(days: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """The names in order of their days, joined; a kind without a day is left out. Equal days keep the order of the names."""
    order = np.argsort(days, axis=1, kind="stable")
    there = np.take_along_axis(days, order, axis=1) != NEVER
    digits = np.where(there, order + 1, 0)
    distinct, which = np.unique(digits, axis=0, return_inverse=True)
    words = [STEP.join(names[digit - 1] for digit in row if digit) for row in distinct.tolist()]
    return np.array(words, dtype=object)[which.ravel()]


def _before_departure(place: np.ndarray, event: np.ndarray, day: np.ndarray, departure: np.ndarray) -> np.ndarray:
    """The kind of the latest event that is no return, on or before the day of the first one; None without a return."""
    before = (event != DEPARTURE) & (day <= departure[place]) & (departure[place] != NEVER)
    kinds = np.full(len(departure), -1)
    latest = np.lexsort((event[before], day[before]))
    kinds[place[before][latest]] = event[before][latest]  # the last assignment of a person stays
    words = np.array([*EVENTS, NOTHING], dtype=object)[kinds]
    steps: np.ndarray = words
    steps[departure == NEVER] = None
    return steps
