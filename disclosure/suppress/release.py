"""All tables of a release as one system of cells and equations, and a pattern as protected tables.

A cell is what it counts: its population and, per variable, the set of fine categories it holds. So the same number printed in two
tables is one cell, a region is the sum of its nationalities wherever both occur, and a margin that two tables share is a cell
even where no table prints it (`hidden`). Relations that the catalogue declares between populations become further equations.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Collection, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from disclosure.rules import primary_rows, small_difference, zeros_are_cells
from disclosure.suppress.system import System, SystemBuilder
from schemas.catalogue import Catalogue, Entry, Relation, Term, coarsening, selected
from schemas.errors import InputRefused
from schemas.policy_suppression import SuppressionPolicy
from schemas.tables import COUNT, MEAN_COLUMNS, STATUS, ExactTable, ProtectedTable

Parts = dict[str, frozenset[Any]]
Contributors = frozenset[int]
NOBODY: Contributors = frozenset()
MEAN = "mean"


@dataclass
class Joint:
    """A release's system. `layout[table]`: the cell behind every row of its frame, -1 where a zero is simply published."""

    system: System
    layout: dict[str, list[int]]


@dataclass
class _Table:
    """One table's cells per subset of its variables: parts of the fold (sets of fine categories) -> cell."""

    entry: Entry
    folds: dict[str, dict[Any, frozenset[Any]]]
    margins: dict[tuple[str, ...], dict[tuple[frozenset[Any], ...], int]] = field(default_factory=dict)


def build(
    tables: Mapping[str, ExactTable],
    catalogue: Catalogue,
    rules: SuppressionPolicy,
    cells: SystemBuilder | None = None,
    unprinted: Collection[str] = (),
) -> ReleaseBuilder:
    """Cells, equations and primaries of one release, in `cells` where given; `joint` makes the system of it.

    unprinted  tables that the release does not print: what is small in them must not follow from the others either.
    """
    work = ReleaseBuilder(rules, cells or SystemBuilder())
    entries = [entry for entry in catalogue.entries if entry.id in tables]
    for entry in entries:
        work.add_table(entry, tables[entry.id], printed=entry.id not in unprinted)
    for first, second in itertools.combinations(work.tables, 2):
        if work.population(first) == work.population(second):
            work.join(first, second)
    for relation in catalogue.relations:
        work.relate(relation, tables)
    return work


class ReleaseBuilder:
    """The work of `build`. `layout` and `cells` grow table by table."""

    def __init__(self, rules: SuppressionPolicy, cells: SystemBuilder) -> None:
        self.rules, self.cells = rules, cells
        self.tables: list[_Table] = []
        self.layout: dict[str, list[int]] = {}
        self.contributors: dict[int, Contributors] = {}
        self.weights: dict[int, float] = {}
        self.empty = zeros_are_cells(rules)
        self.lower = 0 if self.empty else 1

    def joint(self) -> Joint:
        """The finished system with its layout."""
        return Joint(self.cells.build(self._weights()), self.layout)

    def _weights(self) -> dict[int, float]:
        """Cell -> the greatest weight that the policy gives it; parts of no rule are left out."""
        found = dict(self.weights)
        for keep in self.rules.keep:
            if not keep.variable:
                for (parent, sign), *parts in self.cells.rows:
                    if sign < 0 and len(parts) > 1:
                        found[parent] = max(found.get(parent, 1.0), keep.weight)
        return found

    def population(self, table: _Table) -> Hashable:
        """Tables of one population share cells; mean tables count people of known age, a population of their own."""
        return (table.entry.population, table.entry.kind)

    def cell(self, key: Hashable, value: int, people: Contributors, *, hidden: bool, lower: int | None = None) -> int:
        """The cell `key`, with its contributors kept for sums of it."""
        who = (len(people), min(people, default=-1), max(people, default=-1))
        at = self.cells.cell(key, value, who, hidden=hidden, lower=self.lower if lower is None else lower)
        self.contributors[at] = people
        return at

    def add_table(self, entry: Entry, exact: ExactTable, *, printed: bool = True) -> None:
        """Cells of the frame, all their margins, and the equations between them."""
        count = COUNT if exact.kind == "count" else MEAN_COLUMNS[0]
        table = _Table(entry, _folds(entry, exact))
        self.tables.append(table)
        names = list(exact.dimensions)
        variables = [dimension.variable for dimension in entry.dimensions]
        totals = {dimension.name: dimension.total for dimension in entry.dimensions}
        people = _contributors(exact)
        values = {tuple(row[:-1]): int(row[-1]) for row in exact.frame[[*names, count]].itertuples(index=False)}
        leaves = {
            codes: value for codes, value in values.items()
            if not any(code == totals[name] for name, code in zip(names, codes, strict=True) if totals[name] is not None)
        }  # fmt: skip
        subsets = [kept for size in range(len(names) + 1) for kept in itertools.combinations(range(len(names)), size)]
        for kept in reversed(subsets):  # the finest first: where tables contradict each other, that is the cell to name
            self._margin(table, kept, variables, leaves, people, names)
        for kept in subsets[1:]:
            self._add_up(table, kept, variables)
        self.layout[entry.id] = [self._row(table, names, variables, totals, codes) for codes in values]
        for at, primary in zip(self.layout[entry.id], primary_rows(entry, exact, self.rules).tolist(), strict=True):
            if at >= 0:
                self.cells.hidden[at] &= not printed
                if primary:
                    self.cells.primary.add(at)
        self._keep(entry, exact)

    def _keep(self, entry: Entry, exact: ExactTable) -> None:
        """Weigh the rows of a table that the policy keeps by their category."""
        for keep, dimension in itertools.product(self.rules.keep, entry.dimensions):
            if dimension.variable != keep.variable:
                continue
            listed = [code for code in exact.categories[dimension.name] if code != dimension.total]
            wanted = set(keep.categories) or {str(code) for code in listed[-1:]}
            for at, code in zip(self.layout[entry.id], exact.frame[dimension.name], strict=True):
                if at >= 0 and str(code) in wanted:
                    self.weights[at] = max(self.weights.get(at, 1.0), keep.weight)

    def _margin(
        self, table: _Table, kept: tuple[int, ...], variables: list[str], leaves: dict[tuple[Any, ...], int],
        people: dict[tuple[Any, ...], Contributors], names: list[str],
    ) -> None:  # fmt: skip
        sums: dict[tuple[Any, ...], int] = defaultdict(int)
        who: dict[tuple[Any, ...], set[int]] = defaultdict(set)
        for codes, value in leaves.items():
            part = tuple(codes[i] for i in kept)
            sums[part] += value
            who[part] |= people.get(codes, NOBODY)
        table.margins[tuple(variables[i] for i in kept)] = found = {}
        for part, value in sums.items():
            if value == 0 and not self.empty:
                continue
            sets = tuple(table.folds[names[i]][code] for i, code in zip(kept, part, strict=True))
            key = self._key(table, {variables[i]: s for i, s in zip(kept, sets, strict=True)})
            found[sets] = self.cell(key, value, frozenset(who[part]), hidden=True)

    def _add_up(self, table: _Table, kept: tuple[int, ...], variables: list[str]) -> None:
        """Every margin one variable coarser is the sum over that variable."""
        children = table.margins[tuple(variables[i] for i in kept)]
        for drop in range(len(kept)):
            parents = table.margins[tuple(variables[i] for j, i in enumerate(kept) if j != drop)]
            groups: dict[tuple[frozenset[Any], ...], list[int]] = defaultdict(list)
            for sets, at in children.items():
                groups[sets[:drop] + sets[drop + 1 :]].append(at)
            for part, members in groups.items():
                self.cells.equation(parents[part], members)

    def _key(self, table: _Table, parts: Parts) -> Hashable:
        label = tuple(sorted((variable, _label(sets)) for variable, sets in parts.items()))
        return (("population", str(table.entry.population)), ("kind", table.entry.kind), *label)

    def _row(
        self,
        table: _Table,
        names: list[str],
        variables: list[str],
        totals: dict[str, str | None],
        codes: tuple[Any, ...],
    ) -> int:
        kept = [i for i, name in enumerate(names) if codes[i] != totals[name] or totals[name] is None]
        sets = tuple(table.folds[names[i]][codes[i]] for i in kept)
        return table.margins[tuple(variables[i] for i in kept)].get(sets, -1)

    def join(self, a: _Table, b: _Table) -> None:
        """Margins that both tables have, in the coarser of the two foldings: the parts of either add up to the same cells."""
        common = [v for v in _variables(a) if v in _variables(b)]
        for size in range(1, len(common) + 1):
            for subset in itertools.combinations(common, size):
                coarse = {v: _coarser(_partition(a, v), _partition(b, v)) for v in subset}
                if all(fold is not None for fold in coarse.values()):
                    self._meet(a, b, subset, {v: fold for v, fold in coarse.items() if fold is not None})

    def _meet(
        self, a: _Table, b: _Table, subset: tuple[str, ...], coarse: dict[str, frozenset[frozenset[Any]]]
    ) -> None:
        for table in (a, b):
            ordered = tuple(v for v in _variables(table) if v in subset)
            groups: dict[tuple[tuple[str, frozenset[Any]], ...], list[int]] = defaultdict(list)
            for sets, at in table.margins[ordered].items():
                where = []
                for v, fine in zip(ordered, sets, strict=True):
                    where.append((v, next(part for part in coarse[v] if fine <= part)))
                groups[tuple(sorted(where, key=lambda item: item[0]))].append(at)
            for where_key, members in groups.items():
                value = sum(self.cells.values[at] for at in members)
                who = frozenset().union(*(self.contributors[at] for at in members))
                parent = self.cell(self._key(table, dict(where_key)), value, who, hidden=True)
                if members != [parent]:
                    self.cells.equation(parent, members)

    def relate(self, relation: Relation, tables: Mapping[str, ExactTable]) -> None:
        """A declared equality, or an inequality with a slack that nobody publishes and that may be zero."""
        if any(term.table not in self.layout for term in (*relation.left, *relation.right)):
            return
        left = sorted({at for term in relation.left for at in self._term(term, tables)})
        right = sorted({at for term in relation.right for at in self._term(term, tables)})
        low, high = (sum(self.cells.values[at] for at in side) for side in (left, right))
        mine, others = (frozenset().union(*(self.contributors[at] for at in side)) for side in (left, right))
        if relation.kind == "le":
            left = [*left, self._slack(relation, low, high, others - mine)]
        if not left or not right:
            self.cells.nothing((*left, *right), f"the relation {relation.id} says that it adds up to nothing")
            return
        parent = right[0] if len(right) == 1 else self.cell(("sum", relation.id), high, mine | others, hidden=True)
        for side in (left, right):
            if side != [parent]:
                self.cells.equation(parent, side)

    def _slack(self, relation: Relation, low: int, high: int, people: Contributors) -> int:
        """By how much the smaller side falls short: a group that nobody prints, but that two printed counts may give away."""
        if high < low and not self.cells.sketch:
            raise InputRefused(
                f"The relation {relation.id} does not hold: {relation.left[0].table} counts more than {relation.right[0].table} "
                "where it counts part of it; correct the tables."
            )
        who = people if len(people) == high - low else NOBODY
        slack = self.cell(("slack", relation.id), high - low, who, hidden=True, lower=0)
        if self.rules.differences == "protected" and small_difference(high, low, self.rules.threshold):
            self.cells.primary.add(slack)
        return slack

    def _term(self, term: Term, tables: Mapping[str, ExactTable]) -> list[int]:
        rows = np.flatnonzero(selected(tables[term.table].frame, term).to_numpy())
        return [self.layout[term.table][row] for row in rows.tolist() if self.layout[term.table][row] >= 0]


def _variables(table: _Table) -> tuple[str, ...]:
    return tuple(dimension.variable for dimension in table.entry.dimensions)


def _partition(table: _Table, variable: str) -> frozenset[frozenset[Any]]:
    name = next(d.name for d in table.entry.dimensions if d.variable == variable)
    return frozenset(table.folds[name].values())


def _coarser(a: frozenset[frozenset[Any]], b: frozenset[frozenset[Any]]) -> frozenset[frozenset[Any]] | None:
    """The coarser of two partitions, None where neither refines the other."""
    for fine, coarse in ((a, b), (b, a)):
        if all(any(part <= whole for whole in coarse) for part in fine):
            return coarse
    return None


def _folds(entry: Entry, exact: ExactTable) -> dict[str, dict[Any, frozenset[Any]]]:
    """Per dimension: category -> the fine categories of its variable that it holds."""
    folds: dict[str, dict[Any, frozenset[Any]]] = {}
    for dimension in entry.dimensions:
        parts: dict[Any, set[Any]] = defaultdict(set)
        for fine, category in coarsening(dimension).items():
            parts[category].add(fine)
        shown = exact.categories[dimension.name]
        folds[dimension.name] = {code: frozenset(parts.get(code, {code})) for code in shown if code != dimension.total}
    return folds


def _contributors(exact: ExactTable) -> dict[tuple[Any, ...], Contributors]:
    grouped = exact.micro.groupby(list(exact.dimensions), sort=False)["person_id"].agg(frozenset)
    return {codes if isinstance(codes, tuple) else (codes,): people for codes, people in grouped.items()}


def _label(parts: frozenset[Any]) -> str:
    return "+".join(sorted(map(str, parts)))


def protected_tables(
    joint: Joint, tables: Mapping[str, ExactTable], blank: np.ndarray, audience: Any
) -> dict[str, ProtectedTable]:
    """The frames as the audience may see them: blank cells empty in every measure, nothing said about why."""
    found = {}
    for name, exact in tables.items():
        frame = exact.frame.copy()
        mask = np.array([at >= 0 and bool(blank[at]) for at in joint.layout[name]], dtype=bool)
        for column in (COUNT,) if exact.kind == "count" else MEAN_COLUMNS:
            whole = column in (COUNT, MEAN_COLUMNS[0])
            frame[column] = frame[column].astype("Int64" if whole else "Float64").mask(mask)
        frame[STATUS] = np.where(mask, "suppressed", "ok").astype(object)
        found[name] = ProtectedTable(
            name, audience, "suppressed", exact.dimensions, exact.categories, frame, exact.kind
        )  # fmt: skip
    return found
