"""Histories of known truth as rows of the three registers: drawn once per person, then told by each register in its own words.

After its first event a history ends, so that what comes first after a moment is what `Histories` says and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from schemas.synth.histories import Hazards, Histories
from schemas.synth.routes import (
    ASYLUM,
    B8,
    B9,
    DAY,
    NEVER,
    REFLECTION,
    Fields,
    Period,
    decide,
    departure_rows,
    return_rows,
    together,
)

Days = np.ndarray


@dataclass(frozen=True)
class Followed:
    """The day of every event per person (datetime64[D]); NaT where it does not happen by the end of the period.

    `b8_rows` are the columns of the B8 applications, in the order of the people who have one.
    """

    reflection: Days
    b8: Days
    b9: Days
    asylum: Days
    returned: Days
    departed: Days
    b8_rows: Fields

    def ind_rows(self, rng: np.random.Generator, period: Period) -> tuple[np.ndarray, Fields]:
        """All procedures at the IND: the person of each row, and its columns."""
        blocks = [(np.flatnonzero(~np.isnat(self.b8)), self.b8_rows)]
        for procedure, day in ((REFLECTION, self.reflection), (B9, self.b9), (ASYLUM, self.asylum)):
            person = np.flatnonzero(~np.isnat(day))
            blocks.append((person, decide(rng, procedure, day[person], period)))
        return together(blocks)

    def dtv_rows(self, rng: np.random.Generator, members: np.ndarray, birth: Days) -> tuple[np.ndarray, Fields]:
        """D9 processes of the people who departed."""
        return departure_rows(rng, self.departed[members], birth)

    def iom_rows(
        self, rng: np.random.Generator, members: np.ndarray, nationality: np.ndarray
    ) -> tuple[np.ndarray, Fields]:
        """Returns of the people who returned with the IOM."""
        return return_rows(rng, self.returned[members], nationality)


def follow(rng: np.random.Generator, start: Days, histories: Histories, period: Period) -> Followed:
    """Draw what happens to people from their first contact on `start`."""
    begins = rng.random(len(start)) < histories.reflection
    reflection = np.where(begins, start, NEVER)
    first = _after(rng, reflection, histories.after_reflection, period)
    b8 = np.where(begins, first["b8"], start)
    applied = ~np.isnat(b8)
    rows = decide(rng, B8, b8[applied], period)
    granted = np.full(len(start), NEVER)
    granted[applied] = _granted(rows)
    then = _after(rng, granted, histories.after_b8, period)
    asylum, returned, departed = (
        np.where(np.isnat(first[cause]), then[cause], first[cause]) for cause in ("asiel", "terugkeer", "vertrek")
    )
    return Followed(reflection, b8, then["b9"], asylum, returned, departed, rows)


def _after(rng: np.random.Generator, moment: Days, hazards: Hazards, period: Period) -> dict[str, Days]:
    """Per cause the day on which it comes first after the moment, as far as it is known by the end of the period."""
    days, cause = hazards.draw(len(moment), rng)
    day = moment + np.where(np.isinf(days), 0, days).astype(np.int64) * DAY
    return {name: np.where((cause == at) & (day <= period.end), day, NEVER) for at, name in enumerate(hazards.causes)}


def _granted(rows: Fields) -> Days:
    """The day of the grant by the final decision, NaT where there is none."""
    objected = rows["besluit_bezwaar"] != ""
    final = np.where(objected, rows["besluit_bezwaar"], rows["besluit"])
    day = np.where(objected, rows["datum_bezwaar"], rows["datum_besluit"])
    found: Days = np.where(final == "INGEWILLIGD", day, NEVER)
    return found
