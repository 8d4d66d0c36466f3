"""Histories of known truth: a moment, what happens after it at known rates, people who withdraw unseen, and a window.

Rates are constant per cause within pieces of time since the moment, so that the true share to whom a cause happened first is a
closed form. Who withdraws leaves no date in the register, as with the B8: nothing happens to them any more, and they stay open.
"""

from __future__ import annotations

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
