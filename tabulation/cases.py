"""Cases: how reflection periods and B8 applications of one person pair up.

Source: nr2015, figure 2 and its notes; the unit is the use of the scheme, not the person.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from tabulation.events import years_of


def pair(
    start_person: np.ndarray, start_day: np.ndarray, application_person: np.ndarray, application_day: np.ndarray
) -> np.ndarray:
    """For every reflection period the position of the application it is paired with, or -1.

    In order of start, each takes the same person's first application on or after its start that no earlier one took.
    Arrays are sorted by person and day; persons are int64 ranks, days int64. Shapes: (n,), (n,), (m,), (m,) -> (n,).

    Within a person, the i-th period takes application j_i = max(j_(i-1) + 1, L_i), with L_i the first one on or after
    its start; so j_i - i is the running maximum of L_i - i, and the loop becomes one cumulative maximum.
    """
    if len(start_person) == 0 or len(application_person) == 0:
        return np.full(len(start_person), -1, dtype=np.int64)
    low = int(min(start_day.min(), application_day.min()))
    span = int(max(start_day.max(), application_day.max())) - low + 1
    applications = application_person * span + (application_day - low)
    first = np.searchsorted(applications, start_person * span + (start_day - low), side="left")
    block_start = np.searchsorted(application_person, start_person, side="left")
    block_end = np.searchsorted(application_person, start_person, side="right")
    order = np.arange(len(start_person)) - np.searchsorted(start_person, start_person, side="left")
    lag = first - block_start - order
    # An offset that grows with the person keeps the cumulative maximum of one person from reaching into the next.
    stride = len(start_person) + len(application_person) + 1
    running = np.maximum.accumulate(lag + start_person * stride) - start_person * stride
    taken = block_start + order + running
    return np.where(taken < block_end, taken, -1)


def cases(ind: pd.DataFrame, years: tuple[int, ...]) -> pd.DataFrame:
    """One row per case of the reporting period, from the frame of IND procedures (`tabulation.events`).

    Reflection periods that start, and B8 applications made, within the period; one that lies outside it cannot be seen
    (nr2015, note 22), which is what `rand` marks: an application alone in the first three months of the period, a
    reflection period alone that starts in its last three.
    Columns: person_id, gebruik, rand, jaar_casus, geslacht, nationaliteit, leeftijd (of the application, if any).
    """
    year = years_of(ind["datum_aanvraag"])
    inside = (year >= years[0]) & (year <= years[-1])
    periods = ind[inside & (ind["procedure"] == "BEDENKTIJD").to_numpy()]
    applications = ind[inside & (ind["procedure"] == "B8").to_numpy()]
    partner = pair(*_keys(periods), *_keys(applications))
    taken = np.zeros(len(applications), dtype=bool)
    taken[partner[partner >= 0]] = True
    parts = [
        periods[partner < 0].assign(gebruik="alleen_bedenktijd"),
        applications[taken].assign(gebruik="bedenktijd_en_aanvraag"),
        applications[~taken].assign(gebruik="alleen_aanvraag"),
    ]
    frame = pd.concat(parts, ignore_index=True)
    date = frame["datum_aanvraag"].to_numpy()
    early = (frame["gebruik"] == "alleen_aanvraag") & (date < np.datetime64(f"{years[0]}-04-01"))
    late = (frame["gebruik"] == "alleen_bedenktijd") & (date >= np.datetime64(f"{years[-1]}-10-01"))
    frame["rand"] = np.select([early, late], ["vroege_aanvraag", "late_bedenktijd"], default="")
    frame["jaar_casus"] = years_of(frame["datum_aanvraag"])
    return frame[["person_id", "gebruik", "rand", "jaar_casus", "geslacht", "nationaliteit", "leeftijd"]]


def _keys(frame: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    days = frame["datum_aanvraag"].to_numpy().astype("datetime64[D]").astype(np.int64)
    return frame["person"].to_numpy(dtype=np.int64), days
