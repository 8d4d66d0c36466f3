"""Printed means beside counts by the bands of what was averaged: the facts that an attacker has from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pandas as pd

from disclosure.attack_facts import Band, Fact, mean_facts
from disclosure.suppress.release import ReleaseBuilder
from disclosure.suppress.system import Bools
from schemas.catalogue import Catalogue, Entry
from schemas.tables import MEAN_COLUMNS, ExactTable
from schemas.vocabulary import Code

__all__ = ["facts_of"]


def facts_of(work: ReleaseBuilder, tables: Mapping[str, ExactTable], catalogue: Catalogue, blank: Bools) -> list[Fact]:
    """What the means that are printed under the pattern `blank` say of counts; a blank row says nothing.

    Ages beyond the outermost bands would make a statement false; whoever believed that would be misled, so it is left out.
    """
    found: list[Fact] = []
    for name, exact in tables.items():
        if exact.kind == "mean":
            found += _table(work, catalogue.entry(name), exact, catalogue, blank)
    values = work.cells.values
    return [f for f in found if sum(w * values[c] for c, w in zip(f.cells, f.weights, strict=True)) <= f.most]


def _table(work: ReleaseBuilder, entry: Entry, exact: ExactTable, catalogue: Catalogue, blank: Bools) -> Iterator[Fact]:
    totals = {d.name: d.total for d in entry.dimensions}
    columns = [*exact.dimensions, *MEAN_COLUMNS]
    for at, row in zip(work.layout[entry.id], exact.frame[columns].itertuples(index=False, name=None), strict=True):
        n, mean, deviation = row[len(exact.dimensions) :]
        if at < 0 or blank[at] or pd.isna(mean):
            continue
        where = {
            d.variable: frozenset(_fine(d.fold, code)) for d, code in zip(entry.dimensions, row, strict=False)
            if totals[d.name] is None or code != totals[d.name]
        }  # fmt: skip
        bands = _bands(work, entry, where, catalogue)
        if bands:
            yield from mean_facts(at, int(n), str(mean), None if pd.isna(deviation) else str(deviation), bands)


def _fine(fold: Mapping[Code, Code], code: object) -> list[object]:
    return [fine for fine, category in fold.items() if str(category) == str(code)]


def _bands(
    work: ReleaseBuilder, entry: Entry, where: Mapping[str, frozenset[object]], catalogue: Catalogue
) -> list[Band]:  # fmt: skip
    """Counts of the same people by band of the averaged variable, from the first table that has them; unknowns left out."""
    ends = (
        catalogue.vocabulary.variables[str(entry.value)].bands or {}
        if entry.value in catalogue.vocabulary.variables
        else {}
    )
    for table in work.tables:
        variables = [d.variable for d in table.entry.dimensions]
        if table.entry.kind != "count" or table.entry.population != entry.population or entry.value not in variables:
            continue
        kept = tuple(v for v in variables if v == entry.value or v in where)
        if set(where) - set(kept):
            continue
        found = []
        for sets, cell in table.margins[kept].items():
            part = dict(zip(kept, sets, strict=True))
            known = [ends[str(band)] for band in part[str(entry.value)] if str(band) in ends]
            if known and all({str(x) for x in part[v]} == {str(x) for x in fine} for v, fine in where.items()):
                found.append(Band(cell, min(low for low, _ in known), max(high for _, high in known)))
        return found
    return []
