"""The model against its definition, and its guard against degenerate solutions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from linkage import expectation
from linkage.compared import given_for, levels_of, pairs_table
from linkage.encode import encode_registers
from linkage.evidence import build
from linkage.expectation import Expectation
from linkage.fields import REGISTER
from linkage.judged import register_pairs
from linkage.keys import StudyKeys
from linkage.model import (
    LevelClassifier,
    LevelECM,
    degenerate,
    maximise,
    odds_under,
    posteriors,
    start,
    total_bits,
    weights,
)
from linkage.views import load_views
from schemas.engine import LocalEngine
from tests.linkage.loader import load


@pytest.fixture(scope="module")
def views():
    encoded = encode_registers(load("nr2015"), StudyKeys(b"k" * 32, "nr2015"), "single-site")
    return load_views(encoded.linkage, REGISTER)


@pytest.fixture(scope="module")
def evidence(views):
    return build(views, REGISTER, frozenset({"IND"}), frozenset(), LocalEngine()).evidence


@pytest.fixture(scope="module")
def fitted(evidence):
    model = LevelClassifier(evidence)
    model.fit(model.frame())
    return model


def test_total_bits_are_the_sum_of_the_weights_and_the_prior(views, evidence, fitted):
    """The pairs of each group compared once more, field by field."""
    parameters = fitted.kernel.parameters
    for place, (first, second) in enumerate(register_pairs(views, frozenset())):
        rows = evidence.rows(place)
        part = pairs_table(evidence.left_view[rows], evidence.right_view[rows])
        levels, frequency = levels_of(part, given_for(views[first], views[second], REGISTER))
        assert np.array_equal(levels, evidence.levels[rows])
        floor = evidence.patterns.floor[evidence.of[rows]]
        by_field = weights(evidence.columns, levels, frequency, floor, place, parameters).sum(axis=1)
        prior = np.log2(parameters.share / (1 - parameters.share))[place]
        assert np.allclose(total_bits(evidence, parameters)[rows], by_field + prior)


def test_one_to_one_is_its_formula(evidence):
    """Twin in plain Python, over the first thousand pairs by record."""
    bits = total_bits(evidence, start(evidence.groups))
    odds = 2.0**bits
    posterior = posteriors(evidence, bits)
    for row in range(0, len(odds), max(1, len(odds) // 300)):
        place = int(evidence.group[row])
        rivals = 0.0
        for other in np.flatnonzero(evidence.group == place):
            same_left = evidence.left[other] == evidence.left[row] and evidence.groups[place].unique_right
            same_right = evidence.right[other] == evidence.right[row] and evidence.groups[place].unique_left
            if other != row and (same_left or same_right):
                rivals += odds[other]
        assert posterior[row] == pytest.approx(odds[row] / (1 + odds[row] + rivals), rel=1e-6)


def test_matches_are_expected_per_pattern_as_pair_by_pair(evidence, fitted):
    """The E-step against posteriors added up one by one; in parts it is the same but for the order of sums."""
    parameters = fitted.kernel.parameters
    odds = odds_under(evidence, parameters)
    mass = np.zeros(len(evidence.patterns.group))
    for pattern, posterior in zip(evidence.of, posteriors(evidence, total_bits(evidence, parameters)), strict=True):
        mass[pattern] += posterior
    assert np.array_equal(Expectation(evidence, LocalEngine()).mass(odds), mass)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(expectation, "PART", 50)
        in_parts = [Expectation(evidence, LocalEngine(workers)).mass(odds) for workers in (1, 3)]
    assert np.array_equal(*in_parts)
    assert in_parts[0] == pytest.approx(mass, rel=1e-9)


def test_em_rises_from_its_start_and_stops(evidence, fitted):
    """The fitted parameters are a fixed point of the M-step."""
    parameters = fitted.kernel.parameters
    again = maximise(evidence, Expectation(evidence, LocalEngine()).mass(odds_under(evidence, parameters)))
    for place in range(len(evidence.groups)):
        for new, old in zip(again.m[place], parameters.m[place], strict=True):
            assert np.abs(new - old).max() < 1e-4
    assert not fitted.kernel.refused


def test_recordlinkage_users_find_what_they_know(evidence, fitted):
    probabilities = fitted.prob(fitted.frame())
    assert probabilities.index.names == ["left", "right"]
    assert set(fitted.m_probs) == set(evidence.columns)
    assert fitted.m_probs["surname"][5] > 0.7 > fitted.u_probs["surname"][5]
    assert set(fitted.predict(fitted.frame())) == set(probabilities.index[probabilities >= 0.5])


def test_a_solution_in_which_agreement_speaks_against_a_match_is_refused(evidence):
    first = start(evidence.groups)
    turned = [[m[::-1] if len(m) > 2 else m for m in row] for row in first.m]
    assert "speaks against" in degenerate(evidence, replace(first, m=turned))
    assert degenerate(evidence, first) == ""


def test_after_a_refused_solution_the_starting_values_rule(evidence, monkeypatch):
    """EM that ends in the wrong class, as plain ECM does on RLdata10000: the model says so and links by its start."""
    first = start(evidence.groups)
    turned = replace(first, m=[[m[::-1] if len(m) > 2 else m for m in row] for row in first.m])
    monkeypatch.setattr(LevelECM, "_iterate", lambda self, current: turned)
    model = LevelClassifier(evidence)
    model.fit(model.frame())
    assert "speaks against" in model.kernel.refused
    assert model.kernel.parameters.share == pytest.approx(first.share)
    assert all(
        np.array_equal(mine, theirs) for mine, theirs in zip(model.kernel.parameters.m[0], first.m[0], strict=True)
    )
    links = model.predict(model.frame())
    assert 50 < len(links) < 400


def test_more_matches_than_records_is_refused(evidence):
    groups = [replace(group, unique_left=True, unique_right=True) for group in evidence.groups]
    assert degenerate(replace(evidence, groups=groups), replace(start(evidence.groups), share=np.full(3, 0.5))) == (
        "more matches than records"
    )


def test_missing_on_both_sides_says_next_to_nothing(evidence, fitted):
    """Missing is a level; among matches and others alike it is frequent, so its weight stays near zero."""
    parameters = fitted.kernel.parameters
    column = list(evidence.columns).index("subject")
    for place in range(len(evidence.groups)):
        assert abs(np.log2(parameters.m[place][column][0] / parameters.u[place][column][0])) < 1.5
