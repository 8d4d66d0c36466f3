"""Error estimates and draws, against closed forms and against the truth of the reference registers."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from linkage.draws import draw_links
from linkage.encode import encode_registers
from linkage.evaluate import Blind, Situation, Strangers, errors, share
from linkage.joined import Joined
from linkage.keys import StudyKeys
from linkage.link import LinkParameters, link
from linkage.tail import missed_links
from tests.linkage.loader import load


@pytest.fixture(scope="module")
def links():
    encoded = encode_registers(load("nr2015"), StudyKeys(b"k" * 32, "nr2015"), "single-site")
    return link(encoded.linkage, LinkParameters(), None)


@pytest.mark.parametrize("truth", [0.7, 0.95, 0.99])
def test_the_binomial_interval_covers(truth):
    generator = np.random.Generator(np.random.PCG64(11))
    parts = [share(int(k), 120) for k in generator.binomial(120, truth, 1000)]
    assert np.mean([p.low <= truth <= p.high for p in parts]) >= 0.92
    assert np.mean([p.high - p.low for p in parts]) < 0.2


NOBODY = Blind(0, 0, 0)


@pytest.mark.parametrize("rate", [0.001, 0.01, 0.05])
def test_the_precision_interval_covers(rate):
    """Strangers and free rows drawn at one rate: the interval holds the precision that came of it."""
    generator = np.random.Generator(np.random.PCG64(12))
    held = []
    for _ in range(200):
        strangers, wrong = generator.binomial(2000, rate), generator.poisson(90 * rate)
        part = errors(Situation(66, 0, 0, 90, 156, Joined(66)), Strangers(int(strangers), 2000), NOBODY, NOBODY)
        held.append(part.precision_low <= 1 - min(wrong, 66) / 66 <= part.precision_high)
    assert np.mean(held) >= 0.93


@pytest.mark.parametrize(("recall", "wrong"), [(0.999, 0.001), (0.97, 0.01), (0.8, 0.1)])
def test_the_recall_interval_covers(recall, wrong):
    """Links by number found again at one rate, and rows without a number at the same: the interval holds what came."""
    generator = np.random.Generator(np.random.PCG64(13))
    held, width = [], []
    for _ in range(200):
        found, swapped = generator.binomial(100, recall), generator.binomial(100, wrong)
        right, false = int(generator.binomial(60, recall)), int(generator.binomial(60, wrong))
        blind, links = Blind(100, int(found), int(swapped)), 50 + right + false
        part = errors(Situation(links, 50, 0, 10, 70, Joined(links)), Strangers(0, 2000), blind, blind)
        held.append(part.recall_low <= (50 + right) / 110 <= part.recall_high)
        width.append(part.recall_high - part.recall_low)
    assert np.mean(held) >= 0.93
    assert np.mean(width) < 0.25


def test_missed_links_are_counted_beyond_what_strangers_explain():
    """Matches normal at 20 bits with a deviation of 10, strangers falling off by half per bit, and as many decoys."""
    generator = np.random.Generator(np.random.PCG64(14))
    held, width = [], []
    for _ in range(20):
        matches = generator.normal(20, 10, 1000)
        strange, decoys = (-9.9 + generator.exponential(2.0, 300) for _ in range(2))
        linked = np.concatenate([matches[matches >= 0], strange[strange >= 0]])
        free = np.concatenate([matches[(matches < 0) & (matches > -10)], strange[strange < 0]])
        low, high = np.quantile(missed_links(linked, free, decoys, 1.0, 2000), [0.025, 0.975])
        held.append(low <= (matches < 0).sum() <= high)
        width.append(high - low)
    assert sum(held) >= 18
    assert np.mean(width) < 80


def test_no_strangers_no_claim():
    unknown = errors(Situation(10, 0, 0, 10, 20, Joined(10)), Strangers(0, 0), NOBODY, NOBODY)
    assert unknown.precision_low == 0.0
    assert np.isnan(unknown.recall)
    nobody_free = errors(Situation(10, 0, 0, 0, 10, Joined(10)), Strangers(0, 100), NOBODY, NOBODY)
    assert nobody_free.precision == 1.0
    assert nobody_free.precision_low < 1.0


def test_the_estimates_hold_on_the_reference(links):
    """True precision and recall there are at least 65 of 66."""
    part = links.quality["registers"]["IND+IOM"]["precision"]
    assert part["low"] <= 1.0 <= part["high"] + 0.02
    assert 0.98 <= part["estimate"] < 1.0
    whole = links.quality["registers"]["IND+IOM"]["recall"]
    assert whole["low"] <= 65 / 66 <= whole["high"]
    recall = links.quality["recall_without_number"]
    assert recall["out_of"] == 113
    assert recall["low"] <= 65 / 66 <= recall["high"]


def test_draws_keep_the_sure_links_and_vary_the_others(links):
    generator = np.random.Generator(np.random.PCG64(5))
    rows = links.persons.select(["token", "bron", "person_id"]).to_pylist()
    ind = {row["token"]: row["person_id"] for row in rows if row["bron"] == "IND"}
    sure = {frozenset(p) for p in _pairs(links.uncertain, lambda p: p == 1.0)}
    doubt = {frozenset(p): q for *p, q in _rows(links.uncertain) if 0.05 < q < 0.95}
    assert doubt
    together: Counter[frozenset[bytes]] = Counter()
    n = 200
    for table in draw_links(links, n, frozenset({"IND"}), generator):
        assert table.num_rows == len(rows)
        person = dict(zip(table.column("token").to_pylist(), table.column("person_id").to_pylist(), strict=True))
        assert all(len({person[t] for t in pair}) == 1 for pair in sure)
        # In a register with one row per person, people neither split nor merge.
        assert (
            len({(was, person[token]) for token, was in ind.items()}) == len({person[token] for token in ind}) == 2080
        )
        together.update(pair for pair in doubt if len({person[t] for t in pair}) == 1)
    for pair, q in doubt.items():
        assert abs(together[pair] / n - q) < 4 * np.sqrt(q * (1 - q) / n) + 0.01


def _rows(table):
    return zip(*(table.column(n).to_pylist() for n in ("left", "right", "probability")), strict=True)


def _pairs(table, wanted):
    return [(left, right) for left, right, p in _rows(table) if wanted(p)]
