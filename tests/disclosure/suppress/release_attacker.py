"""An attacker of printed release tables, written from the frames and the catalogue alone, and small releases to plant leaks in.

It shares nothing with `disclosure`: variables are the blank rows as they are printed, equations are what a reader can write down
(tables of one population have the same margins; declared relations), and scipy's solver looks for the range of a blank.
"""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.optimize import linprog

from schemas.catalogue import Catalogue, Dimension, Entry, Population, coarsening, selected
from schemas.study import Text
from schemas.tables import ExactTable, ProtectedTable
from schemas.vocabulary import Code, Vocabulary

Row = tuple[str, int]


@dataclass
class Reader:
    """What a reader knows: a constant or a variable per printed row, and sums that are equal or at most one another."""

    constants: dict[Row, int] = field(default_factory=dict)
    variables: dict[Row, int] = field(default_factory=dict)
    equal: list[tuple[list[Row], list[Row]]] = field(default_factory=list)
    at_most: list[tuple[list[Row], list[Row]]] = field(default_factory=list)

    def matrices(self) -> tuple[sparse.csr_array, np.ndarray, sparse.csr_array, np.ndarray]:
        """A_eq, b_eq, A_ub, b_ub of the blank rows."""
        return (*self._rows(self.equal), *self._rows(self.at_most))

    def _rows(self, pairs: list[tuple[list[Row], list[Row]]]) -> tuple[sparse.csr_array, np.ndarray]:
        matrix = sparse.lil_array((len(pairs), len(self.variables)))
        right = np.zeros(len(pairs))
        for i, (left, other) in enumerate(pairs):
            for sign, side in ((1, left), (-1, other)):
                for row in side:
                    if row in self.variables:
                        matrix[i, self.variables[row]] += sign
                    else:
                        right[i] -= sign * self.constants[row]
        return matrix.tocsr(), right


def read(tables: Mapping[str, ProtectedTable], catalogue: Catalogue) -> Reader:
    """Everything printed, as a reader would set it down."""
    reader = Reader()
    for name, table in tables.items():
        column = "aantal" if table.kind == "count" else "n"
        for i, value in enumerate(table.frame[column]):
            if pd.isna(value):
                reader.variables[name, i] = len(reader.variables)
            else:
                reader.constants[name, i] = int(value)
    entries = [entry for entry in catalogue.entries if entry.id in tables]
    for a, b in itertools.combinations(entries, 2):
        if (a.population, a.kind) == (b.population, b.kind):
            _same_margins(reader, (a, tables[a.id]), (b, tables[b.id]))
    for relation in catalogue.relations:
        if all(term.table in tables for term in (*relation.left, *relation.right)):
            sides = [
                [(t.table, int(i)) for t in side for i in np.flatnonzero(selected(tables[t.table].frame, t))]
                for side in (relation.left, relation.right)
            ]
            (reader.equal if relation.kind == "eq" else reader.at_most).append((sides[0], sides[1]))
    return reader


def _same_margins(reader: Reader, a: tuple[Entry, ProtectedTable], b: tuple[Entry, ProtectedTable]) -> None:
    by_variable = [{d.variable: d for d in entry.dimensions} for entry, _ in (a, b)]
    common = sorted(set(by_variable[0]) & set(by_variable[1]))
    for size in range(len(common) + 1):
        for chosen in itertools.combinations(common, size):
            sums: list[dict[tuple[int, ...], list[Row]]] = []
            blocks = {v: _blocks(v, by_variable, (a[1], b[1])) for v in chosen}
            for side, (entry, table) in enumerate((a, b)):
                groups: dict[tuple[int, ...], list[Row]] = defaultdict(list)
                dimensions = {d.variable: d for d in entry.dimensions}
                for i, row in enumerate(table.frame.to_dict("records")):
                    if any(d.total is not None and row[d.name] == d.total for d in entry.dimensions):
                        continue
                    groups[tuple(blocks[v][side][row[dimensions[v].name]] for v in chosen)].append((entry.id, i))
                sums.append(groups)
            reader.equal += [(sums[0].get(key, []), sums[1].get(key, [])) for key in {*sums[0], *sums[1]}]


def _blocks(
    variable: str, by_variable: list[dict[str, Dimension]], tables: Iterable[ProtectedTable]
) -> tuple[dict[Code, int], dict[Code, int]]:
    """Per table: category -> number of the smallest set of fine categories that both tables can add up to."""
    fine: list[dict[Code, set[Code]]] = []
    for side, table in enumerate(tables):
        dimension = by_variable[side][variable]
        parts: dict[Code, set[Code]] = {c: set() for c in table.categories[dimension.name]}  # type: ignore[misc]
        for part, category in coarsening(dimension).items():
            if category in parts:
                parts[category].add(part)
        fine.append({category: members or {category} for category, members in parts.items()})
    number: dict[Code, int] = {}
    for members in (*fine[0].values(), *fine[1].values()):
        seen = {number[m] for m in members if m in number}
        new = min(seen, default=len(number))
        for m, old in list(number.items()):
            if old in seen:
                number[m] = new
        number |= dict.fromkeys(members, new)
    return tuple({c: number[next(iter(m))] for c, m in side.items()} for side in fine)  # type: ignore[return-value]


def ranges(reader: Reader, wanted: Iterable[Row], known: Mapping[Row, int] | None = None) -> dict[Row, tuple[int, int]]:
    """The whole numbers that each wanted blank can lie between; blanks are at least 1, `known` has a person's own cells."""
    a_eq, b_eq, a_ub, b_ub = reader.matrices()
    bounds: list[tuple[float, float | None]] = [(1.0, None)] * len(reader.variables)
    for row, value in (known or {}).items():
        bounds[reader.variables[row]] = (float(value), float(value))
    found = {}
    for row in wanted:
        ends = []
        for sign in (1.0, -1.0):
            cost = np.zeros(len(reader.variables))
            cost[reader.variables[row]] = sign
            answer = linprog(cost, a_ub, b_ub, a_eq, b_eq, bounds, method="highs")
            assert answer.status in (0, 3), "what is printed contradicts itself"
            ends.append(sign * answer.fun if answer.status == 0 else math.inf)
        found[row] = (math.ceil(ends[0] - 1e-6), math.floor(ends[1] + 1e-6) if math.isfinite(ends[1]) else 10**6)
    return found


def small(tables: Mapping[str, ExactTable], threshold: int) -> dict[Row, int]:
    """Every row with a count from 1 to threshold - 1."""
    return {
        (name, i): int(value)
        for name, table in tables.items()
        for i, value in enumerate(table.frame["aantal" if table.kind == "count" else "n"])
        if 0 < value < threshold
    }


def contributors(tables: Mapping[str, ExactTable], catalogue: Catalogue) -> dict[Row, frozenset[int]]:
    """Who stands behind every row, from the microdata."""
    found = {}
    for name, table in tables.items():
        totals = {d.name: d.total for d in catalogue.entry(name).dimensions}
        for i, values in enumerate(table.frame[list(table.dimensions)].itertuples(index=False, name=None)):
            row = dict(zip(table.dimensions, values, strict=True))
            mask = pd.Series(True, index=table.micro.index)
            for dimension, code in row.items():
                if code != totals[dimension] or totals[dimension] is None:
                    mask &= table.micro[dimension] == code
            found[name, i] = frozenset(table.micro.loc[mask, "person_id"])
    return found


def tiny(
    tables: Mapping[str, tuple[tuple[str, ...], Mapping[tuple[str, ...], int]]],
) -> tuple[Catalogue, dict[str, ExactTable]]:
    """A release of one population from counts per table: id -> (variables, codes -> count). Everybody is one unit."""
    text = Text(nl="x", en="x")
    entries, exact = [], {}
    for name, (variables, counts) in tables.items():
        categories = {v: tuple(dict.fromkeys(codes[i] for codes in counts)) for i, v in enumerate(variables)}
        dimensions = tuple(
            Dimension(name=v, variable=v, label=text, categories=categories[v], fold={c: c for c in categories[v]})
            for v in variables
        )
        entries.append(
            Entry(
                id=name,
                titles=text,
                population="p",
                unit="persoon",
                dimensions=dimensions,
                registers=(),
                kind="count",
                chart="table",
            )
        )
        frame = pd.DataFrame([(*codes, counts.get(codes, 0)) for codes in itertools.product(*categories.values())],
                             columns=[*variables, "aantal"])  # fmt: skip
        units = [codes for codes, count in counts.items() for _ in range(count)]
        micro = pd.DataFrame(units, columns=list(variables)).assign(person_id=range(len(units)))
        exact[name] = ExactTable(name, variables, dict(categories), frame, micro)
    catalogue = Catalogue(
        id="tiny", version="1", years=(2010,), vocabulary=Vocabulary(units={}, variables={}, lists={}),
        populations={"p": Population(name="p", unit="persoon", label=text)},
        entries=tuple(entries), relations=(), derived=(),
    )  # fmt: skip
    return catalogue, exact
