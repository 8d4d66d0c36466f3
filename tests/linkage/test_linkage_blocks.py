"""Blocking: exactly the equal pairs, and never more of them than was allowed, however skewed the registers are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linkage import compared, evidence, proposed
from linkage.compared import HOPELESS, best_of, gains_table
from linkage.encode import encode_registers
from linkage.fields import REGISTER
from linkage.index import EqualKeys, SimilarRecords
from linkage.kernel import dice_pairs
from linkage.keys import StudyKeys
from linkage.views import Views, load_views
from schemas.engine import LocalEngine
from tests.linkage.loader import load

CODES = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2), st.integers(0, 2)), max_size=30)


def _views(bron, rows):
    """Views of which only the words are asked: `name` has two words, `sex_h` and `land_h` are codes; 0 is missing."""
    table = np.array(rows, dtype=np.uint64).reshape(-1, 3)
    keyed = table * np.uint64(0x9E3779B97F4A7C15)
    words = {
        "name_t": np.column_stack([keyed[:, 0], keyed[:, 0] >> np.uint64(1)]),
        "sex_h": keyed[:, 1:2],
        "land_h": keyed[:, 2:3],
    }
    nothing = np.zeros(len(table), dtype=np.int64)
    tokens = pa.nulls(len(table), pa.binary(16))
    return Views(bron, words, nothing, np.arange(len(table)), pa.nulls(len(table), pa.binary(32)), nothing, tokens)


def _equal(a, b, places):
    return [(i, j) for i, x in enumerate(a) for j, y in enumerate(b) if all(x[p] == y[p] != 0 for p in places)]


def _found(blocks):
    left, right = blocks.pairs()
    return sorted(zip(left.tolist(), right.tolist(), strict=True))


@settings(max_examples=150, deadline=None)
@given(a=CODES, b=CODES)
def test_without_bounds_all_equal_pairs_once(a, b):
    left, right = _views("A", a), _views("B", b)
    for keys, places in (
        (("name_t",), (0,)),
        (("name_t", "sex_h"), (0, 1)),
        (("land_h", "sex_h", "name_t"), (0, 1, 2)),
    ):
        blocks = EqualKeys(left, right, keys, limit=10**6, budget=10**6)
        assert _found(blocks) == _equal(a, b, places)
        assert blocks.skipped_pairs == 0


@settings(max_examples=150, deadline=None)
@given(a=CODES, b=CODES, limit=st.integers(0, 40), budget=st.integers(0, 60))
def test_bounds_hold_and_nothing_finer_is_lost(a, b, limit, budget):
    """Never more than the budget, never a pair twice or unequal; a block under both bounds is whole."""
    left, right = _views("A", a), _views("B", b)
    blocks = EqualKeys(left, right, ("name_t",), limit=limit, budget=budget)
    found = _found(blocks)
    equal = _equal(a, b, (0,))
    assert len(found) <= budget
    assert len(set(found)) == len(found)
    assert set(found) <= set(equal)
    if len(equal) <= min(limit, budget):
        assert found == equal
    # With no bound on the sum, a block is kept whole, kept as its parts under the limit, or left out and counted.
    free = EqualKeys(left, right, ("name_t",), limit=limit, budget=10**6)
    kept = set(_found(free))
    for name in {row[0] for row in a} - {0}:
        block = {pair for pair in equal if a[pair[0]][0] == name}
        if len(block) <= limit:
            assert block <= kept
            continue
        for sex in (1, 2):
            part = {(i, j) for i, j in block if a[i][1] == b[j][1] == sex}
            finer = [{(i, j) for i, j in part if a[i][2] == b[j][2] == land} for land in (1, 2)]
            if len(part) <= limit:
                assert part <= kept
            else:
                assert kept & part == set().union(*(pairs for pairs in finer if len(pairs) <= limit))


def test_what_is_left_out_is_counted():
    rows = [(1, 1, 1)] * 50
    blocks = EqualKeys(_views("A", rows), _views("B", rows), ("name_t",), limit=2000)
    assert _found(blocks) == []
    assert blocks.skipped_pairs == 2500


def test_a_skewed_register_costs_no_more_than_its_budget():
    """Zipf names: the first name alone would make a hundred million pairs, all rules together a billion."""
    generator = np.random.Generator(np.random.PCG64(5))
    size = 50_000
    share = 1 / np.arange(1, 2001)
    share /= share.sum()
    rows = [
        np.column_stack(
            [generator.choice(2000, size, p=share) + 1, generator.integers(1, 3, size), generator.integers(1, 30, size)]
        )
        for _ in range(2)
    ]
    blocks = EqualKeys(_views("A", rows[0]), _views("B", rows[1]), ("name_t",), budget=300_000)
    left, right = blocks.pairs()
    assert 200_000 < len(left) <= 300_000
    assert blocks.skipped_pairs > 10**6
    assert (rows[0][left, 0] == rows[1][right, 0]).all()


def _alike(bron, groups, each, seed):
    """Views with record encodings: `groups` random ones, each borne by `each` records with a bit of difference."""
    generator = np.random.Generator(np.random.PCG64(seed))
    rows = np.repeat(np.random.Generator(np.random.PCG64(1)).integers(0, 2**63, (groups, 16)), each, axis=0)
    rows = rows.astype(np.uint64) ^ (np.uint64(1) << generator.integers(0, 60, rows.shape).astype(np.uint64))
    nothing = np.arange(len(rows))
    return Views(bron, {"record_f": rows}, nothing, nothing, pa.nulls(len(rows), pa.binary(32)), nothing, pa.nulls(0))


@pytest.mark.parametrize(("budget", "stricter"), [(10**6, False), (5_000, True)])
def test_too_many_similar_records_ask_for_more_likeness(budget, stricter):
    """Three crowds of 200: 120,000 pairs are similar at .7; what is returned is exact at the threshold it says."""
    a, b = _alike("A", 3, 200, 2), _alike("B", 3, 200, 3)
    index = SimilarRecords(a, b, 0.7, budget)
    left, right = index.pairs()
    assert (index.threshold > 0.7) is stricter
    whole = dice_pairs(a.words["record_f"], b.words["record_f"], index.threshold)
    assert np.array_equal(left, whole[0])
    assert np.array_equal(right, whole[1])
    assert len(left) == (0 if stricter else 3 * 200 * 200)


def test_equal_encodings_beyond_the_budget_are_no_candidates():
    a, b = _alike("A", 1, 100, 2), _alike("B", 1, 100, 2)
    b.words["record_f"][:] = a.words["record_f"][:] = a.words["record_f"][0]
    assert len(SimilarRecords(a, b, 0.7, 5_000).pairs()[0]) == 0
    assert len(SimilarRecords(a, b, 0.7, 10_000).pairs()[0]) == 10_000


@given(st.lists(st.integers(1, 60), max_size=40), st.integers(1, 25))
def test_pieces_hold_every_block_once_and_no_more_than_a_part(predicted, size):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(proposed, "PART", size)
        pieces = list(proposed.cut_blocks(np.array(predicted, dtype=np.int64)))
    held = [block for first, last, part, _ in pieces for block in range(first, last) if part == 0]
    assert held == list(range(1, len(predicted) + 1))
    for first, last, part, parts in pieces:
        pairs = sum(predicted[first - 1 : last - 1])
        assert pairs <= size if parts == 1 else last == first + 1
        assert (parts - 1) * size < pairs <= parts * size
        assert part < parts


@settings(max_examples=40, deadline=None)
@given(a=CODES, b=CODES, numbers=st.lists(st.integers(-1, 2), min_size=60, max_size=60), part=st.integers(1, 40))
def test_every_pair_of_any_rule_is_proposed_once_by_left_record(a, b, numbers, part):
    """Against the rules themselves; a record is two views, and pieces are as small as they like."""
    left = replace(_views("A", a), subject=np.array(numbers[: len(a)], dtype=np.int64), entity=np.arange(len(a)) // 2)
    right = replace(_views("B", b), subject=np.array(numbers[-len(b) :] if b else [], dtype=np.int64))
    left = replace(left, records=pa.nulls(-(-len(a) // 2), pa.binary(32)))
    keys = (("name_t",), ("sex_h", "land_h"))
    wanted = {(i, j) for places in ((0,), (1, 2)) for i, j in _equal(a, b, places)}
    wanted |= {(i, j) for i in range(len(a)) for j in range(len(b)) if left.subject[i] == right.subject[j] >= 0}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(proposed, "PART", part)
        found, groups = proposed.proposed(left, right, proposed.Search(keys, by_number=True), LocalEngine())
        table = pa.concat_tables(found)
    pairs = list(zip(table["left"].to_pylist(), table["right"].to_pylist(), strict=True))
    assert sorted(pairs) == sorted(wanted)
    ranges = dict(zip(left.entity[table["left"].to_numpy()].tolist(), table["range"].to_pylist(), strict=True))
    assert [ranges[entity] for entity in sorted(ranges)] == sorted(ranges.values())
    assert all(0 <= place < groups for place in ranges.values())


def test_likeness_is_asked_of_pairs_that_no_block_holds():
    """Two crowds of three; half of them share a code as well."""
    a, b = _alike("A", 2, 3, 2), _alike("B", 2, 3, 3)
    for side in (a, b):
        side.words["sex_h"] = np.array([[7], [0], [7], [0], [7], [0]], dtype=np.uint64)
    search = proposed.Search((("sex_h",),), alike=("record_f",), threshold=0.7)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(proposed, "KERNEL_PART", 12)
        found, _ = proposed.proposed(a, b, search, LocalEngine())
        parts = list(found)
    pairs = [pair for part in parts for pair in zip(part["left"].to_pylist(), part["right"].to_pylist(), strict=True)]
    alike = {(i, j) for i in range(6) for j in range(6) if i // 3 == j // 3}
    coded = {(i, j) for i in (0, 2, 4) for j in (0, 2, 4)}
    assert len(parts) == 1 + 3
    assert sorted(pairs) == sorted(alike | coded)
    assert {(x, y) for x, y in zip(parts[0]["left"].to_pylist(), parts[0]["right"].to_pylist(), strict=True)} == coded


@pytest.fixture(scope="module")
def views():
    return load_views(encode_registers(load("nr2015"), StudyKeys(b"k" * 32, "nr2015"), "single-site").linkage, REGISTER)


def _same(one, two):
    """Whether two evidences are equal to the last bit."""
    names = ("levels", "left", "right", "left_view", "right_view", "group", "frequency", "ends")
    same = [np.array_equal(getattr(one, name), getattr(two, name)) for name in names]
    return all(same) and np.array_equal(one.patterns.floor[one.of], two.patterns.floor[two.of])


@pytest.mark.parametrize("workers", [1, 3])
def test_parts_on_any_number_of_threads_give_the_evidence_of_one(views, monkeypatch, workers):
    monkeypatch.setattr(evidence, "FULL_PAIRS", 100)
    whole = evidence.build(views, REGISTER, frozenset({"IND"}), frozenset(), LocalEngine(1)).evidence
    monkeypatch.setattr(proposed, "PART", 997)
    parts = evidence.build(views, REGISTER, frozenset({"IND"}), frozenset(), LocalEngine(workers)).evidence
    assert len(whole.left) > 500
    assert _same(whole, parts)


def test_full_comparison_in_parts_gives_the_evidence_of_one(views, monkeypatch):
    whole = evidence.build(views, REGISTER, frozenset({"IND"}), frozenset({"DTV"}), LocalEngine()).evidence
    monkeypatch.setattr(evidence, "PART", 1001)
    assert _same(whole, evidence.build(views, REGISTER, frozenset({"IND"}), frozenset({"DTV"}), LocalEngine()).evidence)


def test_distinct_keys_are_the_same_by_table_and_by_sorting(monkeypatch):
    keys = np.random.Generator(np.random.PCG64(6)).integers(0, 900, 5000)
    by_table = compared.numbered(keys, 900)
    monkeypatch.setattr(compared, "DENSE", 10)
    by_sorting = compared.numbered(keys, 900)
    for one, two in zip(by_table, by_sorting, strict=True):
        assert np.array_equal(one, two)
    assert np.array_equal(by_table[0][by_table[1]], keys)


@pytest.mark.parametrize("sides", [([], [(1, 1, 1)]), ([(1, 1, 1)], []), ([], [])])
def test_an_empty_side_has_no_blocks(sides):
    blocks = EqualKeys(_views("A", sides[0]), _views("B", sides[1]), ("name_t",))
    assert _found(blocks) == []


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(0, 3), st.integers(0, 40)), max_size=40))
def test_of_two_spellings_the_likelier_is_kept(rows):
    """Against a dictionary; the level is worth ten bits a step, the frequency counts against a pair; ties go to the first."""
    levels = [np.array([-20.0, -10.0, 0.0, 10.0])]
    table = pa.table(
        {
            "left": pa.array([row[0] for row in rows], pa.int32()),
            "right": pa.array([row[1] for row in rows], pa.int32()),
            "left_view": pa.array(range(len(rows)), pa.int32()),
            "right_view": pa.array([0] * len(rows), pa.int32()),
            "code": pa.array([row[2] for row in rows], pa.int64()),
            "frequency": pa.array([float(row[3]) for row in rows], pa.float64()),
        }
    )
    wanted: dict[tuple[int, int], tuple[float, int]] = {}
    for place, (left, right, level, frequency) in enumerate(rows):
        bits = levels[0][level] - frequency
        if bits > HOPELESS and bits > wanted.get((left, right), (-np.inf, 0))[0]:
            wanted[left, right] = bits, place
    kept = best_of(table, gains_table(levels))
    found = {(row["left"], row["right"]): row["left_view"] for row in kept.to_pylist()}
    assert found == {pair: place for pair, (_, place) in wanted.items()}
    assert list(found) == sorted(found)
