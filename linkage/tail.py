"""Missed links of files without numbers: what is seen below the threshold, and a tail fitted to what is not.

Below the threshold the pairs of free records are strangers and missed matches mixed. How many strangers to expect at each
weight is counted with decoys (`linkage.decoys`); what is seen beyond that are matches. Two estimates share the draws,
because neither is right everywhere and their interval has to hold what either allows:

* counted: what is seen less what is expected, down to where chance alone would swamp it, and nothing below;
* fitted: over the weight w (bits) matches have a smooth and log-concave density exp(a + b w - c w^2), fitted by Poisson
  likelihood to the counts of all pairs, strangers added. It says how many of the pairs seen are matches, and how many
  matches lie below what was compared. Every draw fits a resampled count anew.

Either can come to nothing where nothing is seen below the threshold, and nothing seen is no proof of nothing missed: on top
of both lies a Jeffreys draw of what a count of none allows (half a match on average, up to two or three).

A match that looks like a stranger in every field is in no tail: nobody can count it without a clerical sample.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LOWEST, HIGHEST, WIDTH = -10.0, 12.0, 2.0
FITS = 100
# Bits below LOWEST over which the fitted tail is summed; beyond, nothing is left of it.
REACH = 40.0
# Counting stops where the chance of strangers alone (one deviation) is this share of the links, or so many pairs.
NOISE_SHARE, NOISE_PAIRS = 0.03, 3.0
SEED = 20152019
Floats = NDArray[np.float64]
# Where a curve (a, b, c) starts, how firmly, and the range it stays in: rising, and not faster the higher it is.
PRIOR, PRECISION = np.array([-1.5, 1.5, 0.0]), np.array([1e-3, 1.0, 1.0])
LEAST, MOST = np.array([-20.0, 0.2, 0.0]), np.array([15.0, 15.0, 10.0])
STEPS = 100
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
    curves = _fitted_draws(seen, unlinked, counted, scale, generator)
    plain = _counted_draws(unlinked, counted, scale, len(linked), generator)
    # That nothing was seen does not say that nothing is there: a Jeffreys draw of a count of none goes on top.
    unseen = generator.poisson(generator.gamma(0.5, 1.0, draws))
    drawn: Floats = generator.choice(np.concatenate([curves, plain]), draws) + unseen
    return drawn


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
    expected = generator.gamma(counted + 0.5, scale, (FITS, len(seen)))
    curves = fitted(generator.poisson(seen, (FITS, len(seen))), expected)
    matches = np.exp(_log_density(curves, MIDDLES))
    below = np.exp(_log_density(curves, BELOW)).sum(axis=1)
    here = generator.binomial(unlinked, matches / (matches + expected)).sum(axis=1)
    missed: Floats = (here + generator.poisson(below)).astype(np.float64)
    return missed


def _log_density(curves: Floats, at: Floats) -> Floats:
    """Logarithms (fits, weights) of the densities of curves (fits, 3) at weights in bits."""
    value: Floats = np.clip(curves @ np.stack([np.ones_like(at), at / 10, -((at / 10) ** 2)]), -30.0, 20.0)
    return value


def fitted(seen: NDArray[np.int64], expected: Floats) -> Floats:
    """The curves (fits, 3) of most likelihood for counts (fits, bins) with `expected` strangers among them.

    Fisher scoring in bounded steps. A weak prior says that the density falls by a quarter per bin downwards.
    """
    basis = np.stack([np.ones_like(MIDDLES), MIDDLES / 10, -((MIDDLES / 10) ** 2)])
    curves = np.tile(PRIOR, (len(seen), 1))
    curves[:, 0] += np.log(np.maximum(seen[:, -3:].mean(axis=1), 0.5))
    for _ in range(STEPS):
        matches = np.exp(_log_density(curves, MIDDLES))
        rate = matches + expected + 1e-9
        gradient = ((seen / rate - 1) * matches) @ basis.T - PRECISION * (curves - PRIOR)
        information = np.einsum("fb,ib,jb->fij", matches**2 / rate, basis, basis) + np.diag(PRECISION)
        step = np.linalg.solve(information, gradient[:, :, None])[:, :, 0]
        curves = np.clip(curves + np.clip(step, -1.0, 1.0), LEAST, MOST)
    return curves
