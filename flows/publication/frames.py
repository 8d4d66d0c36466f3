"""The columns of a published table, and the last check before anything is written.

Disclosure control decided what may leave; these checks only make sure that nothing else rides along in its frame.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import pandas as pd

from schemas.errors import DisclosureRefused
from schemas.tables import CLEAN, COUNT, LOWER, MEAN_COLUMNS, STATUS, UPPER, ProtectedTable

STATUSES = ("ok", "suppressed", "rounded", "noisy", "zero_structural")
VALUES = (COUNT, *MEAN_COLUMNS, CLEAN, LOWER, UPPER)
POINTS = (COUNT, *MEAN_COLUMNS, CLEAN)
CLEAN_DECIMALS = 4  # enough for sums; platform differences in the last float digits do not reach the file
MEAN_DECIMALS = 1  # as the reports print mean ages
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")

Kind = Literal["dimension", "integer", "decimal", "status"]
Cell = str | int | float | None


@dataclass(frozen=True)
class Column:
    """One published column. `decimals` is 0 for integers and text."""

    name: str
    kind: Kind
    decimals: int = 0


def columns(table: ProtectedTable) -> tuple[Column, ...]:
    """Dimensions, then the value columns that the regime has, then `status`: the order of the release contract.

    DisclosureRefused when the frame carries anything else, misses a value column or lets a blank keep its value.
    """
    known = {*table.dimensions, *VALUES, STATUS}
    stray = [str(name) for name in table.frame.columns if name not in known]
    if stray:
        raise DisclosureRefused(
            f"Table {table.id} carries column '{stray[0]}', which no release has; drop it when protecting."
        )
    present = [name for name in VALUES if name in table.frame.columns]
    needed = {COUNT} if table.kind == "count" else {"gemiddelde"}
    if not needed.issubset(present) or STATUS not in table.frame.columns:
        raise DisclosureRefused(f"Table {table.id} lacks its value or status column; protect it again.")
    _check_blanks(table)
    described = [Column(name, "dimension") for name in table.dimensions]
    described += [_value_column(name, table.kind) for name in present]
    return (*described, Column(STATUS, "status"))


def _value_column(name: str, kind: str) -> Column:
    if name == CLEAN:
        return Column(name, "decimal", CLEAN_DECIMALS)
    decimal = name in ("gemiddelde", "sd") or (kind == "mean" and name in (LOWER, UPPER))
    return Column(name, "decimal", MEAN_DECIMALS) if decimal else Column(name, "integer")


def _check_blanks(table: ProtectedTable) -> None:
    """A blank has no point value whatsoever; a status is one of the contract's five."""
    frame = table.frame
    status = frame[STATUS]
    if not status.isin(STATUSES).all():
        raise DisclosureRefused(f"Table {table.id} has a status that releases do not know; protect it again.")
    points = [name for name in POINTS if name in frame.columns]
    if frame.loc[status == "suppressed", points].notna().to_numpy().any():
        raise DisclosureRefused(f"Table {table.id} has a value in a blank cell; protect it again.")


def rows(table: ProtectedTable) -> list[tuple[Cell, ...]]:
    """The cells in published order and type: text as text, counts as int, empty as None.

    Text is guarded here, once for all formats: a spreadsheet must never run a label as a formula.
    """
    described = columns(table)
    values = [[_cell(value, column) for value in table.frame[column.name].tolist()] for column in described]
    return list(zip(*values, strict=True))


def _cell(value: object, column: Column) -> Cell:
    if value is None or value is pd.NA or (isinstance(value, float) and value != value):
        return None
    if column.kind == "integer":
        return int(str(value)) if not isinstance(value, float) else round(value)
    if column.kind == "decimal":
        return round(float(str(value)), column.decimals) + 0.0
    if column.kind == "dimension" and is_integer(value):
        return int(str(value))
    return guarded(str(value))


def is_integer(value: object) -> bool:
    """Whether a category is a number (a year) rather than a code; numpy integers count."""
    return hasattr(value, "__index__") and not isinstance(value, bool)


def guarded(text: str) -> str:
    """The text, with an apostrophe in front where a spreadsheet would read a formula."""
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def dimension_is_integer(table: ProtectedTable, dimension: str) -> bool:
    """Whether all categories of a dimension are whole numbers."""
    return all(is_integer(code) for code in table.categories[dimension])
