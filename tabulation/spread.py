"""How far doubt about links moves the linked tables: the tabulator on every draw of who is who.

A cell's interval holds 95 % of what the draws give (`linkage.draws`), widened to hold what is published. It is as exact as
the table it belongs to and leaves memory only beside cells that an audience may see.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.catalogue import Catalogue
from schemas.study import Study
from schemas.tables import COUNT, ExactTable
from tabulation.tabulate import tabulate

LEVEL = 0.95


@dataclass(frozen=True)
class Spread:
    """Per row of the exact table's frame the ends of its interval, and its count in every draw (draws, rows); int64."""

    low: np.ndarray
    high: np.ndarray
    drawn: np.ndarray


def linked_spread(
    attributes: Mapping[str, pa.Table], persons: pa.Table, draws: Iterable[pa.Table], exact: Mapping[str, ExactTable],
    study: Study, catalogue: Catalogue,
) -> dict[str, Spread]:  # fmt: skip
    """Intervals of every linked table of counts, by id; none where there is no draw.

    persons, draws: `token`, `person_id`, rows in one order. Only people whom a draw changes are counted anew: a count is a
    sum over people, so the others add the same to every draw.
    """
    entries = tuple(entry for entry in catalogue.entries if entry.linked and entry.kind == "count")
    drawn = [draw.column("person_id").to_numpy() for draw in draws]
    if not entries or not drawn:
        return {}
    linked = catalogue.model_copy(update={"entries": entries})
    doubtful = _doubtful(persons.column("person_id").to_numpy(), drawn)
    tokens = persons.column("token").filter(pa.array(doubtful))
    part = {bron: table.filter(pc.is_in(table["token"], tokens)) for bron, table in attributes.items()}

    def counted(ids: np.ndarray) -> dict[str, np.ndarray]:
        tables = tabulate(part, pa.table({"token": tokens, "person_id": ids[doubtful]}), study, linked)
        return {name: _as(exact[name], table) for name, table in tables.items()}

    now, then = counted(persons.column("person_id").to_numpy()), [counted(ids) for ids in drawn]
    return {
        entry.id: _spread(exact[entry.id], np.stack([one[entry.id] - now[entry.id] for one in then]))
        for entry in entries
    }


def _doubtful(persons: np.ndarray, drawn: list[np.ndarray]) -> np.ndarray:
    """Rows of people who are somebody else in a draw, or are joined by somebody."""
    changed = np.any([ids != persons for ids in drawn], axis=0)
    people = np.unique(np.concatenate([persons[changed], *(ids[changed] for ids in drawn)]))
    found: np.ndarray = np.isin(persons, people)
    return found


def _as(exact: ExactTable, drawn: ExactTable) -> np.ndarray:
    """The drawn counts in the order of the exact table; a category that it lacks counts as nought."""
    dimensions = list(exact.dimensions)
    merged = exact.frame[dimensions].merge(drawn.frame, on=dimensions, how="left")
    return merged[COUNT].fillna(0).to_numpy(dtype=np.int64)


def _spread(exact: ExactTable, changes: np.ndarray) -> Spread:
    shown = exact.frame[COUNT].to_numpy(dtype=np.int64)
    low, high = np.quantile(changes, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    return Spread(
        shown + np.minimum(np.floor(low), 0).astype(np.int64),
        shown + np.maximum(np.ceil(high), 0).astype(np.int64),
        shown + changes,
    )
