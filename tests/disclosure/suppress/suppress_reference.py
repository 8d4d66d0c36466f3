"""Attackers that share no line with `disclosure`: enumeration for tiny tables, and instances written to disk."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from disclosure.attack import Secrets
from disclosure.suppress.system import System, SystemBuilder

ALL = "T"
Code = tuple[int | str, int | str]


@dataclass(frozen=True)
class Grid:
    """A flat table of two dimensions with its margins; every unit is a person, zeros are published.

    leaves  int[rows, columns], true counts.  cells  the nonzero cells in the order of `system`.
    """

    leaves: NDArray[np.int64]
    system: System
    cells: tuple[Code, ...]

    @property
    def alone(self) -> dict[int, set[int]]:
        """Person -> cells that hold nobody else, counted from the leaves."""
        found: dict[int, set[int]] = {}
        for at, cell in enumerate(self.cells):
            people = _people_in(self.leaves, cell)
            if len(people) == 1:
                found.setdefault(people[0], set()).add(at)
        return found

    @property
    def twos(self) -> dict[tuple[int, int], set[int]]:
        """Two people -> cells that hold just the two of them."""
        found: dict[tuple[int, int], set[int]] = {}
        for at, cell in enumerate(self.cells):
            people = _people_in(self.leaves, cell)
            if len(people) == 2:
                found.setdefault((people[0], people[1]), set()).add(at)
        return found


def _people_in(leaves: NDArray[np.int64], cell: Code) -> list[int]:
    """People are numbered leaf by leaf."""
    start = np.concatenate([[0], np.cumsum(leaves.ravel())])
    people: list[int] = []
    for i, (row, column) in enumerate(itertools.product(*map(range, leaves.shape))):
        if cell[0] in (row, ALL) and cell[1] in (column, ALL):
            people += range(int(start[i]), int(start[i + 1]))
    return people


def grid(leaves: Iterable[Iterable[int]], threshold: int = 3) -> Grid:
    """The table as cells and equations."""
    truth = np.array([list(row) for row in leaves], dtype=np.int64)
    rows, columns = truth.shape
    builder, at = SystemBuilder(), {}
    for cell in itertools.product([*range(rows), ALL], [*range(columns), ALL]):
        people = _people_in(truth, cell)
        if people:
            at[cell] = builder.cell(cell, len(people), (len(people), people[0], people[-1]))
    for row, column in at:
        if column == ALL:
            builder.equation(at[row, column], [at[row, c] for c in range(columns) if (row, c) in at])
        if row == ALL:
            builder.equation(at[row, column], [at[r, column] for r in range(rows) if (r, column) in at])
    builder.primary |= {i for i, value in enumerate(builder.values) if value < threshold}
    return Grid(truth, builder.build(), tuple(at))


def cube(counts: NDArray[np.int64], threshold: int = 3) -> System:
    """A table of any number of flat dimensions with all its margins; every unit is a person."""
    start = np.concatenate([[0], np.cumsum(counts.ravel())]).tolist()
    leaves = list(itertools.product(*map(range, counts.shape)))
    builder, at = SystemBuilder(), {}
    for cell in itertools.product(*[[*range(size), ALL] for size in counts.shape]):
        inside = [all(c in (ALL, i) for c, i in zip(cell, leaf, strict=True)) for leaf in leaves]
        people = [person for i, yes in enumerate(inside) if yes for person in range(start[i], start[i + 1])]
        if people:
            at[cell] = builder.cell(cell, len(people), (len(people), people[0], people[-1]))
    for cell, parent in at.items():
        for axis in (i for i, code in enumerate(cell) if code == ALL):
            parts = [(*cell[:axis], code, *cell[axis + 1 :]) for code in range(counts.shape[axis])]
            builder.equation(parent, [at[part] for part in parts if part in at])
    builder.primary |= {i for i, value in enumerate(builder.values) if value < threshold}
    return builder.build()


def secrets_of(system: System) -> Secrets:
    return Secrets(
        system.values, system.equations, system.primary, system.lower, system.people, system.first, system.last
    )


def possible(made: Grid, known: set[int], lowest: int, reach: int = 3) -> list[set[int]]:
    """Per cell every value it can have, by enumerating all tables whose leaves are at most `reach` above the truth's largest.

    known   cells whose value the attacker has (published, or an insider's own); the others are at least `lowest`.
    """
    filled = np.argwhere(made.leaves.ravel() > 0).ravel()
    top = int(made.leaves.max()) + reach
    tables = np.array(list(itertools.product(range(top + 1), repeat=len(filled))), dtype=np.int64)
    leaf = [divmod(int(i), made.leaves.shape[1]) for i in filled]
    member = np.array(
        [[cell[0] in (row, ALL) and cell[1] in (column, ALL) for cell in made.cells] for row, column in leaf],
        dtype=np.int64,
    )
    values = tables @ member
    fits = np.ones(len(values), dtype=bool)
    for at, truth in enumerate(made.system.values.tolist()):
        fits &= values[:, at] == truth if at in known else values[:, at] >= lowest
    return [set(column.tolist()) for column in values[fits].T]


def exposed(
    made: Grid, blank: NDArray[np.bool_], insider: str, down: int = 1, up: int = 1
) -> set[tuple[tuple[int, ...], int]]:
    """Every (coalition, primary) that enumeration determines; () is the outsider, whose range is judged as well."""
    published = set(np.flatnonzero(~blank).tolist())
    primary = np.flatnonzero(made.system.primary).tolist()
    apart, wide = possible(made, published, 1), possible(made, published, 0)
    found: set[tuple[tuple[int, ...], int]] = set()
    for p in primary:
        value = int(made.system.values[p])
        if len(apart[p]) < 2 or not {max(value - down, 0), value + up} <= wide[p]:
            found.add(((), p))
    coalitions: dict[tuple[int, ...], set[int]] = {}
    if insider != "none":
        coalitions |= {(person,): cells for person, cells in made.alone.items()}
    if insider == "pair":
        people = range(int(made.leaves.sum()))
        for a, b in itertools.combinations(people, 2):
            own = made.twos.get((a, b), set()) | made.alone.get(a, set()) | made.alone.get(b, set())
            coalitions[a, b] = own
    for coalition, own in coalitions.items():
        if own:
            values = possible(made, published | own, 1)
            found |= {(coalition, p) for p in primary if p not in own and len(values[p]) < 2}
    return found


def write_instance(
    folder: Path,
    tables: dict[str, list[str]],
    trees: dict[str, dict[str, str]],
    micro: list[dict[str, str]],
    **rule: int | str,
) -> Path:
    """An instance folder. trees: dimension -> code -> parent (the root is added); rule: keys of `[rule]`."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = ['name = "made"', "[rule]", *(f"{key} = {value!r}".replace("'", '"') for key, value in rule.items())]
    for name, dimensions in tables.items():
        lines += ["[[table]]", f'id = "{name}"', f"dimensions = {dimensions!r}".replace("'", '"')]
    (folder / "instance.toml").write_text("\n".join(lines) + "\n")
    for name, parents in trees.items():
        rows = ["code,parent", "Total,", *(f"{code},{parent}" for code, parent in parents.items())]
        (folder / f"hierarchy_{name}.csv").write_text("\n".join(rows) + "\n")
    with (folder / "micro.csv").open("w", newline="") as handle:
        writer = csv.DictWriter(handle, fieldnames=list(trees), lineterminator="\n")
        writer.writeheader()
        writer.writerows(micro)
    return folder


def people_of(counts: dict[tuple[str, ...], int], names: Iterable[str]) -> list[dict[str, str]]:
    """One row per person from counts of leaves."""
    keys = list(names)
    return [dict(zip(keys, codes, strict=True)) for codes, count in counts.items() for _ in range(count)]
