"""The attacker against enumeration, and against unsafe patterns that were planted for it."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from suppress_reference import ALL, Grid, cube, exposed, grid, possible, secrets_of

from disclosure import attack as attackers
from disclosure.attack import Attack, Insider, attack
from disclosure.attack_steps import Steps
from disclosure.suppress.choose import choose
from disclosure.suppress.system import SystemBuilder

SMALL = st.lists(st.lists(st.integers(0, 3), min_size=2, max_size=3), min_size=2, max_size=2).filter(
    lambda rows: len({len(row) for row in rows}) == 1 and 0 < sum(map(sum, rows)) <= 9
)
INSIDERS: st.SearchStrategy[Insider] = st.sampled_from(["none", "person", "pair"])
LONE = (1, 0, 0)  # a cell's people: how many, least, greatest


def found_by(made: Attack) -> set[tuple[tuple[int, ...], int]]:
    return {((), cell) for cell in made.outsider} | set(made.insiders)


def blanks_of(made: Grid, *cells: tuple[int | str, int | str]) -> np.ndarray:
    return np.array([cell in cells for cell in made.cells])


@given(rows=SMALL, data=st.data(), insider=INSIDERS)
@settings(max_examples=150, deadline=None)
def test_it_finds_what_enumeration_finds(rows: list[list[int]], data: st.DataObject, insider: Insider) -> None:
    made = grid(rows)
    extra = data.draw(st.lists(st.booleans(), min_size=len(made.cells), max_size=len(made.cells)))
    blank = made.system.primary | np.array(extra)
    wanted = exposed(made, blank, insider)
    got = attack(secrets_of(made.system), blank, insider=insider)
    assert got.untried == 0
    assert got.certified == (not wanted)
    hopeless = {cell for coalition, cell in wanted if not coalition}
    assert set(got.outsider) == hopeless
    assert _least(got.insiders, hopeless) == _least(wanted, hopeless)


def _least(hits: Iterable[tuple[tuple[int, ...], int]], hopeless: set[int]) -> set[tuple[tuple[int, ...], int]]:
    """Of a cell that everybody knows, or one of a pair alone, nobody need ask who else knows it."""
    left = {hit for hit in hits if hit[0] and hit[1] not in hopeless}
    return {hit for hit in left if len(hit[0]) == 1 or not any(((one,), hit[1]) in left for one in hit[0])}


def test_three_ones_that_sum_to_three() -> None:
    """Blanks are at least 1 where zeros are published: tau-Argus takes this row for safe."""
    made = grid([[1, 1, 1], [5, 6, 7]])
    row = blanks_of(made, (0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2))
    assert set(attack(secrets_of(made.system), row, insider="none").outsider) == {0, 1, 2}
    assert attack(secrets_of(made.system), row | blanks_of(made, (0, ALL), (1, ALL)), insider="none").certified


def test_a_single_blank_in_an_equation_and_a_primary_that_is_published() -> None:
    made = grid([[2, 9], [8, 7]])
    lone = blanks_of(made, (0, 0))
    assert attack(secrets_of(made.system), lone, insider="none").outsider == (0,)
    assert attack(secrets_of(made.system), ~lone & False, insider="none").outsider == (0,)


def test_an_insider_solves_the_only_companion() -> None:
    """A cell of one beside a cell of two: the lone person subtracts himself and reads the other."""
    made = grid([[1, 2, 7], [6, 8, 9]])
    blank = blanks_of(made, (0, 0), (0, 1), (1, 0), (1, 1))
    got = attack(secrets_of(made.system), blank, insider="person")
    assert not got.outsider
    assert ((0,), made.cells.index((0, 1))) in got.insiders
    assert attack(secrets_of(made.system), blank, insider="none").certified


def test_a_person_alone_in_several_linked_cells_knows_them_all() -> None:
    """Person 0 stands alone in two tables; only with both cells known does the third small cell fall."""
    builder = SystemBuilder()
    a, b, x = (builder.cell(key, 1, LONE) for key in ("a", "b", "x"))
    small = builder.cell("small", 2, (2, 3, 4))
    big = builder.cell("big", 9, (9, 5, 20))
    total = builder.cell("total", 13, (12, 0, 20))
    builder.equation(total, [a, b, small, big])
    other = builder.cell("other", 12, (11, 3, 20))
    builder.equation(total, [x, other])
    builder.primary |= {a, b, x, small}
    system = builder.build()
    blank = np.array([True, True, True, True, False, False, True])
    got = attack(secrets_of(system), blank, insider="person")
    assert ((0,), small) in got.insiders
    assert all(cell not in (a, b, x) for people, cell in got.insiders if people == (0,)), (
        "his own cells are no news to him"
    )


def test_linked_tables_fall_together() -> None:
    """Each table alone is safe; a margin they share gives the cell away."""
    builder = SystemBuilder()
    cells = {name: builder.cell(name, value, (value, 10 * i, 10 * i + 9)) for i, (name, value) in enumerate(
        {"p": 2, "q": 6, "shared": 8, "r": 5, "s": 3}.items()
    )}  # fmt: skip
    builder.equation(cells["shared"], [cells["p"], cells["q"]])
    builder.primary |= {cells["p"]}
    blank = np.array([True, False, True, False, False])
    assert attack(secrets_of(builder.build()), blank, insider="none").certified
    builder.equation(cells["shared"], [cells["r"], cells["s"]])
    assert attack(secrets_of(builder.build()), blank, insider="none").outsider == (cells["p"],)


def test_a_hierarchy_gives_a_difference() -> None:
    """Country and its regions: blank in both levels, but the two levels subtract to the small cell."""
    builder = SystemBuilder()
    values = {"land": 20, "noord": 11, "zuid": 9, "n1": 2, "n2": 9, "z1": 4, "z2": 5}
    at = {name: builder.cell(name, value, (value, 0, 30)) for name, value in values.items()}
    builder.equation(at["land"], [at["noord"], at["zuid"]])
    builder.equation(at["noord"], [at["n1"], at["n2"]])
    builder.equation(at["zuid"], [at["z1"], at["z2"]])
    builder.primary |= {at["n1"]}
    names = list(values)
    through = np.array([name in ("n1", "noord") for name in names])
    assert attack(secrets_of(builder.build()), through, insider="none").outsider == (at["n1"],)
    around = np.array([name in ("n1", "n2") for name in names])
    assert attack(secrets_of(builder.build()), around, insider="none").certified


def test_whole_numbers_determine_what_fractions_leave_open() -> None:
    """x + y = 2 with both at least 1, and z = 2x: only x = 1 is whole, though the margins are wide as fractions."""
    builder = SystemBuilder()
    x = builder.cell("x", 1, (1, 0, 0))
    y = builder.cell("y", 1, (1, 1, 1))
    total = builder.cell("total", 2, (2, 0, 1))
    builder.equation(total, [x, y])
    builder.primary |= {x, y}
    got = attack(secrets_of(builder.build()), np.array([True, True, False]), insider="none")
    assert set(got.outsider) == {x, y}


def test_pairs_are_an_attack_of_their_own() -> None:
    """Two people who hold a cell together know it; apart neither does."""
    made = grid([[2, 2, 7], [6, 8, 9]])
    blank = blanks_of(made, (0, 0), (0, 1), (1, 0), (1, 1))
    assert attack(secrets_of(made.system), blank, insider="person").certified
    found = attack(secrets_of(made.system), blank, insider="pair")
    assert set(found.insiders) == {((0, 1), 1), ((2, 3), 0)}


def test_the_range_of_the_outsider_is_judged() -> None:
    """Undetermined is not enough when the policy asks for a wider range."""
    made = grid([[2, 2, 7], [6, 8, 9]])
    blank = blanks_of(made, (0, 0), (0, 1), (1, 0), (1, 1))
    assert attack(secrets_of(made.system), blank, insider="none", down=2, up=2).certified
    assert set(attack(secrets_of(made.system), blank, insider="none", down=1, up=5).outsider) == {0, 1}


def test_what_could_not_be_tried_is_not_certified() -> None:
    made = grid([[2, 2, 7], [6, 8, 9]])
    blank = blanks_of(made, (0, 0), (0, 1), (1, 0), (1, 1))
    late = attack(secrets_of(made.system), blank, insider="none", deadline=time.monotonic() - 1)
    assert late.untried > 0
    assert not late.certified


def test_the_reach_holds_the_truth_and_another_value() -> None:
    made = grid([[2, 2, 4], [3, 5, 5]])
    blank = blanks_of(made, (0, 0), (0, 1), (1, 0), (1, 1))
    got = attack(secrets_of(made.system), blank, insider="none")
    wide = possible(made, set(np.flatnonzero(~blank).tolist()), 0)
    for p in np.flatnonzero(made.system.primary).tolist():
        low, high = got.reach[p].tolist()
        assert low < high
        assert min(wide[p]) <= low <= made.system.values[p] <= high <= max(wide[p])


@pytest.mark.parametrize("size", [2, 40])
def test_a_component_apart_does_not_hide_another(size: int) -> None:
    """One unsafe table among many safe ones is found, whatever the order."""
    builder = SystemBuilder()
    for i in range(size):
        a, b = (builder.cell((name, i), 2, (2, 9 * i, 9 * i + 1)) for name in "ab")
        builder.equation(builder.cell(("t", i), 4, (4, 9 * i, 9 * i + 3)), [a, b])
        builder.primary |= {a, b}
    system = builder.build()
    blank = system.primary.copy()
    assert attack(secrets_of(system), blank, insider="none").certified
    blank[3 * (size - 1)] = False
    got = attack(secrets_of(system), blank, insider="none")
    assert set(got.outsider) == {3 * (size - 1), 3 * (size - 1) + 1}


@given(counts=st.lists(st.integers(0, 4), min_size=18, max_size=18).filter(any), wide=st.booleans(), data=st.data())
@settings(max_examples=30, deadline=None)
def test_what_is_stepped_to_is_another_table(counts: list[int], wide: bool, data: st.DataObject) -> None:
    """Every equation holds, the cell differs as asked, what is known does not, nothing is too low; no trace is left."""
    system = cube(np.array(counts).reshape(2, 3, 3))
    blank = np.array(data.draw(st.lists(st.booleans(), min_size=system.size, max_size=system.size))) | system.primary
    live = np.flatnonzero(blank)
    secrets = secrets_of(system)
    steps = Steps(secrets, system.equations[:, live], live)
    known = data.draw(st.sets(st.integers(0, system.size - 1), max_size=3))
    for p, way in itertools.product(np.flatnonzero(system.primary).tolist(), (1, -1)):
        found = steps.find(p, way, known, wide=wide)
        fresh = Steps(secrets, system.equations[:, live], live).find(p, way, known, wide=wide)
        assert (found is None) == (fresh is None)
        if found is None:
            continue
        y = np.zeros(system.size, dtype=np.int64)
        y[found[0]] = found[1]
        assert y[p] == way
        assert not (system.equations @ y).any()
        assert not y[list(known)].any()
        assert blank[found[0]].all()
        assert (system.values + y >= (0 if wide else system.lower)).all()


def test_steps_and_programmes_find_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """The search only saves programmes: without it everything that is exposed is exposed, and nothing else."""
    system = cube(np.random.default_rng(5).poisson(3.0, (4, 4, 3)))
    blank = choose(system, "value", "none", 1.0).blank
    blank[np.flatnonzero(blank & ~system.primary)[-1]] = False
    quick = attack(secrets_of(system), blank, insider="person")
    monkeypatch.setattr(attackers.Steps, "find", lambda *_, **__: None)
    slow = attack(secrets_of(system), blank, insider="person")
    assert quick.outsider
    assert quick.insiders
    assert (quick.outsider, quick.insiders, quick.open) == (slow.outsider, slow.insiders, slow.open)
