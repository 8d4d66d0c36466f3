"""The attackers are strong where there is something to find, and find what guessing finds where there is not."""

from __future__ import annotations

import json

import numpy as np
import pytest

from benchmarks.attacks import counting
from benchmarks.attacks.encodings import ENCODINGS, similarities
from benchmarks.attacks.graph import match
from benchmarks.attacks.people import People, scene, synthetic
from benchmarks.attacks.suite import ATTACKER, OWNER, run
from benchmarks.rows import Row, table, targeted, write_rows


@pytest.fixture(scope="module")
def people(tmp_path_factory) -> People:
    return synthetic(tmp_path_factory.mktemp("attack") / "people", 420, 9)


def _named(people, encoding: str, name: str, known: float = 0.0, size: int = 250) -> float:
    setting = scene(name, people, size, 4)
    register, listed = (ENCODINGS[encoding](s, k) for s, k in ((setting.register, OWNER), (setting.listed, ATTACKER)))
    on_list = np.flatnonzero(setting.truth >= 0)
    given = on_list[: int(known * len(on_list))]
    pairs = {int(row): int(setting.truth[row]) for row in given}
    place = match(similarities(register, register), similarities(listed, listed), pairs)
    rest = np.setdiff1d(on_list, given)
    return float((place[rest] == setting.truth[rest]).mean())


@pytest.mark.parametrize("name", ["equal", "containing", "overlapping"])
def test_the_matcher_breaks_plain_clk(people, name):
    """Were it weaker, its failure on other encodings would mean nothing."""
    assert _named(people, "clk", name) >= 0.95


def test_the_matcher_breaks_min_hash_without_a_salt(people):
    assert _named(people, "tmh", "equal") >= 0.9


@pytest.mark.parametrize(("name", "known"), [("equal", 0.0), ("containing", 0.0), ("overlapping", 0.3), ("equal", 0.3)])
def test_what_is_handed_over_leaves_guessing(people, name, known):
    """At most five of some two hundred rows: guessing gets one."""
    assert _named(people, "dual2+blip", name, known) <= 0.03


def test_the_key_is_what_protects(people):
    """With the owners' key a list names everybody: the attacks say nothing about who holds it."""
    setting = scene("equal", people, 250, 4)
    mine, theirs = (ENCODINGS["dual2+blip"](side, OWNER) for side in (setting.register, setting.listed))
    named = similarities(mine, theirs).argmax(axis=1) == setting.truth
    # Who has no salt in either encoding is noise to everybody.
    assert named.mean() > 0.95


def test_scenes_are_what_they_say(people):
    for name, size, on_list in (("equal", 250, 250), ("containing", 150, 150), ("overlapping", 250, 125)):
        setting = scene(name, people, 250, 1)
        found = np.flatnonzero(setting.truth >= 0)
        assert (len(setting.register), len(found), len(setting.listed)) == (size, on_list, 250)
        same = setting.listed.take(setting.truth[found])
        assert same == setting.register.take(found)


def test_counting_finds_what_is_skewed():
    """Three values, clearly ordered by frequency: every row of a rare value with one holder is found."""
    values = ["Jansen"] * 5 + ["Bah"] * 3 + ["Ndiaye"]
    hashes = [{"Jansen": 7, "Bah": 8, "Ndiaye": 9}[value] for value in values]
    generator = np.random.Generator(np.random.PCG64(1))
    place = counting.by_field_frequency([hashes], [values], generator)
    assert [values[spot] for spot in place] == values


def test_the_suite_reports_every_attack_beside_guessing(people):
    outcomes = list(run(people, 120, ("dual2+blip",), 3, clear=True))
    assert {o.attack for o in outcomes} == {"frequency", "patterns", "graph", "graph (sparse)", "salts"}
    assert {(o.scene, o.known) for o in outcomes} >= {("equal", 0.0), ("overlapping", 0.3), ("containing", 0.1)}
    clear = [o for o in outcomes if o.clear]
    assert all(o.guessing > 0.3 for o in clear)
    assert all(o.guessing < 0.02 for o in outcomes if not o.clear)


def test_rows_for_people_and_programs(tmp_path):
    rows = [
        Row("plain", 2, "people"),
        targeted("share", 0.02, "share", "<=", 0.01),
        targeted("speed", 3.0, "x", ">=", 3),
    ]
    write_rows(rows, tmp_path / "rows.json")
    stored = json.loads((tmp_path / "rows.json").read_text())
    assert [set(row) for row in stored] == [{"metric", "value", "unit", "target", "holds", "peer"}] * 3
    assert [row["holds"] for row in stored] == [None, False, True]
    lines = table(rows).splitlines()
    assert lines[1].startswith("MISSED")
    assert lines[2].startswith("ok")
    assert targeted("nothing", float("nan"), "", ">=", 0).holds is False
