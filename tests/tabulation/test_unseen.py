"""Multiple systems estimation: against closed forms and a Poisson regression; what is refused, and what spreads."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import gammaln, xlogy
from sklearn.linear_model import PoissonRegressor

from tabulation.unseen import HISTORIES, LEAST, MODELS, PAIRS, Refusal, Unseen, estimate, profile

NAMES = ("IND", "DTV", "IOM")
COUNTS = [180, 240, 60, 600, 150, 200, 50]
GRID = np.arange(0.0, 20_000.0)


def best(counts: list[int], model) -> float:
    return float(GRID[np.argmax(profile(np.array(counts, dtype=float), GRID, model))])


def regression(counts: list[int], model) -> float:
    """Unseen people by a Poisson regression of the seven counts on lists and pairs: exp(intercept)."""
    history = np.array(HISTORIES, dtype=float)
    columns = np.column_stack([history, *(history[:, i] * history[:, j] for i, j in model)])
    fit = PoissonRegressor(alpha=0.0, max_iter=5000, tol=1e-10, solver="newton-cholesky").fit(columns, counts)
    return float(np.exp(fit.intercept_))


@pytest.mark.parametrize("model", MODELS, ids=str)
def test_every_model_is_the_poisson_regression(model) -> None:
    """The likelihood of the total and that given the total have maxima a fraction of an error apart (Sanathanan 1972)."""
    assert best(COUNTS, model) == pytest.approx(regression(COUNTS, model), rel=0.03)


def test_the_largest_model_is_its_closed_form() -> None:
    """At n111 n100 n010 n001 / (n110 n101 n011) it fits all eight counts, so its likelihood is that of the counts."""
    c, b, bc, a, ac, ab, abc = COUNTS
    unseen = abc * a * b * c / (ab * ac * bc)
    everybody = np.array([unseen, *COUNTS])
    whole = gammaln(everybody.sum() + 1) - gammaln(unseen + 1) + xlogy(everybody, everybody / everybody.sum()).sum()
    assert profile(np.array(COUNTS, dtype=float), np.array([unseen]), tuple(PAIRS))[0] == pytest.approx(whole, abs=1e-6)


@given(st.lists(st.integers(LEAST, 400), min_size=7, max_size=7))
@settings(max_examples=8, deadline=None)
def test_intervals_hold_their_estimate_and_never_fewer_than_were_seen(counts: list[int]) -> None:
    found = estimate(NAMES, [counts], counts)
    assert isinstance(found, Unseen)
    for low, middle, high in [(found.low, found.population, found.high)] + [
        (m.low, m.population, m.high) for m in found.models
    ]:
        assert sum(counts) <= low <= middle <= high
    assert sum(model.weight for model in found.models) == pytest.approx(1)


def test_relabelling_the_lists_changes_nothing() -> None:
    place = dict(zip(HISTORIES, COUNTS, strict=True))
    turned = [place[history[2], history[0], history[1]] for history in HISTORIES]
    one, other = estimate(NAMES, [COUNTS], COUNTS), estimate(NAMES, [turned], turned)
    assert isinstance(one, Unseen)
    assert isinstance(other, Unseen)
    assert one.population == pytest.approx(other.population, rel=1e-3)
    assert one.averaged == pytest.approx(other.averaged, rel=1e-3)


def test_what_the_counts_could_have_been_is_in_the_interval() -> None:
    generator = np.random.Generator(np.random.PCG64(4))
    drawn = [np.maximum(np.array(COUNTS) + generator.normal(0, 8, 7).round(), 1).astype(int) for _ in range(40)]
    exact, blurred = estimate(NAMES, [COUNTS], COUNTS), estimate(NAMES, drawn, COUNTS)
    assert isinstance(exact, Unseen)
    assert isinstance(blurred, Unseen)
    assert blurred.high - blurred.low > 1.05 * (exact.high - exact.low)


def test_one_person_too_few_in_any_overlap_is_refused() -> None:
    shared = [place for place, history in enumerate(HISTORIES) if sum(history) > 1]
    for place in shared:
        for count, refused in ((LEAST - 1, True), (LEAST, False)):
            counts = [*COUNTS[:place], count, *COUNTS[place + 1 :]]
            assert isinstance(estimate(NAMES, [counts], counts), Refusal) is refused


def test_a_blank_or_a_merged_table_is_refused_in_words() -> None:
    found = estimate(NAMES, [COUNTS], [*COUNTS[:2], None, *COUNTS[3:]])
    assert isinstance(found, Refusal)
    assert "DTV+IOM" in found.reasons[0].en
    assert isinstance(estimate(("IND", "ANDER"), [COUNTS[:3]], COUNTS[:3]), Refusal)


def test_the_reference_registers_are_too_thin() -> None:
    """As `keten_overlap` of the reference: nobody at DT&V and the IOM alone, four people in all three."""
    counts = [89, 15, 0, 1905, 62, 109, 4]
    found = estimate(NAMES, [counts], counts)
    assert isinstance(found, Refusal)
    assert "DTV+IOM, IND+DTV+IOM" in found.reasons[0].en
