"""Feldman-Cousins intervals with integer ends, exact for the noise that was drawn, whatever it is a mixture of.

Source: Feldman and Cousins (1998), "Unified approach to the classical statistical analysis of small signals". For every
integer truth a set of outcomes with the stated probability is chosen in the order of f(x | truth) / max f(x | any
truth at least 0); the interval is the set of truths whose set holds the observed value. Coverage holds by
construction: the least squares estimate is the truth plus a known linear combination of the drawn noise.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

_POINTS = 1024
_PER_DEVIATION = 40
_BLUR = 0.2
_FAR = 4.5
_FLOOR = 1e-10


@dataclass(frozen=True)
class Noise:
    """The distribution of an estimate around its truth: a normal part and discrete Laplace parts (factor, scale, how
    many)."""

    variance: float
    laplace: tuple[tuple[float, float, int], ...] = ()

    @property
    def deviation(self) -> float:
        """Standard deviation."""
        total = self.variance
        for factor, scale, times in self.laplace:
            ratio = np.exp(-1 / scale)
            total += times * factor**2 * 2 * ratio / (1 - ratio) ** 2
        return float(np.sqrt(total))


def interval(value: float, noise: Noise, confidence: float) -> tuple[int, int]:
    """The smallest and largest integer truth, at least 0, that the observed estimate `value` is compatible with."""
    deviation = noise.deviation
    if deviation == 0:
        return round(value), round(value)
    table = _acceptance(noise, confidence)
    far = len(table.low)
    first = int(np.floor(value - table.half)) if value - table.half > far else 0
    candidates = np.arange(max(first, 0), max(int(np.ceil(value + table.half)), far) + 2)
    near = candidates < far
    low = np.where(near, table.low[np.minimum(candidates, far - 1)], candidates - table.half)
    high = np.where(near, table.high[np.minimum(candidates, far - 1)], candidates + table.half)
    kept = candidates[(low <= value) & (value <= high)]
    # An outcome so far below zero that no truth accepts it still gets the truth that comes closest: none.
    return (int(kept[0]), int(kept[-1])) if len(kept) else (0, 0)


def half_width(noise: Noise, confidence: float) -> float:
    """Half the interval's width far from zero: the estimate is off by at most this with the stated probability."""
    return _acceptance(noise, confidence).half if noise.deviation > 0 else 0.0


@dataclass(frozen=True)
class _Acceptance:
    """Accepted outcomes [low, high] per truth 0, 1, 2, ...; beyond those truth plus or minus `half`."""

    low: np.ndarray
    high: np.ndarray
    half: float


@functools.lru_cache(maxsize=4096)
def _acceptance(noise: Noise, confidence: float) -> _Acceptance:
    offsets, mass = _density(noise)
    shape = _unimodal(mass)
    half = _symmetric(offsets, mass, confidence)
    truths = np.arange(int(np.ceil(_FAR * noise.deviation)) + 1)
    low, high = np.empty(len(truths)), np.empty(len(truths))
    for truth in truths:
        outcome = truth + offsets
        best = np.interp(np.abs(np.minimum(outcome, 0)), offsets, shape)
        order = np.argsort(-(shape / np.maximum(best, 1e-300)), kind="stable")
        enough = np.searchsorted(np.cumsum(mass[order]), confidence) + 1
        accepted = outcome[order[:enough]]
        low[truth], high[truth] = accepted.min(), accepted.max()
    return _Acceptance(low, high, half)


def _density(noise: Noise) -> tuple[np.ndarray, np.ndarray]:
    """Grid of offsets and the probability of each, by Fourier inversion of the characteristic function.

    A little blur keeps combinations of lattices from ringing; it is narrower than the distance between two counts.
    """
    step = noise.deviation / _PER_DEVIATION
    frequency = 2 * np.pi * np.fft.fftfreq(_POINTS, d=step)
    transform = np.exp(-0.5 * (noise.variance + _BLUR**2) * frequency**2)
    for factor, scale, times in noise.laplace:
        ratio = np.exp(-1 / scale)
        transform = transform * ((1 - ratio) ** 2 / (1 - 2 * ratio * np.cos(factor * frequency) + ratio**2)) ** times
    mass = np.clip(np.fft.fftshift(np.fft.ifft(transform).real), 0, None)
    offsets = (np.arange(_POINTS) - _POINTS // 2) * step
    # Beyond this the transform holds rounding noise, whose ratios would order outcomes at random.
    reach = int(np.max(np.abs(np.flatnonzero(mass > _FLOOR * mass.max()) - _POINTS // 2)))
    kept = slice(_POINTS // 2 - min(reach, _POINTS // 2 - 1), _POINTS // 2 + min(reach, _POINTS // 2 - 1) + 1)
    return offsets[kept], mass[kept] / mass[kept].sum()


def _unimodal(mass: np.ndarray) -> np.ndarray:
    """A symmetric, falling envelope of the density: it orders outcomes, it does not weigh them."""
    centre = len(mass) // 2
    right = mass[centre:]
    left = mass[centre::-1]
    side = np.maximum.accumulate(np.maximum(right, left)[::-1])[::-1]
    # Strictly falling, so that no two outcomes tie far out in the tail.
    side = side * (1 + 1e-9 * np.arange(len(side))[::-1])
    return np.concatenate([side[1:][::-1], side])


def _symmetric(offsets: np.ndarray, mass: np.ndarray, confidence: float) -> float:
    order = np.argsort(np.abs(offsets), kind="stable")
    enough = np.searchsorted(np.cumsum(mass[order]), confidence)
    return float(np.abs(offsets[order[enough]]))
