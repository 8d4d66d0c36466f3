"""What crosses the doors tabulate -> protect -> publish.

`ExactTable` holds true counts and the person behind every unit: it never leaves memory. `ProtectedTable` is what may leave.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:  # the log needs only the names below, and pandas takes a second to import
    import pandas as pd

COUNT = "aantal"
CLEAN = "aantal_zuiver"
LOWER = "ondergrens"
UPPER = "bovengrens"
STATUS = "status"
MEAN_COLUMNS = ("n", "gemiddelde", "sd")

Status = Literal["ok", "suppressed", "rounded", "noisy", "zero_structural"]
Regime = Literal["suppressed", "rounded", "noisy"]
Audience = Literal["public", "restricted"]


@dataclass(frozen=True)
class ExactTable:
    """One table of the catalogue, computed exactly.

    dimensions  names of the dimension columns, in order.
    categories  per dimension its categories in order; `frame` is their complete cross, zeros present.
    frame       dimension columns, then `aantal` (int64) or, for mean tables, `n`, `gemiddelde`, `sd`.
    micro       one row per unit of count: `person_id` (int64) and the dimension columns, for mean tables also `waarde`
                (completed years, unknown ages left out). Contributor sets and contribution bounds come from it.
    kind        `count` or `mean`.
    """

    id: str
    dimensions: tuple[str, ...]
    categories: dict[str, tuple[object, ...]]
    frame: pd.DataFrame
    micro: pd.DataFrame
    kind: Literal["count", "mean"] = "count"


@dataclass(frozen=True)
class ProtectedTable:
    """One table as one audience may see it.

    frame: the dimension columns, `aantal` (Int64, empty where blank), in the noisy regime `aantal_zuiver` (float64),
    `ondergrens`, `bovengrens` (Int64), and `status`. Mean tables carry `n`, `gemiddelde`, `sd` instead of `aantal`.
    Nothing in it tells why a cell is blank.
    """

    id: str
    audience: Audience
    regime: Regime
    dimensions: tuple[str, ...]
    categories: dict[str, tuple[object, ...]]
    frame: pd.DataFrame
    kind: Literal["count", "mean"] = "count"
