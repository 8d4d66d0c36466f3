"""The plain-Python twin of `linkage.kernel`: slow, obvious, and the oracle of its tests."""

from __future__ import annotations

from fractions import Fraction

from linkage.views import Words


def dice_pairs(a: Words, b: Words, threshold: float) -> list[tuple[int, int]]:
    """All (i, j) with Dice of rows a[i] and b[j] at least `threshold`, in order. Two empty filters have Dice 0."""
    left = [sum(int(word) << (64 * place) for place, word in enumerate(row)) for row in a]
    right = [sum(int(word) << (64 * place) for place, word in enumerate(row)) for row in b]
    exact = Fraction(str(threshold))
    found = []
    for i, x in enumerate(left):
        for j, y in enumerate(right):
            total = x.bit_count() + y.bit_count()
            if total and 2 * exact.denominator * (x & y).bit_count() >= exact.numerator * total:
                found.append((i, j))
    return found
