"""Percentages and means that are printed: what they tell is what rounding lets them tell, and the attacker uses it."""

from __future__ import annotations

import ast
import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from release_attacker import tiny
from suppress_reference import secrets_of

import disclosure
from disclosure.attack import attack
from disclosure.attack_facts import Band, Fact, mean_facts, share_facts, with_facts
from disclosure.suppress import suppress_tables
from disclosure.suppress.system import System, SystemBuilder
from schemas.catalogue import Catalogue
from schemas.policy_suppression import SuppressionPolicy
from schemas.study import Text
from schemas.tables import ExactTable, ProtectedTable
from schemas.vocabulary import Variable, Vocabulary

ROOM = Path(disclosure.__file__).parent


def two(a: int, b: int, *, total: bool) -> tuple[System, np.ndarray]:
    """Two blanks of which the first is small, and their total, printed or not."""
    builder = SystemBuilder()
    at = [builder.cell(name, value, (value, 0, 99)) for name, value in (("a", a), ("b", b), ("total", a + b))]
    builder.equation(at[2], at[:2])
    builder.primary.add(at[0])
    return builder.build(), np.array([True, True, not total])


def holds(fact: Fact, values: list[int]) -> bool:
    return sum(w * values[c] for c, w in zip(fact.cells, fact.weights, strict=True)) <= fact.most


@given(st.integers(1, 3_000), st.data(), st.integers(0, 2))
def test_a_share_lets_pass_what_rounds_to_it_and_nothing_else(total: int, data: st.DataObject, decimals: int) -> None:
    count = data.draw(st.integers(0, total))
    printed = f"{100 * count / total:.{decimals}f}"
    facts = share_facts(0, printed, total)
    for other in {0, count, total, *range(max(0, count - 3), min(total, count + 3) + 1)}:
        distance = abs(100 * other / total - float(printed)) - 0.5 * 10**-decimals
        if abs(distance) > 1e-9:
            assert all(holds(fact, [other]) for fact in facts) == (distance < 0)


def test_a_share_with_one_decimal_of_919_is_the_count() -> None:
    system, blank = two(4, 34, total=False)
    assert attack(secrets_of(system), blank, insider="none").certified
    total = replace(secrets_of(system), primary=np.array([False, False, True]))
    assert attack(total, blank, insider="none").certified
    assert attack(*with_facts(total, blank, share_facts(2, "4.1", 919)), insider="none").outsider == (2,)
    own = with_facts(secrets_of(system), blank, share_facts(0, "0.4", 919))
    assert attack(*own, insider="none").outsider == (0,), "4 of 919 and no other count is 0.4 %"
    rough = with_facts(secrets_of(system), blank, share_facts(0, "0", 9190))
    assert attack(*rough, insider="none").certified


@given(st.lists(st.integers(15, 17), min_size=1, max_size=3), st.lists(st.integers(18, 20), min_size=1, max_size=3))
@settings(max_examples=60, deadline=None)
def test_a_mean_lets_the_true_counts_pass_and_only_gives_away_what_enumeration_does(
    young: list[int], old: list[int]
) -> None:
    ages = np.array(young + old, dtype=float)
    n, mean, deviation = len(ages), f"{ages.mean():.1f}", f"{ages.std(ddof=1):.1f}"
    facts = mean_facts(-1, n, mean, deviation, [Band(0, 15, 17), Band(1, 18, 20)])
    assert all(holds(fact, [len(young), len(old)]) for fact in facts)
    possible = set()
    for x in range(1, n):
        for a in itertools.combinations_with_replacement(range(15, 18), x):
            for b in itertools.combinations_with_replacement(range(18, 21), n - x):
                guess = np.array(a + b, dtype=float)
                if abs(guess.mean() - float(mean)) <= 0.0501 and abs(guess.std(ddof=1) - float(deviation)) <= 0.0501:
                    possible.add(x)
    system, blank = two(len(young), len(old), total=True)
    found = attack(*with_facts(secrets_of(system), blank, facts), insider="none", down=0, up=0)
    assert found.certified or possible == {len(young)}


def test_a_mean_at_the_end_of_its_bands_gives_a_count_away() -> None:
    """One of 17 and five of 23: no other split of six people has a mean of 22.0."""
    system, blank = two(1, 5, total=True)
    assert attack(secrets_of(system), blank, insider="none").certified
    facts = mean_facts(-1, 6, "22.0", None, [Band(0, 15, 17), Band(1, 18, 23)])
    assert attack(*with_facts(secrets_of(system), blank, facts), insider="none").outsider == (0,)


def test_a_statement_that_is_not_true_is_no_knowledge() -> None:
    system, blank = two(1, 5, total=True)
    with pytest.raises(ValueError, match="does not fit"):
        with_facts(secrets_of(system), blank, share_facts(0, "50", 6))


def release(mean: float) -> tuple[Catalogue, dict[str, ExactTable]]:
    """Sex by age band, and the mean age of each sex with its number of people."""
    bands = {"15-17": (15, 17), "18-23": (18, 23)}
    catalogue, exact = tiny({
        "banden": (("sekse", "leeftijd"), {("V", "15-17"): 1, ("V", "18-23"): 5, ("M", "15-17"): 9, ("M", "18-23"): 9}),
        "gemiddeld": (("sekse",), {("V",): 6, ("M",): 18}),
    })  # fmt: skip
    text = Text(nl="x", en="x")
    words = Vocabulary(units={}, variables={"leeftijd": Variable(label=text, bands=bands)}, lists={})
    entries = (catalogue.entries[0], catalogue.entries[1].model_copy(update={"kind": "mean", "value": "leeftijd"}))
    micro = exact["gemiddeld"].micro.assign(waarde=[int(mean)] * 6 + [19] * 18)
    frame = pd.DataFrame({"sekse": ["V", "M"], "n": [6, 18], "gemiddelde": [mean, 19.0], "sd": [np.nan, np.nan]})
    means = ExactTable("gemiddeld", ("sekse",), exact["gemiddeld"].categories, frame, micro, "mean")
    population = catalogue.model_copy(update={"entries": entries, "vocabulary": words})
    return population, {"banden": exact["banden"], "gemiddeld": means}


def statuses(table: ProtectedTable) -> list[str]:
    return [str(status) for status in table.frame["status"]]


def known_total(made: tuple[Catalogue, dict[str, ExactTable]]) -> dict[str, ProtectedTable]:
    """The number of people of known age is declared to be the number by band."""
    from schemas.catalogue import Relation, Term

    relation = Relation(
        id="n",
        left=(Term(table="banden", where={"sekse": ("V",)}),),
        right=(Term(table="gemiddeld", where={"sekse": ("V",)}),),
    )
    catalogue = made[0].model_copy(update={"relations": (relation,)})
    rules = SuppressionPolicy(insider="none", time_limit=2.0)
    return suppress_tables(made[1], catalogue, rules, [], "restricted").protected


def test_a_mean_that_gives_a_count_away_is_blank_and_one_that_does_not_is_printed() -> None:
    plain = known_total(release(20.0))
    assert statuses(plain["banden"]) == ["suppressed", "suppressed", "ok", "ok"]
    assert statuses(plain["gemiddeld"]) == ["ok", "ok"]
    telling = known_total(release(22.0))
    assert statuses(telling["gemiddeld"])[0] == "suppressed"
    assert pd.isna(telling["gemiddeld"].frame["gemiddelde"][0])


def imports(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    return found | {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}


def test_attacker_and_chooser_share_no_code() -> None:
    """The attacker imports nothing of suppression; of the chooser's modules only its judge calls the attacker."""
    attackers = sorted(ROOM.glob("attack*.py"))
    assert len(attackers) >= 3
    for path in attackers:
        own = {name for name in imports(path) if name.startswith("disclosure")}
        assert all(name.startswith("disclosure.attack") for name in own), path.name
    chooser = ("choose", "cuts", "flow", "master", "movement", "pattern", "problem", "system")
    for name in chooser:
        assert not any(
            module.startswith("disclosure.attack") for module in imports(ROOM / "suppress" / f"{name}.py")
        ), name
