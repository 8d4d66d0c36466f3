"""Dates as text in a dialect, and what clerks do to birth dates."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

import numpy as np

from schemas.synth.dirt import RowDirt

_PART = re.compile(r"(%[Ymd])")
_TWO = np.array([f"{i:02d}" for i in range(100)], dtype=object)
_FOUR = np.array([f"{i:04d}" for i in range(10_000)], dtype=object)
# A wrong digit must leave a person of a credible age, or intake would rightly refuse the row.
OLDEST = 100


@dataclass
class Parts:
    """Dates as year, month and day (int64 arrays); 0 is unknown, year 0 an empty date."""

    year: np.ndarray
    month: np.ndarray
    day: np.ndarray

    @classmethod
    def of(cls, days: np.ndarray) -> Parts:
        """The parts of datetime64[D] values; NaT becomes empty."""
        known = ~np.isnat(days)
        filled = np.where(known, days, np.datetime64("2000-01-01", "D"))
        months = filled.astype("datetime64[M]")
        year = filled.astype("datetime64[Y]").astype(np.int64) + 1970
        month = months.astype(np.int64) % 12 + 1
        day = (filled - months).astype(np.int64) + 1
        return cls(*(np.where(known, part, 0) for part in (year, month, day)))

    def text(self, date_format: str) -> np.ndarray:
        """Object array of str in `date_format`: %Y, %m and %d once each, as the study file guarantees."""
        values = {"%Y": _FOUR[self.year], "%m": _TWO[self.month], "%d": _TWO[self.day]}
        text = np.full(len(self.year), "", dtype=object)
        for piece in _PART.split(date_format):
            text = text + values.get(piece, piece)
        text[self.year == 0] = ""
        return text


def days_text(days: np.ndarray, date_format: str) -> np.ndarray:
    """datetime64[D] values as text; NaT becomes empty."""
    return Parts.of(days).text(date_format)


def write_births(
    rng: np.random.Generator, birth: np.ndarray, reference: np.ndarray, dirt: RowDirt, counts: Counter[str]
) -> Parts:
    """Birth dates as they stand in each row, never after the row's `reference` date (both datetime64[D])."""
    n = len(birth)
    days = birth.copy()
    _swap(days, reference, rng.random(n) < dirt.swapped_day_month, counts)
    _slip(rng, days, reference, np.flatnonzero(rng.random(n) < dirt.birth_digit), counts)
    parts = Parts.of(days)
    partial = rng.random(n) < dirt.partial_birth
    month_too = rng.random(n) < 0.5
    empty = rng.random(n) < dirt.empty_birth
    counts["partial_birth"] += int((partial & ~empty).sum())
    counts["empty_birth"] += int(empty.sum())
    parts.day[partial] = 0
    parts.month[partial & month_too] = 0
    parts.year[empty] = 0
    return parts


def _swap(days: np.ndarray, reference: np.ndarray, chosen: np.ndarray, counts: Counter[str]) -> None:
    parts = Parts.of(days)
    swapped = _assemble(parts.year, parts.day, parts.month)
    possible = (parts.day <= 12) & (parts.day != parts.month) & (swapped <= reference)
    counts["swappable_day_month"] += int(possible.sum())
    counts["swapped_day_month"] += int((possible & chosen).sum())
    days[possible & chosen] = swapped[possible & chosen]


def _slip(
    rng: np.random.Generator, days: np.ndarray, reference: np.ndarray, rows: np.ndarray, counts: Counter[str]
) -> None:
    """Change one digit of the day, the month or the last two of the year, so that a possible date results."""
    counts["birth_digit"] += len(rows)
    oldest = np.timedelta64(OLDEST * 365, "D")
    while len(rows):
        parts = Parts.of(days[rows])
        fields = np.stack([parts.year, parts.month, parts.day])
        which = rng.choice(3, len(rows), p=(0.25, 0.25, 0.5))
        place = 10 ** rng.integers(0, 2, len(rows))
        value = fields[which, np.arange(len(rows))]
        digit = value // place % 10
        fields[which, np.arange(len(rows))] = value + ((digit + rng.integers(1, 10, len(rows))) % 10 - digit) * place
        wrong = _assemble(*fields)
        with np.errstate(invalid="ignore"):
            good = ~np.isnat(wrong) & (wrong <= reference[rows]) & (wrong > reference[rows] - oldest)
        days[rows[good]] = wrong[good]
        rows = rows[~good]


def _assemble(year: np.ndarray, month: np.ndarray, day: np.ndarray) -> np.ndarray:
    """datetime64[D] of the parts; NaT where there is no such day."""
    possible = (month >= 1) & (month <= 12) & (day >= 1)
    months = ((year - 1970) * 12 + np.where(possible, month, 1) - 1).astype("datetime64[M]")
    days = months.astype("datetime64[D]") + (np.where(possible, day, 1) - 1).astype("timedelta64[D]")
    possible &= days.astype("datetime64[M]") == months
    assembled: np.ndarray = np.where(possible, days, np.datetime64("NaT", "D"))
    return assembled
