"""Attribute tables and person ids -> one frame per register, in an order that no delivery can influence.

A frame has one row per row of the register: `person_id` (int64), `person` (0..n-1, the rank of `person_id` among the
people of that register), text columns as ordered-by-value categoricals, dates as datetime64[s] (absent: NaT),
`leeftijd` as float64 completed years (absent: NaN). Rows are sorted by person, date and then every other column, so
that rows which a tie would have to choose between are equal in all that is counted: row tokens are random, and must not
decide anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from schemas.errors import IntegrityError, UsageError
from schemas.study import Study

FIRST_DATE = {"ind": "datum_aanvraag", "dtv": "d9_start", "iom": "vertrekdatum"}


@dataclass(frozen=True)
class Events:
    """The registers of a study by kind (`ind`, `dtv`, `iom`), and its reporting period."""

    frames: Mapping[str, pd.DataFrame]
    years: tuple[int, ...]

    def frame(self, kind: str) -> pd.DataFrame:
        """The frame of one kind of register; UsageError when the study has none."""
        if kind not in self.frames:
            raise UsageError(
                f"The catalogue counts rows of a register of kind '{kind}', which the study does not name."
            )
        return self.frames[kind]

    @property
    def period(self) -> tuple[np.datetime64, np.datetime64]:
        """First and last day of the reporting period."""
        return np.datetime64(f"{self.years[0]}-01-01", "s"), np.datetime64(f"{self.years[-1]}-12-31", "s")


def with_persons(attributes: Mapping[str, pa.Table], persons: pa.Table, study: Study) -> dict[str, pa.Table]:
    """The study's attribute tables with `person_id` in the place of `token`.

    attributes  bron -> attribute table with `token`; persons: `token`, `person_id` for each of those tokens.
    IntegrityError when a row has no person.
    """
    out = {}
    for register in study.registers.values():
        table = attributes[register.bron]
        ids = pa.array(_person_ids(table, persons, register.bron), pa.int64())
        out[register.bron] = table.drop_columns(["token"]).append_column("person_id", ids)
    return out


def read_events(attributes: Mapping[str, pa.Table], study: Study) -> Events:
    """The frames of all registers of the study, from tables `with_persons`. Registers of one kind are taken together."""
    frames: dict[str, pd.DataFrame] = {}
    for kind in FIRST_DATE:
        brons = [register.bron for register in study.registers.values() if register.kind == kind]
        if brons:
            table = pa.concat_tables([attributes[bron] for bron in brons])
            ids = table["person_id"].to_numpy()
            frames[kind] = _sorted(_frame(table.drop_columns(["person_id"]), ids), FIRST_DATE[kind])
    return Events(frames, study.years)


def _person_ids(table: pa.Table, persons: pa.Table, bron: str) -> np.ndarray:
    rows = pa.table({"token": table["token"], "row": np.arange(table.num_rows)})
    joined = rows.join(persons.select(["token", "person_id"]), "token", join_type="left outer").sort_by("row")
    lost = joined["person_id"].null_count
    if lost or joined.num_rows != table.num_rows:
        raise IntegrityError(
            f"{lost} rows of the register {bron} have no person id, and "
            f"{joined.num_rows - table.num_rows} have more than one; link this delivery again."
        )
    ids: np.ndarray = joined["person_id"].to_numpy()
    return ids


def _frame(table: pa.Table, person_ids: np.ndarray) -> pd.DataFrame:
    columns: dict[str, object] = {"person_id": person_ids}
    columns["person"] = np.unique(person_ids, return_inverse=True)[1]
    for name in table.column_names:
        column = table[name].combine_chunks()
        if pa.types.is_date(column.type):
            columns[name] = column.cast(pa.timestamp("s")).to_numpy(zero_copy_only=False)
        elif pa.types.is_integer(column.type):
            columns[name] = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
        else:
            columns[name] = by_value(column)
    return pd.DataFrame(columns)


def by_value(column: pa.Array) -> pd.Categorical:
    """Text as a categorical whose categories are sorted, so that codes compare as the values do."""
    encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    values = np.asarray(encoded.dictionary.to_pylist(), dtype=object)
    order = np.argsort(values, kind="stable")
    rank = np.empty(len(values) + 1, dtype=np.int64)
    rank[order], rank[-1] = np.arange(len(values)), -1
    codes = pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False)
    return pd.Categorical.from_codes(rank[codes], categories=pd.Index(values[order], dtype=object))


def _sorted(frame: pd.DataFrame, date: str) -> pd.DataFrame:
    """By person, `date`, then all other columns."""
    others = [name for name in frame.columns if name not in ("person_id", "person", date)]
    keys = [_sortable(frame[name]) for name in (*reversed(others), date, "person")]
    return frame.take(np.lexsort(keys)).reset_index(drop=True)


def _sortable(column: pd.Series) -> np.ndarray:
    if isinstance(column.dtype, pd.CategoricalDtype):
        return np.asarray(column.cat.codes)
    return column.to_numpy()


def years_of(dates: pd.Series) -> np.ndarray:
    """Calendar years (int64); -1 where the date is absent."""
    years = dates.dt.year.to_numpy(dtype=np.float64)
    return np.where(np.isnan(years), -1, years).astype(np.int64)


def first_by_person(people: np.ndarray, values: np.ndarray, count: int) -> np.ndarray:
    """Least value per person (datetime64[s]); NaT for people without one. `people` are ranks 0..count-1."""
    least = np.full(count, np.iinfo(np.int64).max)
    np.minimum.at(least, people, values.astype("datetime64[s]").astype(np.int64))
    least[least == np.iinfo(np.int64).max] = np.iinfo(np.int64).min
    return least.astype("datetime64[s]")


def any_by_person(people: np.ndarray, holds: np.ndarray, count: int) -> np.ndarray:
    """Whether `holds` anywhere among a person's rows (bool, one per person)."""
    return np.bincount(people[holds], minlength=count) > 0
