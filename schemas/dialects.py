"""How a source writes dates, numbers and names: from delivered text to canonical values, whole columns at a time.

A dialect is data of the study file (`schemas.study.Dialect`); nothing here knows which register it serves. Every
function takes and returns Arrow arrays of equal length, so that a delivery is read in batches.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.study import date_pattern

_MONTHS = 12
_LONGEST_MONTH = 31
_EPOCH_YEAR = 1970
_V_NUMBER_NOISE = r"[.\s\p{Z}]"


@dataclass(frozen=True)
class Births:
    """Birth dates, possibly partial.

    iso       string `YYYY-MM-DD` with `00` for unknown parts; null where unknown altogether or unreadable.
    earliest  date32, the first day the person can have been born; null as `iso`.
    readable  bool: false where text was delivered that is no date, partial or whole.
    """

    iso: pa.Array
    earliest: pa.Array
    readable: pa.Array


def flat(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """One contiguous array of a possibly chunked column."""
    if not isinstance(column, pa.ChunkedArray):
        return column
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)


def parse_dates(texts: pa.Array, date_format: str) -> pa.Array:
    """Whole dates (date32); null where the text is absent or is no existing day in this format."""
    distinct = flat(texts).dictionary_encode()
    year, month, day, found = _split(distinct.dictionary, date_format)
    days, existing = _days(year, month, day)
    dates = pa.array(days, mask=~(found & existing)).cast(pa.date32())
    return dates.take(distinct.indices)


def parse_births(texts: pa.Array, date_format: str) -> Births:
    """Birth dates of which month and day may be `00`; a date of nothing but zeros is an unknown birth date."""
    distinct = flat(texts).dictionary_encode()
    year, month, day, found = _split(distinct.dictionary, date_format)
    days, existing = _days(year, np.maximum(month, 1), np.maximum(day, 1))
    partial = (month == 0) & (year > 0) & (day <= _LONGEST_MONTH)
    unknown = found & (year == 0) & (month == 0) & (day == 0)
    known = found & (existing | partial)
    iso = pc.binary_join_element_wise(_digits(year, 4), _digits(month, 2), _digits(day, 2), "-")
    nothing = pa.scalar(None, pa.string())
    readable = pa.array(known | unknown).take(distinct.indices)
    return Births(
        iso=pc.if_else(pa.array(known), iso, nothing).take(distinct.indices),
        earliest=pa.array(days, mask=~known).cast(pa.date32()).take(distinct.indices),
        readable=readable.fill_null(True),
    )


def normalise_vnummer(texts: pa.Array) -> pa.Array:
    """V-numbers without the dots and blanks people type in them; null where nothing is left."""
    return empty_to_null(pc.replace_substring_regex(flat(texts), pattern=_V_NUMBER_NOISE, replacement=""))


def split_name(texts: pa.Array) -> tuple[pa.Array, pa.Array]:
    """(surname, first names) of `SURNAME, First names`; without a comma everything is surname."""
    whole = flat(texts)
    parts = pc.extract_regex(whole, pattern=r"(?s)^(?P<surname>[^,]*)(?:,(?P<first>.*))?$")
    return tuple(empty_to_null(pc.utf8_trim_whitespace(part)) for part in parts.flatten())


def empty_to_null(texts: pa.Array) -> pa.Array:
    """The same texts, null where empty: a source writes an absent value as nothing."""
    return pc.if_else(pc.equal(texts, ""), pa.scalar(None, texts.type), texts)


def _split(texts: pa.Array, date_format: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Year, month, day (int64, 0 where unreadable) and whether the text has the format."""
    parts = pc.extract_regex(texts, pattern=date_pattern(date_format))
    found = parts.is_valid().to_numpy(zero_copy_only=False)
    numbers = [
        pc.struct_field(parts, name).cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False)
        for name in ("year", "month", "day")
    ]
    return numbers[0], numbers[1], numbers[2], found


def _days(year: np.ndarray, month: np.ndarray, day: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The calendar day (datetime64[D]) and whether it exists; day 0 and month 0 do not."""
    plausible = (year >= 1) & (month >= 1) & (month <= _MONTHS)
    months = np.where(plausible, (year - _EPOCH_YEAR) * _MONTHS + month - 1, 0).astype("datetime64[M]")
    first = months.astype("datetime64[D]")
    length = ((months + 1).astype("datetime64[D]") - first).astype(np.int64)
    return first + (day - 1), plausible & (day >= 1) & (day <= length)


def _digits(numbers: np.ndarray, width: int) -> pa.Array:
    return pc.utf8_lpad(pa.array(numbers).cast(pa.string()), width=width, padding="0")
