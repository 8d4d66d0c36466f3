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


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(PARTS, PARTS), min_size=2, max_size=8), st.integers(0, 99))
def test_two_names_in_the_order_that_fits_better(names, seed):
    """Against both orders compared in full by the plain twin."""
    generator = np.random.Generator(np.random.PCG64(seed))
    surname, given_names = (_padded([row[place] for row in names]) for place in (0, 1))
    filters = _filters(generator, 2 * len(names), 8)
    sides = (surname, filters[: len(names)], given_names, filters[len(names) :])
    shares = [-generator.random(shape) * 20 for shape in (len(names), surname.shape) * 2]
    ia, ib = (axis.ravel() for axis in np.meshgrid(np.arange(len(names)), np.arange(len(names))))
    got, bits = levels.name_pair_levels(*sides, *sides, ia, ib, *shares, PARTIAL_NAME, CLOSE_NAME)

    def plain(i, j, mine, theirs):
        (parts_a, filters_a), (parts_b, filters_b) = sides[mine : mine + 2], sides[theirs : theirs + 2]
        return levels_plain.name_level(
            parts_a[i].tolist(),
            parts_b[j].tolist(),
            _dice(filters_a[i], filters_b[j]),
            shares[mine][i],
            shares[mine + 1][i].tolist(),
            (PARTIAL_NAME, CLOSE_NAME),
        )

    for i, j, level, rare in zip(ia, ib, got.tolist(), bits.tolist(), strict=True):
        straight, crossed = (plain(i, j, 0, 0), plain(i, j, 2, 2)), (plain(i, j, 0, 2), plain(i, j, 2, 0))
        swapped = crossed[0][0] + crossed[1][0] > straight[0][0] + straight[1][0]
        best = crossed if swapped else straight
        known = straight[0][0] > 0 and straight[1][0] > 0
        assert level == [best[0][0], best[1][0], 1 + swapped if known else 0]
        assert np.array_equal(rare, [best[0][1], best[1][1]], equal_nan=True)
