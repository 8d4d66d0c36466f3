"""Row-by-row twins of the vectorised definitions, written from the text of the definitions, not from the code."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta

from invented import Procedure, Process, Registers

SCHEME = ("BEDENKTIJD", "B8", "B9")


def cases(rows: list[Procedure], years: tuple[int, ...]) -> Counter[tuple[int, str, date]]:
    """(person, use, date of the application or else of the reflection period) of every case."""
    found: Counter[tuple[int, str, date]] = Counter()
    inside = [row for row in rows if row.applied.year in years]
    for person in {row.person for row in inside}:
        own = [row for row in inside if row.person == person]
        free = sorted(row.applied for row in own if row.procedure == "B8")
        for start in sorted(row.applied for row in own if row.procedure == "BEDENKTIJD"):
            later = [day for day in free if day >= start]
            if later:
                free.remove(later[0])
                found[person, "bedenktijd_en_aanvraag", later[0]] += 1
            else:
                found[person, "alleen_bedenktijd", start] += 1
        for day in free:
            found[person, "alleen_aanvraag", day] += 1
    return found


def first_asylum(own: list[Procedure]) -> date | None:
    return min((row.applied for row in own if row.procedure == "ASIEL"), default=None)


def route(own: list[Procedure]) -> str:
    a = first_asylum(own)
    s = min(row.applied for row in own if row.procedure in SCHEME)
    if a is None:
        return "alleen_regeling"
    if a < s:
        return "route_1"
    b9 = [row for row in own if row.procedure == "B9" and row.applied <= a]
    if b9:
        return "route_3" if any(row.final == "AFGEWEZEN" for row in b9) else "na_b9_overig"
    if any(row.procedure == "B8" and row.applied <= a for row in own):
        return "route_2"
    return "na_bedenktijd"


def strict_route(own: list[Procedure]) -> str:
    lenient, a = route(own), first_asylum(own)
    if a is None or lenient in ("route_1", "na_bedenktijd"):
        return lenient
    if lenient == "route_2":
        b8 = [row for row in own if row.procedure == "B8" and row.final == "INGEWILLIGD"]
        return "route_2" if any(row.final_date <= a for row in b8 if row.final_date) else "na_b8_overig"
    b9 = [row for row in own if row.procedure == "B9" and row.applied <= a]
    if any(row.final_date is None or a < row.final_date for row in b9):
        return "tijdens_b9"
    return "route_3" if any(row.final == "AFGEWEZEN" for row in b9) else "na_b9_overig"


def parallel(own: list[Procedure]) -> str | None:
    """Person-level; None without asylum. Only for people with one asylum row on the first date (a tie has no answer)."""
    a = first_asylum(own)
    if a is None:
        return None
    if route(own) == "route_1":
        asylum = next(row for row in own if row.procedure == "ASIEL" and row.applied == a)
        grants = granted(own, date.min.year, date.max.year)
        held = bool(grants) and (asylum.final_date is None or min(grants) < asylum.final_date)
    else:
        b9 = [row for row in own if row.procedure == "B9"]
        held = any(row.applied <= a and (row.final_date is None or a < row.final_date) for row in b9)
    return "ja" if held else "nee"


def last_stage(own: list[Procedure]) -> set[str]:
    """Possible last stages: more than one only if two B9 applications of the same day ended differently."""
    b9 = [row for row in own if row.procedure == "B9"]
    if not b9:
        return {"b8"} if any(row.procedure == "B8" for row in own) else {"bedenktijd"}
    latest = max(row.applied for row in b9)
    names = {"INGEWILLIGD": "b9_verleend", "AFGEWEZEN": "b9_afgewezen"}
    return {names.get(row.final or "", "b9_open") for row in b9 if row.applied == latest}


def within(own: list[Procedure], first: int, last: int) -> bool:
    return all(first <= row.applied.year <= last for row in own if row.procedure in SCHEME)


def granted(own: list[Procedure], first: int, last: int) -> list[date]:
    """Final dates of B8 grants in the years first..last."""
    dates = [row.final_date for row in own if row.procedure == "B8" and row.final == "INGEWILLIGD"]
    return [day for day in dates if day is not None and first <= day.year <= last]


def linked(process: Process, made: Registers, years: tuple[int, ...]) -> tuple[str, str, str, str]:
    """(b8_na_signalering, b8_voor_signalering, b8_fase, uitstroom_b8) of one D9 process."""
    own = [row for row in made.ind if row.person == process.person]
    days = granted(own, years[0], years[-1])
    after, before = [d for d in days if d >= process.start], [d for d in days if d < process.start]
    na = "ja" if after else "nee"
    voor = "geen"
    if before:
        voor = "binnen_maand_voor" if (process.start - max(before)).days <= 30 else "eerder"
    fase = "geen"
    if after:
        first = min(after)
        if process.end is None or first <= process.end:
            fase = "tijdens_d9"
        else:
            fase = "binnen_maand_na" if first <= process.end + timedelta(30) else "later"
    outflow = process.outflow or "OPEN"
    if outflow == "VERGUNNING":
        outflow = "B8_NA_SIGNALERING" if after else "ANDERE_VERGUNNING"
    return na, voor, fase, outflow
