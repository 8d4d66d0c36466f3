"""What linking rests on, whatever the profile: pairs with posteriors, and what is known of their errors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from linkage.evaluate import as_dict, precision
from linkage.resolve import NEVER_COMPARED
from linkage.views import Views

Floats = NDArray[np.float64]
Pair = tuple[int, int]


@dataclass(frozen=True)
class Rules:
    """Registers with one row per person, the posterior that links, and the grey band."""

    unique: frozenset[str]
    threshold: float
    grey: tuple[float, float]


@dataclass(frozen=True)
class Judged:
    """n compared pairs of entities.

    left, right (n,): entity codes over all registers; posterior (n,); bits (n,): log2 odds of the pair by itself;
    weight (n,): bits without the prior; levels (n,): how the pair agrees, in words, for those in the grey band only;
    absent: the weight of a pair that is not here.
    """

    left: NDArray[np.int64]
    right: NDArray[np.int64]
    posterior: Floats
    bits: Floats
    weight: Floats
    levels: dict[int, str]
    absent: float
    quality: dict[str, object]


def in_band(posterior: Floats, grey: tuple[float, float]) -> NDArray[np.int64]:
    """Places of the pairs for clerical review."""
    return np.flatnonzero((posterior >= grey[0]) & (posterior < grey[1]))


NOTHING = Judged(*(np.zeros(0, np.int64),) * 2, *(np.zeros(0),) * 3, levels={}, absent=NEVER_COMPARED, quality={})


def among(left: NDArray[np.int64], right: NDArray[np.int64], pairs: set[Pair]) -> NDArray[np.bool_]:
    """Which of the pairs (left, right) are in `pairs`."""
    ends = zip(left.tolist(), right.tolist(), strict=True)
    return np.fromiter((end in pairs for end in ends), dtype=bool, count=len(left))


def per_registers(
    views: dict[str, Views], rules: Rules, left: NDArray[np.int64], right: NDArray[np.int64],
    group: NDArray[np.int64], posterior: Floats, by_number: NDArray[np.bool_], strangers: Callable[[str, int], int],
) -> dict[str, object]:  # fmt: skip
    """Per pair of registers its links and, where one has one row per person, the precision that its strangers imply.

    strangers: people of a register (by name, for the pair of registers at a place) with a stranger they would link to.
    """
    linked = (posterior >= rules.threshold) | by_number
    out: dict[str, object] = {}
    for place, (first, second) in enumerate(combinations(views, 2)):
        here = linked & (group == place)
        part: dict[str, object] = {"links": int(here.sum()), "by_number": int((here & by_number).sum())}
        side = second if second in rules.unique else first
        if side in rules.unique:
            other = left if side == second else right
            free = views[first if side == second else second].entities - len(np.unique(other[here]))
            part["precision"] = as_dict(precision(strangers(side, place), views[side].entities, free, int(here.sum())))
        out[f"{first}+{second}"] = part
    return out


def overall(posterior: Floats, by_number: NDArray[np.bool_], rules: Rules) -> dict[str, object]:
    """Counts over all pairs, and the posterior's own precision."""
    fuzzy = (posterior >= rules.threshold) & ~by_number
    return {
        "pairs_compared": len(posterior),
        "grey": len(in_band(posterior, rules.grey)),
        "model_precision": float(posterior[fuzzy].mean()) if fuzzy.any() else 1.0,
    }
