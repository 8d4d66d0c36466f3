"""A protected table with the words and the chart form that its catalogue entry gives it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from flows.publication.cells import Codes, Point, points
from flows.publication.labels import LANGUAGES, Labels, Language, in_language
from schemas.catalogue import Catalogue, Chart, Derived, Dimension, Entry, Relation, Term
from schemas.study import Text
from schemas.tables import ProtectedTable


@dataclass(frozen=True)
class View:
    """One table as readers meet it.

    chart    the entry's chart form.
    derived  the statistics that the catalogue derives from this table.
    totals   totals of groups of cells (keys: codes of all dimensions but the last, or `()` for the table) that other
             published tables state; they give a group with blanks its size.
    beside   the other published tables that a derived statistic of this one reads.
    """

    table: ProtectedTable
    entry: Entry
    labels: Labels
    derived: tuple[Derived, ...]
    totals: dict[Codes, Point]
    beside: Mapping[str, ProtectedTable] = field(default_factory=dict)

    @property
    def chart(self) -> Chart:
        """The chart form."""
        return self.entry.chart

    @property
    def title(self) -> dict[Language, str]:
        """The title per language."""
        return {language: in_language(self.entry.titles, language) for language in LANGUAGES}

    @property
    def notes(self) -> dict[Language, tuple[str, ...]]:
        """The notes that travel with the table, per language."""
        return {language: tuple(in_language(note, language) for note in self.entry.notes) for language in LANGUAGES}


def single_view(table: ProtectedTable, entry: Entry, merged: Mapping[str, Text]) -> View:
    """A table on its own, without the rest of its release."""
    labels = Labels(merged, {dimension.name: dimension.label for dimension in entry.dimensions})
    return View(table, entry, labels, (), {})


def make_views(tables: Mapping[str, ProtectedTable], catalogue: Catalogue, merged: Mapping[str, Text]) -> list[View]:
    """The views of a release, in the order of the catalogue."""
    stated = _stated_totals(tables, catalogue.relations)
    _add_margins(stated, tables, catalogue)
    found = []
    for entry in catalogue.entries:
        if entry.id not in tables:
            continue
        table = tables[entry.id]
        labels = Labels(merged, {dimension.name: dimension.label for dimension in entry.dimensions})
        derived = tuple(item for item in catalogue.derived if item.table == entry.id)
        named = [name for item in derived for name in (item.late, item.naive) if name is not None]
        beside = {name: tables[name] for name in named if name in tables}
        found.append(View(table, entry, labels, derived, stated.get(entry.id, {}), beside))
    return found


def _stated_totals(
    tables: Mapping[str, ProtectedTable], relations: tuple[Relation, ...]
) -> dict[str, dict[Codes, Point]]:
    """Group totals that follow from another published table by an equation of the catalogue."""
    cells = {name: points(table) for name, table in tables.items()}
    found: dict[str, dict[Codes, Point]] = {}
    for relation in relations:
        if relation.kind != "eq":
            continue
        for one, other in ((relation.left, relation.right), (relation.right, relation.left)):
            group = _group(one, tables)
            total = _single_cell(other, tables, cells)
            if group is not None and total is not None:
                found.setdefault(one[0].table, {}).setdefault(group, total)
    return found


def _group(terms: tuple[Term, ...], tables: Mapping[str, ProtectedTable]) -> Codes | None:
    """The group that one term sums: one code of every dimension but the last, or everything."""
    if len(terms) != 1 or terms[0].table not in tables:
        return None
    table, where = tables[terms[0].table], terms[0].where
    if not where:
        return ()
    if set(where) != set(table.dimensions[:-1]) or any(len(codes) != 1 for codes in where.values()):
        return None
    return tuple(where[name][0] for name in table.dimensions[:-1])


def _single_cell(
    terms: tuple[Term, ...], tables: Mapping[str, ProtectedTable], cells: Mapping[str, dict[Codes, Point]]
) -> Point | None:
    """The one published cell that the terms are, if it is one and not blank."""
    if len(terms) != 1 or terms[0].table not in tables:
        return None
    table, where = tables[terms[0].table], terms[0].where
    if set(where) != set(table.dimensions) or any(len(codes) != 1 for codes in where.values()):
        return None
    point = cells[table.id].get(tuple(where[name][0] for name in table.dimensions))
    return point if point is not None and point.value is not None else None


def _add_margins(
    stated: dict[str, dict[Codes, Point]], tables: Mapping[str, ProtectedTable], catalogue: Catalogue
) -> None:
    """Totals of groups from tables of the same population whose only dimensions are the group's."""
    margins: dict[tuple[object, ...], dict[Codes, Point]] = {}
    for entry in catalogue.entries:
        if entry.id in tables and entry.kind == "count":
            shown = {codes: point for codes, point in points(tables[entry.id]).items() if point.value is not None}
            margins.setdefault(_margin_key(entry.population, entry.dimensions), shown)
    for entry in catalogue.entries:
        if entry.id in tables and entry.kind == "count" and len(entry.dimensions) > 1:
            for codes, point in margins.get(_margin_key(entry.population, entry.dimensions[:-1]), {}).items():
                stated.setdefault(entry.id, {}).setdefault(codes, point)


def _margin_key(population: str, dimensions: tuple[Dimension, ...]) -> tuple[object, ...]:
    return (population, *((item.name, item.variable, item.list, item.categories) for item in dimensions))
