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
    slots = parts_a.shape[1]
    for p in range(len(ia)):
        i, j = ia[p], ib[p]
        size_a = size_b = shared = 0
        rarest = np.inf
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
            continue
        if shared == size_a and shared == size_b:
            levels[p], bits[p] = 5, whole[i]
        elif shared == min(size_a, size_b):
            levels[p], bits[p] = 4, rarest
        else:
            alike = dice_of(filters_a, filters_b, i, j)
            levels[p] = 1 + (alike >= partial) + (alike >= close)
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
