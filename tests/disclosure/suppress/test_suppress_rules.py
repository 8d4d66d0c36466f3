"""Primary rules: each against its definition, and each as a policy's tables show it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from release_attacker import tiny

from disclosure.rules import (
    below_threshold,
    dominated,
    group_disclosed,
    p_percent,
    primary_rows,
    small_difference,
    too_few_for_mean,
)
from disclosure.suppress import suppress_tables
from schemas.catalogue import Catalogue, Entry, Relation, Term
from schemas.errors import InputRefused
from schemas.policy_suppression import Dominance, GroupDisclosure, Keep, SuppressionPolicy
from schemas.tables import ExactTable, ProtectedTable

RULES = SuppressionPolicy(time_limit=2.0, insider="none")
AMOUNTS = st.lists(st.integers(1, 60), min_size=1, max_size=6)


@pytest.mark.parametrize(("count", "primary"), [(0, False), (1, True), (4, True), (5, False)])
def test_threshold_and_means_are_about_1_to_one_less(count: int, primary: bool) -> None:
    assert below_threshold(count, 5) == too_few_for_mean(count, 5) == primary


@given(AMOUNTS, st.integers(1, 3), st.integers(1, 99))
def test_dominance_is_the_share_of_the_largest(amounts: list[int], n: int, k: int) -> None:
    share = max(sum(chosen) for chosen in _choices(amounts, n)) / sum(amounts)
    assert dominated(amounts, n, k) == (100 * share > k)


def _choices(amounts: list[int], n: int) -> list[list[int]]:
    import itertools

    return [list(chosen) for chosen in itertools.combinations(amounts, min(n, len(amounts)))]


@given(AMOUNTS, st.sampled_from([5, 10, 15, 50, 100]))
def test_p_percent_is_how_well_a_competitor_estimates_another(amounts: list[int], p: int) -> None:
    """Nobody who takes his own amount off the total comes within p% of anybody else's, or the cell is sensitive."""
    total = sum(amounts)
    errors = [
        100 * ((total - mine) - other) / other
        for i, mine in enumerate(amounts) for j, other in enumerate(amounts) if i != j
    ] or [0.0]  # fmt: skip
    assert p_percent(amounts, p) == (min(errors) < p)


def test_nobody_in_a_cell_is_nobodys_secret() -> None:
    assert not dominated([], 1, 50)
    assert not p_percent([], 10)


@pytest.mark.parametrize(
    ("counts", "both", "only_all"),
    [([7, 0, 0], [1, 1, 1], [1, 0, 0]), ([3, 4, 0], [0, 0, 1], [0, 0, 0]), ([3, 4], [0, 0], [0, 0]), ([0, 0], [0, 0], [0, 0])],
)  # fmt: skip
def test_a_group_of_which_all_or_nobody(counts: list[int], both: list[int], only_all: list[int]) -> None:
    assert group_disclosed(np.array(counts)).astype(int).tolist() == both
    assert group_disclosed(np.array(counts), nobody=False).astype(int).tolist() == only_all


@pytest.mark.parametrize(("larger", "smaller", "small"), [(9, 9, False), (9, 8, True), (9, 5, True), (9, 4, False)])
def test_a_difference_of_few_people(larger: int, smaller: int, small: bool) -> None:
    assert small_difference(larger, smaller, 5) == small


# As a policy's tables show them ------------------------------------------------------------------------------------


GROUPS: dict[str, tuple[tuple[str, ...], dict[tuple[str, ...], int]]] = {
    "t": (("regio", "besluit"), {
        ("a", "ja"): 7, ("a", "nee"): 0, ("b", "ja"): 8, ("b", "nee"): 9, ("c", "ja"): 6, ("c", "nee"): 5,
    }),
    "regio": (("regio",), {("a",): 7, ("b",): 17, ("c",): 11}),
}  # fmt: skip


def blanks(table: ProtectedTable) -> set[tuple[object, ...]]:
    rows = table.frame[table.frame["status"] == "suppressed"]
    return set(rows[list(table.dimensions)].itertuples(index=False, name=None))


def protected(rules: SuppressionPolicy, made: tuple[Catalogue, dict[str, ExactTable]]) -> dict[str, ProtectedTable]:
    return suppress_tables(made[1], made[0], rules, [], "restricted").protected


def test_a_group_that_all_fall_in_one_category_cannot_be_told() -> None:
    """Region a's seven are printed, and it stays open whether all seven had a yes; that there were eight need not be possible."""
    made = tiny(GROUPS)
    assert not blanks(protected(RULES, made)["t"])
    rule = GroupDisclosure(variable="besluit")
    shown = protected(RULES.model_copy(update={"group_disclosure": (rule,), "protect_up": 0}), made)
    assert {("a", "ja"), ("a", "nee")} <= blanks(shown["t"])
    assert not blanks(shown["regio"])


def test_only_the_named_categories_of_the_named_variable() -> None:
    made = tiny(GROUPS)
    for rule in (
        GroupDisclosure(variable="besluit", categories=("nee",), nobody=False),
        GroupDisclosure(variable="land"),
    ):
        assert not blanks(protected(RULES.model_copy(update={"group_disclosure": (rule,)}), made)["t"])


def returning(people: list[int]) -> tuple[Catalogue, dict[str, ExactTable]]:
    """Region a holds one unit for each of `people`; b and c hold nine people each."""
    made = tiny({"t": (("regio",), {("a",): len(people), ("b",): 9, ("c",): 9})})
    micro = made[1]["t"].micro
    micro["person_id"] = [*people, *range(100, 118)]
    return made


@pytest.mark.parametrize(
    ("people", "rules", "primary"),
    [
        ([1, 1, 1, 1, 1, 2], {"dominance": Dominance(n=1, k=75)}, True),
        ([1, 1, 1, 2, 3, 4], {"dominance": Dominance(n=1, k=75)}, False),
        ([1, 1, 1, 2, 2, 4], {"dominance": Dominance(n=2, k=75)}, True),
        ([1, 1, 1, 2, 2, 2], {"p_percent": 10.0}, True),
        ([1, 1, 1, 2, 3, 4], {"p_percent": 10.0}, False),
        ([1, 2, 3, 4, 5, 6], {"dominance": Dominance(n=2, k=75), "p_percent": 10.0}, False),
        ([1, 1, 1, 1, 1, 2], {}, False),
    ],
)
def test_few_people_who_return_make_up_a_cell(people: list[int], rules: dict[str, object], primary: bool) -> None:
    made = returning(people)
    shown = protected(RULES.model_copy(update=rules), made)
    assert (("a",) in blanks(shown["t"])) == primary


def test_means_of_few_people_and_years_that_one_adds() -> None:
    """Six people, of whom one has most of the years: the count is fine, the mean is not."""
    catalogue, exact = tiny({"t": (("regio",), {("a",): 6, ("b",): 6})})
    entry: Entry = catalogue.entries[0].model_copy(update={"kind": "mean", "value": "leeftijd"})
    micro = exact["t"].micro.assign(waarde=[90, 4, 4, 4, 4, 4] + [30] * 6)
    frame = pd.DataFrame({"regio": ["a", "b"], "n": [6, 6], "gemiddelde": [18.3, 30.0], "sd": [35.1, 0.0]})
    means = ExactTable("t", ("regio",), exact["t"].categories, frame, micro, "mean")
    assert primary_rows(entry, means, RULES.model_copy(update={"minimum_n": 7})).tolist() == [True, True]
    assert primary_rows(entry, means, RULES.model_copy(update={"dominance": Dominance(n=1, k=80)})).tolist() == [
        True,
        False,
    ]
    assert primary_rows(entry, means, RULES).tolist() == [False, False]


def nested(smaller: int, larger: int) -> tuple[Catalogue, dict[str, ExactTable]]:
    """Two printed counts of which the first is part of the second, by declaration."""
    catalogue, exact = tiny({
        "deel": (("x",), {("a",): smaller, ("b",): 40}), "heel": (("y",), {("a",): larger, ("b",): 50}),
    })  # fmt: skip
    deel, heel = (entry.model_copy(update={"population": entry.id}) for entry in catalogue.entries)
    relation = Relation(
        id="r",
        kind="le",
        left=(Term(table="deel", where={"x": ("a",)}),),
        right=(Term(table="heel", where={"y": ("a",)}),),
    )
    return catalogue.model_copy(update={"entries": (deel, heel), "relations": (relation,)}), exact


@pytest.mark.parametrize(("smaller", "blank"), [(20, False), (17, True), (19, True), (12, False)])
def test_nested_groups_that_differ_by_few(smaller: int, blank: bool) -> None:
    made = nested(smaller, 20)
    assert not any(blanks(table) for table in protected(RULES, made).values()), "printed where the policy lets them be"
    shown = protected(RULES.model_copy(update={"differences": "protected"}), made)
    assert any(blanks(table) for table in shown.values()) == blank


def test_a_relation_that_does_not_hold_names_its_tables() -> None:
    with pytest.raises(InputRefused, match=r"relation r .*deel.*heel"):
        protected(RULES, nested(21, 20))


def test_tables_that_contradict_each_other_name_the_cell() -> None:
    """The same people by sex and by region, but one more by region."""
    made = tiny({"a": (("sekse",), {("V",): 9, ("M",): 9}), "b": (("sekse",), {("V",): 9, ("M",): 8})})
    with pytest.raises(InputRefused, match="sekse=M"):
        protected(RULES, made)


def test_a_single_cell_is_blank_unless_it_was_printed_before() -> None:
    made = tiny({"t": (("regio",), {("a",): 3})})
    assert blanks(protected(RULES, made)["t"]) == {("a",)}
    fixed = {"t": protected(RULES.model_copy(update={"threshold": 2}), made)["t"]}
    again = suppress_tables(made[1], made[0], RULES, [fixed], "restricted").protected
    assert not blanks(again["t"]), "what was printed cannot be taken back"


YEARS: dict[str, tuple[tuple[str, ...], dict[tuple[str, ...], int]]] = {
    "t": (("jaar", "sekse"), {
        ("2010", "v"): 3, ("2010", "m"): 30, ("2011", "v"): 20, ("2011", "m"): 40, ("2012", "v"): 10, ("2012", "m"): 12,
    }),
    "jaar": (("jaar",), {("2010",): 33, ("2011",): 60, ("2012",): 22}),
    "sekse": (("sekse",), {("v",): 33, ("m",): 82}),
}  # fmt: skip


def test_the_newest_year_and_totals_are_kept_where_the_policy_says_so() -> None:
    """The cheapest companions lie in 2012; when that year weighs more, and totals too, 2011 has them."""
    made = tiny(YEARS)
    cheapest = protected(RULES, made)
    assert ("2012", "v") in blanks(cheapest["t"])
    totals = Keep(weight=10)
    newest = protected(RULES.model_copy(update={"keep": (Keep(weight=5, variable="jaar"), totals)}), made)
    assert {codes[0] for codes in blanks(newest["t"])} == {"2010", "2011"}
    named = Keep(weight=5, variable="jaar", categories=("2012",))
    assert blanks(protected(RULES.model_copy(update={"keep": (named, totals)}), made)["t"]) == blanks(newest["t"])


def test_totals_are_kept_where_the_policy_says_so() -> None:
    """Fewest cells would blank two totals rather than three of the parts beside a small one."""
    made = tiny({
        "t": (("jaar", "sekse"), {("2010", "v"): 3, ("2010", "m"): 30, ("2011", "v"): 20, ("2011", "m"): 40}),
        "jaar": (("jaar",), {("2010",): 33, ("2011",): 60}),
        "sekse": (("sekse",), {("v",): 23, ("m",): 70}),
    })  # fmt: skip
    rules = RULES.model_copy(update={"objective": "cells"})
    kept = protected(rules.model_copy(update={"keep": (Keep(weight=10),)}), made)
    assert not blanks(kept["jaar"])
    assert not blanks(kept["sekse"])
    assert blanks(kept["t"]) == {("2010", "v"), ("2010", "m"), ("2011", "v"), ("2011", "m")}
    fewest = protected(rules, made)
    assert sum(len(blanks(table)) for table in fewest.values()) <= 4
