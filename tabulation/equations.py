"""The equations between printed tables: shared margins after folding, the catalogue's relations, and expectations.

Printed tables may have merged categories. A sum that they cannot express exactly is bracketed: what surely belongs to it is
at most what possibly belongs to the other side. Where both can be expressed this is the equation itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product

from schemas.catalogue import Catalogue, Entry, Relation, Term
from schemas.vocabulary import Code

Cell = tuple[Code, ...]
Sums = dict[tuple[int, Cell], float]


@dataclass(frozen=True)
class Grid:
    """One table as it was printed: per dimension the printed codes and the fine categories of the variable each holds."""

    origin: str
    table: str
    dimensions: tuple[str, ...]
    axes: tuple[dict[Code, frozenset[Code]], ...]

    def cells(self) -> Iterator[Cell]:
        """The complete cross of the printed codes."""
        return product(*self.axes)


@dataclass(frozen=True)
class Equation:
    """The weighted sum of cells is at most zero. `why` is empty where both sides are the same people by name."""

    sums: Sums
    why: str


def equations(
    catalogue: Catalogue, grids: Sequence[Grid], expected: Iterable[Mapping[str, object]] = ()
) -> list[Equation]:
    """Everything that ties the cells of `grids` together, as sums that are at most zero."""
    found: list[Equation] = []
    for one, other in combinations(range(len(grids)), 2):
        found += _margins(catalogue, grids, one, other)
    for relation in catalogue.relations:
        found += _relation(catalogue, grids, relation)
    for item in expected:
        found += _expected(catalogue, grids, item)
    return found


def _margins(catalogue: Catalogue, grids: Sequence[Grid], one: int, other: int) -> list[Equation]:
    """Shared margins of two tables of one population, or of one within the other (then at most)."""
    first, second = (catalogue.entry(grids[at].table) for at in (one, other))
    if first.kind != "count" or second.kind != "count":
        return []
    if first.population == second.population:
        both = True
    elif second.population in _ancestors(catalogue, first.population):
        both = False
    elif first.population in _ancestors(catalogue, second.population):
        return _margins(catalogue, grids, other, one)
    else:
        return []
    label = catalogue.populations[first.population].label.en
    why = f"{first.id} and {second.id} {'both count' if both else 'count, the first among the second,'} {label}."
    found = []
    for left, right in _blocks(grids, one, other, _shared(first, second)):
        found.append(Equation(_difference(left, right), why))
        if both:
            found.append(Equation(_difference(right, left), why))
    return found


def _ancestors(catalogue: Catalogue, population: str) -> list[str]:
    found = []
    above = catalogue.populations[population].within
    while above is not None:
        found.append(above)
        above = catalogue.populations[above].within
    return found


def _shared(first: Entry, second: Entry) -> list[tuple[int, int]]:
    """Positions of the dimensions that fold the same variable."""
    places = {dimension.variable: at for at, dimension in enumerate(second.dimensions)}
    return [(at, places[item.variable]) for at, item in enumerate(first.dimensions) if item.variable in places]


def _blocks(
    grids: Sequence[Grid], one: int, other: int, shared: list[tuple[int, int]]
) -> Iterator[tuple[list[tuple[int, Cell]], list[tuple[int, Cell]]]]:
    """Cells of both tables that hold the same categories of all shared variables, folded as little as possible."""
    blocks = [_common(grids[one].axes[a], grids[other].axes[b]) for a, b in shared]
    groups: dict[tuple[int, ...], tuple[list[tuple[int, Cell]], list[tuple[int, Cell]]]] = {}
    for side, grid in enumerate((one, other)):
        for cell in grids[grid].cells():
            key = tuple(block[side][cell[places[side]]] for block, places in zip(blocks, shared, strict=True))
            groups.setdefault(key, ([], []))[side].append((grid, cell))
    return iter(groups.values())


def _common(
    first: Mapping[Code, frozenset[Code]], second: Mapping[Code, frozenset[Code]]
) -> tuple[dict[Code, int], dict[Code, int]]:
    """Block number of every printed code: codes that share a fine category are in one block."""
    block_of: dict[Code, int] = {}  # by fine category
    members: dict[int, set[Code]] = {}
    for number, fine in enumerate([*first.values(), *second.values()]):
        joined = set(fine)
        for old in {block_of[code] for code in fine if code in block_of}:
            joined |= members.pop(old)
        members[number] = joined
        block_of |= dict.fromkeys(joined, number)
    left, right = ({code: block_of[next(iter(fine))] for code, fine in axis.items()} for axis in (first, second))
    return left, right


def _relation(catalogue: Catalogue, grids: Sequence[Grid], relation: Relation) -> list[Equation]:
    """One relation, for every origin that printed all its tables."""
    found = []
    for places in _origins(grids, (*relation.left, *relation.right)):
        sides = [_side(catalogue, grids, places, terms) for terms in (relation.left, relation.right)]
        found.append(Equation(_difference(sides[0][0], sides[1][1]), relation.why))
        if relation.kind == "eq":
            found.append(Equation(_difference(sides[1][0], sides[0][1]), relation.why))
    return found


def _origins(grids: Sequence[Grid], terms: Sequence[Term]) -> Iterator[dict[str, int]]:
    for origin in dict.fromkeys(grid.origin for grid in grids):
        places = {grid.table: at for at, grid in enumerate(grids) if grid.origin == origin}
        if all(term.table in places for term in terms):
            yield places


def _side(
    catalogue: Catalogue, grids: Sequence[Grid], places: Mapping[str, int], terms: Sequence[Term]
) -> tuple[list[tuple[int, Cell]], list[tuple[int, Cell]]]:
    """The cells that surely, and those that possibly, belong to the sum of `terms`."""
    sure: list[tuple[int, Cell]] = []
    possible: list[tuple[int, Cell]] = []
    for term in terms:
        at = places[term.table]
        inner, outer = _selected(catalogue.entry(term.table), grids[at], term)
        sure += [(at, cell) for cell in inner]
        possible += [(at, cell) for cell in outer]
    return sure, possible


def _selected(entry: Entry, grid: Grid, term: Term) -> tuple[list[Cell], list[Cell]]:
    wanted: list[frozenset[Code] | None] = []
    for dimension in entry.dimensions:
        codes = term.where.get(dimension.name)
        if codes is None:
            wanted.append(None)
        elif dimension.total is not None:  # the row of a total holds no category of its own
            wanted.append(frozenset(codes))
        else:
            wanted.append(frozenset(fine for fine, code in dimension.fold.items() if code in codes))
    inner, outer = [], []
    for cell in grid.cells():
        fines = [axis[code] for axis, code in zip(grid.axes, cell, strict=True)]
        if all(want is None or held & want for want, held in zip(wanted, fines, strict=True)):
            outer.append(cell)
            if all(want is None or held <= want for want, held in zip(wanted, fines, strict=True)):
                inner.append(cell)
    return inner, outer


def _expected(catalogue: Catalogue, grids: Sequence[Grid], item: Mapping[str, object]) -> list[Equation]:
    """An expectation: left at most right plus so many months' worth of the right table's selected total."""
    left, right = Term.model_validate(item["left"]), Term.model_validate(item["right"])
    years = len(catalogue.years)
    months = item["months"]
    assert isinstance(months, int)
    each = item.get("each", {})
    assert isinstance(each, dict)
    choices = [{name: (code,)} for name, codes in each.items() for code in codes] or [{}]
    found = []
    for places in _origins(grids, (left, right)):
        total = _side(catalogue, grids, places, (right,))[1]
        for choice in choices:
            narrowed = [term.model_copy(update={"where": {**term.where, **choice}}) for term in (left, right)]
            sums = _difference(
                _side(catalogue, grids, places, narrowed[:1])[0], _side(catalogue, grids, places, narrowed[1:])[1]
            )
            for key in total:
                sums[key] = sums.get(key, 0.0) - months / (12 * years)
            found.append(Equation(sums, str(item["why"])))
    return found


def _difference(left: Iterable[tuple[int, Cell]], right: Iterable[tuple[int, Cell]]) -> Sums:
    sums: Sums = dict.fromkeys(left, 1.0)
    for key in right:
        sums[key] = sums.get(key, 0.0) - 1.0
    return sums
