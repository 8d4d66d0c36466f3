"""What doubt about links does to the linked tables: drawn once per run, said in the restricted note and the link report."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from flows.job import Job
from linkage.draws import draw_links
from linkage.link import LinkParameters, Links
from schemas.catalogue import Catalogue
from schemas.study import Text
from schemas.tables import STATUS, ExactTable, ProtectedTable
from tabulation.spread import Spread, linked_spread

# Enough for the ends of a 95 % interval of a count; each takes some hundredths of a second.
DRAWS = 50
# Draws describe doubt and protect nobody: the same links give the same intervals.
SEED = 2015


def spread_of(
    job: Job, attributes: Mapping[str, pa.Table], links: Links, exact: Mapping[str, ExactTable]
) -> dict[str, Spread]:
    """Intervals of the linked tables, exact, for memory only."""
    generator = np.random.Generator(np.random.PCG64(SEED))
    draws = draw_links(links, DRAWS, LinkParameters().unique, generator)
    return linked_spread(attributes, links.persons, draws, exact, job.study, job.catalogue)


def shown_intervals(
    spread: Mapping[str, Spread], tables: Mapping[str, ProtectedTable]
) -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Per linked table: which rows carry an interval, and its ends.

    Only cells that are shown as they are, and not noughts: an interval around a blank, or beside a nought, would say
    what the blank hides. Sums of shown and blank cells are not given any.
    """
    found = {}
    for name, part in spread.items():
        if name in tables:
            frame = tables[name].frame
            shown = (frame[STATUS] == "ok").to_numpy() & (frame["aantal"].fillna(0) > 0).to_numpy()
            found[name] = (shown, part.low, part.high)
    return found


def in_words(
    spread: Mapping[str, Spread], tables: Mapping[str, ProtectedTable], catalogue: Catalogue
) -> list[tuple[Text, Text]]:
    """Per linked table how far its shown counts move, for the restricted note."""
    rows = []
    for name, (shown, low, high) in shown_intervals(spread, tables).items():
        title = catalogue.entry(name).titles
        counts = tables[name].frame["aantal"].fillna(0).to_numpy(dtype=np.int64)
        most = int(np.maximum(high - counts, counts - low)[shown].max(initial=0))
        what = Text(nl=f"{title.nl}: twijfel over koppelingen", en=f"{title.en}: doubt about links")
        if most:
            value = Text(
                nl=f"getoonde aantallen zijn met 95 % kans hoogstens {most} te hoog of te laag",
                en=f"shown counts are at most {most} too high or too low, with 95% probability",
            )
        else:
            value = Text(
                nl=f"geen getoond aantal verandert in 95 % van {DRAWS} trekkingen",
                en=f"no shown count changes in 95% of {DRAWS} draws",
            )
        rows.append((what, value))
    return rows
