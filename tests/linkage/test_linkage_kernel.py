"""The compiled kernel against its plain twin, bit for bit."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linkage import kernel, kernel_plain


def _pairs(a, b, threshold):
    left, right = kernel.dice_pairs(a, b, threshold)
    return list(zip(left.tolist(), right.tolist(), strict=True))


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    rows=st.integers(0, 40),
    others=st.integers(0, 300),
    words=st.sampled_from([1, 2, 16]),
    density=st.floats(0.0, 1.0),
    threshold=st.sampled_from([0.1, 0.5, 0.667, 0.7, 0.8, 0.95, 1.0]),
)
def test_equal_to_the_plain_twin(seed, rows, others, words, density, threshold):
    generator = np.random.Generator(np.random.PCG64(seed))

    def draw(n):
        bits = generator.random((n, words * 64)) < density * generator.random((n, 1))
        return np.packbits(bits, axis=1, bitorder="little").view("<u8").reshape(n, words)

    a, b = draw(rows), draw(others)
    # Near copies, so that high thresholds are met as well.
    shared = min(rows, others)
    b[:shared] = a[:shared] ^ (np.uint64(1) << generator.integers(0, 64, (shared, words), dtype=np.uint64))
    assert _pairs(a, b, threshold) == kernel_plain.dice_pairs(a, b, threshold)


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 1.0])
def test_the_least_common_count_is_exact(threshold):
    least = kernel.least_common(1024, threshold)
    exact = Fraction(str(threshold))
    for total in range(1, 2049):
        count = int(least[total])
        assert 2 * count >= exact * total
        assert 2 * (count - 1) < exact * total


def test_empty_filters_and_thresholds_out_of_range():
    empty = np.zeros((3, 16), dtype=np.uint64)
    assert _pairs(empty, empty, 0.5) == []
    for threshold in (0.0, -1.0, 1.01):
        with pytest.raises(ValueError, match="threshold"):
            kernel.dice_pairs(empty, empty, threshold)


def test_order_of_rows_does_not_matter():
    generator = np.random.Generator(np.random.PCG64(3))
    a = generator.integers(0, 2**63, (200, 16), dtype=np.uint64)
    b = np.vstack([a[:50], generator.integers(0, 2**63, (200, 16), dtype=np.uint64)])
    turn = generator.permutation(len(a))
    plain = set(_pairs(a, b, 0.52))
    assert len(plain) > 50
    assert {(int(turn[i]), j) for i, j in _pairs(a[turn], b, 0.52)} == plain
