"""The rounded regime: additive, near, of least change against enumeration, unbiased, and attacked."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent / "suppress"))

from release_attacker import tiny
from suppress_reference import Grid, grid

from disclosure.attack import Secrets, attack
from disclosure.rounding import round_tables, rounded, shifts
from disclosure.suppress import suppress_tables
from disclosure.suppress.release import build
from disclosure.suppress.system import SystemBuilder
from schemas.errors import DisclosureRefused
from schemas.policy_rounding import RoundingPolicy
from schemas.policy_suppression import SuppressionPolicy
from tests.tabulation.tabulation_reference import reference_tables, study_and_catalogue

LEAVES = [[1, 4, 7], [9, 2, 5]]
SEXES = {"t": (("sekse", "regio"), {("V", "a"): 1, ("V", "b"): 9, ("M", "a"): 4, ("M", "b"): 12})}


def seeded(seed: int):  # type: ignore[no-untyped-def]
    generator = np.random.Generator(np.random.PCG64(seed))
    return lambda n: generator.random(n) - 0.5


def additive(made: Grid, base: int) -> list[np.ndarray]:
    """Every table of the two nearest multiples that adds up, by enumeration over the leaves."""
    system = made.system
    leaves = [i for i, cell in enumerate(made.cells) if "T" not in cell]
    choices = [sorted({base * (v // base), base * -(-v // base)}) for v in system.values[leaves].tolist()]
    found = []
    for chosen in itertools.product(*choices):
        value = dict(zip((made.cells[i] for i in leaves), chosen, strict=True))
        whole = np.array([
            sum(v for leaf, v in value.items() if all(c in ("T", own) for c, own in zip(cell, leaf, strict=True)))
            for cell in made.cells
        ])  # fmt: skip
        if (np.abs(whole - system.values) < base).all():
            found.append(whole)
    return found


@pytest.mark.parametrize("base", [3, 5])
@pytest.mark.parametrize("seed", range(4))
def test_it_is_an_additive_table_of_neighbouring_multiples(base: int, seed: int) -> None:
    """And the least change that it states is the least of all such tables, by enumeration."""
    made = grid(LEAVES)
    values, change, least = rounded(made.system, base, seeded(seed), 10.0)
    changes = {tuple(table): float(np.abs(table - made.system.values).sum()) for table in additive(made, base)}
    assert change == changes[tuple(values)]
    assert least == min(changes.values())


@pytest.mark.parametrize("base", [3, 5])
def test_it_is_unbiased_on_leaves_and_margins(base: int) -> None:
    """The mean of 500 roundings lies within four standard errors of the count, cell by cell."""
    made, draw, runs = grid(LEAVES), seeded(11), 500
    drawn = np.array([rounded(made.system, base, draw, 10.0)[0] for _ in range(runs)])
    error = drawn.mean(axis=0) - made.system.values
    remainder = made.system.values % base
    spread = np.sqrt(remainder * (base - remainder) / runs)
    assert (np.abs(error) <= 4 * spread + 1e-9).all(), (error / np.maximum(spread, 1e-9)).round(1).tolist()


@pytest.mark.parametrize(
    ("study", "base"),
    [
        ("wodc2020", 3),
        ("wodc2020", 5),
        pytest.param("nr2015", 3, marks=pytest.mark.slow),
        pytest.param("nr2015", 5, marks=pytest.mark.slow),
    ],
)
def test_every_table_of_a_study_adds_up_with_every_other(study: str, base: int) -> None:
    tables, catalogue = reference_tables(study), study_and_catalogue(study)[1]
    rules = RoundingPolicy(base=base)  # type: ignore[arg-type]
    result = round_tables(tables, catalogue, rules, [], "restricted")
    joint = build(tables, catalogue, SuppressionPolicy()).joint()
    printed = np.full(joint.system.size, -1)
    for name, table in result.protected.items():
        frame = table.frame
        count = "aantal" if table.kind == "count" else "n"
        shown, true = frame[count].to_numpy(dtype=np.int64), tables[name].frame[count].to_numpy()
        assert table.regime == "rounded"
        assert set(frame["status"]) == {"rounded"}
        assert not (shown % base).any()
        assert (np.abs(shown - true) < base).all()
        assert (shown[true == 0] == 0).all()
        if table.kind == "mean":
            assert frame.loc[true < 10, ["gemiddelde", "sd"]].isna().all().all()
            assert frame.loc[true >= 10, "gemiddelde"].notna().all()
        for at, value in zip(joint.layout[name], shown.tolist(), strict=True):
            if at >= 0:
                assert printed[at] in (-1, value), "one number under two names"
                printed[at] = value
    for row in range(joint.system.equations.shape[0]):
        part = joint.system.equations[[row]]
        if (printed[part.indices] >= 0).all():
            assert not (part.data * printed[part.indices]).sum()
    assert result.certificate["attack"]["certified"]
    assert result.certificate["bound"] <= result.certificate["measure"]
    assert all(small["low"] < small["high"] for small in result.certificate["small"])


def test_nobody_can_repeat_the_draw() -> None:
    """The operating system's randomness, on a half-open interval around 0; two draws differ."""
    first, second = shifts(4_000), shifts(4_000)
    assert not (first == second).any()
    assert first.min() >= -0.5
    assert first.max() < 0.5
    assert abs(first.mean()) < 4 * np.sqrt(1 / 12 / 4_000)
    catalogue, exact = tiny(SEXES)
    shown = {
        tuple(round_tables(exact, catalogue, RoundingPolicy(), [], "restricted").protected["t"].frame["aantal"])
        for _ in range(12)
    }
    assert len(shown) > 1


def test_two_roundings_of_a_cell_bound_it_together() -> None:
    """Printed as 0 and as 5, a count lies between 1 and 4; the certificate says that no more is possible."""
    catalogue, exact = tiny({"t": (("regio",), {("a",): 3, ("b",): 12})})
    shown = {}
    for _ in range(60):
        result = round_tables(exact, catalogue, RoundingPolicy(), [], "restricted")
        shown[int(result.protected["t"].frame["aantal"][0])] = result.protected
    assert set(shown) == {0, 5}, "both neighbours are drawn"
    third = round_tables(exact, catalogue, RoundingPolicy(), [shown[0], shown[5]], "restricted")
    (small,) = third.certificate["small"]
    assert 1 <= small["low"] < small["high"] <= 4


def test_exact_counts_seen_before_leave_nothing_to_round() -> None:
    catalogue, exact = tiny(SEXES)
    before = suppress_tables(exact, catalogue, SuppressionPolicy(time_limit=2.0), [], "restricted").protected
    with pytest.raises(DisclosureRefused, match="blanks before"):
        round_tables(exact, catalogue, RoundingPolicy(), [before], "restricted")
    rounded_before = round_tables(exact, catalogue, RoundingPolicy(), [], "restricted").protected
    with pytest.raises(DisclosureRefused, match="rounded"):
        suppress_tables(exact, catalogue, SuppressionPolicy(time_limit=2.0), [rounded_before], "restricted")


def test_bounds_that_leave_one_value_are_found() -> None:
    """The attacker knows what a blank is at most: the total 6 is printed."""
    builder = SystemBuilder()
    a, b = builder.cell("a", 2, (2, 0, 1)), builder.cell("b", 4, (4, 2, 5))
    total = builder.cell("total", 6, (6, 0, 5))
    builder.equation(total, [a, b])
    builder.primary |= {a}
    system, blank = builder.build(), np.array([True, True, False])

    def certified(upper: list[int], lower: list[int]) -> bool:
        known = Secrets(
            system.values, system.equations, system.primary, np.array(lower), system.people, system.first, system.last,
            np.array(upper), np.array(lower),
        )  # fmt: skip
        return attack(known, blank, insider="none", down=0, up=0).certified

    assert certified([3, 9, 6], [1, 1, 6])
    assert certified([2, 9, 6], [1, 1, 6]), "a may be 1"
    assert not certified([2, 9, 6], [2, 1, 6]), "a is 2 by its own bounds"
    assert not certified([9, 4, 6], [1, 4, 6]), "b is 4 by its bounds, and so a is 2"
