"""The chooser: never unsafe, never dearer than it says, and no cover that a safe pattern would break."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from suppress_reference import Grid, cube, exposed, grid, secrets_of

from disclosure.attack import attack
from disclosure.suppress.choose import choose
from disclosure.suppress.cuts import Pool, Separator, seed
from disclosure.suppress.pattern import Question
from disclosure.suppress.problem import Insider, Objective, pose
from disclosure.suppress.system import SystemBuilder
from schemas.errors import DisclosureRefused

INSIDERS: st.SearchStrategy[Insider] = st.sampled_from(["none", "person", "pair"])
OBJECTIVES: st.SearchStrategy[Objective] = st.sampled_from(["value", "cells"])
SMALL = st.tuples(st.integers(2, 3), st.integers(2, 2)).flatmap(
    lambda shape: st.lists(
        st.lists(st.integers(0, 4), min_size=shape[0], max_size=shape[0]), min_size=shape[1], max_size=shape[1]
    )
)
FOUR = st.lists(st.lists(st.integers(0, 5), min_size=2, max_size=2), min_size=2, max_size=2)


def patterns(made: Grid) -> Iterator[np.ndarray]:
    """Every pattern that blanks the primaries."""
    free = np.flatnonzero(~made.system.primary)
    for chosen in itertools.product([False, True], repeat=len(free)):
        blank = made.system.primary.copy()
        blank[free] = chosen
        yield blank


def safe(made: Grid, blank: np.ndarray, insider: Insider) -> bool:
    return attack(secrets_of(made.system), blank, insider=insider).certified


@given(rows=SMALL.filter(lambda rows: 0 < sum(map(sum, rows)) <= 9), insider=INSIDERS, objective=OBJECTIVES)
@settings(max_examples=60, deadline=None)
def test_enumeration_finds_nothing_in_what_it_chose(
    rows: list[list[int]], insider: Insider, objective: Objective
) -> None:
    made = grid(rows)
    try:
        choice = choose(made.system, objective, insider, 2.0)
    except DisclosureRefused:
        assert exposed(made, np.ones(made.system.size, dtype=bool), insider), "refused, but all blank is safe"
        return
    assert choice.blank[made.system.primary].all()
    assert not exposed(made, choice.blank, insider)


@given(rows=FOUR.filter(lambda rows: sum(map(sum, rows)) > 0), insider=INSIDERS, objective=OBJECTIVES)
@example(rows=[[1, 0], [3, 1]], insider="person", objective="value")
@settings(max_examples=40, deadline=None)
def test_it_is_as_cheap_as_the_cheapest_safe_pattern(
    rows: list[list[int]], insider: Insider, objective: Objective
) -> None:
    """The bound is below the optimum over all patterns, and on tables this small the choice reaches it."""
    made = grid(rows)
    cost = made.system.values if objective == "value" else np.ones(made.system.size, dtype=np.int64)
    measured = [int(cost[blank & ~made.system.primary].sum()) for blank in patterns(made) if safe(made, blank, insider)]
    if not measured:
        with pytest.raises(DisclosureRefused):
            choose(made.system, objective, insider, 2.0)
        return
    choice = choose(made.system, objective, insider, 5.0)
    assert choice.measure == int(cost[choice.blank & ~made.system.primary].sum())
    assert choice.bound <= min(measured) + 1e-6
    assert choice.measure == min(measured)


@given(rows=FOUR.filter(lambda rows: sum(map(sum, rows)) > 0), insider=INSIDERS, data=st.data())
@settings(max_examples=40, deadline=None)
def test_no_safe_pattern_breaks_a_cover(rows: list[list[int]], insider: Insider, data: st.DataObject) -> None:
    made = grid(rows)
    problem = pose(made.system, "value", insider)
    pool = Pool(problem)
    weights = data.draw(st.lists(st.floats(0, 1), min_size=made.system.size, max_size=made.system.size))
    try:
        seed(pool)
        separator = Separator(pool)
        x = np.where(problem.must, 1.0, weights)
        for p, most in itertools.product(problem.targets.tolist(), (1, 99)):
            separator.relaxed(x, p, most)
            separator.whole(x > 0.5, [Question((), p)])
            for person in problem.alone:
                if p not in problem.alone[person]:
                    separator.whole(x > 0.5, [Question((person,), p)])
    except DisclosureRefused:
        assert not any(safe(made, blank, insider) for blank in patterns(made))
        return
    for blank in patterns(made):
        if safe(made, blank, insider):
            broken = [cover for cover in pool.covers if not blank[list(cover)].any()]
            assert not broken, f"{[[made.cells[i] for i in cover] for cover in broken]} in {rows}"


def test_the_row_of_three_ones_gets_company() -> None:
    made = grid([[1, 1, 1, 9], [5, 6, 7, 8]])
    choice = choose(made.system, "value", "none", 2.0)
    assert attack(secrets_of(made.system), choice.blank, insider="none").certified
    assert choice.blank.sum() > 3


def test_nothing_small_means_nothing_blank() -> None:
    made = grid([[5, 6], [7, 8]])
    choice = choose(made.system, "value", "person", 2.0)
    assert not choice.blank.any()
    assert (choice.measure, choice.gap) == (0.0, 0.0)


@pytest.mark.parametrize("insider", ["none", "person", "pair"])
def test_all_cells_small_are_all_blank(insider: Insider) -> None:
    made = grid([[1, 1], [1, 0]], threshold=10)
    choice = choose(made.system, "value", insider, 2.0)
    assert choice.blank.all()
    assert not exposed(made, choice.blank, insider)


def test_the_same_system_gets_the_same_pattern() -> None:
    made = grid([[1, 2, 9, 4], [7, 8, 2, 6], [3, 5, 1, 9]])
    first, second = (choose(made.system, "value", "person", 3.0).blank for _ in range(2))
    assert np.array_equal(first, second)


def test_what_was_published_stays_published() -> None:
    """A fixed cell is never blanked, and what it makes impossible is refused."""
    builder = SystemBuilder()
    cells = [builder.cell(name, value, (value, 10 * value, 10 * value + value)) for name, value in
             (("small", 2), ("near", 4), ("far", 6), ("total", 12))]  # fmt: skip
    builder.equation(cells[3], cells[:3])
    builder.primary.add(cells[0])
    builder.fixed[cells[1]] = True
    choice = choose(builder.build(), "value", "none", 2.0)
    assert choice.blank.tolist() == [True, False, True, False]
    builder.fixed[cells[2]] = builder.fixed[cells[3]] = True
    with pytest.raises(DisclosureRefused):
        choose(builder.build(), "value", "none", 2.0)


def test_weights_keep_a_total() -> None:
    """The cheaper companion is left alone when it weighs more."""
    builder = SystemBuilder()
    a, b, c, total = (
        builder.cell(name, value, (value, 100 * i, 100 * i + value))
        for i, (name, value) in enumerate((("a", 2), ("b", 5), ("c", 7), ("total", 14)))
    )
    builder.equation(total, [a, b, c])
    builder.primary.add(a)
    assert choose(builder.build(), "value", "none", 2.0).blank[b]
    heavy = choose(builder.build({b: 10.0}), "value", "none", 2.0)
    assert heavy.blank[c]
    assert not heavy.blank[b]


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("insider", ["none", "person"])
def test_three_way_tables_are_certified(seed: int, insider: Insider) -> None:
    """Small cubes are where a movement in fractions is not one in whole numbers, and a one cannot fall."""
    generator = np.random.Generator(np.random.PCG64(seed))
    counts = generator.poisson(float(generator.choice([0.7, 1.5, 3.0])), tuple(generator.integers(2, 5, 3)))
    system = cube(counts)
    choice = choose(system, "value", insider, 1.0)
    assert attack(secrets_of(system), choice.blank, insider=insider).certified
    assert choice.bound <= choice.measure


def test_little_time_still_gives_a_safe_pattern() -> None:
    """A table of 900 cells in a tenth of a second: the time limit costs money, never safety, and is nearly kept."""
    generator = np.random.Generator(np.random.PCG64(7))
    made = grid(generator.poisson(2.2, (30, 30)))
    started = time.monotonic()
    choice = choose(made.system, "value", "none", 0.1)
    assert time.monotonic() - started < 20
    assert attack(secrets_of(made.system), choice.blank, insider="none").certified
    assert choice.bound <= choice.measure
