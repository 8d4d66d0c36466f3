"""Compiled agreement levels against their plain twin, pair by pair."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from linkage import levels, levels_plain
from linkage.compare import CLOSE_DAY, CLOSE_NAME, PARTIAL_NAME

# Few different hashes, so that parts are shared often; 0 is no part.
PARTS = st.lists(st.integers(0, 5), min_size=4, max_size=4).map(lambda parts: sorted(set(parts) - {0}))


def _padded(rows, width=4):
    return np.array([row + [0] * (width - len(row)) for row in rows], dtype=np.uint64)


def _filters(generator, rows, words):
    """Filters from empty to full, the second half near copies of the first."""
    bits = generator.random((rows, words * 64)) < generator.random((rows, 1))
    bits[rows // 2 :] = bits[: rows - rows // 2] ^ (generator.random((rows - rows // 2, words * 64)) < 0.1)
    return np.packbits(bits, axis=1, bitorder="little").view("<u8").reshape(rows, words).astype(np.uint64)


def _dice(x, y):
    return levels_plain.dice(*(sum(int(w) << (64 * k) for k, w in enumerate(row)) for row in (x, y)))


@settings(max_examples=80, deadline=None)
@given(
    left=st.lists(PARTS, min_size=2, max_size=8), right=st.lists(PARTS, min_size=2, max_size=8), seed=st.integers(0, 99)
)
def test_name_levels(left, right, seed):
    generator = np.random.Generator(np.random.PCG64(seed))
    a, b = _padded(left), _padded(right)
    filters = _filters(generator, len(a) + len(b), 8)
    fa, fb = filters[: len(a)], filters[len(a) :]
    whole, part = -generator.random(len(a)) * 20, -generator.random(a.shape) * 20
    ia, ib = (axis.ravel() for axis in np.meshgrid(np.arange(len(a)), np.arange(len(b))))
    got, bits = levels.name_levels(a, fa, b, fb, ia, ib, whole, part, PARTIAL_NAME, CLOSE_NAME)
    for i, j, level, rare in zip(ia, ib, got, bits, strict=True):
        wanted = levels_plain.name_level(
            a[i].tolist(), b[j].tolist(), _dice(fa[i], fb[j]), whole[i], part[i].tolist(), (PARTIAL_NAME, CLOSE_NAME)
        )
        assert level == wanted[0]
        assert rare == wanted[1] or (math.isnan(rare) and math.isnan(wanted[1]))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 4), min_size=2, max_size=12), st.integers(0, 99))
def test_digit_levels(values, seed):
    generator = np.random.Generator(np.random.PCG64(seed))
    hashed = np.array(values, dtype=np.uint64)
    filters = _filters(generator, len(values), 2)
    ia, ib = (axis.ravel() for axis in np.meshgrid(np.arange(len(values)), np.arange(len(values))))
    got = levels.digit_levels(hashed, filters, hashed, filters, ia, ib, CLOSE_DAY)
    for i, j, level in zip(ia, ib, got, strict=True):
        alike = _dice(filters[i], filters[j])
        assert level == levels_plain.digit_level(values[i], values[j], alike, CLOSE_DAY)
