"""Routes through the scheme: who applies for what, when, and how it ends; one row per procedure (`domain`).

Frequencies, delays and outcomes resemble the reference registers of both studies together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

DAY = np.timedelta64(1, "D")
NEVER = np.datetime64("NaT", "D")
# Fewer people enter the scheme over the years; the weights are repeated for longer periods.
YEAR_WEIGHTS = (0.20, 0.26, 0.22, 0.17, 0.15)

GROUNDS, GROUND_WEIGHTS = ("AANGIFTE", "ANDERSZINS", "SCHRIJNEND"), (0.93, 0.048, 0.022)
OUTCOMES = ("INGEWILLIGD", "AFGEWEZEN", "INGETROKKEN", "BUITEN_BEHANDELING", "FICTIEF_GEWEIGERD")


@dataclass(frozen=True)
class Period:
    """The extract's period: first contacts lie in it, nothing is known after `end`."""

    begin: np.datetime64
    end: np.datetime64

    @classmethod
    def of_years(cls, first: int, last: int) -> Period:
        """From 1 January of `first` to 31 December of `last`."""
        return cls(np.datetime64(f"{first}-01-01", "D"), np.datetime64(f"{last}-12-31", "D"))

    def starts(self, rng: np.random.Generator, n: int) -> np.ndarray:
        """`n` days of first contact."""
        first = self.begin.astype("datetime64[Y]")
        years = int((self.end.astype("datetime64[Y]") - first).astype(np.int64)) + 1
        weights = np.resize(np.array(YEAR_WEIGHTS), years)
        year = first + rng.choice(years, n, p=weights / weights.sum())
        days: np.ndarray = year.astype("datetime64[D]") + rng.integers(0, 365, n) * DAY
        return days

    def clip(self, days: np.ndarray, birth: np.ndarray) -> np.ndarray:
        """Days moved into the period, and after the person's birth."""
        moved: np.ndarray = np.maximum(np.clip(days, self.begin, self.end), birth + DAY)
        return moved


@dataclass(frozen=True)
class Route:
    """What a person applies for. `asylum` is before the scheme, after it, or never; `twice` repeats what is there."""

    weight: float
    reflection: bool = False
    b8: bool = False
    b9: bool = False
    asylum: Literal["", "before", "after", "only"] = ""
    twice: bool = False


ROUTES = (
    Route(22, reflection=True, b8=True),
    Route(18, b8=True),
    Route(13, reflection=True),
    Route(10, b9=True),
    Route(6, b8=True, b9=True),
    Route(5, reflection=True, b8=True, b9=True),
    Route(6, b8=True, asylum="before"),
    Route(3, b8=True, asylum="after"),
    Route(3, b9=True, asylum="before"),
    Route(3, b9=True, asylum="after"),
    Route(2, b8=True, b9=True, asylum="before"),
    Route(2, b8=True, b9=True, asylum="after"),
    Route(0.5, reflection=True, asylum="after"),
    Route(5, asylum="only"),
    Route(0.6, reflection=True, b8=True, twice=True),
    Route(0.4, b8=True, twice=True),
)


@dataclass(frozen=True)
class Procedure:
    """Delay of the decision in days (uniform on [low, high], or exponential of `mean`) and the share of outcomes."""

    code: str
    outcomes: tuple[float, ...]
    low: int = 0
    high: int = 0
    mean: float = 0.0


REFLECTION = Procedure("BEDENKTIJD", (1.0, 0, 0, 0, 0))
B8 = Procedure("B8", (0.953, 0.039, 0.003, 0.002, 0.003), mean=1.8)
B9 = Procedure("B9", (0.36, 0.625, 0.01, 0.005, 0), low=60, high=299)
ASYLUM = Procedure("ASIEL", (0.25, 0.72, 0.02, 0.01, 0), low=8, high=420)
# Rejections that were objected to and decided, and how often the objection succeeded.
OBJECTIONS, UPHELD = 0.18, 0.45

Fields = dict[str, np.ndarray]
IND_FIELDS = (
    "procedure",
    "datum_aanvraag",
    "datum_besluit",
    "besluit",
    "datum_bezwaar",
    "besluit_bezwaar",
    "grond",
)


def ind_rows(
    rng: np.random.Generator, start: np.ndarray, route: np.ndarray, birth: np.ndarray, period: Period
) -> tuple[np.ndarray, Fields]:
    """All procedures: the person of each row (index into the arguments), and the columns of `IND_FIELDS`."""
    has = {f: np.array([getattr(r, f) for r in ROUTES])[route] for f in ("reflection", "b8", "b9", "asylum", "twice")}
    n = len(start)
    b8 = np.where(has["reflection"], start + rng.exponential(45, n).astype(np.int64) * DAY, start)
    b9 = np.where(has["b8"], b8 + rng.integers(330, 1000, n) * DAY, start)
    stage = np.where(has["b9"], b9, np.where(has["b8"], b8, start))
    before = np.maximum(start - rng.integers(60, 900, n) * DAY, birth + DAY)
    asylum = np.where(has["asylum"] == "after", stage + rng.integers(10, 500, n) * DAY, start)
    asylum = np.where(has["asylum"] == "before", before, asylum)
    again = rng.integers(200, 600, n) * DAY
    applications = [
        (REFLECTION, has["reflection"], start),
        (REFLECTION, has["reflection"] & has["twice"], start + again),
        (B8, has["b8"], b8),
        (B8, has["b8"] & has["twice"], b8 + again),
        (B9, has["b9"], b9),
        (ASYLUM, has["asylum"] != "", asylum),
    ]
    blocks = []
    for procedure, wanted, applied in applications:
        person = np.flatnonzero(wanted & (applied <= period.end))
        blocks.append((person, decide(rng, procedure, applied[person], period)))
    return together(blocks)


def together(blocks: list[tuple[np.ndarray, Fields]]) -> tuple[np.ndarray, Fields]:
    """The rows of several procedures below each other: the person of each row, and its columns."""
    people = np.concatenate([person for person, _ in blocks])
    return people, {f: np.concatenate([block[f] for _, block in blocks]) for f in IND_FIELDS}


def decide(rng: np.random.Generator, procedure: Procedure, applied: np.ndarray, period: Period) -> Fields:
    """The columns of `IND_FIELDS` for applications on the days `applied`, as they are known at the end of the period."""
    n = len(applied)
    delay = rng.exponential(procedure.mean, n) if procedure.mean else rng.integers(procedure.low, procedure.high + 1, n)
    decided = applied + delay.astype(np.int64) * DAY
    outcome = np.array(OUTCOMES, dtype=object)[rng.choice(len(OUTCOMES), n, p=procedure.outcomes)]
    objection = decided + rng.integers(45, 126, n) * DAY
    answer = np.where(rng.random(n) < UPHELD, "INGEWILLIGD", "AFGEWEZEN").astype(object)
    answered = (rng.random(n) < OBJECTIONS) & (outcome == "AFGEWEZEN") & (objection <= period.end)
    undecided = decided > period.end
    ground = np.full(n, "", dtype=object)
    if procedure is B8:
        ground = np.array(GROUNDS, dtype=object)[rng.choice(len(GROUNDS), n, p=GROUND_WEIGHTS)]
    return {
        "procedure": np.full(n, procedure.code, dtype=object),
        "datum_aanvraag": applied,
        "datum_besluit": np.where(undecided, NEVER, decided),
        "besluit": np.where(undecided, "", outcome),
        "datum_bezwaar": np.where(answered, objection, NEVER),
        "besluit_bezwaar": np.where(answered, answer, ""),
        "grond": ground,
    }


OUTFLOW = ("VERGUNNING", "ZELFSTANDIG_ZONDER_TOEZICHT", "OVERIG", "GEDWONGEN", "ZELFSTANDIG_ONDER_TOEZICHT")
OUTFLOW_WEIGHTS = (0.61, 0.25, 0.11, 0.02, 0.01)
DEPARTURES = ("ZELFSTANDIG_ZONDER_TOEZICHT", "GEDWONGEN", "ZELFSTANDIG_ONDER_TOEZICHT")
REPORTED, REPORTED_WEIGHTS = ("J", "N", "O"), (0.57, 0.27, 0.16)


def dtv_rows(
    rng: np.random.Generator, start: np.ndarray, birth: np.ndarray, twice: float, period: Period
) -> tuple[np.ndarray, Fields]:
    """D9 processes around the first contact; `twice` is the share with a second one."""
    person = np.concatenate([np.arange(len(start)), np.flatnonzero(rng.random(len(start)) < twice)])
    n = len(person)
    second = np.arange(n) >= len(start)
    begun = start[person] + rng.integers(-150, 200, n) * DAY + second * 240 * DAY
    begun = period.clip(begun, birth[person])
    ended = begun + rng.integers(20, 200, n) * DAY
    running = ended > period.end
    outflow = np.array(OUTFLOW, dtype=object)[rng.choice(len(OUTFLOW), n, p=OUTFLOW_WEIGHTS)]
    return person, {
        "d9_start": begun,
        "d9_einde": np.where(running, NEVER, ended),
        "aangifte": _reported(rng, n),
        "uitstroom": np.where(running, "OPEN", outflow),
    }


def departure_rows(rng: np.random.Generator, departed: np.ndarray, birth: np.ndarray) -> tuple[np.ndarray, Fields]:
    """D9 processes that ended in departure on the days `departed`, one per person."""
    n = len(departed)
    weights = np.where(np.isin(OUTFLOW, DEPARTURES), OUTFLOW_WEIGHTS, 0)
    return np.arange(n), {
        "d9_start": np.maximum(departed - rng.integers(20, 200, n) * DAY, birth + DAY),
        "d9_einde": departed,
        "aangifte": _reported(rng, n),
        "uitstroom": np.array(OUTFLOW, dtype=object)[rng.choice(len(OUTFLOW), n, p=weights / weights.sum())],
    }


def _reported(rng: np.random.Generator, n: int) -> np.ndarray:
    found: np.ndarray = np.array(REPORTED, dtype=object)[rng.choice(len(REPORTED), n, p=REPORTED_WEIGHTS)]
    return found


REFERRERS = ("OPVANG", "POLITIE", "OVERIG", "COMENSHA", "VREEMDELINGENKETEN", "ONBEKEND")
REFERRER_WEIGHTS = (0.58, 0.16, 0.11, 0.07, 0.06, 0.02)
SECOND_REFERRER, THIRD_COUNTRY = 0.02, 0.05
# Where somebody goes who does not return to the country of nationality.
ELSEWHERE = ("ESP", "BEL", "ITA", "DEU")


def iom_rows(
    rng: np.random.Generator, start: np.ndarray, birth: np.ndarray, nationality: np.ndarray, period: Period
) -> tuple[np.ndarray, Fields]:
    """One assisted return per person, after the first contact."""
    left = period.clip(start + rng.integers(20, 400, len(start)) * DAY, birth)
    return return_rows(rng, left, nationality)


def return_rows(rng: np.random.Generator, left: np.ndarray, nationality: np.ndarray) -> tuple[np.ndarray, Fields]:
    """Assisted returns on the days `left`, one per person."""
    n = len(left)
    abroad = (rng.random(n) < THIRD_COUNTRY) | (nationality == "XXX")
    elsewhere = np.array(ELSEWHERE, dtype=object)[rng.integers(0, len(ELSEWHERE), n)]
    names = np.array(REFERRERS, dtype=object)
    first = rng.choice(len(names), n, p=REFERRER_WEIGHTS)
    other = (first + rng.integers(1, len(names), n)) % len(names)
    both = rng.random(n) < SECOND_REFERRER
    return np.arange(n), {
        "vertrekdatum": left,
        "bestemming": np.where(abroad, elsewhere, nationality),
        "verwijzers": np.where(both, names[first] + "|" + names[other], names[first]),
    }
