"""What known non-matches bound: the compiled count against its definition, and every pair of people once per pattern."""

from __future__ import annotations

import numpy as np

from linkage.patterns import SUBJECT
from linkage.strangers import Known, counted, floors, reached

COLUMNS = {"surname": ("missing", "differs", "equal"), "year": ("missing", "differs", "equal"), SUBJECT: ("missing",)}


def test_reached_counts_every_pattern_that_is_nowhere_below():
    generator = np.random.Generator(np.random.PCG64(1))
    asked, patterns = (generator.integers(0, 3, (size, 4)).astype(np.int8) for size in (40, 60))
    counts = generator.integers(1, 9, 60)
    plain = [counts[(patterns >= row).all(axis=1)].sum() for row in asked]
    assert reached(asked, patterns, counts).tolist() == plain
    assert reached(asked, patterns[:0], counts[:0]).tolist() == [0] * 40


def test_two_people_count_once_per_pattern_they_show():
    """Persons 0 and 1 show one pattern in two spellings, and another in a third."""
    levels = np.array([[2, 1, 0], [1, 2, 0], [2, 1, 0]], dtype=np.int8)
    left, right = np.array([0, 0, 0, 2], np.int32), np.array([1, 1, 1, 3], np.int32)
    several = np.array([False, True, False, False])
    patterns, counts = counted(COLUMNS, levels, np.array([0, 2, 1, 0], np.int32), left, right, several)
    assert patterns.tolist() == [[1, 2], [2, 1]]
    assert counts.tolist() == [1, 2]


def test_floors_pool_registers_and_are_nothing_where_nobody_agrees_as_much():
    levels = np.array([[1, 1, 0], [2, 2, 0]], dtype=np.int8)
    known = [
        Known(np.array([[2, 1]], np.int8), np.array([3]), 10),
        Known(np.array([[1, 1]], np.int8), np.array([1]), 6),
    ]
    assert floors(COLUMNS, levels, known).tolist() == [-2.0, -np.inf]
