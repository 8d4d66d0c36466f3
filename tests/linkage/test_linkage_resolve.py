"""The compiled walk over links, and the compiled rule of equal numbers, against their plain twins."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linkage import resolve_plain, subjects_plain
from linkage.encode import encode_registers
from linkage.fields import REGISTER
from linkage.keys import StudyKeys
from linkage.resolve import (
    NO_PERSON,
    Edges,
    Entities,
    components,
    pair_ends,
    pair_keys,
    places_of,
    resolve,
    weights_of,
)
from linkage.subjects import plausible
from linkage.views import load_views
from tests.linkage.loader import load

SIZE = 14
PAIRS = [(i, j) for i in range(SIZE) for j in range(i + 1, SIZE)]
# Few different weights, so that ties are common; halves, so that sums are exact.
WEIGHTS = st.sampled_from([-6.0, -0.5, 0.0, 2.5, 9.0])


@st.composite
def problems(draw):
    """Entities of three registers, some of them known, with links and with weights of pairs."""
    single = draw(st.lists(st.sampled_from([0, 1, 2]), min_size=SIZE, max_size=SIZE))
    known = draw(st.lists(st.sampled_from([NO_PERSON, NO_PERSON, NO_PERSON, 7, 9]), min_size=SIZE, max_size=SIZE))
    entities = Entities(np.array(single), np.array(draw(st.permutations(range(SIZE)))), np.array(known))
    compared = draw(st.lists(st.sampled_from(PAIRS), unique=True, max_size=30))
    left, right = np.array(compared, dtype=np.int64).reshape(-1, 2).T
    bits = np.array(draw(st.lists(WEIGHTS, min_size=len(compared), max_size=len(compared))), dtype=np.float64)
    linked = np.array(draw(st.lists(st.booleans(), min_size=len(compared), max_size=len(compared))), dtype=bool)
    by_number = np.array(draw(st.lists(st.booleans(), min_size=len(compared), max_size=len(compared))), dtype=bool)
    edges = Edges(left[linked], right[linked], bits[linked], by_number[linked])
    return entities, edges, weights_of(entities, edges, left, right, bits, -4.0), (left, right, bits)


@settings(max_examples=300, deadline=None)
@given(problems())
def test_persons_are_those_of_the_plain_twin(problem):
    entities, edges, weights, compared = problem
    cluster, cut = resolve_plain.clusters(edges, entities, weights)
    found = resolve(edges, entities, weights)
    assert found.cluster.tolist() == cluster
    assert np.flatnonzero(found.cut).tolist() == sorted(cut)
    # Weights of pairs that do not hang together are never asked for.
    order = np.argsort(pair_keys(*compared[:2]))
    every = replace(weights, keys=pair_keys(*compared[:2])[order], bits=compared[2][order])
    assert resolve(edges, entities, every).cluster.tolist() == cluster


@settings(max_examples=100, deadline=None)
@given(problems())
def test_what_hangs_together_is_resolved_apart_from_the_rest(problem):
    entities, edges, weights, _ = problem
    whole = resolve(edges, entities, weights)
    component = components(entities, edges)
    for number in range(component.max() + 1):
        here = component[edges.left] == number
        some = Edges(edges.left[here], edges.right[here], edges.bits[here], edges.by_number[here])
        alone = replace(entities, known=np.where(component == number, entities.known, NO_PERSON))
        part = resolve(some, alone, weights)
        mine = component == number
        assert part.cluster[mine].tolist() == whole.cluster[mine].tolist()
        assert part.rule[mine].tolist() == whole.rule[mine].tolist()


@settings(max_examples=50, deadline=None)
@given(problems(), st.integers(1, 5))
def test_what_hangs_together_is_the_same_in_any_parts(problem, size):
    entities, edges, _, _ = problem
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("linkage.resolve.EDGES_PART", size)
        in_parts = components(entities, edges)
    assert in_parts.tolist() == components(entities, edges).tolist()


def test_pairs_as_keys_keep_their_order_and_are_found():
    generator = np.random.Generator(np.random.PCG64(3))
    left, right = generator.integers(0, 2**31, (2, 500))
    keys = pair_keys(left, right)
    assert [end.tolist() for end in pair_ends(keys)] == [left.tolist(), right.tolist()]
    assert np.array_equal(np.argsort(keys, kind="stable"), np.lexsort((right, left)))
    ordered = np.sort(keys[:250])
    place = places_of(keys, ordered)
    assert (ordered[place[:250]] == keys[:250]).all()
    assert (place[250:] == -1).all()


@pytest.fixture(scope="module")
def views():
    encoded = encode_registers(load("nr2015"), StudyKeys(b"k" * 32, "nr2015"), "single-site")
    return load_views(encoded.linkage, REGISTER)


def test_equal_numbers_of_one_person_by_the_plain_rule(views):
    """Pairs at random hardly ever are; pairs with one number mostly are."""
    a, b = views["DTV"], views["IND"]
    generator = np.random.Generator(np.random.PCG64(4))
    left, right = generator.integers(0, len(a.entity), 3000), generator.integers(0, len(b.entity), 3000)
    right[:1000] = np.searchsorted(b.entity, generator.permutation(b.entities)[:1000])
    codes = {code: view for view, code in enumerate(b.subject.tolist()) if code >= 0}
    same = [(i, codes[code]) for i, code in enumerate(a.subject.tolist()) if code in codes]
    left, right = np.r_[left, [i for i, _ in same]], np.r_[right, [j for _, j in same]]
    found = plausible(a, b, left, right)
    assert 0 < found.sum() < len(found)
    assert found.tolist() == [subjects_plain.plausible(a, b, i, j) for i, j in zip(left, right, strict=True)]
