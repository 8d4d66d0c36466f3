"""A printed edition as cells and equations: what a reader can set down, with whole numbers in the blanks that fit all of it.

The numbers are one possibility, not the truth, which no longer exists for an earlier edition: of all that fit, those that differ
least from one edition to the next, which is what a reader would believe who knows that corrections are few.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import highspy
import numpy as np
import pandas as pd
from scipy import sparse

from disclosure.suppress.problem import Floats
from disclosure.suppress.release import ReleaseBuilder, build
from disclosure.suppress.system import Ints, SystemBuilder
from schemas.catalogue import Catalogue, Entry
from schemas.errors import DisclosureRefused
from schemas.policy_suppression import SuppressionPolicy
from schemas.tables import COUNT, MEAN_COLUMNS, STATUS, ExactTable, ProtectedTable
from schemas.vocabulary import Code

FIT_SECONDS = 30.0


@dataclass(frozen=True)
class Edition:
    """A printed release. n cells.

    work    its builder: keys, equations, layout; `work.cells.values` are placeholders until `fit`.
    shown   cells printed with a value, and that value; `blank` cells printed as blanks. The rest is printed nowhere.
    apart   ids of tables that the catalogue no longer has: nothing is known of how they relate to others.
    """

    work: ReleaseBuilder
    shown: Mapping[int, int]
    blank: frozenset[int]
    apart: tuple[str, ...]

    @property
    def keys(self) -> tuple[Hashable, ...]:
        """Names of the cells, the same in every edition."""
        return tuple(self.work.cells.index)


def read_edition(tables: Mapping[str, ProtectedTable], catalogue: Catalogue, rules: SuppressionPolicy) -> Edition:
    """Set a printed edition down.

    DisclosureRefused (4) where a table was printed with other dimensions than the catalogue now gives it: what cannot be laid
    beside a release cannot be held against it.
    """
    entries = {entry.id: entry for entry in catalogue.entries}
    here = {name: _sketched(table, entries[name]) for name, table in tables.items() if name in entries}
    work = build(here, catalogue, rules, SystemBuilder(sketch=True))
    shown: dict[int, int] = {}
    blank: set[int] = set()
    for name, exact in here.items():
        count = COUNT if exact.kind == "count" else MEAN_COLUMNS[0]
        frame = tables[name].frame
        for at, value, status in zip(work.layout[name], frame[count], frame[STATUS], strict=True):
            if at >= 0 and status == "suppressed":
                blank.add(at)
            elif at >= 0:
                shown[at] = int(value)
    return Edition(work, shown, frozenset(blank - shown.keys()), tuple(sorted(set(tables) - set(entries))))


def _sketched(table: ProtectedTable, entry: Entry) -> ExactTable:
    """The table with 1 for every blank and nobody behind it; categories as the catalogue types them."""
    if set(table.dimensions) != {dimension.name for dimension in entry.dimensions}:
        raise DisclosureRefused(
            f"{table.id} was printed earlier with the dimensions {', '.join(table.dimensions)}, and the catalogue now gives it "
            "others, so it cannot be judged beside that; give the changed table an id of its own."
        )
    frame = table.frame.copy()
    categories: dict[str, tuple[object, ...]] = {}
    for dimension in entry.dimensions:
        typed: dict[str, Code] = {str(code): code for code in dimension.fold.values()}
        frame[dimension.name] = pd.Series(
            [typed.get(str(code), code) for code in frame[dimension.name]], index=frame.index, dtype=object
        )
        categories[dimension.name] = tuple(typed.get(str(code), code) for code in table.categories[dimension.name])
    columns = (COUNT,) if table.kind == "count" else MEAN_COLUMNS
    frame[columns[0]] = frame[columns[0]].fillna(1).astype(np.int64)
    names = tuple(dimension.name for dimension in entry.dimensions)
    micro = pd.DataFrame({"person_id": pd.Series(dtype=np.int64)} | {name: pd.Series(dtype=object) for name in names})
    return ExactTable(table.id, names, categories, frame[[*names, *columns]], micro, table.kind)


@dataclass(frozen=True)
class Wish:
    """Two numbers that a reader believes equal if they can be: the cell `at` of edition `edition`, and another or a value."""

    edition: int
    at: int
    other: tuple[int, int] | None = None
    value: int = 0


def fit(
    editions: Sequence[Edition], wishes: Sequence[Wish], certain: Sequence[Mapping[int, int]] | None = None
) -> None:
    """Put whole numbers into all `editions` that satisfy every equation and break the wishes by as little as possible.

    certain  per edition, cells whose number is known though it is not printed.
    DisclosureRefused (4) where no whole numbers fit what is printed.
    """
    systems = [edition.work.cells.build() for edition in editions]
    start = np.concatenate([[0], np.cumsum([system.size for system in systems])]).astype(np.int64)
    rows = sparse.csr_array(sparse.block_diag([system.equations for system in systems], format="csr"))
    n, k = int(start[-1]), len(wishes)
    lower, upper = np.zeros(n), np.full(n, highspy.kHighsInf)
    for number, (edition, system) in enumerate(zip(editions, systems, strict=True)):
        span = slice(int(start[number]), int(start[number + 1]))
        lower[span] = np.where(system.hidden, 0, system.lower)
        known = {**edition.shown, **(certain[number] if certain else {})}
        places = int(start[number]) + np.array(list(known), dtype=np.int64)
        lower[places] = upper[places] = list(known.values())
    wanted = sparse.lil_array((k, n))
    for i, wish in enumerate(wishes):
        wanted[i, int(start[wish.edition]) + wish.at] = 1.0
        if wish.other is not None:
            wanted[i, int(start[wish.other[0]]) + wish.other[1]] = -1.0
    values = _nearest(rows, lower, upper, wanted.tocsr(), np.array([float(wish.value) for wish in wishes]))
    for number, edition in enumerate(editions):
        edition.work.cells.values[:] = values[start[number] : start[number + 1]].tolist()


def _nearest(
    rows: sparse.csr_array, lower: Floats, upper: Floats, wanted: sparse.csr_array, value: Floats
) -> Ints:  # fmt: skip
    """int64[n] with rows @ x = 0 within the bounds, that minimise |wanted @ x - value|; whole where fractions are not."""
    n, k = rows.shape[1], wanted.shape[0]
    matrix = rows.tocsc()
    if k:
        gap = sparse.eye_array(k)
        matrix = sparse.csc_array(sparse.block_array([[rows, None, None], [wanted, gap, -gap]], format="csc"))
    model = highspy.HighsLp()
    model.num_col_, model.num_row_ = matrix.shape[1], matrix.shape[0]
    model.col_cost_ = np.concatenate([np.zeros(n), np.ones(2 * k)])
    model.col_lower_ = np.concatenate([lower, np.zeros(2 * k)])
    model.col_upper_ = np.concatenate([upper, np.full(2 * k, highspy.kHighsInf)])
    model.row_lower_ = model.row_upper_ = np.concatenate([np.zeros(rows.shape[0]), value])
    model.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    model.a_matrix_.start_, model.a_matrix_.index_ = matrix.indptr.astype(np.int32), matrix.indices.astype(np.int32)
    model.a_matrix_.value_ = matrix.data.astype(np.float64)
    for whole in (False, True):
        if whole:
            model.integrality_ = [highspy.HighsVarType.kInteger] * n + [highspy.HighsVarType.kContinuous] * (2 * k)
        found = _solved(model, n)
        if found is not None and not np.any(rows @ found):
            return found
    raise DisclosureRefused(
        "What was printed cannot all be true under the catalogue's equations, so nothing can be judged beside it: check the "
        "catalogue's relations, or reject the release that printed it."
    )


def _solved(model: highspy.HighsLp, n: int) -> Ints | None:
    solver = highspy.Highs()
    for option, value in (("output_flag", False), ("threads", 1), ("time_limit", FIT_SECONDS)):
        solver.setOptionValue(option, value)
    solver.passModel(model)
    solver.run()
    if solver.getModelStatus() != highspy.HighsModelStatus.kOptimal:
        return None
    point: Ints = np.rint(np.array(solver.getSolution().col_value)[:n]).astype(np.int64)
    return point
