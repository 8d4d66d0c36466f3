"""What a row must satisfy, as a pandera schema built from the extract's data.

Pandera's failure text holds the offending value; it never leaves this module, only row, column and reason do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow as pa

from schemas.codelists import codes
from schemas.dialects import Births, normalise_vnummer, parse_births, parse_dates
from schemas.extracts import Extract, Field, Need
from schemas.study import Dialect

if TYPE_CHECKING:
    from pandera.pandas import Check, DataFrameSchema

_V_NUMBER = r"[0-9]{10}"
_SEPARATOR = "|"
_DAY = ".dag"
_SEPARATES_NAME = ":"


@dataclass(frozen=True)
class Parsed:
    """A delivery with its dates and V-numbers read: columns of equal length, in the order of the file."""

    texts: pa.Table
    vnummer: pa.Array
    dates: dict[str, pa.Array]
    births: Births


def parse(texts: pa.Table, extract: Extract, dialect: Dialect) -> Parsed:
    """Read what the dialect spells its own way. What cannot be read becomes null here and a failure in `failures`."""
    return Parsed(
        texts=texts,
        vnummer=normalise_vnummer(texts["vnummer"]),
        dates={
            field.name: parse_dates(texts[field.name], dialect.date_format)
            for field in extract.fields
            if field.reads == "date"
        },
        births=parse_births(texts["geboortedatum"], dialect.date_format),
    )


def failures(parsed: Parsed, extract: Extract, dialect: Dialect) -> list[tuple[int, str, str]]:
    """(row position, column, reason) of everything that breaks the schema, in order of precedence within a column."""
    from pandera.errors import SchemaErrors

    schema, rules = _schema(extract, dialect)
    try:
        schema.validate(_frame(parsed, extract), lazy=True)
    except SchemaErrors as error:
        found = error.failure_cases[["index", "check"]].drop_duplicates()
    else:
        return []
    rank = {name: position for position, name in enumerate(rules)}
    entries = sorted((rank[check], int(row), check) for row, check in found.itertuples(index=False))
    return [(row, *_column_and_reason(check)) for _, row, check in entries]


def _column_and_reason(check: str) -> tuple[str, str]:
    column, reason = check.split(_SEPARATES_NAME)
    return column, reason


def _frame(parsed: Parsed, extract: Extract) -> pd.DataFrame:
    """Delivered text per column, the V-number normalised, and for every date `<column>.dag` (datetime64[s])."""
    names = [field.name for field in extract.fields if field.name in parsed.texts.column_names]
    table = parsed.texts.select(names).set_column(names.index("vnummer"), "vnummer", parsed.vnummer)
    frame: pd.DataFrame = table.to_pandas(types_mapper=pd.ArrowDtype)
    for name, days in (*parsed.dates.items(), ("geboortedatum", parsed.births.earliest)):
        frame[name + _DAY] = days.to_numpy(zero_copy_only=False).astype("datetime64[s]")
    frame["geboortedatum.leesbaar"] = parsed.births.readable.to_numpy(zero_copy_only=False)
    return frame


def _schema(extract: Extract, dialect: Dialect) -> tuple[DataFrameSchema, list[str]]:
    """The pandera schema, and the names of its checks (`column:reason`) in order of precedence."""
    from pandera.pandas import Column, DataFrameSchema

    columns: dict[str, Column] = {}
    wide: list[Check] = []
    for field in extract.fields:
        own = list(_column_checks(field, dialect))
        if own:
            columns[field.name] = Column(None, checks=own, nullable=True)
        if field.reads in ("date", "birth"):
            wide.append(_readable(field))
    wide.append(_not_before(extract.reference, "geboortedatum", "geboortedatum", "geboorte_na_peildatum"))
    wide.extend(_not_before(order.later, order.earlier, order.later, order.reason) for order in extract.orders)
    wide.extend(_needed(need) for need in extract.needs)
    checks = [check for column in columns.values() for check in column.checks] + wide
    return DataFrameSchema(columns, checks=wide), [check.name for check in checks]


def _column_checks(field: Field, dialect: Dialect) -> Iterator[Check]:
    if field.required:
        yield _check(field.name, "verplicht_leeg", lambda cells: cells.notna())
    if field.reads == "vnummer":
        yield _check(field.name, "v_nummer_ongeldig", lambda cells: cells.str.fullmatch(_V_NUMBER).fillna(True))
    if field.reads == "codes":
        yield _check(field.name, "code_buiten_lijst", _all_listed(field))
    elif field.codes:
        allowed = list(dialect.sex) if field.reads == "sex" else list(codes(field.codes))
        yield _check(field.name, "code_buiten_lijst", lambda cells: cells.isin(allowed) | cells.isna())


def _all_listed(field: Field) -> Callable[[pd.Series], pd.Series]:
    allowed = set(codes(field.codes or ""))

    def listed(cells: pd.Series) -> pd.Series:
        good = [combined for combined in cells.dropna().unique() if allowed.issuperset(combined.split(_SEPARATOR))]
        return cells.isin(good) | cells.isna()

    return listed


def _readable(field: Field) -> Check:
    def readable(frame: pd.DataFrame) -> pd.Series:
        if field.reads == "birth":
            return frame["geboortedatum.leesbaar"]
        return frame[field.name].isna() | frame[field.name + _DAY].notna()

    return _check(field.name, "datum_ongeldig", readable)


def _not_before(later: str, earlier: str, column: str, reason: str) -> Check:
    def ordered(frame: pd.DataFrame) -> pd.Series:
        return ~(frame[later + _DAY] < frame[earlier + _DAY])

    return _check(column, reason, ordered)


def _needed(need: Need) -> Check:
    def filled(frame: pd.DataFrame) -> pd.Series:
        given = frame[need.given].isin(need.values) if need.values else frame[need.given].notna()
        return ~given | frame[need.column].notna()

    return _check(need.column, need.reason, filled)


def _check(column: str, reason: str, rule: Callable) -> Check:
    from pandera.pandas import Check

    # ignore_na would excuse a row from every rule across columns as soon as any of its cells is empty.
    return Check(lambda values: rule(values).astype(bool), name=f"{column}{_SEPARATES_NAME}{reason}", ignore_na=False)
