"""Time from one moment to what happens next, as far as a window lets it be seen: cohorts and steps.

A cohort is everybody who reaches a moment (the start of the reflection period, the first B8 grant). What happens first
afterwards is its outcome; the end of the window cuts it off (right censoring), and who reached the moment before the
window began is seen only if nothing had happened by then (delayed entry, or left truncation).
Source of the definitions: wodc2020, sections 3.2 to 3.4 and appendix B2.1; Andersen & Keiding, Statistical Methods in
Medical Research 11, 2002 (multi-state models and incomplete observation).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from tabulation.cases import pair

DAYS_PER_MONTH = 365.25 / 12
FROM_START = -1.0  # months at entry of who is seen from the moment itself
OPEN = "open"
DEPARTED = ("ZELFSTANDIG_ZONDER_TOEZICHT", "ZELFSTANDIG_ONDER_TOEZICHT", "GEDWONGEN")
_WHO = ["person_id", "geslacht", "nationaliteit", "leeftijd"]
Days = np.ndarray


def days(dates: pd.Series) -> Days:
    """Whole days since 1970 as float64; NaN where the date is absent."""
    found = dates.to_numpy().astype("datetime64[D]")
    return np.where(np.isnat(found), np.nan, found.astype(np.int64).astype(np.float64))


def first_of(frame: pd.DataFrame, date: str) -> pd.DataFrame:
    """The row with the earliest `date` per person; rows without one are left out."""
    kept = frame[frame[date].notna().to_numpy()]
    order = np.lexsort([kept[date].to_numpy(), kept["person_id"].to_numpy()])
    kept = kept.take(order)
    first: pd.DataFrame = kept[~kept["person_id"].duplicated().to_numpy()].reset_index(drop=True)
    return first


def reflection_periods(ind: pd.DataFrame) -> pd.DataFrame:
    """Everybody's first reflection period: `van` is the day it starts."""
    first = first_of(ind[(ind["procedure"] == "BEDENKTIJD").to_numpy()], "datum_aanvraag")
    return first[_WHO].assign(van=days(first["datum_aanvraag"]))


def b8_grants(ind: pd.DataFrame) -> pd.DataFrame:
    """Everybody's first B8 grant, by the final decision: `van` is its date."""
    first = first_of(granted_b8(ind), "datum_eind")
    return first[_WHO].assign(van=days(first["datum_eind"]))


def granted_b8(ind: pd.DataFrame) -> pd.DataFrame:
    """The rows of B8 procedures that were granted in the end."""
    return ind[(ind["procedure"] == "B8").to_numpy() & (ind["eindbesluit"] == "INGEWILLIGD").to_numpy()]


def applications(ind: pd.DataFrame, procedure: str) -> pd.DataFrame:
    """person_id and `op`, the day, of every application for one procedure."""
    rows = ind[(ind["procedure"] == procedure).to_numpy()]
    return pd.DataFrame({"person_id": rows["person_id"].to_numpy(), "op": days(rows["datum_aanvraag"])})


def dated(frame: pd.DataFrame, date: str) -> pd.DataFrame:
    """person_id and `op` of the rows of another register that carry the date."""
    rows = frame[frame[date].notna().to_numpy()]
    return pd.DataFrame({"person_id": rows["person_id"].to_numpy(), "op": days(rows[date])})


def departures(dtv: pd.DataFrame) -> pd.DataFrame:
    """person_id and `op`: the end of D9 processes that ended in departure, on one's own or forced."""
    return dated(dtv[dtv["uitstroom"].isin(DEPARTED).to_numpy()], "d9_einde")


def cohort(origin: pd.DataFrame, causes: Mapping[str, pd.DataFrame], windows: tuple[str, ...]) -> pd.DataFrame:
    """One row per person of the cohort and window (`2013-2016`) in which part of the time since the moment is seen.

    origin  one row per person with `van`; causes: name -> `person_id`, `op`, in the order in which they win a tie.
    Left out: people to whom one of the causes happened before the moment (they cannot be the first), and from a window those to
    whom it happened before it began or whose moment lies after it.
    Columns beside origin's: venster, uitkomst (a cause, or `open`), maanden_in (-1: seen from the moment itself), maanden_uit;
    months are completed months since the moment.
    """
    start = origin["van"].to_numpy()
    names = [*causes, OPEN]
    when = np.full((len(origin), len(names)), np.inf)
    before = np.zeros(len(origin), dtype=bool)
    place = pd.Series(np.arange(len(origin)), index=origin["person_id"].to_numpy())
    for at, events in enumerate(causes.values()):
        known = events[events["person_id"].isin(place.index).to_numpy() & events["op"].notna().to_numpy()]
        who, day = place.loc[known["person_id"].to_numpy()].to_numpy(), known["op"].to_numpy()
        after = day >= start[who]
        np.minimum.at(when[:, at], who[after], day[after])
        before[who[~after]] = True
    happened, first = when.argmin(axis=1), when.min(axis=1)
    parts = []
    for window in windows:
        opens, closes = _ends(window)
        last = np.minimum(first, closes)
        seen = ~before & (start <= closes) & (last >= opens)
        late = start < opens
        outcome = np.where(first <= closes, happened, len(causes))
        parts.append(
            origin[seen].assign(
                venster=window,
                uitkomst=np.array(names, dtype=object)[outcome[seen]],
                maanden_in=np.where(late, _months(opens - start), FROM_START)[seen],
                maanden_uit=_months(last - start)[seen],
            )
        )
    found: pd.DataFrame = pd.concat(parts, ignore_index=True)
    return found


def steps(ind: pd.DataFrame, years: tuple[int, ...]) -> pd.DataFrame:
    """Unit `stap`: one row per step that somebody could take, by the first and last day of the reporting period.

    stap     bedenktijd_aanvraag (per case, paired as in figure 2 of nr2015), aanvraag_besluit (per B8 application),
             b8_b9 (per person, from the first grant to the first B9 application after it), b9_besluit (per B9 application).
    gezet    `ja`, or `open` at the end of the period. dagen: days until the step, or until the period ends.
    """
    opens, closes = _ends(f"{years[0]}-{years[-1]}")
    inside = ind[(days(ind["datum_aanvraag"]) >= opens) & (days(ind["datum_aanvraag"]) <= closes)]
    of = {kind: inside[(inside["procedure"] == kind).to_numpy()] for kind in ("BEDENKTIJD", "B8", "B9")}
    grants = b8_grants(ind)
    grants = grants[(grants["van"] >= opens) & (grants["van"] <= closes)]
    parts = [
        _step("bedenktijd_aanvraag", of["BEDENKTIJD"], days(of["BEDENKTIJD"]["datum_aanvraag"]), _paired(of), closes),
        _decided("aanvraag_besluit", of["B8"], closes),
        _step("b8_b9", grants, grants["van"].to_numpy(), _next(grants, applications(inside, "B9")), closes),
        _decided("b9_besluit", of["B9"], closes),
    ]
    return pd.concat(parts, ignore_index=True)


def signals(dtv: pd.DataFrame, ind: pd.DataFrame, years: tuple[int, ...]) -> pd.DataFrame:
    """Rows of unit `stap` for `signaal_vergunning`: from the start of a D9 process to the first B8 grant on or after it."""
    opens, closes = _ends(f"{years[0]}-{years[-1]}")
    start = days(dtv["d9_start"])
    rows = dtv[(start >= opens) & (start <= closes)]
    origin = rows.assign(van=days(rows["d9_start"]))
    granted = granted_b8(ind)
    given = pd.DataFrame({"person_id": granted["person_id"].to_numpy(), "op": days(granted["datum_eind"])})
    found = _step("signaal_vergunning", origin, origin["van"].to_numpy(), _next(origin, given), closes)
    return found.rename(columns={"gezet": "gezet_keten"})


def _decided(name: str, rows: pd.DataFrame, closes: float) -> pd.DataFrame:
    """From an application to the first decision on it; one that came after the period is open in it."""
    return _step(name, rows, days(rows["datum_aanvraag"]), days(rows["datum_besluit"]), closes)


def _step(name: str, rows: pd.DataFrame, start: Days, end: Days, closes: float) -> pd.DataFrame:
    taken = end <= closes
    return rows[_WHO].assign(
        stap=name, gezet=np.where(taken, "ja", OPEN), dagen=np.where(taken, end, closes) - start
    )  # fmt: skip


def _paired(of: Mapping[str, pd.DataFrame]) -> Days:
    """Per reflection period the day of the application that it is paired with, NaN without one."""
    periods, asked = of["BEDENKTIJD"], of["B8"]
    keys = [
        (frame["person"].to_numpy(dtype=np.int64), days(frame["datum_aanvraag"]).astype(np.int64))
        for frame in (periods, asked)
    ]
    partner = pair(*keys[0], *keys[1])
    day = np.append(days(asked["datum_aanvraag"]), np.nan)
    found: Days = day[partner]
    return found


def _next(origin: pd.DataFrame, events: pd.DataFrame) -> Days:
    """Per row of `origin` the first event of its person on or after `van`, NaN without one."""
    rows = origin[["person_id", "van"]].reset_index(drop=True)
    rows["at"] = np.arange(len(rows))
    joined = rows.merge(events, on="person_id", how="inner")
    joined = joined[joined["op"] >= joined["van"]]
    found = np.full(len(rows), np.inf)
    np.minimum.at(found, joined["at"].to_numpy(), joined["op"].to_numpy())
    return np.where(np.isinf(found), np.nan, found)


def _ends(window: str) -> tuple[float, float]:
    """First and last day of a window of years, in days since 1970."""
    first, last = window.split("-")
    ends = np.array([f"{first}-01-01", f"{last}-12-31"], dtype="datetime64[D]").astype(np.int64)
    return float(ends[0]), float(ends[1])


def _months(span: Days) -> Days:
    completed: Days = np.floor(span / DAYS_PER_MONTH)
    return completed


def readings(windowed: pd.DataFrame) -> pd.DataFrame:
    """Unit `lezing`: every person and window twice, once by each reading of the routes (`tabulation.routes.by_window`)."""
    both = {"soepel": "route", "streng": "route_streng"}
    parts = [windowed.assign(lezing=name, route_gelezen=windowed[column]) for name, column in both.items()]
    return pd.concat(parts, ignore_index=True)
