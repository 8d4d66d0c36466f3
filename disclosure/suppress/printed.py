"""A printed edition as cells and equations: what a reader can set down, with whole numbers in the blanks that fit all of it.

The numbers are one possibility, not the truth, which no longer exists for an earlier edition: of all that fit, those that lie
nearest to numbers given (`near`), which is what a reader would believe who knows that corrections are few.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass

import highspy
import numpy as np
import pandas as pd
from scipy import sparse

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

    work    its builder: keys, equations, layout; `work.cells.values` are the fitting numbers.
    shown   cells printed with their value; `blank` cells printed as blanks. The rest is printed nowhere.
    apart   ids of tables that the catalogue no longer has: nothing is known of how they relate to others.
    """

    work: ReleaseBuilder
    shown: frozenset[int]
    blank: frozenset[int]
    apart: tuple[str, ...]

    @property
    def keys(self) -> tuple[Hashable, ...]:
        """Names of the cells, the same in every edition."""
        return tuple(self.work.cells.index)


def read_edition(
    tables: Mapping[str, ProtectedTable],
    catalogue: Catalogue,
    rules: SuppressionPolicy,
    near: Mapping[Hashable, int],
    known: Mapping[Hashable, int] | None = None,
) -> Edition:
    """Set a printed edition down. `near`: cell -> where its number is looked for; `known`: cells whose number is certain.

    DisclosureRefused (4) where no whole numbers fit, or where a table was printed with other dimensions than it has now:
    what cannot be laid beside a release cannot be held against it.
    """
    entries = {entry.id: entry for entry in catalogue.entries}
    sketch = SystemBuilder(sketch=True)
    here = {name: _sketched(table, entries[name]) for name, table in tables.items() if name in entries}
    work = build(here, catalogue, rules, sketch)
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
    keys = list(sketch.index)
    certain = {at: known[key] for at, key in enumerate(keys) if key in (known or {})} if known else {}
    floor = np.where(sketch.hidden, 0, np.array(sketch.lower, dtype=np.int64))
    wanted = {at: near.get(keys[at], 0) for at in blank - shown.keys()}
    values = _fit(work, shown | certain, floor, wanted)
    sketch.values[:] = values.tolist()
    return Edition(work, frozenset(shown), frozenset(blank - shown.keys()), tuple(sorted(set(tables) - set(entries))))


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


def _fit(work: ReleaseBuilder, certain: Mapping[int, int], floor: Ints, wanted: Mapping[int, int]) -> Ints:
    """int64[n] that satisfy every equation and differ as little as possible from `wanted`; whole where fractions are not."""
    rows = sparse.csr_array(work.cells.build().equations)
    n, near = rows.shape[1], sorted(wanted)
    lower, upper = floor.astype(np.float64), np.full(n, highspy.kHighsInf)
    for at, value in certain.items():
        lower[at] = upper[at] = value
    k = len(near)
    apart = sparse.csr_array((np.ones(k), (np.arange(k), near)), shape=(k, n))
    matrix = sparse.csc_array(
        sparse.block_array([[rows, None, None], [apart, sparse.eye_array(k), -sparse.eye_array(k)]], format="csc")
        if k else rows
    )  # fmt: skip
    right = np.concatenate([np.zeros(rows.shape[0]), [float(wanted[at]) for at in near]])
    model = highspy.HighsLp()
    model.num_col_, model.num_row_ = matrix.shape[1], matrix.shape[0]
    model.col_cost_ = np.concatenate([np.zeros(n), np.ones(2 * k)])
    model.col_lower_ = np.concatenate([lower, np.zeros(2 * k)])
    model.col_upper_ = np.concatenate([upper, np.full(2 * k, highspy.kHighsInf)])
    model.row_lower_ = model.row_upper_ = right
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
        "What was printed earlier cannot all be true under the catalogue's equations, so nothing can be judged beside it: check "
        "the catalogue's relations, or reject the release that printed it."
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
