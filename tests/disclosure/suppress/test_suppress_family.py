"""Two studies of the same people: what an audience works out that lays their tables side by side."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from release_attacker import ranges, read, small, tiny

from disclosure.suppress import suppress_tables
from disclosure.suppress.again import attack_again
from schemas.catalogue import Catalogue
from schemas.errors import DisclosureRefused
from schemas.policy_suppression import SuppressionPolicy
from schemas.tables import ExactTable, ProtectedTable

RULES = SuppressionPolicy(insider="none", threshold=3, time_limit=2.0)
REGIONS, SEXES = ("a", "b", "c", "d"), ("V", "M")
# d is the companion of a. The head prints that both are 11 together; the follower, that d is 5 and 4.
PLANTED = [[1, 20, 15, 5], [1, 12, 9, 4]]
Tables = Mapping[str, ProtectedTable]


def people(counts: list[list[int]]) -> tuple[Catalogue, dict[str, ExactTable], dict[str, ExactTable]]:
    """One catalogue of all; the head's tables (by region, by sex), and the follower's (sex by region)."""
    cells = {(s, r): counts[i][j] for i, s in enumerate(SEXES) for j, r in enumerate(REGIONS)}
    catalogue, exact = tiny({
        "regio": (("regio",), {(r,): sum(row[j] for row in counts) for j, r in enumerate(REGIONS)}),
        "sekse": (("sekse",), {(s,): sum(counts[i]) for i, s in enumerate(SEXES)}),
        "cross": (("sekse", "regio"), cells),
    })  # fmt: skip
    return catalogue, {name: exact[name] for name in ("regio", "sekse")}, {"cross": exact["cross"]}


def worked_out(catalogue: Catalogue, exact: Mapping[str, ExactTable], *seen: Tables) -> list[tuple[str, int]]:
    """Small cells that a reader of all that was seen knows exactly."""
    reader = read({name: table for tables in seen for name, table in tables.items()}, catalogue)
    wanted = small(exact, RULES.threshold)
    known = [row for row in wanted if row in reader.constants]
    found = ranges(reader, [row for row in wanted if row in reader.variables])
    return known + [row for row, (low, high) in found.items() if low >= high]


def test_two_studies_that_do_not_know_of_each_other_give_a_small_cell_away() -> None:
    catalogue, head, follower = people(PLANTED)
    alone = [suppress_tables(part, catalogue, RULES, [], "restricted").protected for part in (head, follower)]
    assert not worked_out(catalogue, head, alone[0])
    assert not worked_out(catalogue, follower, alone[1])
    assert ("regio", 0) in worked_out(catalogue, {**head, **follower}, *alone)


@pytest.mark.parametrize("first", ["head", "follower"])
def test_whichever_comes_first_the_second_gives_nothing_away(first: str) -> None:
    catalogue, head, follower = people(PLANTED)
    one, other = (head, follower) if first == "head" else (follower, head)
    before = suppress_tables(one, catalogue, RULES, [], "restricted", other if first == "follower" else {}).protected
    result = suppress_tables(other, catalogue, RULES, [before], "restricted", one)
    assert not result.certificate["lost"]
    assert set(result.protected) == set(other)
    assert not worked_out(catalogue, {**head, **follower}, before, result.protected)
    again = attack_again(result.protected, [before], catalogue, RULES, result.certificate, before)
    assert again.found.certified
    assert again.primaries


COUNTS = st.lists(st.lists(st.integers(1, 12), min_size=4, max_size=4), min_size=2, max_size=2)


@given(COUNTS, st.booleans())
@settings(max_examples=25, deadline=None)
def test_no_pair_of_studies_gives_a_small_cell_away(counts: list[list[int]], head_first: bool) -> None:
    catalogue, head, follower = people(counts)
    one, other = (head, follower) if head_first else (follower, head)
    assume(small({**head, **follower}, RULES.threshold))
    try:
        before = suppress_tables(one, catalogue, RULES, [], "restricted", {} if head_first else other).protected
        result = suppress_tables(other, catalogue, RULES, [before], "restricted", one)
    except DisclosureRefused:
        return
    assert not result.certificate["lost"]
    assert not worked_out(catalogue, {**head, **follower}, before, result.protected)


def test_a_study_beside_another_prints_nothing_of_it() -> None:
    catalogue, head, follower = people([[20, 20, 20, 20], [20, 20, 20, 20]])
    result = suppress_tables(follower, catalogue, RULES, [], "restricted", head)
    assert list(result.protected) == ["cross"]
    assert (result.protected["cross"].frame["status"] == "ok").all()
