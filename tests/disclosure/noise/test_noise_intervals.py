"""Feldman-Cousins intervals: the published table, and coverage of every truth under the noise that is really drawn."""

from __future__ import annotations

import numpy as np
import pytest

from disclosure.noise.intervals import Noise, half_width, interval
from disclosure.noise.mechanisms import Price, draw

CONFIDENCE = 0.95


@pytest.mark.parametrize(
    ("observed", "low", "high"),
    # Feldman and Cousins (1998), table X, 95 %: intervals for a bounded Gaussian, in standard deviations.
    [(-2.0, 0.0, 0.62), (-1.0, 0.0, 1.11), (0.0, 0.0, 1.96), (1.0, 0.0, 2.96), (2.0, 0.35, 3.96), (3.0, 1.15, 4.96)],
)
def test_the_published_table_of_feldman_and_cousins(observed: float, low: float, high: float) -> None:
    deviation = 100.0
    found = interval(observed * deviation, Noise(deviation**2), CONFIDENCE)
    assert found[0] / deviation == pytest.approx(low, abs=0.05)
    assert found[1] / deviation == pytest.approx(high, abs=0.05)


@pytest.mark.parametrize("truth", [0, 2, 4, 15, 300])
@pytest.mark.parametrize(
    ("mechanism", "loss", "factors"),
    [
        ("gaussian", 0.01, (1.0,)),
        ("laplace", 0.66, (1.0,)),
        ("laplace", 0.66, (0.7, 0.3, 0.3, -0.2)),
        ("laplace", 0.3, (0.5,) * 8),
    ],
)
def test_every_truth_is_covered_as_stated(truth: int, mechanism: str, loss: float, factors: tuple[float, ...]) -> None:
    draws = 3000
    price = Price(mechanism, loss, 1)  # type: ignore[arg-type]
    noise = np.array(draw(np.zeros(draws * len(factors), dtype=np.int64), price)[0]).reshape(draws, -1)
    observed = truth + noise @ np.array(factors)
    if mechanism == "gaussian":
        spread = Noise(float(price.variance * np.square(factors).sum()))
    else:
        spread = Noise(0.0, tuple((abs(factor), price.scale, 1) for factor in factors))
    hits = np.mean([low <= truth <= high for low, high in (interval(v, spread, CONFIDENCE) for v in observed)])
    assert 0.932 <= hits <= 0.995


def test_an_estimate_far_below_zero_still_gets_an_interval() -> None:
    assert interval(-500.0, Noise(25.0), CONFIDENCE) == (0, 0)


def test_without_noise_the_interval_is_the_number() -> None:
    assert interval(7.0, Noise(0.0), CONFIDENCE) == (7, 7)
    assert half_width(Noise(0.0), CONFIDENCE) == 0


def test_half_width_of_the_normal_is_the_textbook_one() -> None:
    assert half_width(Noise(100.0**2), CONFIDENCE) == pytest.approx(195.996, abs=3)
