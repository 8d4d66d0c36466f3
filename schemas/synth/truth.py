"""What is known of invented registers because they were invented: `truth.json`, for evaluation only."""

from __future__ import annotations

from itertools import product

import numpy as np

from schemas.synth.dirt import Population
from schemas.synth.histories import DAYS_PER_MONTH, Hazards, Histories
from schemas.synth.people import People
from schemas.synth.routes import B8, B9

MONTHS = (3, 6, 12, 18, 24, 36, 48, 60)
# Where the bands of days in the tables of steps end (`dagen`); later than the last, a step is not counted among quartiles.
DAYS = (2, 8, 31, 61, 91, 181, 366, 731)
QUARTILES = (0.25, 0.5, 0.75)
BRONNEN = ("IND", "DTV", "IOM")


class Tally:
    """Who is in which register, people of no register included, and by sex who of DT&V and the IOM is at the IND."""

    def __init__(self) -> None:
        self._combinations = np.zeros((2, 2, 2), dtype=np.int64)
        self._women = np.zeros((2, 2, 2), dtype=np.int64)

    def add(self, people: People) -> None:
        """Count the people of one chunk."""
        places = np.stack([people.in_ind, people.in_dtv, people.in_iom], axis=1).astype(np.int64)
        np.add.at(self._combinations, tuple(places.T), 1)
        np.add.at(self._women, tuple(places[people.sex == "V"].T), 1)

    def known(self) -> dict[str, object]:
        """`registers`: how many people are in exactly these; `at_ind`: of the women and the others of a register."""
        return {
            "people": int(self._combinations.sum()),
            "registers": {
                "+".join(bron for bron, on in zip(BRONNEN, where, strict=True) if on) or "none": int(self._combinations[where])
                for where in product((0, 1), repeat=3)
            },
            "at_ind": {bron: self._at_ind(axis) for axis, bron in enumerate(BRONNEN[1:], start=1)},
        }  # fmt: skip

    def _at_ind(self, axis: int) -> dict[str, dict[str, int]]:
        found = {}
        for name, counts in (("women", self._women), ("others", self._combinations - self._women)):
            inside = np.take(counts, 1, axis=axis).sum(axis=1)
            found[name] = {"people": int(inside.sum()), "at_ind": int(inside[1])}
        return found


def of_population(population: Population) -> dict[str, float]:
    """Percentage points by which women of DT&V are at the IND less often (below nought) than men, by the chances drawn from."""
    missed = population.dtv_known * (1 - population.dtv_iom) * population.women_missed
    return {"dtv_women_less_men": -100 * missed}


def of_histories(histories: Histories) -> dict[str, object]:
    """`curves`: per moment and cause the share to whom it comes first within so many months; `steps`: as `_step` says."""
    days = np.arange(DAYS[-1] + 1)
    spans = {
        "bedenktijd_aanvraag": _first(histories.after_reflection, days),
        "aanvraag_besluit": 1 - np.exp(-days / B8.mean),
        "b8_b9": _first(histories.after_b8, days),
        "b9_besluit": np.clip((days - B9.low) / (B9.high + 1 - B9.low), 0, 1),
    }
    return {
        "curves": {
            "bedenktijd": _curve(histories.after_reflection),
            "b8": _curve(histories.after_b8),
        },
        "steps": {name: _step(days, share) for name, share in spans.items()},
    }


def _curve(hazards: Hazards) -> dict[str, object]:
    shares = hazards.truth(np.array(MONTHS, dtype=np.float64))
    return {"months": MONTHS, **dict(zip(hazards.causes, shares.round(6).tolist(), strict=True))}


def _first(hazards: Hazards, days: np.ndarray) -> np.ndarray:
    """The share to whom the first cause comes first in fewer than so many days."""
    share: np.ndarray = hazards.truth(days / DAYS_PER_MONTH)[0]
    return share


def _step(days: np.ndarray, share: np.ndarray) -> dict[str, object]:
    """`taken`: the share who take the step in fewer than `days`; `quartiles`: days, of those who take it within the last."""
    wanted = np.array(QUARTILES) * share[-1]
    # Where a share stands still no day is the quartile more than another: the first one is.
    rises = np.concatenate([[True], np.diff(share) > 0])
    return {
        "days": DAYS,
        "taken": share[list(DAYS)].round(6).tolist(),
        "quartiles": np.interp(wanted, share[rises], days[rises]).round(1).tolist(),
    }
