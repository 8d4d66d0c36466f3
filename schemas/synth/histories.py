"""Histories of known truth: a moment, what happens after it at known rates, people who withdraw unseen, and a window.

Rates are constant per cause within pieces of time since the moment, so that the true share to whom a cause happened first is a
closed form. Who withdraws leaves no date in the register, as with the B8: nothing happens to them any more, and they stay open.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from schemas.toml import Strict

Floats = NDArray[np.float64]
DAYS_PER_MONTH = 365.25 / 12


class Hazards(Strict):
    """rates: cause -> rate per month in each piece; `until`: where pieces end, in months (the last one never does).

    withdrawal: the rate per month of leaving unseen, at any time.
    """

    rates: dict[str, tuple[float, ...]]
    until: tuple[float, ...] = ()
    withdrawal: float = Field(default=0.0, ge=0)

    @model_validator(mode="after")
    def _pieces(self) -> Hazards:
        if any(len(rates) != len(self.until) + 1 or min(rates) < 0 for rates in self.rates.values()):
            raise ValueError("give every cause one rate per piece, none below nought")
        return self

    @property
    def causes(self) -> tuple[str, ...]:
        """The causes in order."""
        return tuple(self.rates)

    def truth(self, months: Floats) -> Floats:
        """float64[causes, months]: the share to whom each cause happened first by then, withdrawal being one more."""
        found = np.zeros((len(self.rates), len(months)))
        free, begin = 1.0, 0.0
        for piece, end in enumerate((*self.until, np.inf)):
            each = np.array([rates[piece] for rates in self.rates.values()])
            total = float(each.sum()) + self.withdrawal
            span = np.clip(np.minimum(months, end) - begin, 0.0, None)
            if total > 0:
                found += free * np.outer(each / total, 1 - np.exp(-total * span))
            free, begin = free * float(np.exp(-total * (end - begin))) if total > 0 else free, end
        return found

    def draw(self, people: int, generator: np.random.Generator) -> tuple[Floats, NDArray[np.int64]]:
        """(days until the first event, which cause); a withdrawn person has infinitely many days and cause -1."""
        when, what = np.full(people, np.inf), np.full(people, -1, dtype=np.int64)
        begin = 0.0
        for piece, end in enumerate((*self.until, np.inf)):
            each = np.array([*(rates[piece] for rates in self.rates.values()), self.withdrawal])
            waiting = np.isinf(when)
            total = float(each.sum())
            if total > 0:
                span = begin + generator.exponential(1 / total, people)
                here = waiting & (span < end)
                when[here] = span[here]
                what[here] = generator.choice(len(each), size=int(here.sum()), p=each / total)
            begin = end
        gone = what == len(self.rates)
        return np.where(gone, np.inf, np.floor(when * DAYS_PER_MONTH)), np.where(gone, -1, what)


class Histories(Strict):
    """What happens to everybody of a register, from the first contact to what comes first after the B8 (`schemas.synth.followed`).

    reflection        share of people who begin with a reflection period; everybody else begins with a B8 application.
    after_reflection  what comes first after it: b8, asiel, terugkeer (with the IOM), vertrek (the end of a D9 process).
    after_b8          what comes first after the grant: b9, asiel, terugkeer, vertrek.
    """

    reflection: float = Field(default=0.6, ge=0, le=1)
    after_reflection: Hazards
    after_b8: Hazards

    @model_validator(mode="after")
    def _known(self) -> Histories:
        for hazards, first in ((self.after_reflection, "b8"), (self.after_b8, "b9")):
            if hazards.causes != (first, *EVERYWHERE):
                raise ValueError(f"name the causes {first}, {', '.join(EVERYWHERE)}, in this order")
        return self

    def leaving(self, rate: float) -> Histories:
        """The same with this rate per month of leaving unseen."""
        after = {
            name: getattr(self, name).model_copy(update={"withdrawal": rate})
            for name in ("after_reflection", "after_b8")
        }
        return self.model_copy(update=after)


EVERYWHERE = ("asiel", "terugkeer", "vertrek")
HistoryPreset = Literal["steady", "changing"]
HISTORIES: Mapping[HistoryPreset, Histories] = {
    "steady": Histories(
        after_reflection=Hazards(rates={"b8": (0.25,), "asiel": (0.02,), "terugkeer": (0.02,), "vertrek": (0.01,)}),
        after_b8=Hazards(rates={"b9": (0.03,), "asiel": (0.008,), "terugkeer": (0.006,), "vertrek": (0.004,)}),
    ),
    "changing": Histories(
        after_reflection=Hazards(
            rates={
                "b8": (0.35, 0.05, 0.01), "asiel": (0.01, 0.03, 0.005),
                "terugkeer": (0.02, 0.01, 0.005), "vertrek": (0.01, 0.01, 0.005),
            },
            until=(3.0, 6.0),
        ),
        after_b8=Hazards(
            rates={
                "b9": (0.01, 0.05, 0.02), "asiel": (0.02, 0.01, 0.003),
                "terugkeer": (0.002, 0.006, 0.006), "vertrek": (0.006, 0.003, 0.003),
            },
            until=(6.0, 18.0),
        ),
    ),
}  # fmt: skip
