"""Missed links of files without numbers: what is seen below the threshold, and a tail fitted to what is not.

Below the threshold the pairs of free records are strangers and missed matches mixed. How many strangers to expect at each
weight is counted with decoys (`linkage.decoys`); what is seen beyond that are matches. Two estimates share the draws,
because neither is right everywhere and their interval has to hold what either allows:

* counted: what is seen less what is expected, down to where chance alone would swamp it, and nothing below;
* fitted: over the weight w (bits) matches have a smooth and log-concave density exp(a + b w - c w^2), fitted by Poisson
  likelihood to the counts of all pairs, strangers added. It says how many of the pairs seen are matches, and how many
  matches lie below what was compared. Every draw fits a resampled count anew.

A match that looks like a stranger in every field is in no tail: nobody can count it without a clerical sample.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

LOWEST, HIGHEST, WIDTH = -10.0, 12.0, 2.0
FITS = 100
# Bits below LOWEST over which the fitted tail is summed; beyond, nothing is left of it.
REACH = 40.0
# Counting stops where the chance of strangers alone (one deviation) is this share of the links, or so many pairs.
NOISE_SHARE, NOISE_PAIRS = 0.03, 3.0
SEED = 20152019
Floats = NDArray[np.float64]
EDGES = np.arange(LOWEST, HIGHEST + WIDTH, WIDTH)
MIDDLES = (EDGES[:-1] + EDGES[1:]) / 2
BELOW = np.arange(LOWEST - REACH, LOWEST, WIDTH) + WIDTH / 2


def missed_links(linked: Floats, free: Floats, strangers: Floats, scale: float, draws: int) -> Floats:
    """Draws (draws,) of the number of missed links.

    linked: bits of the linked pairs; free: bits of the other pairs, those of linked records left out where a record has
    one partner; strangers: bits of pairs of records with decoys; scale: strangers to expect among `free` per such pair.
    """
    generator = np.random.Generator(np.random.PCG64(SEED))
    seen = np.histogram(np.concatenate([linked, free]), EDGES)[0]
    unlinked = np.histogram(free, EDGES)[0]
    counted = np.histogram(strangers, EDGES)[0]
    fitted = _fitted_draws(seen, unlinked, counted, scale, generator)
    plain = _counted_draws(unlinked, counted, scale, len(linked), generator)
    return generator.choice(np.concatenate([fitted, plain]), draws)


def _counted_draws(
    unlinked: NDArray[np.int64], counted: NDArray[np.int64], scale: float, links: int, generator: np.random.Generator
) -> Floats:
    below = np.flatnonzero(EDGES[:-1] < 0)[::-1]
    noise = np.sqrt(np.cumsum(counted[below] * scale))
    kept = below[noise <= max(NOISE_SHARE * links, NOISE_PAIRS)]
    strange = generator.poisson(generator.gamma(counted[kept] + 0.5, scale, (FITS, len(kept)))).sum(axis=1)
    missed: Floats = np.maximum(unlinked[kept].sum() - strange, 0).astype(np.float64)
    return missed


def _fitted_draws(
    seen: NDArray[np.int64], unlinked: NDArray[np.int64], counted: NDArray[np.int64], scale: float,
    generator: np.random.Generator,
) -> Floats:  # fmt: skip
    out = np.empty(FITS)
    for fit in range(FITS):
        expected = generator.gamma(counted + 0.5) * scale
        curve = _fitted(seen if fit == 0 else generator.poisson(seen), expected)
        matches = np.exp(_log_density(curve, MIDDLES))
        below = float(np.exp(_log_density(curve, BELOW)).sum())
        out[fit] = generator.binomial(unlinked, matches / (matches + expected)).sum() + generator.poisson(below)
    return out


def _log_density(curve: Floats, at: Floats) -> Floats:
    value: Floats = np.clip(curve[0] + curve[1] * at / 10 - curve[2] * (at / 10) ** 2, -30.0, 20.0)
    return value


def _fitted(seen: NDArray[np.int64], expected: Floats) -> Floats:
    """The curve (a, b, c) of most likelihood, with a weak prior: the density falls by a quarter per bin downwards."""

    def loss(curve: Floats) -> tuple[float, Floats]:
        matches = np.exp(_log_density(curve, MIDDLES))
        rate = matches + expected + 1e-9
        towards = (1 - seen / rate) * matches
        basis = np.stack([np.ones_like(MIDDLES), MIDDLES / 10, -((MIDDLES / 10) ** 2)])
        value = float((rate - seen * np.log(rate)).sum()) + 0.5 * ((curve[1] - 1.5) ** 2 + curve[2] ** 2)
        return value, basis @ towards + np.array([0.0, curve[1] - 1.5, curve[2]])

    start = np.array([np.log(max(float(seen[-3:].mean()), 0.5)) - 1.5, 1.5, 0.1])
    bounds = [(-20.0, 15.0), (0.2, 15.0), (0.0, 10.0)]
    found: Floats = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x
    return found
