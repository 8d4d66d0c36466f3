"""The one generic tabulator: attributes and person ids in, every table of a catalogue out, exactly.

Nothing here knows a table. A catalogue entry says which units to count (`units`), which to keep and how to fold their
variables; counting is one `bincount` over the complete cross of the categories. Everything that is derived is derived
within a person, so people are dealt out over groups, and an engine runs `counted` on each; counts are sums over people.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd
import pyarrow as pa

from schemas.catalogue import Catalogue, Dimension, Entry, Population
from schemas.engine import Engine, GroupStep, LocalEngine, Tables
from schemas.errors import UsageError
from schemas.study import Study
from schemas.tables import COUNT, MEAN_COLUMNS, ExactTable
from schemas.vocabulary import Code
from tabulation.events import read_events, with_persons
from tabulation.units import Units

# Rows of all registers together, from which people are dealt out over more groups.
GROUP_ROWS = 1_000_000
# One row per unit of count: the place of its table in the catalogue, its person, its cell of the complete cross.
COUNTED = pa.schema([("entry", pa.int16()), ("person_id", pa.int64()), ("cell", pa.int64()), ("value", pa.float64())])


def tabulate(
    attributes: Mapping[str, pa.Table],
    persons: pa.Table,
    study: Study,
    catalogue: Catalogue,
    engine: Engine | None = None,
) -> dict[str, ExactTable]:
    """Every table of the catalogue by id, in its order.

    attributes  bron -> attribute table (`token` and attributes); persons: `token`, `person_id`, one row per token.
    engine      where groups of people are counted, this process by default.
    UsageError when catalogue and study disagree on the years, or when a unit's value has no category in a table.
    """
    if catalogue.years != study.years:
        raise UsageError(
            f"Catalogue {catalogue.id} was loaded for {catalogue.years[0]}-{catalogue.years[-1]}, study {study.id} "
            f"reports on {study.first_year}-{study.last_year}; load the catalogue for the years of the study."
        )
    engine = engine or LocalEngine()
    people = with_persons(attributes, persons, study)
    rows = sum(table.num_rows for table in people.values())
    given = {"plan": pa.table({"plan": [pickle.dumps((study, catalogue))]})}
    parts = {bron: engine.parts(_sliced(table)) for bron, table in people.items()}
    groups = engine.grouped(COUNT_STEP, parts, "person_id", 1 + rows // GROUP_ROWS, given)
    counts = pa.concat_tables(list(groups))
    ends = np.cumsum(np.bincount(counts["entry"].to_numpy(), minlength=len(catalogue.entries)))
    counts = counts.take(pa.array(np.argsort(counts["entry"].to_numpy(), kind="stable")))
    return {
        entry.id: _table(entry, counts.slice(start, end - start))
        for entry, start, end in zip(catalogue.entries, [0, *ends[:-1]], ends, strict=True)
    }


def _sliced(table: pa.Table) -> Iterator[pa.Table]:
    return (table.slice(start, GROUP_ROWS) for start in range(0, max(table.num_rows, 1), GROUP_ROWS))


def counted(tables: Tables, given: Tables) -> pa.Table:
    """The kernel: all rows of some people -> what is counted of them, in the order of the catalogue.

    given: `plan`, the study and the catalogue, pickled because JSON would make text of years.
    """
    study, catalogue = pickle.loads(given["plan"]["plan"][0].as_py())
    units = Units(read_events(tables, study), catalogue.vocabulary)
    entries = enumerate(catalogue.entries)
    return pa.concat_tables(
        [_counted(place, entry, catalogue.populations[entry.population], units) for place, entry in entries]
    )


COUNT_STEP = GroupStep("tabulate", counted, COUNTED)


def _counted(place: int, entry: Entry, population: Population, units: Units) -> pa.Table:
    rows = units.members(population)
    cell = np.zeros(len(rows), dtype=np.int64)
    for dimension in entry.dimensions:
        cell = cell * len(_coarse(dimension)) + _codes(entry, dimension, units, rows)
    value = None
    if entry.value is not None:
        number = units.number(population.unit, entry.value)[rows]
        value = pa.array(number, pa.float64(), mask=np.isnan(number))
    columns = [pa.array(np.full(len(rows), place), pa.int16()), units.person_ids(population.unit)[rows], cell]
    return pa.table([*columns, pa.nulls(len(rows), pa.float64()) if value is None else value], schema=COUNTED)


def _table(entry: Entry, units: pa.Table) -> ExactTable:
    """The table of what `counted` gave for it, of all groups one after the other."""
    wide = [_coarse(dimension) for dimension in entry.dimensions]
    codes = list(np.unravel_index(units["cell"].to_numpy(), tuple(len(names) for names in wide)))
    categories = {}
    for place, dimension in enumerate(entry.dimensions):
        categories[dimension.name] = wide[place]
        if dimension.categories is None:
            present = np.unique(codes[place])
            categories[dimension.name] = tuple(wide[place][position] for position in present)
            codes[place] = np.searchsorted(present, codes[place])
    shape = tuple(len(names) for names in categories.values())
    frame = _cross(categories)
    micro = pd.DataFrame({"person_id": units["person_id"].to_numpy()})
    for (name, names), code in zip(categories.items(), codes, strict=True):
        micro[name] = _column(names)[code]
    if entry.value is None:
        frame[COUNT] = np.bincount(np.ravel_multi_index(codes, shape), minlength=len(frame)).astype(np.int64)
    else:
        value = units["value"].to_numpy()
        known = ~np.isnan(value)
        micro = micro[known].reset_index(drop=True).assign(waarde=value[known].astype(np.int64))
        for name, column in _means(entry.dimensions, [code[known] for code in codes], shape, value[known]).items():
            frame[name] = column
    return ExactTable(
        id=entry.id,
        dimensions=tuple(categories),
        categories={**categories},
        frame=frame,
        micro=micro,
        kind=entry.kind,
    )


def _coarse(dimension: Dimension) -> tuple[Code, ...]:
    """The categories that a dimension can have; where it has those observed, they are among these."""
    return tuple(dict.fromkeys(dimension.fold.values())) if dimension.categories is None else dimension.categories


def _codes(entry: Entry, dimension: Dimension, units: Units, rows: np.ndarray) -> np.ndarray:
    """Per row the position of its category."""
    fine, values = units.coded(entry.unit, dimension.variable)
    place = {category: position for position, category in enumerate(_coarse(dimension))}
    lookup = np.array([place.get(dimension.fold.get(code, ""), -1) for code in fine] + [-1], dtype=np.int64)
    codes: np.ndarray = lookup[values[rows]]
    if len(codes) and codes.min() < 0:
        raise UsageError(
            f"Table {entry.id}: {int((codes < 0).sum())} units have no category of dimension '{dimension.name}'; "
            f"restrict the population, or add the category to the variable or list it uses."
        )
    return codes


def _cross(categories: Mapping[str, tuple[Code, ...]]) -> pd.DataFrame:
    """Complete cross of the categories, the last dimension running fastest."""
    grid = np.indices(tuple(len(names) for names in categories.values())).reshape(len(categories), -1)
    return pd.DataFrame({name: _column(names)[grid[i]] for i, (name, names) in enumerate(categories.items())})


def _column(categories: tuple[Code, ...]) -> np.ndarray:
    """Categories as an array: years int64, everything else text."""
    years = all(isinstance(code, int) for code in categories)
    return np.array(categories, dtype=np.int64 if years and categories else object)


def _means(
    dimensions: tuple[Dimension, ...], codes: list[np.ndarray], shape: tuple[int, ...], value: np.ndarray
) -> dict[str, np.ndarray]:
    """`n`, mean and standard deviation (n-1) rounded to one decimal; a `total` category holds everybody else's sums."""
    flat = np.ravel_multi_index(codes, shape) if len(value) else np.zeros(0, dtype=np.int64)
    size = int(np.prod(shape))
    sums = [np.bincount(flat, weights=value**power, minlength=size).reshape(shape) for power in (0, 1, 2)]
    for axis, dimension in enumerate(dimensions):
        if dimension.total is not None:
            for total in sums:
                np.moveaxis(total, axis, 0)[-1] = total.sum(axis=axis)
    count, first, second = (total.ravel() for total in sums)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = first / count
        deviation = np.sqrt((second - first * mean) / (count - 1))
    deviation[count < 2] = np.nan
    return dict(zip(MEAN_COLUMNS, (count.astype(np.int64), mean.round(1), deviation.round(1)), strict=True))
