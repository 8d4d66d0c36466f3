"""Agreement levels of pairs, from encodings alone, as features of recordlinkage's `Compare`.

Level 0 is always "missing on one side"; then rising agreement. Beside every level stands the base-2 logarithm of the
relative frequency of the value that agrees (nan where no value is shared): the term-frequency adjustment of the model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from recordlinkage.base import BaseCompareFeature

from linkage.fields import Comparison, Scheme
from linkage.levels import Bits as Bits
from linkage.levels import Levels, digit_levels, name_levels, name_pair_levels
from linkage.views import Index, Views, Words, mixed

# Dice on padded bigrams: one edit in a name of five letters or more keeps about .65, unrelated names stay under .4.
CLOSE_NAME = 0.65
PARTIAL_NAME = 0.4
# Dice on placed digits: a year with one wrong digit keeps .75, a day or month with one wrong digit .5.
CLOSE_YEAR = 0.6
CLOSE_DAY = 0.4

NAME_LEVELS = ("missing", "differs", "partial", "close", "subset", "equal")
ORDER_LEVELS = ("missing", "straight", "swapped")
YEAR_LEVELS = ("missing", "differs", "close", "equal")
MONTH_LEVELS = ("missing", "differs", "close", "swapped", "equal")
VALUE_LEVELS = ("missing", "differs", "equal")


def columns(scheme: Scheme) -> dict[str, tuple[str, ...]]:
    """The level columns of a scheme with the names of their levels, in order."""
    out: dict[str, tuple[str, ...]] = {}
    for comparison in scheme.comparisons:
        out |= _comparison_columns(comparison)
    return out


def _comparison_columns(comparison: Comparison) -> dict[str, tuple[str, ...]]:
    names = comparison.fields
    if comparison.kind == "name_pair":
        return {names[0]: NAME_LEVELS, names[1]: NAME_LEVELS, f"{names[0]}_order": ORDER_LEVELS}
    if comparison.kind == "tokens":
        return {names[0]: NAME_LEVELS}
    if comparison.kind == "birth":
        return {names[0]: YEAR_LEVELS, names[1]: MONTH_LEVELS, names[2]: YEAR_LEVELS}
    return {names[0]: YEAR_LEVELS if comparison.kind == "digits" else VALUE_LEVELS}


def dice(a: Words, b: Words) -> Bits:
    """Dice coefficient of filters row by row, shapes (n, w); 0 where both are empty."""
    common = np.bitwise_count(a & b).sum(axis=1, dtype=np.int64)
    total = np.bitwise_count(a).sum(axis=1, dtype=np.int64) + np.bitwise_count(b).sum(axis=1, dtype=np.int64)
    likeness: Bits = 2.0 * common / np.maximum(total, 1)
    return likeness


class EncodedDice(BaseCompareFeature):
    """Dice similarity of two filter columns, for users of recordlinkage who want the number rather than levels.

    The frames carry row numbers (`row`), because a filter does not fit a cell of a frame; `left` and `right` are the
    filters, uint64 of shape (rows, words).
    """

    name = "encoded_dice"
    description = "Dice coefficient of Bloom filters"

    def __init__(self, left: Words, right: Words, label: str) -> None:
        super().__init__("row", "row", label=label)
        self._left, self._right = left, right

    def _compute_vectorized(self, rows_a: pd.Series, rows_b: pd.Series) -> Bits:
        return dice(self._left[rows_a.to_numpy()], self._right[rows_b.to_numpy()])


@dataclass(frozen=True)
class Frequencies:
    """Log2 shares of entities (both registers) that have what a view of the left register has, 0 where it has nothing.

    whole: its whole value (va,); parts: each of its parts (va, slots), for names.
    """

    whole: Bits
    parts: Bits | None = None


Shares = Mapping[str, Frequencies]


def shares_of(a: Views, b: Views, scheme: Scheme) -> dict[str, Frequencies]:
    """Per field its frequencies, for the views of `a`; names that can be swapped share one count."""
    out: dict[str, Frequencies] = {}
    for comparison in scheme.comparisons:
        together = [comparison.fields] if comparison.kind == "name_pair" else [(name,) for name in comparison.fields]
        for fields in together:
            names = comparison.kind in ("name_pair", "tokens")
            whole = _both(a, b, fields, "whole")
            parts = _both(a, b, fields, "parts") if names else None
            for field in fields:
                words = a.words[f"{field}_t" if names else f"{field}_h"]
                out[field] = Frequencies(_looked_up(mixed(words), *whole), parts and _looked_up(words, *parts))
    return out


def _both(a: Views, b: Views, fields: tuple[str, ...], what: str) -> tuple[Words, Bits]:
    """The distinct values of some fields on either side, and log2 of the share of entities that have them."""
    size = max(a.entities + b.entities, 1)
    (mine, counts), (theirs, others) = (_bearers(side, fields, what) for side in (a, b))
    counts = counts.copy()
    place = np.minimum(np.searchsorted(theirs, mine), max(len(theirs) - 1, 0))
    if len(theirs):
        counts += np.where(theirs[place] == mine, others[place], 0)
    return mine, np.log2(counts / size)


def _looked_up(values: Words, distinct: Words, bits: Bits) -> Bits:
    out = np.zeros(values.shape)
    here = np.flatnonzero(values.ravel())
    out.ravel()[here] = bits[np.searchsorted(distinct, values.ravel()[here])]
    return out


def _bearers(side: Views, fields: tuple[str, ...], what: str) -> tuple[Words, Index]:
    """The distinct values (`whole`) or parts (`parts`) of some fields, sorted, and how many entities have each of them.

    Counted once per register, whatever it is compared with.
    """
    if (fields, what) not in side.counted:
        columns = [side.words[f"{name}_t" if f"{name}_t" in side.words else f"{name}_h"] for name in fields]
        columns = [mixed(words)[:, None] for words in columns] if what == "whole" else columns
        values = np.concatenate([words.ravel() for words in columns])
        entity = np.concatenate([np.repeat(side.entity, words.shape[1]) for words in columns])
        here = np.flatnonzero(values)
        distinct, codes = np.unique(values[here], return_inverse=True)
        pairs = np.sort(codes * max(side.entities, 1) + entity[here])
        pairs = pairs[np.r_[True, pairs[1:] != pairs[:-1]][: len(pairs)]] // max(side.entities, 1)
        side.counted[fields, what] = distinct, np.bincount(pairs, minlength=len(distinct))
    found: tuple[Words, Index] = side.counted[fields, what]
    return found


def _equal(a: Views, b: Views, fa: str, fb: str, ia: Index, ib: Index) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Whether the values of field `fa` left and `fb` right are equal, and whether both are present, shape (pairs,)."""
    left, right = a.words[f"{fa}_h"][ia, 0], b.words[f"{fb}_h"][ib, 0]
    present = (left != 0) & (right != 0)
    return present & (left == right), present


def _digit_level(
    a: Views, b: Views, field: str, ia: Index, ib: Index, close: float
) -> tuple[Levels, NDArray[np.bool_]]:
    columns_a, columns_b = (
        (np.ascontiguousarray(side.words[f"{field}_h"][:, 0]), side.words[f"{field}_f"]) for side in (a, b)
    )
    level: Levels = digit_levels(*columns_a, *columns_b, ia, ib, close)
    return level, level == YEAR_LEVELS.index("equal")


class Feature(BaseCompareFeature):
    """Base of the level features: for recordlinkage a frame of levels and of log2 frequencies (`<column>_tf`).

    shares: `shares_of` the two sides, counted here unless they are given.
    """

    def __init__(self, a: Views, b: Views, comparison: Comparison, shares: Shares | None = None) -> None:
        names = list(_comparison_columns(comparison))
        super().__init__("row", "row", label=[*names, *(f"{name}_tf" for name in names)])
        self._a, self._b, self._fields = a, b, comparison.fields
        alone = Scheme("", (), (), (comparison,))
        self._shares = shares_of(a, b, alone) if shares is None else shares

    def _compute_vectorized(self, rows_a: pd.Series, rows_b: pd.Series) -> pd.DataFrame:
        levels, bits = self.levels(rows_a.to_numpy(), rows_b.to_numpy())
        return pd.DataFrame(np.column_stack([*levels, *bits]), columns=self.label)

    def levels(self, ia: Index, ib: Index) -> tuple[list[Levels], list[Bits]]:
        """Per column the levels of views `ia` with views `ib` (pairs,), and log2 of what they share, nan for nothing."""
        raise NotImplementedError


class EncodedValue(Feature):
    """A coded value: missing, differs, equal."""

    def levels(self, ia: Index, ib: Index) -> tuple[list[Levels], list[Bits]]:
        """One column."""
        (field,) = self._fields
        equal, present = _equal(self._a, self._b, field, field, ia, ib)
        level = np.where(present, 1 + equal, 0).astype(np.int8)
        return [level], [np.where(equal, self._shares[field].whole[ia], np.nan)]


class EncodedDigits(Feature):
    """A number as digits: missing, differs, close (one digit), equal."""

    def levels(self, ia: Index, ib: Index) -> tuple[list[Levels], list[Bits]]:
        """One column."""
        (field,) = self._fields
        level, equal = _digit_level(self._a, self._b, field, ia, ib, CLOSE_YEAR)
        return [level], [np.where(equal, self._shares[field].whole[ia], np.nan)]


class EncodedBirth(Feature):
    """Year, month and day of birth; day and month that changed places are a level of the month, and free the day."""

    def levels(self, ia: Index, ib: Index) -> tuple[list[Levels], list[Bits]]:
        """Three columns."""
        year, month, day = self._fields
        a, b = self._a, self._b
        year_level, year_equal = _digit_level(a, b, year, ia, ib, CLOSE_YEAR)
        month_level, month_equal = _digit_level(a, b, month, ia, ib, CLOSE_DAY)
        day_level, day_equal = _digit_level(a, b, day, ia, ib, CLOSE_DAY)
        crossed = _equal(a, b, month, day, ia, ib)[0] & _equal(a, b, day, month, ia, ib)[0] & ~month_equal
        month_level = np.where(month_level == 3, 4, month_level).astype(np.int8)
        month_level[crossed] = 3
        day_level = np.where(crossed, 0, day_level).astype(np.int8)
        equal = zip(self._fields, (year_equal, month_equal, day_equal), strict=True)
        bits = [np.where(same, self._shares[field].whole[ia], np.nan) for field, same in equal]
        return [year_level, month_level, day_level], bits


class EncodedTokens(Feature):
    """One name field by itself."""

    def levels(self, ia: Index, ib: Index) -> tuple[list[Levels], list[Bits]]:
        """One column."""
        (field,) = self._fields
        sides = [side.words[f"{field}_{form}"] for side in (self._a, self._b) for form in ("t", "f")]
        shares = self._shares[field]
        level, bits = name_levels(*sides, ia, ib, shares.whole, shares.parts, PARTIAL_NAME, CLOSE_NAME)
        return [level], [bits]


class EncodedNames(Feature):
    """Surname and first names in the order that fits better; the order itself is a field of the model."""

    def levels(self, ia: Index, ib: Index) -> tuple[list[Levels], list[Bits]]:
        """Three columns."""
        sides = [s.words[f"{f}_{form}"] for s in (self._a, self._b) for f in self._fields for form in ("t", "f")]
        shares = [part for field in self._fields for part in (self._shares[field].whole, self._shares[field].parts)]
        level, bits = name_pair_levels(*sides, ia, ib, *shares, PARTIAL_NAME, CLOSE_NAME)
        return [*level.T], [*bits.T, np.full(len(ia), np.nan)]


FEATURES: dict[str, type[Feature]] = {
    "name_pair": EncodedNames,
    "tokens": EncodedTokens,
    "birth": EncodedBirth,
    "value": EncodedValue,
    "digits": EncodedDigits,
}
