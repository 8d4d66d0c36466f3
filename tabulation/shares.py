"""Who gets linked: the linked share by sex, age band and region, as intervals too coarse to count people with.

A linker that misses one people's names more often than another's would bend every linked table, so the shares have to be
looked at; and they are counts of people, so they are protected like any other: groups of fewer than `FEWEST` people are
taken together, no group size is given, and an interval is widened to multiples of `STEP`. Twice the groups of one register
do not differ by less than that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
from scipy import stats

from schemas.codelists import region
from schemas.vocabulary import Variable

FEWEST = 50
STEP = 0.05
LEVEL = 0.95
OTHERS = "overig"
REGIONS = "nr2015_f08"


@dataclass(frozen=True)
class LinkedShare:
    """The share of a group's people in `register` who are known to `other` too lies between `low` and `high` (95 %)."""

    register: str
    other: str
    variable: str
    group: str
    low: float
    high: float


def linked_shares(attributes: Mapping[str, pa.Table], persons: pa.Table, age: Variable) -> list[LinkedShare]:
    """Shares of every pair of registers, from the smaller one; none of a register with fewer than `FEWEST` people.

    attributes  bron -> attribute table; persons: `token`, `person_id`; age: the variable with the age bands.
    """
    who = persons.select(["token", "person_id"]).to_pandas()
    people = {bron: _people(table, who, age) for bron, table in sorted(attributes.items())}
    found = []
    for register, frame in people.items():
        for other, theirs in people.items():
            if register != other and len(frame) <= len(theirs):
                linked = frame.index.isin(theirs.index)
                for variable in frame.columns:
                    found += _shares(register, other, frame[variable], linked)
    return found


def _people(table: pa.Table, who: pd.DataFrame, age: Variable) -> pd.DataFrame:
    """One row per person of a register (the first of its rows in order of the groups): geslacht, leeftijd, regio."""
    rows = table.select(["token", "geslacht", "leeftijd", "nationaliteit"]).to_pandas().merge(who, on="token")
    regions = region(REGIONS)
    years = rows["leeftijd"].to_numpy(dtype=np.float64)
    bands = np.full(len(rows), "onbekend", dtype=object)
    for name, (first, last) in (age.bands or {}).items():
        bands[(years >= first) & (years <= last)] = name
    frame = pd.DataFrame(
        {
            "person_id": rows["person_id"],
            "geslacht": rows["geslacht"].astype(object).fillna("O"),
            "leeftijd": bands,
            "regio": [regions[code] if isinstance(code, str) else "onbekend" for code in rows["nationaliteit"]],
        }
    )
    return frame.sort_values(list(frame.columns)).drop_duplicates("person_id").set_index("person_id")


def _shares(register: str, other: str, groups: pd.Series, linked: np.ndarray) -> list[LinkedShare]:
    """Shares by one variable; groups that are too small are one, with the next larger ones until it is not."""
    sizes = groups.value_counts().sort_values(kind="stable")
    small = int((sizes < FEWEST).sum())
    while 0 < small < len(sizes) and sizes.iloc[:small].sum() < FEWEST:
        small += 1
    if sizes.sum() < FEWEST or small >= len(sizes):
        return []
    merged = groups.where(~groups.isin(sizes.index[:small]), OTHERS)
    out = []
    for group in sorted(merged.unique(), key=str):
        mine = (merged == group).to_numpy()
        ends = _interval(int(linked[mine].sum()), int(mine.sum()))
        out.append(LinkedShare(register, other, str(groups.name), str(group), *ends))
    return out


def _interval(counted: int, out_of: int) -> tuple[float, float]:
    """Jeffreys interval, widened to multiples of STEP."""
    low, high = stats.beta.ppf([(1 - LEVEL) / 2, (1 + LEVEL) / 2], counted + 0.5, out_of - counted + 0.5)
    return round(float(np.floor(low / STEP)) * STEP, 2), round(min(float(np.ceil(high / STEP)) * STEP, 1.0), 2)
