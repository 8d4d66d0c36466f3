"""Attributes that exist only through linking: D9 processes beside B8 grants, and who is known to which registers.

Source: nr2015, figure 15, table 3 and note 68 (all D9 processes; grants inside the reporting period only).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from tabulation.events import years_of

MONTH_DAYS = 30  # "at most a month" of note 68: 1 to 30 days
_NEVER = np.iinfo(np.int64).max


def d9_processes(dtv: pd.DataFrame, granted: pd.DataFrame) -> pd.DataFrame:
    """Unit `d9`: one row per D9 process, age and year at `d9_start`.

    granted  B8 grants inside the reporting period: `person_id`, `datum_eind`.
    b8_na_signalering   a B8 was granted on or after `d9_start`.
    b8_voor_signalering the latest grant before it lies 1 to 30 days back (`binnen_maand_voor`) or longer (`eerder`).
    b8_fase             the first grant on or after `d9_start`: up to `d9_einde` (or that is open), up to 30 days after
                        it, or later.
    uitstroom_b8        outflow, in which only permits are split by `b8_na_signalering`.
    """
    start, end = (dtv[name].to_numpy().astype("datetime64[D]").astype(np.int64) for name in ("d9_start", "d9_einde"))
    end = np.where(np.isnat(dtv["d9_einde"].to_numpy()), _NEVER - MONTH_DAYS, end)
    before, after = _around(dtv["person_id"].to_numpy(), start, granted)
    has_after = after != _NEVER
    permit = (dtv["uitstroom"] == "VERGUNNING").to_numpy()
    outflow = dtv["uitstroom"].astype(object).fillna("OPEN").to_numpy()
    return dtv.assign(
        jaar_d9=years_of(dtv["d9_start"]),
        b8_na_signalering=np.where(has_after, "ja", "nee"),
        b8_voor_signalering=np.select(
            [before == -_NEVER, before >= start - MONTH_DAYS], ["geen", "binnen_maand_voor"], default="eerder"
        ),
        b8_fase=np.select(
            [~has_after, after <= end, after <= end + MONTH_DAYS], ["geen", "tijdens_d9", "binnen_maand_na"], "later"
        ),
        uitstroom_b8=np.where(permit, np.where(has_after, "B8_NA_SIGNALERING", "ANDERE_VERGUNNING"), outflow),
    )


def _around(people: np.ndarray, start: np.ndarray, granted: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Days since 1970 of each process's latest grant before `start` (-_NEVER: none) and first one since (_NEVER)."""
    known, rank = np.unique(np.concatenate([people, granted["person_id"].to_numpy()]), return_inverse=True)
    owner, holder = rank[: len(people)], rank[len(people) :]
    day = granted["datum_eind"].to_numpy().astype("datetime64[D]").astype(np.int64)
    if not len(day) or not len(start):
        return np.full(len(start), -_NEVER), np.full(len(start), _NEVER)
    low = min(int(day.min()), int(start.min()))
    span = max(int(day.max()), int(start.max())) - low + 1
    keys = np.sort(holder * span + (day - low))
    place = np.searchsorted(keys, owner * span + (start - low), side="left")
    padded = np.concatenate([[-1], keys, [len(known) * span]])
    before, after = padded[place], padded[place + 1]
    return (
        np.where(before // span == owner, before % span + low, -_NEVER),
        np.where(after // span == owner, after % span + low, _NEVER),
    )


def chain(frames: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Unit `keten`: everybody with a valid row in any register, whatever procedure or year, and in which registers."""
    people = np.unique(np.concatenate([frame["person_id"].to_numpy() for frame in frames.values()]))
    names = np.full(len(people), "", dtype=object)
    for kind, frame in frames.items():
        there = np.isin(people, frame["person_id"].to_numpy())
        names[there] = [f"{name}+{kind.upper()}" if name else kind.upper() for name in names[there]]
    return pd.DataFrame({"person_id": people, "registers": names})
