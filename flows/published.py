"""What published tables alone give away: the suppressed regime attacked from the files, without a true count.

The certificate is the work of an attacker who holds the exact tables and exhibits other tables that fit. This one
holds what a reader holds: printed counts, the catalogue's structure (margins that tables share, declared relations),
that a blank is at least 1 where zeros are printed, and every earlier edition. It finds the range of every blank by
linear programming and settles it by whole-number tables: two that differ in a blank prove it undetermined.

Two editions of the same registers hold the same cells. Editions of other registers (a correction, another year) need
not: the attacker then believes that as little changed as the printed numbers allow, which is a belief, not knowledge.
Source: Fischetti and Salazar, Management Science 47(7), 2001 (attacker problems).
"""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import highspy
import numpy as np
from numpy.typing import NDArray

from flows.releases import cells
from schemas.catalogue import Catalogue, Dimension, Entry, Relation, coarsening
from schemas.tables import ProtectedTable

Tables = Mapping[str, ProtectedTable]
Codes = tuple[str, ...]
Fine = frozenset[str]
Key = tuple[int, str, Codes]
Sum = list[tuple[Key, int]]
BRANCH_SECONDS = 5.0
_WHOLE = 1e-6
SENSES = (highspy.ObjSense.kMinimize, highspy.ObjSense.kMaximize)


@dataclass(frozen=True)
class Edition:
    """One release as its restricted audience sees it; `snapshot` tells whether two come from the same registers."""

    snapshot: str
    tables: Tables


@dataclass(frozen=True)
class Worked:
    """A blank that can be worked out: which edition (by place), table and codes, and the one value it can have."""

    edition: int
    table: str
    codes: Codes
    value: int


@dataclass(frozen=True)
class Verdict:
    """What came of it. `open` questions were not settled in time and count against the pattern. `changed`: how much the
    blanks of editions of other registers must differ, in units counted. `possible`: False where no tables fit what is
    printed, because totals that should be equal are not.
    """

    blanks: int
    worked: tuple[Worked, ...]
    open: int
    changed: int
    possible: bool = True

    def small(self, threshold: int) -> list[Worked]:
        """What should not be known: worked-out counts from 1 to below the threshold."""
        return [found for found in self.worked if found.value < threshold]


def attack_published(editions: Sequence[Edition], catalogue: Catalogue, *, lower: int) -> Verdict:
    """Attack editions together, oldest first. `lower`: what a blank is at least (1 where zeros are printed)."""
    system = _System(lower)
    for at, edition in enumerate(editions):
        system.add(at, edition.tables, catalogue)
    for later in range(1, len(editions)):
        for earlier in range(later):
            same = editions[earlier].snapshot == editions[later].snapshot
            if same or earlier == later - 1:
                system.tie(earlier, later, same=same)
    return _Solver(system).settle()


@dataclass
class _System:
    """Unknowns by key, equations as ({unknown: coefficient}, right-hand side), differences between editions."""

    lower: int
    values: dict[Key, int | None] = field(default_factory=dict)
    unknown: dict[Key, int] = field(default_factory=dict)
    rows: dict[tuple[tuple[tuple[int, int], ...], int, bool], None] = field(default_factory=dict)
    loose: list[tuple[tuple[tuple[int, int], ...], int]] = field(default_factory=list)
    contradicts: bool = False
    listed: dict[int, set[str]] = field(default_factory=lambda: defaultdict(set))

    def add(self, edition: int, tables: Tables, catalogue: Catalogue) -> None:
        """All cells of an edition, and every equation that holds between them by construction."""
        shapes = []
        for entry in catalogue.entries:
            if entry.id in tables and tables[entry.id].regime == "suppressed":
                found = cells(tables[entry.id])
                self.listed[edition].add(entry.id)
                for codes, (count, _) in found.items():
                    key = (edition, entry.id, codes)
                    self.values[key] = count
                    if count is None:
                        self.unknown[key] = len(self.unknown)
                shapes.append(_Shape(edition, entry, list(found)))
        for shape in shapes:
            for total, parts in shape.totals():
                self.equal([(total, 1)], [(part, 1) for part in parts])
        for a, b in itertools.combinations(shapes, 2):
            if (a.entry.population, a.entry.kind) == (b.entry.population, b.entry.kind):
                for left, right in a.shared(b):
                    self.equal(left, right)
        for relation in catalogue.relations:
            self._relate(edition, relation, {shape.entry.id: shape for shape in shapes})

    def _relate(self, edition: int, relation: Relation, shapes: Mapping[str, _Shape]) -> None:
        if any(term.table not in shapes for term in (*relation.left, *relation.right)):
            return
        sides = [
            [(key, 1) for term in side for key in shapes[term.table].selected(term.where)]
            for side in (relation.left, relation.right)
        ]
        self.equal(*sides, at_most=relation.kind == "le")

    def equal(self, left: Sum, right: Sum, *, at_most: bool = False) -> None:
        """left = right (or at most); printed counts go to the right-hand side. Without an unknown it says nothing."""
        known, found = 0, dict[int, int]()
        for key, sign in [*left, *((key, -sign) for key, sign in right)]:
            value = self.values[key]
            if value is not None:
                known += sign * value
            else:
                found[self.unknown[key]] = found.get(self.unknown[key], 0) + sign
        terms = tuple(sorted((at, sign) for at, sign in found.items() if sign))
        if terms:
            self.rows[(terms, -known, at_most)] = None
        elif known > 0 or (known < 0 and not at_most):
            self.contradicts = True

    def tie(self, earlier: int, later: int, *, same: bool) -> None:
        """The same cell in two editions: equal, or as near as possible. A cell that one of them does not list is zero."""
        both = self.listed[earlier] & self.listed[later]
        pairs = {key[1:] for key in self.values if key[0] in (earlier, later) and key[1] in both}
        for table, codes in sorted(pairs):
            before, key = (earlier, table, codes), (later, table, codes)
            was, now = self.values.get(before, 0), self.values.get(key, 0)
            if now is not None and was is not None:
                continue
            terms = [(self.unknown[key], 1)] if now is None else []
            terms += [(self.unknown[before], -1)] if was is None else []
            known = (was or 0) - (now or 0)
            if same:
                self.rows[(tuple(sorted(terms)), known, False)] = None
            else:
                self.loose.append((tuple(sorted(terms)), known))


class _Shape:
    """A table's rows as sets of fine categories per variable, so that tables of one population can be laid together."""

    def __init__(self, edition: int, entry: Entry, rows: list[Codes]) -> None:
        self.edition, self.entry = edition, entry
        self.dims: tuple[Dimension, ...] = entry.dimensions
        self.leaves = [row for row in rows if not self._margin(row)]
        self.margins = [row for row in rows if self._margin(row)]
        self.folds = [self._fold(at) for at in range(len(self.dims))]

    def _margin(self, row: Codes) -> bool:
        return any(dim.total is not None and code == str(dim.total) for dim, code in zip(self.dims, row, strict=True))

    def _fold(self, at: int) -> dict[str, Fine]:
        parts: dict[str, set[str]] = defaultdict(set)
        for fine, category in coarsening(self.dims[at]).items():
            parts[str(category)].add(str(fine))
        return {row[at]: frozenset(parts.get(row[at], {row[at]})) for row in self.leaves}

    def key(self, row: Codes) -> Key:
        return (self.edition, self.entry.id, row)

    def totals(self) -> list[tuple[Key, list[Key]]]:
        """Rows that hold everybody, and the rows they are the sum of."""
        found = []
        for row in self.margins:
            fits = [leaf for leaf in self.leaves if self._within(leaf, row)]
            found.append((self.key(row), [self.key(leaf) for leaf in fits]))
        return found

    def _within(self, leaf: Codes, margin: Codes) -> bool:
        return all(
            wide == fine or (dim.total is not None and wide == str(dim.total))
            for wide, fine, dim in zip(margin, leaf, self.dims, strict=True)
        )

    def selected(self, where: Mapping[str, Sequence[object]]) -> list[Key]:
        """The rows that a relation's term sums."""
        wanted = {name: {str(value) for value in values} for name, values in where.items()}
        names = [dim.name for dim in self.dims]
        return [
            self.key(row)
            for row in [*self.leaves, *self.margins]
            if all(row[names.index(name)] in values for name, values in wanted.items())
        ]

    def shared(self, other: _Shape) -> list[tuple[Sum, Sum]]:
        """Margins that both tables have, over every set of common variables in the coarser of the two foldings."""
        mine = {dim.variable: at for at, dim in enumerate(self.dims)}
        yours = {dim.variable: at for at, dim in enumerate(other.dims)}
        common = [variable for variable in mine if variable in yours]
        found = []
        for size in range(len(common) + 1):
            for chosen in itertools.combinations(common, size):
                coarse = [_coarser(self.folds[mine[v]], other.folds[yours[v]]) for v in chosen]
                if any(fold is None for fold in coarse):
                    continue
                folds = [fold for fold in coarse if fold is not None]
                left = self._grouped([mine[v] for v in chosen], folds)
                right = other._grouped([yours[v] for v in chosen], folds)
                found += [(left.get(group, []), right.get(group, [])) for group in {*left, *right}]
        return found

    def _grouped(self, places: list[int], coarse: list[set[Fine]]) -> dict[tuple[Fine, ...], Sum]:
        groups: dict[tuple[Fine, ...], Sum] = defaultdict(list)
        for row in self.leaves:
            parts = []
            for at, fold in zip(places, coarse, strict=True):
                mine = self.folds[at][row[at]]
                parts.append(next((part for part in fold if mine <= part), mine))
            groups[tuple(parts)].append((self.key(row), 1))
        return groups


def _coarser(a: dict[str, Fine], b: dict[str, Fine]) -> set[Fine] | None:
    """The coarser of two partitions, None where neither refines the other. Categories nobody shows are zero in both."""
    first, second = set(a.values()), set(b.values())
    for fine, coarse in ((first, second), (second, first)):
        if all(any(part <= whole for whole in coarse) or not any(part & whole for whole in coarse) for part in fine):
            return coarse
    return None


class _Solver:
    """Ranges of the unknowns: one linear programme, asked with another objective each time."""

    def __init__(self, system: _System) -> None:
        self.system, self.count, self.loose = system, len(system.unknown), len(system.loose)
        self.columns = self.count + 2 * self.loose
        self.low, self.high = np.full(self.count, np.inf), np.full(self.count, -np.inf)
        self.solver = highspy.Highs()
        for option, value in (("output_flag", False), ("threads", 1)):
            self.solver.setOptionValue(option, value)
        floor = np.zeros(self.columns)
        floor[: self.count] = system.lower
        self.solver.addVars(self.columns, floor, np.full(self.columns, highspy.kHighsInf))
        for terms, known, at_most in system.rows:
            self._row(dict(terms), -highspy.kHighsInf if at_most else known, known)
        for number, (terms, known) in enumerate(system.loose):
            up = self.count + 2 * number
            self._row({**dict(terms), up: -1, up + 1: 1}, known, known)

    def _row(self, terms: dict[int, int], floor: float, ceiling: float) -> None:
        places = np.array(list(terms), dtype=np.int32)
        self.solver.addRow(
            float(floor), float(ceiling), len(terms), places, np.array(list(terms.values()), dtype=float)
        )

    def settle(self) -> Verdict:
        """Every unknown proven undetermined by two whole-number tables, or worked out, or left open."""
        changed = self._least_change()
        if changed is None or self.system.contradicts:
            return Verdict(self.count, (), self.count, 0, possible=False)
        worked, unsettled = [], 0
        for key, at in self.system.unknown.items():
            if self.low[at] < self.high[at]:
                continue
            value = self._settle(at)
            if value is None:
                unsettled += 1
            elif self.low[at] >= self.high[at]:
                worked.append(Worked(*key, value))
        return Verdict(self.count, tuple(worked), unsettled, changed)

    def _settle(self, at: int) -> int | None:
        """The value of a blank if its range holds one whole number only (any if two were found); None where it stays open."""
        ends = [self._ask(at, sense, whole=False) for sense in SENSES]
        if ends[0] is None or ends[1] is None:
            return None
        first = math.ceil(ends[0] - _WHOLE)
        if self.low[at] < self.high[at] or ends[1] < first + 1 - _WHOLE:
            return first
        for sense in SENSES:
            if self._ask(at, sense, whole=True) is None:
                return None
            if self.low[at] < self.high[at]:
                break
        return first

    def _ask(self, at: int, sense: highspy.ObjSense, *, whole: bool) -> float | None:
        solver = self.solver
        kind = highspy.HighsVarType.kInteger if whole else highspy.HighsVarType.kContinuous
        everything = np.arange(self.columns, dtype=np.int32)
        if whole:
            solver.changeColsIntegrality(self.columns, everything, np.full(self.columns, kind))
            solver.setOptionValue("time_limit", solver.getRunTime() + BRANCH_SECONDS)
        solver.changeColCost(at, 1.0)
        solver.changeObjectiveSense(sense)
        solver.run()
        end = self._read()
        if end == math.inf:
            self.high[at] = end
        solver.changeColCost(at, 0.0)
        if whole:
            kinds = np.full(self.columns, highspy.HighsVarType.kContinuous)
            solver.changeColsIntegrality(self.columns, everything, kinds)
            solver.setOptionValue("time_limit", highspy.kHighsInf)
        return end

    def _read(self) -> float | None:
        """The optimum; a whole-number point widens what every blank is known to be able to be."""
        status = self.solver.getModelStatus()
        if status == highspy.HighsModelStatus.kUnbounded:
            return math.inf
        if status != highspy.HighsModelStatus.kOptimal:
            return None
        point: NDArray[np.float64] = np.array(self.solver.getSolution().col_value)[: self.count]
        if np.abs(point - np.rint(point)).max(initial=0.0) < _WHOLE:
            self.low, self.high = np.minimum(self.low, np.rint(point)), np.maximum(self.high, np.rint(point))
        return float(self.solver.getObjectiveValue())

    def _least_change(self) -> int | None:
        """The least total difference between editions that fits; from here on no more than that is believed."""
        if not self.count:
            return 0
        extra = np.arange(self.count, self.columns, dtype=np.int32)
        for at in extra.tolist():
            self.solver.changeColCost(at, 1.0)
        self.solver.run()
        least = self._read()
        if least is None:
            return None
        for at in extra.tolist():
            self.solver.changeColCost(at, 0.0)
        if len(extra):
            self._row(dict.fromkeys(extra.tolist(), 1), 0.0, math.ceil(least - _WHOLE))
        return math.ceil(least - _WHOLE)
