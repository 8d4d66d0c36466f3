"""Tables over time as frames, for a notebook: curves, quartiles of days, and shares by reading and window.

Protected tables enter and nothing else. A blank is never guessed: what needs one is missing, or is a range.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import pandas as pd

from flows.publication.incidence import panels
from flows.publication.readings import readings
from flows.publication.views import View
from flows.through_time import steps_of
from schemas.catalogue import Derived
from schemas.tables import LOWER, UPPER, ProtectedTable
from tabulation.quantiles import Quantile

CURVE = ("venster", "vervolg", "maand", "percentage", "minst", "meest", LOWER, UPPER, "rapport")
DAYS = ("dagen", LOWER, UPPER)
NO_DAYS = (math.nan,) * len(DAYS)


def curve_frame(item: Derived, tables: Mapping[str, ProtectedTable]) -> pd.DataFrame:
    """Per window, outcome and month: the percentage to whom it came first by then, its 95 % interval, and the report's share.

    `percentage` is missing where a blank leaves a range, `minst` and `meest` are then its ends; `venster` where there are no
    windows; `rapport` where it needs a blank. No rows for a window of which it does not follow how many people there are.
    """
    rows = [
        (panel.window, course.code, step.month,
         *map(_percentage, (step.share, step.least, step.most, step.low, step.high, course.naive)))
        for panel in panels(item, tables)
        for course in panel.courses
        for step in course.steps
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=list(CURVE))


def quartile_frame(table: ProtectedTable) -> pd.DataFrame:
    """Per step (where there are any) and quartile: the day with its interval, of those who took it and had nobody been cut off.

    Only where at least ten people lie on either side; no rows for a step with a blank among those who took it. An infinite upper
    end lies in the last band, which has none. Doubt about links is not in the intervals (the restricted note's have it).
    """
    rows = []
    for step in steps_of(table):
        later = {found.share: _days(found) for found in step.later}
        rows += [
            (*([] if step.code is None else [step.code]), found.share, *_days(found), *later.get(found.share, NO_DAYS))
            for found in step.shown
        ]
    groups = table.dimensions[:-2]
    return pd.DataFrame(rows, columns=[*groups, "kwartiel", *DAYS, *(f"{name}_niet_afgekapt" for name in DAYS)])


def _days(found: Quantile) -> tuple[float, ...]:
    return tuple(round(day) if math.isfinite(day) else day for day in (found.day, found.low, found.high))


def reading_frame(view: View) -> pd.DataFrame:
    """Per category and window its percentage by each reading, and the people it is a share of: what the figure shows.

    `volledig` is False where every reading has a blank in the window: `mensen` is then the least it can be, so that shares and
    the distance between them are at most what they say.
    """
    first, second = view.table.categories[view.table.dimensions[0]]
    _, window, category = view.table.dimensions
    found = readings(view)
    rows = [
        (code, there.code, _percentage(pair.first), _percentage(pair.second), int(there.people), there.whole)
        for code, pairs in found.pairs.items()
        for pair, there in zip(pairs, found.windows, strict=True)
    ]
    return pd.DataFrame(rows, columns=[category, window, first, second, "mensen", "volledig"])


def _percentage(share: float | None) -> float:
    return float("nan") if share is None else round(100 * share, 1)
