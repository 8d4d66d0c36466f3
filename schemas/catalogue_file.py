"""From a catalogue's TOML to `schemas.catalogue.Catalogue`: names are looked up once, errors say where."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from schemas.catalogue import (
    Catalogue,
    Chart,
    Condition,
    Derived,
    Dimension,
    Entry,
    Kind,
    Population,
    Relation,
    Statistic,
    Term,
)
from schemas.errors import UsageError
from schemas.study import Text
from schemas.toml import Strict
from schemas.vocabulary import (
    Code,
    Vocabulary,
    fine_categories,
    fold_of,
    load_vocabulary,
    parse_toml,
    substitute,
    validate,
)

ALL = "*"
IN_NOTES = ("compare", "unseen", "curve", "quantiles", "readings")


class _Dimension(Strict):
    name: str
    variable: str
    list: str | None = None
    categories: tuple[Code, ...] | None = None
    total: str | None = None


class _Population(Strict):
    label: Text
    unit: str | None = None
    within: str | None = None
    filter: dict[str, Any] = Field(default_factory=dict)


class _Entry(Strict):
    id: str = Field(pattern=r"^[a-z0-9][a-z0-9_]*$")
    titles: Text
    population: str
    dimensions: tuple[str | _Dimension, ...] = Field(min_length=1)
    registers: tuple[str, ...] | None = None
    kind: Kind = "count"
    value: str | None = None
    linked: bool = False
    chart: Chart = "table"
    notes: tuple[str, ...] = ()


class _Relation(Strict):
    id: str
    left: tuple[Term, ...] = Field(min_length=1)
    right: tuple[Term, ...] = Field(min_length=1)
    kind: Literal["eq", "le"] = "eq"
    each: tuple[str, ...] = ()
    why: str


class _Derived(Strict):
    id: str
    titles: Text
    table: str
    statistic: Statistic
    by: tuple[str, ...] = ()
    of: str | None = None
    size: int = 5
    late: str | None = None
    naive: str | None = None
    notes: tuple[str, ...] = ()


class _File(Strict):
    id: str
    version: str
    years: tuple[int, int]
    beside: str | None = None
    lists: dict[str, Any] = Field(default_factory=dict)
    notes: dict[str, Text] = Field(default_factory=dict)
    populations: dict[str, _Population] = Field(default_factory=dict)
    tables: tuple[_Entry, ...]
    relations: tuple[_Relation, ...] = ()
    derived: tuple[_Derived, ...] = ()


class _Period(Strict):
    years: tuple[int, int]


def resolve(path: Path, years: tuple[int, ...] | None) -> Catalogue:
    """See `schemas.catalogue.load_catalogue`."""
    data = parse_toml(path)
    if years is None:
        period = validate(path, {"years": data.get("years")}, _Period).years
        years = tuple(range(period[0], period[1] + 1))
    file = validate(path, substitute(data, years[0], years[-1]), _File)
    return _Resolver(path, file, years).catalogue()


class _Resolver:
    """Turns names into what they stand for, once, so that no consumer of the catalogue looks anything up."""

    def __init__(self, path: Path, file: _File, years: tuple[int, ...]) -> None:
        self.path, self.file, self.years = path, file, years
        self.head = None if file.beside is None else resolve(path.parent / f"{file.beside}.toml", years)
        shared = load_vocabulary(years[0], years[-1]) if self.head is None else self.head.vocabulary
        own = validate(path, {"units": {}, "variables": {}, "lists": file.lists}, Vocabulary).lists
        self.words = shared.model_copy(update={"lists": {**shared.lists, **own}})
        self.fine = {name: fine_categories(variable, years) for name, variable in self.words.variables.items()}

    def catalogue(self) -> Catalogue:
        theirs = {} if self.head is None else self.head.populations
        if twice := [name for name in self.file.populations if name in theirs]:
            raise UsageError(
                f"{self.path}: populations: {twice[0]} is one of {self.file.beside} already; use that, or rename."
            )
        populations = theirs | {name: self.population(name) for name in self.file.populations}
        entries = tuple(self.entry(raw, populations) for raw in self.file.tables)
        beside = () if self.head is None else (*self.head.entries, *self.head.beside)
        by_id = {entry.id: entry for entry in (*beside, *entries)}
        if len(by_id) < len(entries) + len(beside):
            raise UsageError(f"{self.path}: tables: two tables have the same id; rename one.")
        return Catalogue(
            id=self.file.id,
            version=self.file.version,
            years=self.years,
            vocabulary=self.words,
            populations=populations,
            entries=entries,
            relations=tuple(concrete for raw in self.file.relations for concrete in self.relation(raw, by_id)),
            derived=tuple(self.derived(raw, {entry.id: entry for entry in entries}) for raw in self.file.derived),
            beside=beside,
        )

    def known(self, where: str, what: str, name: str, names: Any) -> None:
        """UsageError unless `name` is one of `names`."""
        if name not in names:
            raise UsageError(
                f"{self.path}: {where}: there is no {what} '{name}'; known are {', '.join(map(str, names))}."
            )

    def population(self, name: str, seen: tuple[str, ...] = ()) -> Population:
        theirs = {} if self.head is None else self.head.populations
        if name in theirs:
            return theirs[name]
        raw = self.file.populations[name]
        where = f"populations: {name}"
        if (raw.unit is None) == (raw.within is None):
            raise UsageError(f"{self.path}: {where}: give either unit or within.")
        unit = raw.unit
        inherited: tuple[Condition, ...] = ()
        if raw.within is not None:
            self.known(f"{where}: within", "population", raw.within, {**theirs, **self.file.populations})
            if raw.within in (*seen, name):
                raise UsageError(f"{self.path}: {where}: within: the populations contain each other; break the circle.")
            parent = self.population(raw.within, (*seen, name))
            unit, inherited = parent.unit, parent.conditions
        self.known(f"{where}: unit", "unit", str(unit), self.words.units)
        own = tuple(self.condition(f"{where}: filter", str(unit), key, value) for key, value in raw.filter.items())
        return Population(name=name, unit=str(unit), label=raw.label, within=raw.within, conditions=(*inherited, *own))

    def condition(self, where: str, unit: str, key: str, value: Any) -> Condition:
        """A filter key is a variable or a list; its value a category, several, or `*` for any category at all."""
        spec = self.words.lists.get(key)
        variable = spec.of if spec is not None else key
        self.known(where, "variable or list", variable, self.words.units[unit].variables)
        fine = self.fine[variable]
        fold = fold_of(key, spec, fine, self.path.parent)[0] if spec is not None else {code: code for code in fine}
        if value == ALL:
            return Condition(variable=variable, fine=tuple(fold))
        names = {str(coarse): coarse for coarse in fold.values()}
        wanted = [str(item) for item in (value if isinstance(value, list) else [value])]
        for item in wanted:
            self.known(f"{where}: {key}", "category", item, names)
        return Condition(variable=variable, fine=tuple(code for code, coarse in fold.items() if str(coarse) in wanted))

    def entry(self, raw: _Entry, populations: dict[str, Population]) -> Entry:
        self.known(f"{raw.id}: population", "population", raw.population, populations)
        population = populations[raw.population]
        unit = self.words.units[population.unit]
        dimensions = tuple(self.dimension(raw, item, population.unit) for item in raw.dimensions)
        if (raw.kind == "mean") != (raw.value is not None):
            raise UsageError(
                f"{self.path}: {raw.id}: value: a mean table names the variable it averages, others do not."
            )
        if raw.value is not None:
            self.known(
                f"{raw.id}: value", "variable", raw.value, [v for v in unit.variables if self.words.variables[v].bands]
            )
        used = [item.variable for item in dimensions] + [item.variable for item in population.conditions]
        if raw.linked != any(self.words.variables[name].linked for name in used):
            raise UsageError(f"{self.path}: {raw.id}: linked: must be true exactly when a linked variable is used.")
        self.one_window(raw, unit.window, dimensions, population)
        for note in raw.notes:
            self.known(f"{raw.id}: notes", "note", note, self.file.notes)
        return Entry(
            **raw.model_dump(exclude={"titles", "dimensions", "registers", "notes"}),
            titles=raw.titles,
            unit=population.unit,
            dimensions=dimensions,
            registers=raw.registers or unit.registers,
            notes=tuple(self.file.notes[note] for note in raw.notes),
        )

    def one_window(self, raw: _Entry, window: str | None, used: tuple[Dimension, ...], population: Population) -> None:
        """A unit that stands once per window must be counted in one window, or by window; else people count twice."""
        fixed = any(item.variable == window and len(item.fine) == 1 for item in population.conditions)
        if window is not None and not fixed and all(item.variable != window for item in used):
            raise UsageError(
                f"{self.path}: {raw.id}: population: fix '{window}' to one category, or make it a dimension."
            )

    def dimension(self, raw: _Entry, item: str | _Dimension, unit: str) -> Dimension:
        spec = _Dimension(name=item, variable=item) if isinstance(item, str) else item
        where = f"{raw.id}: dimensions: {spec.name}"
        self.known(f"{where}: variable", "variable", spec.variable, self.words.units[unit].variables)
        variable = self.words.variables[spec.variable]
        fine = self.fine[spec.variable]
        fold, order = {code: code for code in fine}, fine
        label = variable.label
        if spec.list is not None:
            self.known(f"{where}: list", "list", spec.list, self.words.lists)
            listed = self.words.lists[spec.list]
            if listed.of != spec.variable:
                raise UsageError(f"{self.path}: {where}: list: '{spec.list}' folds {listed.of}, not {spec.variable}.")
            fold, order = fold_of(spec.list, listed, fine, self.path.parent)
            label = listed.label
        for category in spec.categories or ():
            self.known(f"{where}: categories", "category", str(category), [str(code) for code in order])
        chosen = spec.categories or order
        fold = {code: coarse for code, coarse in fold.items() if coarse in chosen}
        if spec.total is not None:
            fold = {code: str(coarse) for code, coarse in fold.items()}
            chosen = (*map(str, chosen), spec.total)
        observed = variable.observed and spec.list is None and spec.categories is None
        return Dimension(
            name=spec.name, variable=spec.variable, list=spec.list, label=label, fold=fold, total=spec.total,
            categories=None if observed else chosen,
        )  # fmt: skip

    def derived(self, raw: _Derived, entries: dict[str, Entry]) -> Derived:
        self.known(f"{raw.id}: table", "table", raw.table, entries)
        names = [item.name for item in entries[raw.table].dimensions]
        for name in (*raw.by, *([raw.of] if raw.of else [])):
            self.known(f"{raw.id}: by and of", "dimension", name, names)
        if (raw.statistic == "top") != (raw.of is not None) or (raw.statistic == "chi_square" and len(raw.by) != 2):
            raise UsageError(f"{self.path}: {raw.id}: a top list needs of, and a chi-square test two dimensions in by.")
        for other in (raw.late, raw.naive):
            if other is not None:
                self.known(f"{raw.id}: late and naive", "table", other, entries)
        if (raw.statistic == "curve") != (raw.late is not None):
            raise UsageError(
                f"{self.path}: {raw.id}: a curve, and only a curve, names the table of late entries in late."
            )
        if raw.statistic in IN_NOTES and list(raw.by) != names:
            raise UsageError(f"{self.path}: {raw.id}: {raw.statistic} names all dimensions of its table in by.")
        for note in raw.notes:
            self.known(f"{raw.id}: notes", "note", note, self.file.notes)
        notes = tuple(self.file.notes[note] for note in raw.notes)
        return Derived(**raw.model_dump(exclude={"notes", "titles"}), titles=raw.titles, notes=notes)

    def relation(self, raw: _Relation, entries: dict[str, Entry]) -> Iterator[Relation]:
        """One relation per combination of the categories of `each`, which are those of the first term's table."""
        for term in (*raw.left, *raw.right):
            self.known(f"relation {raw.id}", "table", term.table, entries)
        values = [_plain(_dimension(entries[raw.left[0].table], name, self.path, raw.id)) for name in raw.each]
        for point in product(*values):
            pinned = dict(zip(raw.each, point, strict=True))
            left = tuple(self.term(raw, term, entries[term.table], pinned) for term in raw.left)
            right = tuple(self.term(raw, term, entries[term.table], pinned) for term in raw.right)
            name = "/".join((raw.id, *map(str, point)))
            yield Relation(id=name, left=left, right=right, kind=raw.kind, why=raw.why)

    def term(self, raw: _Relation, term: Term, entry: Entry, pinned: dict[str, Code]) -> Term:
        """`term` with `pinned` added, categories typed as in the table, and total rows never summed with the rest."""
        where: dict[str, tuple[Code, ...]] = {}
        for name in (*term.where, *pinned):
            dimension = _dimension(entry, name, self.path, raw.id)
            allowed = {
                str(code): code for code in (*_plain(dimension), *([dimension.total] if dimension.total else []))
            }
            wanted = term.where[name] if name in term.where else (pinned[name],)
            for code in wanted:
                self.known(f"relation {raw.id}: {entry.id}: {name}", "category", str(code), allowed)
            where[name] = tuple(allowed[str(code)] for code in wanted)
        for dimension in entry.dimensions:
            if dimension.total is not None and dimension.name not in where:
                where[dimension.name] = _plain(dimension)
        return Term(table=term.table, where=where)


def _plain(dimension: Dimension) -> tuple[Code, ...]:
    """The categories without the total; for an observed dimension all that could be observed."""
    categories = (
        dimension.categories if dimension.categories is not None else tuple(dict.fromkeys(dimension.fold.values()))
    )
    return tuple(code for code in categories if code != dimension.total)


def _dimension(entry: Entry, name: str, path: Path, relation: str) -> Dimension:
    for dimension in entry.dimensions:
        if dimension.name == name:
            return dimension
    raise UsageError(f"{path}: relation {relation}: table {entry.id} has no dimension '{name}'.")
