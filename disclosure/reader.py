"""Reading a release folder back: the tables as their audience sees them, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pandas as pd

from schemas.errors import IntegrityError, UsageError
from schemas.release import PUBLIC
from schemas.tables import CLEAN, COUNT, LOWER, MEAN_COLUMNS, STATUS, UPPER, Audience, ProtectedTable, Regime

MEASURES = (COUNT, CLEAN, *MEAN_COLUMNS, LOWER, UPPER, STATUS)
WHOLE = (COUNT, MEAN_COLUMNS[0])


def table_ids(release: Path, audience: Audience) -> list[str]:
    """The ids of the tables that an audience finds in a release folder."""
    return sorted(
        path.stem for path in (release / audience).glob("*.csv") if audience != PUBLIC or not path.stem.endswith(".nl")
    )


def read_table(release: Path, audience: Audience, table: str) -> ProtectedTable:
    """One table of a release folder. UsageError where the release has none of that id for that audience."""
    path = release / audience / f"{table}.csv"
    there = table_ids(release, audience)
    if table not in there:
        raise UsageError(f"{release} has no {audience} table '{table}'; its tables are {', '.join(there)}.")
    try:
        frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError):
        raise IntegrityError(f"{path} cannot be read as a table; verify the release.") from None
    if STATUS not in frame.columns:
        raise IntegrityError(f"{path} has no column {STATUS}; verify the release.")
    dimensions = tuple(name for name in frame.columns if name not in MEASURES)
    for name in dimensions:
        if frame[name].str.fullmatch(r"\d{4}").all() and MEAN_COLUMNS[0] not in frame.columns:
            frame[name] = frame[name].astype("int64")
    counts = COUNT in frame.columns  # the bounds of a mean are decimals
    for name in set(MEASURES) - {STATUS}:
        if name in frame.columns:
            numbers = pd.to_numeric(frame[name].replace("", None))
            whole = name in WHOLE or (counts and name in (LOWER, UPPER))
            frame[name] = numbers.astype("Int64" if whole else "Float64")
    categories = {name: tuple(dict.fromkeys(frame[name].tolist())) for name in dimensions}
    kind: Literal["count", "mean"] = "mean" if MEAN_COLUMNS[1] in frame.columns else "count"
    return ProtectedTable(table, audience, _regime(frame), dimensions, categories, frame, kind)


def _regime(frame: pd.DataFrame) -> Regime:
    found = set(frame[STATUS].tolist())
    if "noisy" in found or LOWER in frame.columns:
        return "noisy"
    return "rounded" if "rounded" in found else "suppressed"
