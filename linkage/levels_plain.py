"""The plain-Python twin of `linkage.levels`, a pair at a time: the oracle of its tests."""

from __future__ import annotations

import math
from collections.abc import Sequence

# What a name shows: its level, and log2 of the frequency of what is shared (nan where nothing is).
NameLevel = tuple[int, float]


def dice(a: int, b: int) -> float:
    """Dice coefficient of two filters as integers; 0 where both are empty."""
    return 2.0 * (a & b).bit_count() / max(a.bit_count() + b.bit_count(), 1)


def name_level(
    left: Sequence[int],
    right: Sequence[int],
    alike: float,
    whole: float,
    part: Sequence[float],
    bounds: tuple[float, float],
) -> NameLevel:
    """Of two lists of part hashes (0: no part); `part`: log2 frequency of each left part, `bounds`: partial and close."""
    mine = {value: bits for value, bits in zip(left, part, strict=True) if value}
    theirs = {value for value in right if value}
    shared = mine.keys() & theirs
    if not mine or not theirs:
        return 0, math.nan
    if shared == mine.keys() == theirs:
        return 5, whole
    if shared and (shared == mine.keys() or shared == theirs):
        return 4, min(mine[value] for value in shared)
    return 1 + (alike >= bounds[0]) + (alike >= bounds[1]), math.nan


def digit_level(left: int, right: int, alike: float, close: float) -> int:
    """Of two value hashes (0: missing)."""
    if not left or not right:
        return 0
    return 3 if left == right else 1 + (alike >= close)
