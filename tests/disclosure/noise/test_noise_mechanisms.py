"""The mechanisms: charges are checked by OpenDP's own maps, exact data never pass, and an attacker's odds stay
bounded."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from disclosure.noise import mechanisms
from disclosure.noise.mechanisms import Price, draw, epsilon_to_rho, noise_variance, pure_to_rho, rho_to_epsilon
from schemas.errors import DisclosureRefused


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(["gaussian", "laplace"]), st.floats(1e-4, 5), st.integers(1, 40))
def test_no_draw_costs_more_than_its_charge(mechanism: mechanisms.Mechanism, loss: float, reach: int) -> None:
    price = Price(mechanism, loss, reach)
    values, scale = draw(np.zeros(3, dtype=np.int64), price)
    assert mechanisms._measurement(mechanism, scale).map(reach) <= loss
    assert scale <= price.scale * (1 + 1e-12)
    assert len(values) == 3


@pytest.mark.parametrize("loss", [0.0, -1.0, math.nan, math.inf])
@pytest.mark.parametrize("mechanism", ["gaussian", "laplace"])
def test_a_price_without_noise_is_refused(mechanism: mechanisms.Mechanism, loss: float) -> None:
    with pytest.raises(DisclosureRefused):
        draw(np.array([7], dtype=np.int64), Price(mechanism, loss, 1))


def test_opendp_would_return_exact_data_at_scale_zero() -> None:
    """Why the refusal exists; when OpenDP refuses by itself this test may go."""
    assert mechanisms._measurement("laplace", 0.0)([3, 1]) == [3, 1]


def test_a_vector_without_sensitivity_is_refused() -> None:
    with pytest.raises(DisclosureRefused):
        draw(np.array([7], dtype=np.int64), Price("gaussian", 0.1, 0))


def test_noise_is_whole_unseeded_and_of_the_stated_size() -> None:
    for mechanism in ("gaussian", "laplace"):
        price = Price(mechanism, 0.5, 3)
        first, scale = draw(np.full(20_000, 100, dtype=np.int64), price)
        second, _ = draw(np.full(20_000, 100, dtype=np.int64), price)
        assert first != second
        assert np.mean(first) == pytest.approx(100, abs=0.4)
        assert np.var(first) == pytest.approx(noise_variance(mechanism, scale), rel=0.08)


def test_conversions_agree_with_the_literature() -> None:
    rho = epsilon_to_rho(3.0, 1e-6)
    assert rho_to_epsilon(rho, 1e-6) <= 3.0
    assert rho_to_epsilon(rho * 1.001, 1e-6) > 3.0
    # Bun and Steinke's simpler bound, rho + 2 sqrt(rho ln(1/delta)), is an upper bound on the same epsilon.
    assert rho + 2 * math.sqrt(rho * math.log(1e6)) > 3.0
    assert pure_to_rho(1.0) == pytest.approx(math.tanh(0.5))
    assert pure_to_rho(0.01) < 0.01**2 / 2 * 1.0001


@pytest.mark.parametrize("mechanism", ["laplace", "gaussian"])
def test_black_box_odds_of_neighbours_stay_within_the_promise(mechanism: mechanisms.Mechanism) -> None:
    """Laplace: no outcome is more than exp(epsilon) likelier; it comes close, so the noise is not larger than paid for.
    Gaussian: the probability masses of neighbours obey the Renyi bound of zCDP at order 2."""
    draws = 60_000
    price = Price(mechanism, 0.7 if mechanism == "laplace" else 0.2, 1)
    here = np.array(draw(np.zeros(draws, dtype=np.int64), price)[0])
    there = np.array(draw(np.ones(draws, dtype=np.int64), price)[0])
    values = np.arange(-3, 5)
    p = np.array([(here == value).mean() for value in values])
    q = np.array([(there == value).mean() for value in values])
    error = 4 / np.sqrt(draws * np.minimum(p, q))
    odds = np.abs(np.log(p / q))
    if mechanism == "laplace":
        assert (odds <= price.loss + error).all()
        assert odds.max() >= price.loss - error.max()
    else:
        renyi = math.log(float(np.sum(p**2 / q)))
        assert renyi <= 2 * price.loss + 0.08
        assert renyi >= 2 * price.loss * 0.6
