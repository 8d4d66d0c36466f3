"""What a row must satisfy, as a pandera schema built from the extract's data.

Pandera's failure text holds the offending value; it never leaves this module, only row, column and reason do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
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


def load_rules() -> None:
    """Load pandera, which is slow, and must not be done by two threads at a time: they would wait for each other."""
    import_module("pandera.pandas")


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

    frame = _frame(parsed, extract)
    schema, rules = _schema(frame, extract, dialect)
    try:
        schema.validate(frame, lazy=True)
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


def _schema(frame: pd.DataFrame, extract: Extract, dialect: Dialect) -> tuple[DataFrameSchema, list[str]]:
    """The pandera schema of one frame, and the names of its checks (`column:reason`) in order of precedence.

    Rules across columns are checks of the column they blame, with the frame at hand: pandera reports a check of a whole
    frame cell by cell, which takes a millisecond for every broken row.
    """
    from pandera.pandas import Column, DataFrameSchema

    checks = [check for field in extract.fields for check in _own_rules(field, dialect)]
    checks += [
        _check(column, reason, lambda _, holds=holds: holds(frame)) for column, reason, holds in _row_rules(extract)
    ]
    names = [check.name for check in checks]
    columns = {}
    for name in frame.columns:
        blamed = [check for check in checks if _column_and_reason(check.name)[0] == name]
        if blamed:
            columns[name] = Column(None, checks=blamed, nullable=True)
    return DataFrameSchema(columns), names


def _own_rules(field: Field, dialect: Dialect) -> Iterator[Check]:
    """What a cell must satisfy by itself."""
    if field.required:
        yield _check(field.name, "verplicht_leeg", lambda cells: cells.notna())
    if field.reads == "vnummer":
        yield _check(field.name, "v_nummer_ongeldig", lambda cells: cells.str.fullmatch(_V_NUMBER).fillna(True))
    if field.reads == "codes":
        yield _check(field.name, "code_buiten_lijst", _all_listed(field))
    elif field.codes:
        allowed = list(dialect.sex) if field.reads == "sex" else list(codes(field.codes))
        yield _check(field.name, "code_buiten_lijst", lambda cells: cells.isin(allowed) | cells.isna())


def _row_rules(extract: Extract) -> Iterator[tuple[str, str, Callable[[pd.DataFrame], pd.Series]]]:
    """(column, reason, rule) of what depends on more than one column, dates that were read included."""
    for field in extract.fields:
        if field.reads in ("date", "birth"):
            yield field.name, "datum_ongeldig", _readable(field)
    yield "geboortedatum", "geboorte_na_peildatum", _not_before(extract.reference, "geboortedatum")
    for order in extract.orders:
        yield order.later, order.reason, _not_before(order.later, order.earlier)
    for need in extract.needs:
        yield need.column, need.reason, _filled(need)


def _all_listed(field: Field) -> Callable[[pd.Series], pd.Series]:
    allowed = set(codes(field.codes or ""))

    def listed(cells: pd.Series) -> pd.Series:
        good = [combined for combined in cells.dropna().unique() if allowed.issuperset(combined.split(_SEPARATOR))]
        return cells.isin(good) | cells.isna()

    return listed


def _readable(field: Field) -> Callable[[pd.DataFrame], pd.Series]:
    if field.reads == "birth":
        return lambda frame: frame["geboortedatum.leesbaar"]
    return lambda frame: frame[field.name].isna() | frame[field.name + _DAY].notna()


def _not_before(later: str, earlier: str) -> Callable[[pd.DataFrame], pd.Series]:
    return lambda frame: ~(frame[later + _DAY] < frame[earlier + _DAY])


def _filled(need: Need) -> Callable[[pd.DataFrame], pd.Series]:
    def filled(frame: pd.DataFrame) -> pd.Series:
        given = frame[need.given].isin(need.values) if need.values else frame[need.given].notna()
        return ~given | frame[need.column].notna()

    return filled


def _check(column: str, reason: str, rule: Callable) -> Check:
    from pandera.pandas import Check

    # An empty cell is excused by the rules themselves: some rules are about empty cells.
    return Check(lambda values: rule(values).astype(bool), name=f"{column}{_SEPARATES_NAME}{reason}", ignore_na=False)
