"""Tables over time as frames, for a notebook: curves, quartiles of days, and shares by reading and window.

Protected tables enter and nothing else. A blank is never guessed: what needs one is missing, or is a range.
"""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from disclosure.rules import quantile_of_few
from flows.publication.incidence import panels
from flows.publication.readings import readings
from flows.publication.views import View
from flows.through_time import by_band
from schemas.catalogue import Derived
from schemas.tables import LOWER, UPPER, ProtectedTable
from tabulation.through_time import FEWEST, corrected, quantiles

CURVE = ("venster", "vervolg", "maand", "percentage", "minst", "meest", LOWER, UPPER, "rapport")


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
    """Per step (where there are any) and quartile: the day, of those who took it and, `afgekapt`, had nobody been cut off.

    Only where at least ten people lie on either side; no rows for a step with a blank among its counts.
    """
    *groups, taken, days = table.dimensions
    bands = [str(code) for code in table.categories[days]]
    rows = []
    for code in table.categories[groups[0]] if groups else [None]:
        frame = table.frame if code is None else table.frame[(table.frame[groups[0]] == code).to_numpy()]
        counts = [by_band(frame[(frame[taken] == state).to_numpy()], days, bands) for state in ("ja", "open")]
        later = {found.share: round(found.day) for found in quantiles(corrected(*counts), bands)}
        rows += [
            (*([] if code is None else [code]), found.share, round(found.day), later.get(found.share, pd.NA))
            for found in quantiles(counts[0], bands)
            if not quantile_of_few(found.n, found.share, FEWEST)
        ]
    return pd.DataFrame(rows, columns=[*groups, "kwartiel", "dagen", "dagen_niet_afgekapt"])


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
