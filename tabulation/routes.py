"""Routes between the residence scheme and asylum, their strict reading, parallel procedures, last stage, windows.

Source: wodc2020, sections 3.1 to 3.4 and appendix B2.1. A person is in the population with at least one scheme
procedure (reflection period, B8, B9). Only the first asylum application counts; `a` is its date, `s` that of the first
scheme application.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from tabulation.events import any_by_person, first_by_person, years_of

SCHEME = ("BEDENKTIJD", "B8", "B9")
_B9_STAGE = {"INGEWILLIGD": "b9_verleend", "AFGEWEZEN": "b9_afgewezen"}


def people(ind: pd.DataFrame) -> pd.DataFrame:
    """One row per person with a scheme procedure, from a frame of IND procedures with final decisions.

    Columns: person_id, person, route, route_streng, parallel, laatste_fase, s_jaar, e_jaar (years of the first and last
    scheme application), and geslacht, nationaliteit, leeftijd as they stand on the first scheme application.
    """
    scheme = ind[ind["procedure"].isin(SCHEME).to_numpy()]
    first = scheme[~scheme["person"].duplicated().to_numpy()].reset_index(drop=True)
    count = int(ind["person"].max()) + 1 if len(ind) else 0
    asylum = _first_asylum(ind)
    asked = np.full(count, "NaT", dtype="datetime64[s]")
    asked[asylum["person"]] = asylum["datum_aanvraag"]
    last = scheme[~scheme["person"].duplicated(keep="last").to_numpy()]
    who = first["person"].to_numpy()
    frame = first[["person_id", "person", "geslacht", "nationaliteit", "leeftijd"]].assign(
        s_jaar=years_of(first["datum_aanvraag"]),
        e_jaar=years_of(last["datum_aanvraag"]),
        laatste_fase=_last_stage(scheme, count)[who],
    )
    facts = _facts(scheme, asked, count)
    before = asked[who] < first["datum_aanvraag"].to_numpy()
    facts = {name: values[who] for name, values in facts.items()}
    none = np.isnat(asked[who])
    frame["route"] = _lenient(none, before, facts)
    frame["route_streng"] = _strict(none, before, facts)
    frame["parallel"] = _parallel(none, before, facts["b9_loopt"], _b8_before_asylum(scheme, asylum, count)[who])
    return frame


def _first_asylum(ind: pd.DataFrame) -> pd.DataFrame:
    """The first asylum row of every person who has one (the frame is sorted by date within a person)."""
    asylum = ind[(ind["procedure"] == "ASIEL").to_numpy()]
    return asylum[~asylum["person"].duplicated().to_numpy()]


def _facts(scheme: pd.DataFrame, asked: np.ndarray, count: int) -> dict[str, np.ndarray]:
    """Per person what the routes ask about the scheme procedures applied for on or before `a`."""
    who = scheme["person"].to_numpy()
    a = asked[who]
    applied, decided = scheme["datum_aanvraag"].to_numpy(), scheme["datum_eind"].to_numpy()
    b8, b9 = ((scheme["procedure"] == kind).to_numpy() & (applied <= a) for kind in ("B8", "B9"))
    rejected, granted = ((scheme["eindbesluit"] == what).to_numpy() for what in ("AFGEWEZEN", "INGEWILLIGD"))
    return {
        "b9": any_by_person(who, b9, count),
        "b9_afgewezen": any_by_person(who, b9 & rejected, count),
        "b9_afgewezen_voor": any_by_person(who, b9 & rejected & (decided <= a), count),
        "b9_loopt": any_by_person(who, b9 & (np.isnat(decided) | (a < decided)), count),
        "b8": any_by_person(who, b8, count),
        "b8_verleend_voor": any_by_person(who, b8 & granted & (decided <= a), count),
    }


def _lenient(none: np.ndarray, before: np.ndarray, facts: dict[str, np.ndarray]) -> np.ndarray:
    """The routes of section 3.1, in the order of the report: the first that applies."""
    steps = {
        "alleen_regeling": none,
        "route_1": before,
        "route_3": facts["b9_afgewezen"],
        "na_b9_overig": facts["b9"],
        "route_2": facts["b8"],
    }
    return np.select(list(steps.values()), list(steps), default="na_bedenktijd")


def _strict(none: np.ndarray, before: np.ndarray, facts: dict[str, np.ndarray]) -> np.ndarray:
    """Route 2 only after a granted B8, route 3 only after the final rejection; asylum while a B9 is open stands apart.

    Who has a B9 open on `a` is `tijdens_b9` also when another B9 was rejected by then, so that this category is the
    report's "parallel, after".
    """
    steps = {
        "alleen_regeling": none,
        "route_1": before,
        "tijdens_b9": facts["b9_loopt"],
        "route_3": facts["b9_afgewezen_voor"],
        "na_b9_overig": facts["b9"],
        "route_2": facts["b8_verleend_voor"],
        "na_b8_overig": facts["b8"],
    }
    return np.select(list(steps.values()), list(steps), default="na_bedenktijd")


def _b8_before_asylum(scheme: pd.DataFrame, asylum: pd.DataFrame, count: int) -> np.ndarray:
    """Whether a person's first B8 grant lies before the final decision on the first asylum application, if any."""
    granted = (scheme["procedure"] == "B8").to_numpy() & (scheme["eindbesluit"] == "INGEWILLIGD").to_numpy()
    grant = first_by_person(scheme["person"].to_numpy()[granted], scheme["datum_eind"].to_numpy()[granted], count)
    decided = np.full(count, "NaT", dtype="datetime64[s]")
    decided[asylum["person"]] = asylum["datum_eind"]
    in_time: np.ndarray = ~np.isnat(grant) & (np.isnat(decided) | (grant < decided))
    return in_time


def _parallel(none: np.ndarray, before: np.ndarray, b9_open: np.ndarray, b8_in_time: np.ndarray) -> np.ndarray:
    """`ja` or `nee` (section 3.1), empty without asylum. Route 1: a B8 granted in time; else a B9 open on `a`."""
    held = np.where(before, b8_in_time, b9_open)
    return np.where(none, "", np.where(held, "ja", "nee"))


def _last_stage(scheme: pd.DataFrame, count: int) -> np.ndarray:
    """The last stage per person (section 3.3): any B9, else any B8 (granted or not), else the reflection period.

    Of several B9 applications the latest tells how it ended; what ended without a decision on the merits is `b9_open`.
    """
    who = scheme["person"].to_numpy()
    b9 = (scheme["procedure"] == "B9").to_numpy()
    stage = np.where(any_by_person(who, (scheme["procedure"] == "B8").to_numpy(), count), "b8", "bedenktijd")
    stage = stage.astype(object)
    latest = scheme[b9][~scheme[b9]["person"].duplicated(keep="last").to_numpy()]
    stage[latest["person"].to_numpy()] = latest["eindbesluit"].astype(object).map(_B9_STAGE).fillna("b9_open")
    return stage


def by_window(ind: pd.DataFrame, windows: tuple[str, ...]) -> pd.DataFrame:
    """Unit `persoon`: one row per person and window (`2013-2016`) that holds all the person's scheme applications.

    `b8_in_venster`: a B8 was granted in a year of the window; `vervolg_b8`: what followed, B9 before asylum (figure 5).
    Asylum dates are not restricted by the window, and the route does not depend on it.
    """
    frame = people(ind)
    frame["vervolg_b8"] = np.select(
        [frame["laatste_fase"].astype(str).str.startswith("b9"), frame["route"] != "alleen_regeling"],
        ["vraagt_b9", "asiel"],
        default="geen_van_beide",
    )
    granted = ind[(ind["procedure"] == "B8").to_numpy() & (ind["eindbesluit"] == "INGEWILLIGD").to_numpy()]
    year, who = years_of(granted["datum_eind"]), granted["person"].to_numpy()
    count = int(ind["person"].max()) + 1 if len(ind) else 0
    parts = []
    for window in windows:
        first, last = (int(part) for part in window.split("-"))
        part = frame[(frame["s_jaar"] >= first) & (frame["e_jaar"] <= last)]
        held = any_by_person(who, (year >= first) & (year <= last), count)[part["person"].to_numpy()]
        parts.append(part.assign(venster=window, b8_in_venster=np.where(held, "ja", "nee")))
    return pd.concat(parts, ignore_index=True)
