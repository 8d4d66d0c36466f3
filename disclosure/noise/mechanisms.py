"""OpenDP's integer mechanisms, each checked against its charge, and the conversions between promises.

Sources: Canonne, Kamath and Steinke (2020), "The discrete Gaussian for differential privacy"; Bun and Steinke (2016),
"Concentrated differential privacy"; a pure epsilon is a rho of epsilon * tanh(epsilon / 2) (Bun and Steinke,
proposition 3.3, sharpened by OpenDP). OpenDP draws from the operating system's generator; nothing here can be seeded.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from schemas.errors import DisclosureRefused

Mechanism = Literal["gaussian", "laplace"]
_STEPS = 100


@dataclass(frozen=True)
class Price:
    """What one vector costs: `loss` is rho for the Gaussian and epsilon for Laplace, at integer sensitivity `reach`."""

    mechanism: Mechanism
    loss: float
    reach: int

    @property
    def rho(self) -> float:
        """The charge in zCDP, the ledger's unit."""
        return self.loss if self.mechanism == "gaussian" else pure_to_rho(self.loss)

    @property
    def scale(self) -> float:
        """Sigma of the discrete Gaussian (sqrt(reach^2 / (2 rho))) or the scale of discrete Laplace (reach /
        epsilon)."""
        if not self.loss > 0 or self.reach < 1:
            raise DisclosureRefused("A noisy vector has no budget or no sensitivity; give its part a share above zero.")
        if self.mechanism == "gaussian":
            return self.reach / math.sqrt(2 * self.loss)
        return self.reach / self.loss

    @property
    def variance(self) -> float:
        """Variance of the noise on one value (exact for Laplace; the discrete Gaussian's is at most this)."""
        return noise_variance(self.mechanism, self.scale)


def pure_to_rho(epsilon: float) -> float:
    """The zCDP that a pure epsilon enters a ledger with."""
    return epsilon * math.tanh(epsilon / 2)


def noise_variance(mechanism: Mechanism, scale: float) -> float:
    """Variance of one draw: sigma^2, or 2a / (1 - a)^2 with a = exp(-1 / scale)."""
    if mechanism == "gaussian":
        return scale**2
    ratio = math.exp(-1 / scale)
    return 2 * ratio / (1 - ratio) ** 2


@functools.cache
def rho_to_epsilon(rho: float, delta: float) -> float:
    """The epsilon of (epsilon, delta) that OpenDP's conversion gives a rho."""
    import opendp.prelude as dp

    dp.enable_features("contrib")
    space = dp.vector_domain(dp.atom_domain(T="i64")), dp.l2_distance(T="i64")
    approximate = dp.c.make_zCDP_to_approxDP(dp.m.make_gaussian(*space, scale=1 / math.sqrt(2 * rho)))
    return float(approximate.map(1).epsilon(delta))


@functools.cache
def epsilon_to_rho(epsilon: float, delta: float) -> float:
    """The largest rho whose (epsilon, delta) does not exceed the stated one, by bisection of OpenDP's own
    conversion."""
    low, high = 0.0, epsilon
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        if rho_to_epsilon(middle, delta) <= epsilon:
            low = middle
        else:
            high = middle
    return low


def draw(values: np.ndarray, price: Price) -> tuple[list[int], float]:
    """Noisy integers and the scale used. `values`: int64, one per cell.

    The scale grows by single floating-point steps until OpenDP's own `map` does not exceed the charge; a scale that is
    not a positive number is refused, because OpenDP then returns the data as they are.
    """
    scale = price.scale
    for _ in range(_STEPS):
        if not (math.isfinite(scale) and scale > 0):
            break
        measurement = _measurement(price.mechanism, scale)
        if 0 < measurement.map(price.reach) <= price.loss:
            return [int(value) for value in measurement([int(value) for value in values])], scale
        scale = float(np.nextafter(scale, math.inf))
    raise DisclosureRefused(
        "A noise scale does not match its charge; nothing was drawn, check the budget in the policy."
    )


def _measurement(mechanism: Mechanism, scale: float) -> Any:
    import opendp.prelude as dp

    dp.enable_features("contrib")
    domain = dp.vector_domain(dp.atom_domain(T="i64"))
    if mechanism == "gaussian":
        return dp.m.make_gaussian(domain, dp.l2_distance(T="i64"), scale=scale)
    return dp.m.make_laplace(domain, dp.l1_distance(T="i64"), scale=scale)
