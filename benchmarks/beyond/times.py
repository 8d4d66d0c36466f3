"""Days between steps on registers of known truth: coverage of the intervals of quartiles, their bias, and what the window hides.

python -m benchmarks.beyond.times [--seeds 200] [--json FILE]
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from benchmarks.beyond.report import coverage_row, main
from benchmarks.rows import Row
from schemas.synth.histories import DAYS_PER_MONTH, Hazards
from tabulation.quantiles import QUARTILES, Quantile, Taken, quantiles
from tabulation.spells import signals, steps
from tabulation.through_time import edges

YEARS = (2013, 2014, 2015, 2016, 2017)
OPENS, DAYS = np.datetime64("2013-01-01", "D"), 1826
BANDS = ("0-1", "2-7", "8-30", "31-60", "61-90", "91-180", "181-365", "366-730", "731+")
COARSE = ("0-30", "31-90", "91-365", "366+")
EARLIER = 90  # days between an application and the grant that is the start of `b8_b9`: no part of what is measured
Floats = np.ndarray
Frames = tuple[pd.DataFrame, pd.DataFrame]


def _rows(
    people: Floats, procedure: str, asked: Floats, decided: Floats | None = None, final: Floats | None = None
) -> pd.DataFrame:
    """Rows of the IND register; NaN is no date."""
    none = np.full(len(people), np.nan)
    dates = {"datum_aanvraag": asked, "datum_besluit": decided, "datum_eind": final}
    frame = pd.DataFrame(
        {"person_id": people, "procedure": procedure, "eindbesluit": "INGEWILLIGD" if final is not None else None}
    )
    frame = frame.assign(person=people, geslacht="V", nationaliteit="NGA", leeftijd=25)
    return frame.assign(**{name: _dates(none if days is None else days) for name, days in dates.items()})


def _dates(days: Floats) -> pd.Series:
    whole = np.where(np.isfinite(days), days, 0).astype("timedelta64[D]") + OPENS
    return pd.Series(np.where(np.isfinite(days), whole, np.datetime64("NaT", "D")).astype("datetime64[s]"))


def _asked_after(people: Floats, start: Floats, end: Floats) -> pd.DataFrame:
    later = np.isfinite(end)
    return pd.concat([_rows(people, "BEDENKTIJD", start), _rows(people[later], "B8", end[later])], ignore_index=True)


def _granted_then(people: Floats, start: Floats, end: Floats) -> pd.DataFrame:
    later = np.isfinite(end)
    grants = _rows(people, "B8", start - EARLIER, start, start)
    return pd.concat([grants, _rows(people[later], "B9", end[later])], ignore_index=True)


def _of_ind(name: str, make: Callable[[Floats, Floats, Floats], pd.DataFrame]) -> Callable[..., pd.DataFrame]:
    def rows(people: Floats, start: Floats, end: Floats) -> pd.DataFrame:
        found = steps(make(people, start, end), YEARS)
        return found[(found["stap"] == name).to_numpy()]

    return rows


def _signalled(people: Floats, start: Floats, end: Floats) -> pd.DataFrame:
    dtv = pd.DataFrame({"person_id": people, "geslacht": "V", "nationaliteit": "NGA", "leeftijd": 25}).assign(
        d9_start=_dates(start)
    )
    later = np.isfinite(end)
    ind = _rows(people[later], "B8", end[later] - EARLIER, end[later], end[later])
    return signals(dtv, ind, YEARS).rename(columns={"gezet_keten": "gezet"})


@dataclass(frozen=True)
class Case:
    """A step with its rates, how its rows come out of a register, and its published bands."""

    hazards: Hazards
    rows: Callable[..., pd.DataFrame]
    bands: tuple[str, ...] = BANDS


def _rates(rates: tuple[float, ...], until: tuple[float, ...], withdrawal: float = 0.0) -> Hazards:
    """Rates per month, constant until so many days."""
    return Hazards(rates={"ja": rates}, until=tuple(days / DAYS_PER_MONTH for days in until), withdrawal=withdrawal)


# Rates change at edges of bands, as the model of the intervals has it; who withdraws changes the share within a band all the same.
CASES: Mapping[str, Case] = {
    "reflection period to application": Case(
        _rates((0.35, 0.55, 0.02), (31, 91), 0.05), _of_ind("bedenktijd_aanvraag", _asked_after)
    ),
    "application to decision": Case(
        _rates((15.0, 4.0, 0.3), (2, 8)),
        _of_ind("aanvraag_besluit", lambda people, start, end: _rows(people, "B8", start, end)),
    ),
    "B8 to B9": Case(_rates((0.02, 0.06, 0.03), (91, 366), 0.01), _of_ind("b8_b9", _granted_then)),
    "B9 to decision": Case(
        _rates((0.05, 0.15, 0.25), (61, 181)),
        _of_ind("b9_besluit", lambda people, start, end: _rows(people, "B9", start, end)),
    ),
    "signal to B8": Case(_rates((0.15, 0.08, 0.04), (31, 91), 0.02), _signalled, COARSE),
}
SIZES = (200, 1000)
OTHERWISE: Mapping[str, Case] = {
    "rates that change a little after the edges of bands": Case(
        _rates((15.0, 4.0, 0.3), (2.1, 9.1)), CASES["application to decision"].rows
    ),
    "everybody in one month of a band of three": Case(
        _rates((0.0, 2.0, 0.1), (137, 167)), CASES["B9 to decision"].rows
    ),
}


def drawn(case: Case, people: int, generator: np.random.Generator) -> Taken:
    """Counts by band of one register, by way of the rows that the tables count."""
    start = generator.integers(0, DAYS, people).astype(np.float64)
    span, _ = case.hazards.draw(people, generator)
    rows = case.rows(np.arange(people), start, start + span)
    ends = [end for _, end in edges(case.bands)[:-1]]
    band = np.searchsorted(ends, rows["dagen"].to_numpy(), side="right")
    taken = (rows["gezet"] == "ja").to_numpy()
    counts = [np.bincount(band[mine], minlength=len(case.bands)).astype(float) for mine in (taken, ~taken)]
    return Taken(counts[0], counts[1])


def truths(case: Case) -> tuple[Floats, Floats]:
    """The days by which quarters have taken the step, in two senses.

    First of all whose step the window shows (moments spread evenly over it), then of all who would take it within the last
    closed band had nobody been cut off.
    """
    last = edges(case.bands)[-1][0]
    days = np.linspace(0, DAYS, DAYS * 100 + 1)
    share = case.hazards.truth(days / DAYS_PER_MONTH)[0]
    shown = np.concatenate([[0.0], np.cumsum(np.diff(share) * (DAYS - np.floor(days[:-1])) / DAYS)])
    return (
        np.interp(QUARTILES, shown / shown[-1], days),
        np.interp(QUARTILES, share / np.interp(last, days, share), days),
    )


def rows(seeds: int) -> list[Row]:
    """Per step, size and quartile coverage and bias, and what the window hides of the median; off the model without a target."""
    found = []
    for name, case in CASES.items():
        for people in SIZES:
            found += _of(case, f"{name}, {people:,}", people, seeds, target=True)
    for name, case in OTHERWISE.items():
        found += _of(case, f"{name}, {SIZES[1]:,}", SIZES[1], seeds, target=False)
    return found


def _of(case: Case, name: str, people: int, seeds: int, *, target: bool) -> list[Row]:
    truth = truths(case)
    shown, later = _found(case, people, seeds)
    found = []
    for said, made, true in zip(
        ("of those who took it", "had nobody been cut off"), (shown, later), truth, strict=True
    ):
        for column, asked in enumerate(QUARTILES):
            what = f"{name}: {100 * asked:.0f} % {said}"
            share = _coverage(made, column, true[column])
            found.append(coverage_row(what, share, seeds) if target else Row(f"{what}: coverage of 95 %", share, "%"))
            found.append(Row(f"{what}: bias (truth {true[column]:.1f})", _bias(made, column, true[column]), "days"))
    hidden = _bias(shown, 1, truth[1][1])
    return [*found, Row(f"{name}: median of those who took it less the one had nobody been cut off", hidden, "days")]


def _found(case: Case, people: int, seeds: int) -> tuple[list[list[Quantile]], list[list[Quantile]]]:
    """Per seed the quartiles of those who took the step, and had nobody been cut off."""
    shown, later = [], []
    for seed in range(seeds):
        generator = np.random.Generator(np.random.PCG64(np.random.SeedSequence([2020, people, seed])))
        counts = drawn(case, people, generator)
        shown.append(quantiles(counts, case.bands, uncut=False))
        later.append(quantiles(counts, case.bands, uncut=True))
    return shown, later


def _coverage(made: list[list[Quantile]], column: int, truth: float) -> float:
    return 100 * float(np.mean([one[column].low <= truth <= one[column].high for one in made]))


def _bias(made: list[list[Quantile]], column: int, truth: float) -> float:
    return float(np.mean([one[column].day for one in made]) - truth)


if __name__ == "__main__":
    main(rows)
