"""Life tables: against their plain twin, an exact estimator written from the definition, and what blanks allow."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.synth.histories import Hazards
from tabulation.curves import Banded, curve, incidence, plain_incidence
from tabulation.spells import OPEN, cohort

CELLS = st.lists(st.integers(0, 30), min_size=4, max_size=4)


def banded(events: list[list[int]], censored: list[int], late: list[int], start: float) -> Banded:
    return Banded(*(np.array(part, dtype=float) for part in (events, censored, late)), start)


@given(st.lists(CELLS, min_size=2, max_size=3), CELLS, CELLS)
@settings(max_examples=50, deadline=None)
def test_it_is_its_plain_twin(events: list[list[int]], censored: list[int], late: list[int]) -> None:
    start = float(sum(map(sum, events)) + sum(censored))
    got = banded(events, censored, late, start)
    share, variance = incidence(got.events, got.censored, got.late, start)
    assert share == pytest.approx(np.array(plain_incidence(events, censored, late, start)), abs=1e-12)
    assert (variance >= 0).all()


def test_without_censoring_it_is_the_share_and_its_variance_the_binomial() -> None:
    got = banded([[10, 20, 5, 0], [5, 0, 10, 0]], [0, 0, 0, 50], [0, 0, 0, 0], 100)
    share, variance = incidence(got.events[:, :3], got.censored[:3], got.late[:3], got.start)
    assert share[:, -1] == pytest.approx([0.35, 0.15])
    assert variance[:, -1] == pytest.approx([0.35 * 0.65 / 100, 0.15 * 0.85 / 100])


def exact(entry: np.ndarray, leave: np.ndarray, cause: np.ndarray, kind: int, until: float) -> float:
    """Aalen-Johansen at every event time, from the definition."""
    free = share = 0.0
    free = 1.0
    for time in sorted(set(leave[cause >= 0].tolist())):
        if time > until:
            break
        at_risk = ((entry < time) & (leave >= time)).sum()
        here = (leave == time) & (cause >= 0)
        share += free * (here & (cause == kind)).sum() / at_risk
        free *= 1 - here.sum() / at_risk
    return share


def delta(entry: np.ndarray, leave: np.ndarray, cause: np.ndarray, kind: int, until: float) -> float:
    """The variance of `exact` by the delta method, from its numerical derivatives by the rates at every event time."""
    times = [t for t in sorted(set(leave[cause >= 0].tolist())) if t <= until]
    rows = [((entry < t) & (leave >= t)).sum() for t in times]
    rates = np.array(
        [
            [((leave == t) & (cause == k)).sum() / at_risk for k in (0, 1)]
            for t, at_risk in zip(times, rows, strict=True)
        ]
    ).reshape(-1, 2)

    def share(by: np.ndarray) -> float:
        found, free = 0.0, 1.0
        for pair in by:
            found += free * pair[kind]
            free *= 1 - pair.sum()
        return found

    found, step = 0.0, 1e-6
    for at, at_risk in enumerate(rows):
        slope = []
        for k in (0, 1):
            moved = rates.copy()
            moved[at, k] += step
            slope.append((share(moved) - share(rates)) / step)
        cover = (np.diag(rates[at]) - np.outer(rates[at], rates[at])) / at_risk
        found += float(np.array(slope) @ cover @ np.array(slope))
    return found


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=15, deadline=None)
def test_a_band_per_event_time_is_aalen_johansen_with_late_entry_and_ties(seed: int) -> None:
    """Nobody comes late or is cut off inside a band with an event, so nothing is halved: point and variance are exact."""
    generator = np.random.Generator(np.random.PCG64(seed))
    people = 60
    # Events on even bands (with ties), entries and cuts on odd ones.
    leave = generator.integers(1, 9, people) * 2
    cause = generator.integers(-1, 2, people)
    leave = np.where(cause < 0, leave + 1, leave)
    entry = np.where(generator.random(people) < 0.5, -1, generator.integers(0, 8, people) * 2 + 1)
    seen = entry < leave
    entry, leave, cause = entry[seen], leave[seen], cause[seen]
    bands = 20
    events = np.array([np.bincount(leave[cause == k], minlength=bands) for k in (0, 1)], dtype=float)
    censored = np.bincount(leave[cause < 0], minlength=bands).astype(float)
    late = np.bincount(entry[entry >= 0], minlength=bands).astype(float)
    share, variance = incidence(events, censored, late, float((entry < 0).sum()))
    for kind, until in itertools.product((0, 1), (6, 10, 18)):
        assert share[kind, until] == pytest.approx(exact(entry, leave, cause, kind, until), abs=1e-9)
        assert variance[kind, until] == pytest.approx(delta(entry, leave, cause, kind, until), rel=1e-3, abs=1e-9)


def test_bands_of_a_month_come_near_the_exact_estimator_with_late_entry() -> None:
    generator = np.random.Generator(np.random.PCG64(5))
    people = 3000
    hazards = Hazards(rates={"b9": (0.04,), "asiel": (0.01,)})
    span, cause = hazards.draw(people, generator)
    months = span / (365.25 / 12) + generator.random(people) / 30
    entry = np.where(generator.random(people) < 0.5, 0.0, generator.uniform(0, 20, people))
    cut = entry + generator.uniform(5, 40, people)
    seen = months > entry
    entry, months, cause, cut = entry[seen], months[seen], cause[seen], cut[seen]
    leave, kind = np.minimum(months, cut), np.where(months <= cut, cause, -1)
    bands = 61
    band = np.floor(leave).astype(int)
    events = np.array([np.bincount(band[kind == at], minlength=bands) for at in (0, 1)], dtype=float)
    censored = np.bincount(band[kind < 0], minlength=bands).astype(float)
    late = np.bincount(np.floor(entry[entry > 0]).astype(int), minlength=bands).astype(float)
    share, _ = incidence(events, censored, late, float((entry == 0).sum()))
    for at, until in itertools.product((0, 1), (12, 24, 36)):
        assert share[at, until - 1] == pytest.approx(exact(entry, leave, kind, at, float(until)), abs=0.01)
        assert share[at, until - 1] == pytest.approx(hazards.truth(np.array([float(until)]))[at, 0], abs=0.03)


def test_what_blanks_allow_holds_every_table_that_fits() -> None:
    events, censored = [[2, 20, 9], [4, 12, 3]], [15, 15, 20]
    total = float(sum(map(sum, events)) + sum(censored))
    cells = np.array([*events, censored], dtype=float)
    cells[0, 0] = cells[1, 0] = cells[1, 2] = np.nan
    left = int(total - np.nansum(cells))
    late = np.zeros(3)
    found = curve(Banded(cells[:2], cells[2], late, total))
    assert found is not None
    assert np.isnan(found.share).any()
    for a, b in itertools.product(range(1, left), repeat=2):
        c = left - a - b
        if c >= 1:
            filled = cells.copy()
            filled[0, 0], filled[1, 0], filled[1, 2] = a, b, c
            share, _ = incidence(filled[:2], filled[2], late, total)
            assert (found.least <= share[:, :-1] + 1e-9).all()
            assert (share[:, :-1] <= found.most + 1e-9).all()
    assert (found.low <= found.least + 1e-12).all()
    assert (found.high >= found.most - 1e-12).all()


def test_how_many_there_are_must_be_known() -> None:
    cells = np.array([[5.0, 6.0], [7.0, 8.0]])
    assert curve(Banded(cells[:1], cells[1], np.array([np.nan, 3.0]), 20.0)) is None
    assert curve(Banded(cells[:1], cells[1], np.zeros(2), float("nan"))) is None


def test_a_cohort_is_cut_off_at_both_ends_of_its_window() -> None:
    day = np.datetime64("2013-01-01").astype(int)
    van = np.array([day - 100, day - 100, day + 10, day + 10, day + 10, day + 3000], dtype=float)
    origin = pd.DataFrame({"person_id": range(6), "van": van})
    b9 = pd.DataFrame({"person_id": [0, 1, 2, 4], "op": [day - 10, day + 50, day + 40, day + 5]}).astype({"op": float})
    asylum = pd.DataFrame({"person_id": [2], "op": [day + 40.0]})
    rows = cohort(origin, {"b9": b9, "asiel": asylum}, ("2013-2014",)).set_index("person_id")
    # 0: happened before the window opened; 4: happened before the moment; 5: the moment lies after the window.
    assert rows.index.tolist() == [1, 2, 3]
    assert rows["uitkomst"].tolist() == ["b9", "b9", OPEN]
    assert rows["maanden_in"].tolist() == [3.0, -1.0, -1.0]
    assert rows["maanden_uit"].tolist() == [4.0, 0.0, 23.0]


def test_histories_are_drawn_as_their_truth_says() -> None:
    hazards = Hazards(rates={"b9": (0.01, 0.05), "asiel": (0.02, 0.005)}, until=(6.0,), withdrawal=0.01)
    span, cause = hazards.draw(40_000, np.random.Generator(np.random.PCG64(3)))
    for months in (3.0, 12.0, 48.0):
        truth = hazards.truth(np.array([months]))[:, 0]
        got = [((cause == at) & (span < months * 365.25 / 12)).mean() for at in (0, 1)]
        assert got == pytest.approx(truth, abs=0.012)
    assert np.isinf(span[cause < 0]).all()
