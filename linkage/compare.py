"""Agreement levels of pairs, from encodings alone, as features of recordlinkage's `Compare`.

Level 0 is always "missing on one side"; then rising agreement. Beside every level stands the base-2 logarithm of the
relative frequency of the value that agrees (nan where no value is shared): the term-frequency adjustment of the model.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from recordlinkage.base import BaseCompareFeature

from linkage.fields import Comparison, Scheme
from linkage.levels import Bits as Bits
from linkage.levels import Levels, digit_levels, name_levels
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
    """Log2 shares of entities (both registers) that have what a view of the left register has.

    whole: its whole value (va,); tokens: each of its parts (va, slots).
    """

    whole: Bits
    tokens: Bits


def frequencies(a: Views, b: Views, names: tuple[str, ...]) -> list[Frequencies]:
    """Per column its frequencies; columns named together (swappable names) share one count."""
    entity = np.concatenate([a.entity, b.entity + a.entities] * len(names))
    size = a.entities + b.entities
    whole = _share(np.concatenate([mixed(side.words[name]) for name in names for side in (a, b)]), entity, size)
    words = np.vstack([side.words[name] for name in names for side in (a, b)])
    tokens = whole[:, None]
    if words.shape[1] > 1:
        tokens = _share(words.ravel(), np.repeat(entity, words.shape[1]), size).reshape(words.shape)
    step, cut = len(a.entity) + len(b.entity), len(a.entity)
    return [Frequencies(whole[i * step : i * step + cut], tokens[i * step : i * step + cut]) for i in range(len(names))]


def _share(values: Words, entity: Index, size: int) -> Bits:
    """For each value log2 of the share of entities that have it."""
    codes, distinct = pd.factorize(values)
    pairs = np.sort(codes * max(size, 1) + entity)
    pairs = pairs[np.r_[True, pairs[1:] != pairs[:-1]][: len(pairs)]] // max(size, 1)
    shares: Bits = np.log2(np.bincount(pairs, minlength=len(distinct)) / max(size, 1))
    return shares[codes]


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


def _name_level(
    a: Views, b: Views, fa: str, fb: str, ia: Index, ib: Index, frequency: Frequencies
) -> tuple[Levels, Bits]:
    """Level of one name field, and log2 of the frequency of what is shared (the rarest shared part for a subset)."""
    columns_a, columns_b = ((s.words[f"{f}_t"], s.words[f"{f}_f"]) for s, f in ((a, fa), (b, fb)))
    bounds = (PARTIAL_NAME, CLOSE_NAME)
    level, bits = name_levels(*columns_a, *columns_b, ia, ib, frequency.whole, frequency.tokens, *bounds)
    return level, bits


class _Levels(BaseCompareFeature):
    """Base of the level features: returns a frame of levels and of log2 frequencies (`<column>_tf`)."""

    def __init__(self, a: Views, b: Views, comparison: Comparison) -> None:
        names = list(_comparison_columns(comparison))
        super().__init__("row", "row", label=[*names, *(f"{name}_tf" for name in names)])
        self._a, self._b, self._fields = a, b, comparison.fields

    def _compute_vectorized(self, rows_a: pd.Series, rows_b: pd.Series) -> pd.DataFrame:
        levels, bits = self._compare(rows_a.to_numpy(), rows_b.to_numpy())
        return pd.DataFrame(np.column_stack([*levels, *bits]), columns=self.label)

    def _compare(self, ia: Index, ib: Index) -> tuple[list[Levels], list[Bits]]:
        raise NotImplementedError


class EncodedValue(_Levels):
    """A coded value: missing, differs, equal."""

    def __init__(self, a: Views, b: Views, comparison: Comparison) -> None:
        super().__init__(a, b, comparison)
        (self._frequency,) = frequencies(a, b, (f"{self._fields[0]}_h",))

    def _compare(self, ia: Index, ib: Index) -> tuple[list[Levels], list[Bits]]:
        equal, present = _equal(self._a, self._b, self._fields[0], self._fields[0], ia, ib)
        level = np.where(present, 1 + equal, 0).astype(np.int8)
        return [level], [np.where(equal, self._frequency.whole[ia], np.nan)]


class EncodedDigits(_Levels):
    """A number as digits: missing, differs, close (one digit), equal."""

    def __init__(self, a: Views, b: Views, comparison: Comparison) -> None:
        super().__init__(a, b, comparison)
        (self._frequency,) = frequencies(a, b, (f"{self._fields[0]}_h",))

    def _compare(self, ia: Index, ib: Index) -> tuple[list[Levels], list[Bits]]:
        level, equal = _digit_level(self._a, self._b, self._fields[0], ia, ib, CLOSE_YEAR)
        return [level], [np.where(equal, self._frequency.whole[ia], np.nan)]


class EncodedBirth(_Levels):
    """Year, month and day of birth; day and month that changed places are a level of the month, and free the day."""

    def __init__(self, a: Views, b: Views, comparison: Comparison) -> None:
        super().__init__(a, b, comparison)
        self._frequencies = [frequencies(a, b, (f"{field}_h",))[0] for field in self._fields]

    def _compare(self, ia: Index, ib: Index) -> tuple[list[Levels], list[Bits]]:
        year, month, day = self._fields
        a, b = self._a, self._b
        year_level, year_equal = _digit_level(a, b, year, ia, ib, CLOSE_YEAR)
        month_level, month_equal = _digit_level(a, b, month, ia, ib, CLOSE_DAY)
        day_level, day_equal = _digit_level(a, b, day, ia, ib, CLOSE_DAY)
        crossed = _equal(a, b, month, day, ia, ib)[0] & _equal(a, b, day, month, ia, ib)[0] & ~month_equal
        month_level = np.where(month_level == 3, 4, month_level).astype(np.int8)
        month_level[crossed] = 3
        day_level = np.where(crossed, 0, day_level).astype(np.int8)
        equal = [year_equal, month_equal, day_equal]
        bits = [
            np.where(same, frequency.whole[ia], np.nan)
            for same, frequency in zip(equal, self._frequencies, strict=True)
        ]
        return [year_level, month_level, day_level], bits


class EncodedTokens(_Levels):
    """One name field by itself."""

    def __init__(self, a: Views, b: Views, comparison: Comparison) -> None:
        super().__init__(a, b, comparison)
        (self._frequency,) = frequencies(a, b, (f"{self._fields[0]}_t",))

    def _compare(self, ia: Index, ib: Index) -> tuple[list[Levels], list[Bits]]:
        level, bits = _name_level(self._a, self._b, self._fields[0], self._fields[0], ia, ib, self._frequency)
        return [level], [bits]


class EncodedNames(_Levels):
    """Surname and first names in the order that fits better; the order itself is a field of the model."""

    def __init__(self, a: Views, b: Views, comparison: Comparison) -> None:
        super().__init__(a, b, comparison)
        self._surname, self._given = frequencies(a, b, tuple(f"{field}_t" for field in self._fields))

    def _compare(self, ia: Index, ib: Index) -> tuple[list[Levels], list[Bits]]:
        surname, given = self._fields
        a, b = self._a, self._b
        ss, ss_bits = _name_level(a, b, surname, surname, ia, ib, self._surname)
        gg, gg_bits = _name_level(a, b, given, given, ia, ib, self._given)
        sg, sg_bits = _name_level(a, b, surname, given, ia, ib, self._surname)
        gs, gs_bits = _name_level(a, b, given, surname, ia, ib, self._given)
        swapped = (sg.astype(np.int64) + gs) > (ss.astype(np.int64) + gg)
        order = np.where((ss > 0) & (gg > 0), 1 + swapped, 0).astype(np.int8)
        levels = [np.where(swapped, sg, ss), np.where(swapped, gs, gg), order]
        bits = [np.where(swapped, sg_bits, ss_bits), np.where(swapped, gs_bits, gg_bits), np.full(len(ia), np.nan)]
        return levels, bits


FEATURES: dict[str, type[_Levels]] = {
    "name_pair": EncodedNames,
    "tokens": EncodedTokens,
    "birth": EncodedBirth,
    "value": EncodedValue,
    "digits": EncodedDigits,
}
