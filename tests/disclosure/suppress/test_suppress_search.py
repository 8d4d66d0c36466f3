"""Chains, the bound on the objective and the search nearby: right on their own, whatever the rest of the chooser does."""

from __future__ import annotations

import importlib
import itertools
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from suppress_reference import cube, grid, secrets_of

from disclosure.attack import attack
from disclosure.suppress.chains import Chains, room
from disclosure.suppress.choose import choose
from disclosure.suppress.cuts import Pool, Separator, companions, seed
from disclosure.suppress.floor import Floor
from disclosure.suppress.nearby import Nearby
from disclosure.suppress.problem import pose
from disclosure.suppress.quick import Quick, QuickMender

COUNTS = st.lists(st.integers(0, 4), min_size=18, max_size=18).filter(any)


@given(counts=COUNTS, data=st.data())
@settings(max_examples=30, deadline=None)
def test_a_chain_is_another_table(counts: list[int], data: st.DataObject) -> None:
    """Every equation holds, p moves as asked, what must stand still does, nothing falls below what it can be."""
    system = cube(np.array(counts).reshape(2, 3, 3))
    problem = pose(system, "value", "person")
    blank = np.array(data.draw(st.lists(st.booleans(), min_size=system.size, max_size=system.size))) | problem.must
    falls = system.values - system.lower
    up, down = room(problem, blank, falls)
    before = up.copy(), down.copy()
    known = data.draw(st.sets(st.integers(0, system.size - 1), max_size=3))
    chains = Chains(problem)
    for p, sign in itertools.product(problem.targets.tolist(), (1, -1)):
        steps = chains.find(p, sign, up, down, known)
        if not steps:
            continue
        y = np.zeros(system.size)
        y[list(steps)] = list(steps.values())
        assert y[p] == sign
        assert not (system.equations @ y).any()
        assert not y[list(known)].any()
        assert blank[list(steps)].all()
        assert (y >= -falls).all()
    assert np.array_equal(up, before[0])
    assert np.array_equal(down, before[1])


def test_a_chain_is_found_where_there_is_a_rectangle() -> None:
    made = grid([[2, 9, 9], [9, 9, 9], [9, 9, 9]])
    problem = pose(made.system, "value", "none")
    blank = np.zeros(made.system.size, dtype=bool)
    blank[[made.cells.index(cell) for cell in ((0, 0), (0, 1), (1, 0), (1, 1))]] = True
    steps = Chains(problem).find(
        made.cells.index((0, 0)), 1, *room(problem, blank, made.system.values - 1), known=()
    )  # fmt: skip
    assert {made.cells[cell]: step for cell, step in steps.items()} == {
        (0, 0): 1.0, (0, 1): -1.0, (1, 0): -1.0, (1, 1): 1.0,
    }  # fmt: skip


@pytest.mark.parametrize("objective", ["value", "cells"])
@given(leaves=st.lists(st.lists(st.integers(1, 9), min_size=3, max_size=3), min_size=2, max_size=2))
@settings(max_examples=40, deadline=None)
def test_the_bound_on_the_measure_holds_for_every_pattern(objective: str, leaves: list[list[int]]) -> None:
    """Whatever the cost of a pattern, no pattern of that cost or more has a smaller measure than `Floor` says."""
    problem = pose(grid(leaves).system, "value" if objective == "value" else "cells", "none")
    floor, free = Floor(problem), np.flatnonzero(problem.cost > 0)
    for chosen in itertools.product([False, True], repeat=len(free)):
        cells = free[list(chosen)]
        cost, measure = problem.cost[cells].sum(), problem.measure[cells].sum()
        assert floor.measure(cost) <= measure + 1e-6
        blank = np.zeros(len(problem.cost), dtype=bool)
        blank[cells] = True
        assert floor.measure(cost - floor.slack(blank)) >= measure - 1e-6


def test_the_search_nearby_only_goes_down_and_stays_safe() -> None:
    generator = np.random.Generator(np.random.PCG64(5))
    system = cube(generator.poisson(2.0, (5, 5, 4)))
    problem = pose(system, "cells", "person")
    pool = Pool(problem)
    seed(pool)
    chains = Chains(problem)
    nearby = Nearby(pool, companions(problem, 40), Separator(pool), QuickMender(problem, chains))
    all_blank = Quick(problem, np.ones(system.size, dtype=bool), chains)
    assert not all_blank.exposed()
    found = nearby.improve(all_blank, time.monotonic() + 2.0)
    assert problem.cost[found.blank].sum() < problem.cost[all_blank.blank].sum()
    assert not Quick(problem, found.blank, chains).exposed()


def test_large_systems_are_protected_by_chains_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The path of large systems, on a small one: certified, and never below the bound."""
    monkeypatch.setattr(
        importlib.import_module("disclosure.suppress.choose"), "LARGE", 50
    )  # by name: a function hides it
    generator = np.random.Generator(np.random.PCG64(3))
    system = cube(generator.poisson(1.5, (6, 5, 4)))
    choice = choose(system, "value", "person", 2.0)
    assert attack(secrets_of(system), choice.blank, insider="person").certified
    assert choice.bound <= choice.measure
