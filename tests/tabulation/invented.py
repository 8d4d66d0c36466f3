"""Small invented registers: hypothesis strategies, and how a list of events becomes the tables that enter `tabulate`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import strategies as st

from schemas.study import Study

DECISIONS = ("INGEWILLIGD", "AFGEWEZEN", "INGETROKKEN", "BUITEN_BEHANDELING", "FICTIEF_GEWEIGERD")
OUTFLOWS = (
    "VERGUNNING",
    "ZELFSTANDIG_ZONDER_TOEZICHT",
    "ZELFSTANDIG_ONDER_TOEZICHT",
    "GEDWONGEN",
    "OVERIG",
    "OPEN",
    None,
)
NATIONALITIES = ("NGA", "EGY", "BGR", "CHN", "BRA", "XXX")
REFERRERS = ("COMENSHA", "OPVANG|POLITIE", "POLITIE", "VREEMDELINGENKETEN|OVERIG", "OVERIG", None)


@dataclass(frozen=True)
class Procedure:
    person: int
    procedure: str
    applied: date
    decided: date | None
    decision: str | None
    objected: date | None
    objection: str | None
    sex: str
    nationality: str
    age: int | None
    ground: str | None

    @property
    def final(self) -> str | None:
        return self.objection if self.objection is not None else self.decision

    @property
    def final_date(self) -> date | None:
        return self.objected if self.objection is not None else self.decided


@dataclass(frozen=True)
class Process:
    person: int
    start: date
    end: date | None
    outflow: str | None
    report: str
    sex: str
    nationality: str
    age: int | None


@dataclass(frozen=True)
class Return:
    person: int
    left: date
    destination: str
    referrers: str | None
    sex: str
    nationality: str
    age: int | None


@dataclass(frozen=True)
class Registers:
    ind: list[Procedure]
    dtv: list[Process]
    iom: list[Return]


def registers(first_year: int, years: int, *, people: int = 4, rows: int = 14) -> st.SearchStrategy[Registers]:
    """Few people with many rows on few days, so that ties, repeats and edges of the period are common."""
    start, days = date(first_year - 1, 12, 20), 365 * years + 24
    day = st.one_of(
        st.integers(0, 30), st.integers(days - 40, days), st.integers(0, days), st.sampled_from((100, 101, 130, 131))
    ).map(lambda offset: start + timedelta(offset))
    who = st.integers(1, people)
    person: dict[str, st.SearchStrategy[Any]] = {
        "sex": st.sampled_from("VMO"),
        "nationality": st.sampled_from(NATIONALITIES),
        "age": st.one_of(st.none(), st.integers(0, 60)),
    }

    @st.composite
    def procedure(draw: st.DrawFn) -> Procedure:
        applied = draw(day)
        decided = draw(st.one_of(st.none(), st.integers(0, 120).map(lambda wait: applied + timedelta(wait))))
        objected = None if decided is None else draw(st.sampled_from((None, None, decided + timedelta(40))))
        return Procedure(
            person=draw(who),
            procedure=draw(st.sampled_from(("BEDENKTIJD", "B8", "B8", "B9", "ASIEL"))),
            applied=applied,
            decided=decided,
            decision=None if decided is None else draw(st.sampled_from(DECISIONS)),
            objected=objected,
            objection=None if objected is None else draw(st.sampled_from(DECISIONS)),
            ground=draw(st.sampled_from(("AANGIFTE", "ANDERSZINS", None))),
            **{name: draw(strategy) for name, strategy in person.items()},
        )

    process = st.builds(
        lambda begin, length, **other: Process(
            start=begin, end=None if length is None else begin + timedelta(length), **other
        ),
        begin=day, length=st.one_of(st.none(), st.integers(0, 90)), person=who,
        outflow=st.sampled_from(OUTFLOWS), report=st.sampled_from("JNO"), **person,
    )  # fmt: skip
    returned = st.builds(
        Return, person=who, left=day, destination=st.sampled_from(("NGA", "BGR")), referrers=st.sampled_from(REFERRERS),
        **person,
    )  # fmt: skip
    return st.builds(
        Registers,
        ind=st.lists(procedure(), max_size=rows),
        dtv=st.lists(process, max_size=rows // 2),
        iom=st.lists(returned, max_size=rows // 2),
    )


def crowd(first_year: int, last_year: int, *, people: int, seed: int = 2015) -> Registers:
    """Many people with few rows each, of every kind, within and around the period."""
    rng = np.random.Generator(np.random.PCG64(seed))
    start, days = date(first_year, 1, 1), 365 * (last_year - first_year + 1)
    made = Registers([], [], [])

    def pick(options: Sequence[Any]) -> Any:
        return options[int(rng.integers(len(options)))]

    def shared(person: int) -> dict[str, Any]:
        age = pick((None, 5, 16, 20, 27, 35, 50))
        return {"person": person, "sex": pick("VMO"), "nationality": pick(NATIONALITIES), "age": age}

    for person in range(people):
        base = int(rng.integers(days))
        for _ in range(rng.integers(4)):
            applied = start + timedelta(int(pick((base, base + rng.integers(-200, 200), rng.integers(-30, days + 30)))))
            decided = pick((None, applied + timedelta(int(rng.integers(200)))))
            objected = None if decided is None else pick((None, None, decided + timedelta(40)))
            made.ind.append(Procedure(
                **shared(person), procedure=pick(("BEDENKTIJD", "B8", "B8", "B9", "ASIEL")), applied=applied,
                decided=decided, decision=None if decided is None else pick(DECISIONS[:2] * 3 + DECISIONS),
                objected=objected, objection=None if objected is None else pick(DECISIONS),
                ground=pick(("AANGIFTE", "ANDERSZINS", "SCHRIJNEND", None)),
            ))  # fmt: skip
        for _ in range(rng.integers(3)):
            begin = start + timedelta(int(rng.integers(-60, days + 60)))
            end = pick((None, begin + timedelta(int(rng.integers(120)))))
            made.dtv.append(Process(**shared(person), start=begin, end=end, outflow=pick(OUTFLOWS), report=pick("JNO")))
        for _ in range(rng.integers(3) if rng.random() < 0.3 else 0):
            left = start + timedelta(int(rng.integers(-60, days + 60)))
            made.iom.append(
                Return(**shared(person), left=left, destination=pick(NATIONALITIES), referrers=pick(REFERRERS))
            )
    return made


def moments(first_year: int, last_year: int, *, people: int, seed: int = 2020) -> Registers:
    """People with one moment each, up to five years before the period or in it, and at most one thing after it, soon or late."""
    rng = np.random.Generator(np.random.PCG64(seed))
    start, days = date(first_year - 5, 1, 1), 365 * (last_year - first_year + 6) + 2
    made = Registers([], [], [])
    for person in range(1_000_000, 1_000_000 + people):
        kind = ("B8", "BEDENKTIJD", "B9")[int(rng.integers(3))]
        day = start + timedelta(int(rng.integers(days)))
        after = int((rng.integers(200), rng.integers(days))[int(rng.integers(2))])
        wait = int((0, rng.integers(1000))[int(rng.integers(2))])
        then = (None, "B8", "B9", "ASIEL")[int(rng.integers(4))]
        for procedure, applied in ((kind, day), (then, day + timedelta(after))):
            if procedure is not None:
                made.ind.append(Procedure(
                    person, procedure, applied, applied + timedelta(wait), "INGEWILLIGD", None, None, "V", "NGA", 20, "AANGIFTE"
                ))  # fmt: skip
    return made


def tables(made: Registers, study: Study) -> tuple[dict[str, pa.Table], pa.Table]:
    """(attributes by bron, persons) for `tabulate`."""
    columns = {
        "ind": _shared(made.ind)
        | {
            "procedure": _text(row.procedure for row in made.ind),
            "datum_aanvraag": _dates(row.applied for row in made.ind),
            "datum_besluit": _dates(row.decided for row in made.ind),
            "besluit": _text(row.decision for row in made.ind),
            "datum_bezwaar": _dates(row.objected for row in made.ind),
            "besluit_bezwaar": _text(row.objection for row in made.ind),
            "grond": _text(row.ground for row in made.ind),
        },
        "dtv": _shared(made.dtv)
        | {
            "d9_start": _dates(row.start for row in made.dtv),
            "d9_einde": _dates(row.end for row in made.dtv),
            "aangifte": _text(row.report for row in made.dtv),
            "uitstroom": _text(row.outflow for row in made.dtv),
        },
        "iom": _shared(made.iom)
        | {
            "vertrekdatum": _dates(row.left for row in made.iom),
            "bestemming": _text(row.destination for row in made.iom),
            "verwijzers": _text(row.referrers for row in made.iom),
        },
    }
    attributes, people, used = {}, [], 0
    for register in study.registers.values():
        rows = getattr(made, register.kind)
        token = pa.array([(used + i).to_bytes(16, "big") for i in range(len(rows))], pa.binary(16))
        attributes[register.bron] = pa.table({"token": token, **columns[register.kind]})
        people += [row.person for row in rows]
        used += len(rows)
    token = pa.array([i.to_bytes(16, "big") for i in range(used)], pa.binary(16))
    return attributes, pa.table({"token": token, "person_id": pa.array(people, pa.int64())})


def _shared(rows: list[Procedure] | list[Process] | list[Return]) -> dict[str, pa.Array]:
    return {
        "geslacht": _text(row.sex for row in rows),
        "nationaliteit": _text(row.nationality for row in rows),
        "leeftijd": pa.array([row.age for row in rows], pa.int16()),
    }


def _text(values: Iterable[str | None]) -> pa.Array:
    return pa.array(list(values), pa.string())


def _dates(values: Iterable[date | None]) -> pa.Array:
    return pa.array(list(values), pa.date32())
