"""Agreement levels of pairs, compiled: what `linkage.compare` asks of millions of pairs.

`linkage.levels_plain` is the plain twin. Filters are uint64 rows; Dice is compared as floats in the same order of
operations as numpy's, so that every level is the same on every machine.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from linkage.kernel import popcount
from linkage.views import Index, Words

Levels = NDArray[np.int8]
Bits = NDArray[np.float64]


@njit(nogil=True, cache=True)
def dice_of(a: Words, b: Words, i: int, j: int) -> float:
    """Dice of filter `i` of `a` and filter `j` of `b`; 0 where both are empty."""
    common = np.uint64(0)
    total = np.uint64(0)
    for w in range(a.shape[1]):
        x, y = a[i, w], b[j, w]
        common += popcount(x & y)
        total += popcount(x) + popcount(y)
    return 2.0 * common / max(total, np.uint64(1))


# Levels of a name that its filters do not decide, and what stands for one that they do.
_MISSING, _FILTERS, _SUBSET, _EQUAL = 0, 3, 4, 5


@njit(nogil=True, cache=True)
def _parts_level(parts_a: Words, parts_b: Words, i: int, j: int, part: Bits) -> tuple[int, float]:
    """The level of two names by their parts alone, _FILTERS where these do not say, and the rarest shared part."""
    size_a = size_b = shared = 0
    rarest = np.inf
    slots = parts_a.shape[1]
    for s in range(slots):
        size_b += parts_b[j, s] != 0
        if parts_a[i, s] == 0:
            continue
        size_a += 1
        for r in range(slots):
            if parts_a[i, s] == parts_b[j, r]:
                shared += 1
                rarest = min(rarest, part[i, s])
                break
    if size_a == 0 or size_b == 0:
        return _MISSING, rarest
    if shared == size_a and shared == size_b:
        return _EQUAL, rarest
    return (_SUBSET if shared == min(size_a, size_b) else _FILTERS), rarest


@njit(nogil=True, cache=True)
def _filters_level(filters_a: Words, filters_b: Words, i: int, j: int, partial: float, close: float) -> int:
    alike: float = dice_of(filters_a, filters_b, i, j)
    return 1 + int(alike >= partial) + int(alike >= close)


@njit(nogil=True, cache=True)
def _shared_bits(level: int, whole: float, rarest: float) -> float:
    """log2 of the frequency of what is shared at a level."""
    return whole if level == _EQUAL else rarest if level == _SUBSET else np.nan


@njit(nogil=True, cache=True)
def name_levels(
    parts_a: Words, filters_a: Words, parts_b: Words, filters_b: Words, ia: Index, ib: Index, whole: Bits, part: Bits,
    partial: float, close: float,
) -> Any:  # fmt: skip
    """Levels (pairs,) missing, differs, partial, close, subset, equal; and log2 of the frequency of what is shared.

    parts: hashes of the parts of names, 0 where there are fewer, (va, slots) and (vb, slots). whole (va,), part
    (va, slots): log2 frequencies of the left side's names and parts. The rarest shared part speaks for a subset; nan
    where nothing is shared. partial, close: Dice from which two names are that.
    """
    levels = np.zeros(len(ia), np.int8)
    bits = np.full(len(ia), np.nan)
    for p in range(len(ia)):
        i, j = ia[p], ib[p]
        level, rarest = _parts_level(parts_a, parts_b, i, j, part)
        if level == _FILTERS:
            level = _filters_level(filters_a, filters_b, i, j, partial, close)
            rarest = np.nan
        levels[p], bits[p] = level, _shared_bits(level, whole[i], rarest)
    return levels, bits


@njit(nogil=True, cache=True)
def name_pair_levels(
    surname_a: Words, surname_filters_a: Words, given_a: Words, given_filters_a: Words,
    surname_b: Words, surname_filters_b: Words, given_b: Words, given_filters_b: Words, ia: Index, ib: Index,
    surname_whole: Bits, surname_part: Bits, given_whole: Bits, given_part: Bits, partial: float, close: float,
) -> Any:  # fmt: skip
    """Levels (pairs, 3) of surname and first names in the order that fits better, and of the order (missing, straight,
    swapped); and bits (pairs, 2) of the two names. All else is as in `name_levels`.
    """
    levels = np.zeros((len(ia), 3), np.int8)
    bits = np.full((len(ia), 2), np.nan)
    for p in range(len(ia)):
        i, j = ia[p], ib[p]
        ss, ss_rarest = _parts_level(surname_a, surname_b, i, j, surname_part)
        gg, gg_rarest = _parts_level(given_a, given_b, i, j, given_part)
        if ss == _FILTERS:
            ss = _filters_level(surname_filters_a, surname_filters_b, i, j, partial, close)
        if gg == _FILTERS:
            gg = _filters_level(given_filters_a, given_filters_b, i, j, partial, close)
        sg, sg_rarest = _parts_level(surname_a, given_b, i, j, surname_part)
        gs, gs_rarest = _parts_level(given_a, surname_b, i, j, given_part)
        # Filters can lift a name to `close` at most, so often they need not be looked at.
        if sg + gs > ss + gg:
            if sg == _FILTERS:
                sg = _filters_level(surname_filters_a, given_filters_b, i, j, partial, close)
            if gs == _FILTERS:
                gs = _filters_level(given_filters_a, surname_filters_b, i, j, partial, close)
        swapped = sg + gs > ss + gg
        levels[p, 2] = 1 + swapped if ss > 0 and gg > 0 else 0
        if swapped:
            ss, gg, ss_rarest, gg_rarest = sg, gs, sg_rarest, gs_rarest
        levels[p, 0], levels[p, 1] = ss, gg
        bits[p, 0] = _shared_bits(ss, surname_whole[i], ss_rarest)
        bits[p, 1] = _shared_bits(gg, given_whole[i], gg_rarest)
    return levels, bits


@njit(nogil=True, cache=True)
def digit_levels(
    values_a: Words, filters_a: Words, values_b: Words, filters_b: Words, ia: Index, ib: Index, close: float
) -> Levels:
    """Levels (pairs,) missing, differs, close, equal of a number; values: its hash, 0 where missing, (va,) and (vb,)."""
    levels = np.zeros(len(ia), np.int8)
    for p in range(len(ia)):
        i, j = ia[p], ib[p]
        if values_a[i] == 0 or values_b[j] == 0:
            continue
        if values_a[i] == values_b[j]:
            levels[p] = 3
        else:
            levels[p] = 1 + (dice_of(filters_a, filters_b, i, j) >= close)
    return levels
