"""The catalogue's relations: true by definition in any data, and none of the definitional ones missing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from invented import Registers, crowd, moments, registers, tables
from tabulation_reference import FOLLOWERS, REPORTS, STUDIES, reference_input, study_and_catalogue, with_head

from schemas.catalogue import Catalogue, Term, coarsening, selected, term_value
from schemas.tables import COUNT, ExactTable
from schemas.vocabulary import Code
from tabulation.tabulate import tabulate

# A reading's own routes do not occur in the other: always nought, which no reader learns anything from.
IMPOSSIBLE = {"routes2020_lezingen": {"lezing": ("soepel",), "route": ("tijdens_b9", "na_b8_overig")}}


def broken(catalogue: Catalogue, made: dict[str, ExactTable]) -> list[str]:
    found = []
    for relation in catalogue.relations:
        if relation.kind == "le" and not selected(made[relation.left[0].table].frame, relation.left[0]).any():
            continue  # nothing is at most anything
        left, right = (
            sum(term_value(made[t.table].frame, t) for t in side) for side in (relation.left, relation.right)
        )
        if (left != right) if relation.kind == "eq" else (left > right):
            found.append(f"{relation.id}: {left} {relation.kind} {right}")
    return found


@cache
def reference(name: str) -> dict[str, ExactTable]:
    """The reference tables of a study and of its head."""
    return tabulate(*reference_input(name), study_and_catalogue(name)[0], with_head(name))


@pytest.mark.parametrize("name", STUDIES)
def test_hold_on_the_reference(name: str) -> None:
    assert broken(with_head(name), reference(name)) == []


def broken_in(name: str, made: Registers) -> list[str]:
    """The relations of a study, with its head's, that do not hold in its tables of any registers."""
    study, catalogue = study_and_catalogue(name)[0], with_head(name)
    return broken(catalogue, tabulate(*tables(made, study), study, catalogue))


@settings(max_examples=20, deadline=None)
@given(st.one_of(registers(2010, 5, people=6, rows=30), registers(2011, 3, people=3, rows=30)))
def test_hold_in_any_data_nr2015(made: Registers) -> None:
    assert broken_in("nr2015", made) == []


@settings(max_examples=15, deadline=None)
@given(registers(2013, 5, people=8, rows=30))
def test_hold_in_any_data_wodc2020(made: Registers) -> None:
    assert broken_in("wodc2020", made) == []


@pytest.mark.slow
@settings(max_examples=15, deadline=None)
@given(registers(2010, 5, people=6, rows=30))
def test_hold_in_any_data_keten2015(made: Registers) -> None:
    assert broken_in("keten2015", made) == []


@pytest.mark.slow
@settings(max_examples=15, deadline=None)
@given(registers(2013, 5, people=8, rows=30))
def test_hold_in_any_data_routes2020(made: Registers) -> None:
    assert broken_in("routes2020", made) == []


@pytest.mark.parametrize("name", STUDIES)
def test_a_moved_cell_is_noticed(name: str) -> None:
    """Adding one to a cell of an equality breaks it: no relation is empty on both sides by construction."""
    made, catalogue = reference(name), with_head(name)
    for relation in catalogue.relations:
        if relation.kind == "le":
            continue
        sides = []
        for side in (relation.left, relation.right):
            sides.append(sum(int(selected(made[t.table].frame, t).sum()) for t in side))
        assert all(sides), relation.id


@pytest.mark.parametrize("name", STUDIES)
def test_coarsening_derives_one_table_from_another(name: str) -> None:
    """In one population, a table by a coarse dimension is the fold of a table by the variable's fine categories."""
    made, catalogue = reference(name), with_head(name)
    checked = 0
    for fine, coarse in ((a, b) for a in catalogue.entries for b in catalogue.entries):
        if fine.population != coarse.population or len(fine.dimensions) < len(coarse.dimensions) or fine is coarse:
            continue
        pairs = [next((f for f in fine.dimensions if f.variable == c.variable and f.list in (None, c.list)), None)
                 for c in coarse.dimensions]  # fmt: skip
        if fine.kind == "mean" or coarse.kind == "mean" or None in pairs:
            continue
        folded = made[fine.id].frame.copy()
        for from_, to in zip(pairs, coarse.dimensions, strict=True):
            assert from_ is not None
            fold = coarsening(to) if from_.list is None else {code: code for code in to.fold.values()}
            folded[f"_{to.name}"] = folded[from_.name].map(fold)
        sums = folded.groupby([f"_{to.name}" for to in coarse.dimensions])[COUNT].sum()
        want = made[coarse.id].frame.set_index([to.name for to in coarse.dimensions])[COUNT]
        assert sums.to_dict() == {k: v for k, v in want.to_dict().items() if k in sums.index}
        assert want.sum() == sums.sum()
        checked += 1
    assert checked >= 4


@pytest.mark.parametrize("name", [*REPORTS, *(pytest.param(name, marks=pytest.mark.slow) for name in FOLLOWERS)])
def test_no_equality_is_undeclared(name: str) -> None:
    """Every linear equality that holds for thousands of invented people follows from the catalogue.

    Tables are sums over people, so an equality holds in any data exactly when it holds for every person. The people's
    vectors of cells span a space; what is orthogonal to it is an equality. The catalogue's relations, and the margins that
    tables of one population share, must span all of that.
    """
    study, catalogue = study_and_catalogue(name)[0], with_head(name)
    invented = crowd(study.first_year, study.last_year, people=20_000 if name == "routes2020" else 6000)
    if name in FOLLOWERS:
        late = moments(study.first_year, study.last_year, people=15_000)
        invented = replace(invented, ind=[*invented.ind, *late.ind])
    made = tabulate(*tables(invented, study), study, catalogue)
    cells = Cells(catalogue, made)
    people = cells.by_person()
    known = np.array([*cells.declared(), *cells.shared_margins(), *cells.impossible()])
    assert np.abs(people @ known.T).max() < 1e-9
    free = people.shape[1] - np.linalg.matrix_rank(people)
    assert np.linalg.matrix_rank(known) == free, cells.missing(people, known)


class Cells:
    """All cells of all count tables of a study as one vector."""

    def __init__(self, catalogue: Catalogue, made: dict[str, ExactTable]) -> None:
        self.entries = [entry for entry in catalogue.entries if entry.kind == "count"]
        self.catalogue, self.made = catalogue, made
        sizes = [len(made[entry.id].frame) for entry in self.entries]
        self.start = dict(zip((entry.id for entry in self.entries), np.cumsum([0, *sizes]).tolist(), strict=False))
        self.width = sum(sizes)

    def by_person(self) -> np.ndarray:
        """The distinct vectors of single people (from the microdata that come with the tables)."""
        ids = np.unique(np.concatenate([self.made[entry.id].micro["person_id"] for entry in self.entries]))
        people = np.zeros((len(ids), self.width))
        for entry in self.entries:
            table = self.made[entry.id]
            keys = table.frame[list(table.dimensions)].apply(tuple, axis=1)
            place = dict(zip(keys, range(self.start[entry.id], self.start[entry.id] + len(keys)), strict=True))
            cells = [place[key] for key in table.micro[list(table.dimensions)].itertuples(index=False, name=None)]
            np.add.at(people, (np.searchsorted(ids, table.micro["person_id"]), cells), 1)
        return np.unique(people, axis=0)

    def declared(self) -> Iterator[np.ndarray]:
        for relation in self.catalogue.relations:
            terms = [*relation.left, *relation.right]
            if relation.kind == "eq" and all(term.table in self.start for term in terms):
                row = np.zeros(self.width)
                for sign, side in ((1, relation.left), (-1, relation.right)):
                    for term in side:
                        mask = selected(self.made[term.table].frame, term).to_numpy()
                        row[self.start[term.table] : self.start[term.table] + len(mask)] += sign * mask
                yield row

    def impossible(self) -> Iterator[np.ndarray]:
        for table, where in IMPOSSIBLE.items():
            if table in self.start:
                mask = selected(self.made[table].frame, Term(table=table, where=where)).to_numpy()
                for cell in np.flatnonzero(mask):
                    row = np.zeros(self.width)
                    row[self.start[table] + cell] = 1
                    yield row

    def shared_margins(self) -> Iterator[np.ndarray]:
        """What equal populations imply: sums over the finest common coarsening of two tables' dimensions agree."""
        for one, other in combinations(self.entries, 2):
            if one.population == other.population:
                shared = [(a, b) for a in one.dimensions for b in other.dimensions if a.variable == b.variable]
                classes = [common_classes(coarsening(a), coarsening(b)) for a, b in shared]
                cells: dict[tuple[object, ...], np.ndarray] = {}
                for sign, entry, side in ((1, one, 0), (-1, other, 1)):
                    frame = self.made[entry.id].frame
                    for i, record in enumerate(frame.to_dict("records")):
                        pairs = zip(shared, classes, strict=True)
                        key = tuple(named[side][record[dimension[side].name]] for dimension, named in pairs)
                        cells.setdefault(key, np.zeros(self.width))[self.start[entry.id] + i] += sign
                yield from cells.values()

    def missing(self, people: np.ndarray, known: np.ndarray) -> list[str]:
        """One equality that nobody declared, in words."""
        _, sizes, vectors = np.linalg.svd(people)
        null = vectors[(sizes > 1e-9).sum() :]
        _, strengths, directions = np.linalg.svd(known, full_matrices=False)
        basis = directions[strengths > 1e-9]
        gaps = null - (null @ basis.T) @ basis
        worst = gaps[np.abs(gaps).max(axis=1).argmax()]
        names = [f"{entry.id} {record}" for entry in self.entries for record in
                 self.made[entry.id].frame.drop(columns=COUNT).to_dict("records")]  # fmt: skip
        return [f"{worst[i]:+.2f} {names[i]}" for i in np.argsort(-np.abs(worst))[:12]]


def common_classes(one: dict[Code, Code], other: dict[Code, Code]) -> tuple[dict[Code, object], dict[Code, object]]:
    """Finest common coarsening of two folds of one variable: category of either -> class."""
    parent: dict[object, object] = {}

    def find(node: object) -> object:
        while parent.setdefault(node, node) != node:
            node = parent[node]
        return node

    for fine in one.keys() & other.keys():
        parent[find((0, one[fine]))] = find((1, other[fine]))
    return {c: find((0, c)) for c in one.values()}, {c: find((1, c)) for c in other.values()}
