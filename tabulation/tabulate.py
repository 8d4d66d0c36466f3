"""The one generic tabulator: attributes and person ids in, every table of a catalogue out, exactly.

Nothing here knows a table. A catalogue entry says which units to count (`units`), which to keep and how to fold their
variables; counting is one `bincount` over the complete cross of the categories.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import pyarrow as pa

from schemas.catalogue import Catalogue, Dimension, Entry, Population
from schemas.errors import UsageError
from schemas.study import Study
from schemas.tables import COUNT, MEAN_COLUMNS, ExactTable
from schemas.vocabulary import Code
from tabulation.events import read_events
from tabulation.units import Units


def tabulate(
    attributes: Mapping[str, pa.Table], persons: pa.Table, study: Study, catalogue: Catalogue
) -> dict[str, ExactTable]:
    """Every table of the catalogue by id, in its order.

    attributes  bron -> attribute table (`token` and attributes); persons: `token`, `person_id`, one row per token.
    UsageError when catalogue and study disagree on the years, or when a unit's value has no category in a table.
    """
    if catalogue.years != study.years:
        raise UsageError(
            f"Catalogue {catalogue.id} was loaded for {catalogue.years[0]}-{catalogue.years[-1]}, study {study.id} "
            f"reports on {study.first_year}-{study.last_year}; load the catalogue for the years of the study."
        )
    units = Units(read_events(attributes, persons, study), catalogue.vocabulary)
    return {entry.id: _table(entry, catalogue.populations[entry.population], units) for entry in catalogue.entries}


def _table(entry: Entry, population: Population, units: Units) -> ExactTable:
    rows = units.members(population)
    axes = [_axis(entry, dimension, units, rows) for dimension in entry.dimensions]
    categories = {dimension.name: axis[0] for dimension, axis in zip(entry.dimensions, axes, strict=True)}
    codes = [axis[1] for axis in axes]
    shape = tuple(len(names) for names in categories.values())
    frame = _cross(categories)
    micro = pd.DataFrame({"person_id": units.person_ids(population.unit)[rows]})
    for (name, names), code in zip(categories.items(), codes, strict=True):
        micro[name] = _column(names)[code]
    if entry.value is None:
        frame[COUNT] = np.bincount(np.ravel_multi_index(codes, shape), minlength=len(frame)).astype(np.int64)
    else:
        value = units.number(population.unit, entry.value)[rows]
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


def _axis(entry: Entry, dimension: Dimension, units: Units, rows: np.ndarray) -> tuple[tuple[Code, ...], np.ndarray]:
    """(categories of the dimension in this table, per row the position of its category)."""
    fine, values = units.coded(entry.unit, dimension.variable)
    coarse = list(dict.fromkeys(dimension.fold.values())) if dimension.categories is None else dimension.categories
    place = {category: position for position, category in enumerate(coarse)}
    lookup = np.array([place.get(dimension.fold.get(code, ""), -1) for code in fine] + [-1], dtype=np.int64)
    codes = lookup[values[rows]]
    if len(codes) and codes.min() < 0:
        raise UsageError(
            f"Table {entry.id}: {int((codes < 0).sum())} units have no category of dimension '{dimension.name}'; "
            f"restrict the population, or add the category to the variable or list it uses."
        )
    if dimension.categories is not None:
        return tuple(coarse), codes
    present = np.unique(codes)
    return tuple(coarse[position] for position in present), np.searchsorted(present, codes)


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
