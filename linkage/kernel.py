"""Exact thresholded Dice over all pairs of two encoded sets, compiled.

Rows are sorted by popcount: a pair can only reach Dice t when its popcounts differ by at most a factor t / (2 - t), so
each row meets a contiguous band of the other side. The band is walked in tiles that stay in the level-1 cache, and the
words of a tile lie word by word (a structure of arrays), so that the compiler counts several rows per instruction.
Whether a pair reaches t becomes one integer comparison: 2 c >= t (x + y) with the least common count per sum of
popcounts looked up in a table, so the answer is exact.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
from numba import njit, types
from numba.extending import intrinsic
from numpy.typing import NDArray

from linkage.views import Index, Words

# Rows of the other side per tile: 128 rows of 1,024 bits are 16 KB, half a level-1 cache.
TILE = 128
# Room for results at first; a second walk with the exact room follows where more are found.
FIRST_ROOM = 1_000_000


@intrinsic
def popcount(typing_context: Any, word: Any) -> Any:
    """The processor's population count of a 64-bit word, which numba does not expose."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return types.uint64(types.uint64), generate


@njit(nogil=True, cache=True)
def _walk(
    left: Words, counts_left: Index, tiles: Words, counts: Index, least: Index, low: Index, high: Index,
    rows: Index, columns: Index,
) -> int:  # fmt: skip
    """Number of pairs that reach the threshold; as many as fit are written. `tiles`: (tiles, words, TILE)."""
    found = 0
    words = left.shape[1]
    common = np.zeros(TILE, np.uint64)
    for tile in range(tiles.shape[0]):
        first = tile * TILE
        last = min(first + TILE, len(counts))
        for i in range(left.shape[0]):
            begin, end = max(low[i], first), min(high[i], last)
            if begin >= end:
                continue
            common[:] = 0
            for w in range(0, words, 4):
                x0, x1, x2, x3 = left[i, w], left[i, w + 1], left[i, w + 2], left[i, w + 3]
                t0, t1, t2, t3 = tiles[tile, w], tiles[tile, w + 1], tiles[tile, w + 2], tiles[tile, w + 3]
                for j in range(TILE):
                    common[j] += (
                        popcount(x0 & t0[j]) + popcount(x1 & t1[j]) + popcount(x2 & t2[j]) + popcount(x3 & t3[j])
                    )
            # Counts rise along the tile, so its first row asks for the fewest common bits: most tiles end here.
            most = np.uint64(0)
            for j in range(TILE):
                most = max(most, common[j])
            if most < least[counts_left[i] + counts[begin]]:
                continue
            for j in range(begin, end):
                if common[j - first] >= least[counts_left[i] + counts[j]]:
                    if found < len(rows):
                        rows[found], columns[found] = i, j
                    found += 1
    return found


def least_common(bits: int, threshold: float) -> Index:
    """For every sum of two popcounts (0..2 bits) the least number of common bits with Dice >= threshold.

    Exact, with the threshold as it is written: 9 of 10 and 10 bits is .9, whatever floats make of it. A sum of
    0 asks for more bits than there are: two empty filters are not alike.
    """
    exact = Fraction(str(threshold))
    least = [math.ceil(exact * total / 2) for total in range(2 * bits + 1)]
    return np.array([bits + 1, *least[1:]], dtype=np.int64)


def dice_pairs(a: Words, b: Words, threshold: float) -> tuple[Index, Index]:
    """Row numbers (left, right), sorted, of all pairs of filters with Dice of at least `threshold` (0 < t <= 1).

    a, b: uint64 of shapes (n, w), (m, w). Memory beside the result: one copy of each side.
    """
    if not 0 < threshold <= 1:
        raise ValueError("a Dice threshold lies above 0 and at most at 1")
    if not len(a) or not len(b):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    count_a, count_b = (np.bitwise_count(side).sum(axis=1, dtype=np.int64) for side in (a, b))
    order_a, order_b = np.argsort(count_a, kind="stable"), np.argsort(count_b, kind="stable")
    left, sorted_a, sorted_b = _padded(a[order_a]), count_a[order_a], count_b[order_b]
    least = least_common(64 * a.shape[1], threshold)
    low, high = _bands(sorted_a, sorted_b, threshold)
    tiles = _tiled(_padded(b[order_b]))
    size, room = FIRST_ROOM, 0
    while size > room:
        room = size
        rows, columns = np.empty(room, np.int64), np.empty(room, np.int64)
        size = _walk(left, sorted_a, tiles, sorted_b, least, low, high, rows, columns)
    rows, columns = rows[:size], columns[:size]
    rows, columns = order_a[rows], order_b[columns]
    order = np.lexsort((columns, rows))
    return rows[order], columns[order]


def expected_pairs(a: Words, b: Words, threshold: float, sample: int = 256) -> int:
    """How many pairs `dice_pairs` would find, from every k-th row of the left side, `sample` of them: known beforehand."""
    step = max(len(a) // sample, 1)
    return len(dice_pairs(a[::step], b, threshold)[0]) * step


def compared_pairs(a: Words, b: Words, threshold: float) -> int:
    """How many pairs `dice_pairs` compares bit by bit: those whose popcounts do not already rule the threshold out."""
    count_a, count_b = (np.sort(np.bitwise_count(side).sum(axis=1, dtype=np.int64)) for side in (a, b))
    low, high = _bands(count_a, count_b, threshold)
    return int((high - low).sum())


def _bands(count_a: Index, count_b: Index, threshold: float) -> tuple[Index, Index]:
    """Per left row the range of right rows whose popcount allows the threshold: t x / (2 - t) <= y <= (2 - t) x / t."""
    ratio = threshold / (2 - threshold)
    low = np.searchsorted(count_b, np.floor(count_a * ratio), side="left")
    high = np.searchsorted(count_b, np.ceil(count_a / ratio), side="right")
    return low.astype(np.int64), high.astype(np.int64)


def _padded(words: Words) -> Words:
    """Rows with a multiple of four words, because the kernel takes four at a time."""
    missing = -words.shape[1] % 4
    return np.ascontiguousarray(np.pad(words, ((0, 0), (0, missing))))


def _tiled(words: Words) -> NDArray[np.uint64]:
    """Rows (m, w) as tiles (ceil(m / TILE), w, TILE), the last one padded with empty filters."""
    count = -(-len(words) // TILE)
    padded = np.zeros((count * TILE, words.shape[1]), dtype=np.uint64)
    padded[: len(words)] = words
    return np.ascontiguousarray(padded.reshape(count, TILE, words.shape[1]).transpose(0, 2, 1))
