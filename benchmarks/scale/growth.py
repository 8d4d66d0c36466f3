"""What measured sizes say of larger ones: the exponent of growth by least squares on logarithms, and the first bottleneck."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

# Below this, starting costs more than growing, and an exponent would say nothing.
FROM_PEOPLE = 100_000


def exponent(sizes: Sequence[float], values: Sequence[float]) -> float:
    """b of value = a * size^b, fitted over logarithms; nan with fewer than two sizes or a value that is not positive."""
    if len(sizes) < 2 or min(values) <= 0:
        return float("nan")
    return float(np.polyfit(np.log(sizes), np.log(values), 1)[0])


def reaches(sizes: Sequence[float], values: Sequence[float], limit: float) -> float:
    """The size at which the fitted curve reaches `limit`; nan where it does not rise."""
    if len(sizes) < 2 or min(values) <= 0:
        return float("nan")
    slope, intercept = np.polyfit(np.log(sizes), np.log(values), 1)
    if slope <= 0:
        return float("nan")
    return float(np.exp((np.log(limit) - intercept) / slope))


def largest_from(sizes: Sequence[float], steps: Mapping[str, Sequence[float]]) -> dict[str, tuple[float, float] | None]:
    """Per step the sizes (first, last) between which its fitted curve is the highest, from the smallest size measured to
    10^10; None where it never is.
    """
    grid = np.logspace(np.log10(min(sizes)), 10, 400)
    names = [name for name, values in steps.items() if len(sizes) >= 2 and min(values) > 0]
    out: dict[str, tuple[float, float] | None] = dict.fromkeys(steps)
    if not names:
        return out
    curves = [np.polyval(np.polyfit(np.log(sizes), np.log(steps[name]), 1), np.log(grid)) for name in names]
    highest = np.argmax(curves, axis=0)
    for place, name in enumerate(names):
        here = grid[highest == place]
        if len(here):
            out[name] = (float(here[0]), float(here[-1]))
    return out
