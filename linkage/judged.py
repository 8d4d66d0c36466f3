"""What linking rests on, whatever the profile: pairs with posteriors, and what is known of their errors."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from linkage.evaluate import Blind, Situation, Strangers, described, errors, together
from linkage.joined import Joined, joined
from linkage.resolve import NEVER_COMPARED, pair_keys, places_of
from linkage.views import Codes, Index, Views

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
CERTAIN = 60.0
# Pairs looked up at a time, because keys are wider than what they are made of.
SOME = 1 << 22


@dataclass(frozen=True)
class Rules:
    """Registers with one row per person, the posterior that links, the grey band, and registers compared with themselves."""

    unique: frozenset[str]
    threshold: float
    grey: tuple[float, float]
    within: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Judged:
    """n compared pairs of entities.

    left, right (n,): entity codes over all registers; posterior (n,); bits (n,): log2 odds of the pair by itself;
    weight (n,): bits without the prior; doubtful (m,): the rows in the grey band, and levels (m,) how these agree, in words;
    absent: the weight of a pair that is not here.
    """

    left: Codes
    right: Codes
    posterior: Floats
    bits: Floats
    weight: Floats
    doubtful: Index
    levels: pa.Array
    absent: float
    quality: dict[str, object]


def register_pairs(registers: Iterable[str], within: frozenset[str]) -> list[tuple[str, str]]:
    """What is compared: every two registers, in order of their names, then the registers compared with themselves."""
    names = sorted(registers)
    return [*combinations(names, 2), *((name, name) for name in names if name in within)]


def in_band(posterior: Floats, grey: tuple[float, float]) -> Index:
    """Places of the pairs for clerical review."""
    return np.flatnonzero((posterior >= grey[0]) & (posterior < grey[1]))


NOTHING = Judged(
    *(np.zeros(0, np.int64),) * 2, *(np.zeros(0),) * 3, doubtful=np.zeros(0, np.int64), levels=pa.array([], pa.string()),
    absent=NEVER_COMPARED, quality={},
)  # fmt: skip


def among(left: Codes, right: Codes, pairs: Index) -> Flags:
    """Which of the pairs (left, right) are among `pairs` (`resolve.pair_keys`, sorted)."""
    found = np.zeros(len(left), dtype=bool)
    for begin in range(0, len(left), SOME):
        some = slice(begin, begin + SOME)
        found[some] = places_of(pair_keys(left[some], right[some]), pairs) >= 0
    return found


@dataclass(frozen=True)
class Found:
    """n compared pairs: ends, pair of registers (n,), bits (n,), who is linked, by number, and whose numbers differ."""

    left: Index
    right: Index
    group: Index
    bits: Floats
    linked: Flags
    by_number: Flags
    differ: Flags


@dataclass(frozen=True)
class Checks:
    """What errors are estimated from.

    strangers  of the people of a register with one row per person, how many the model would link to a stranger of their
               own register, as it judges the pair of registers at a place.
    unknown    of decoys, how many it would link, and draws of missed links (None where numbers tell), for the pair of
               registers at a place with the rows that are free on either side; asked where there are no strangers or
               no numbers.
    missing, differs: per pair of registers links by number judged with the number away, and with another in its place.
    """

    strangers: Callable[[str, int], int]
    unknown: Callable[[int, float], tuple[Strangers, Floats]] | None
    missing: Sequence[Blind]
    differs: Sequence[Blind]


def per_registers(views: dict[str, Views], rules: Rules, found: Found, checks: Checks) -> dict[str, object]:
    """Per pair of registers its links, how many are by number, and precision and recall with their intervals."""
    people = sorted(rules.unique & set(views))
    out: dict[str, object] = {}
    for place, (first, second) in enumerate(register_pairs(views, rules.within)):
        here = found.linked & (found.group == place)
        sizes = (views[first].entities, views[second].entities)
        free = tuple(
            size - len(np.unique(ends[here])) for size, ends in zip(sizes, (found.left, found.right), strict=True)
        )
        missing, differs, missed = together(checks.missing, place), together(checks.differs, place), None
        if first == second:
            rows, may_meet, side, times = sizes[0] / 2, sizes[0] / 2, None, 1.0
        elif {first, second} & rules.unique:
            side = second if second in rules.unique else first
            rows, may_meet, times = sizes[side == first], free[side == first], 1.0
        else:
            small = int(sizes[1] < sizes[0])
            side = people[0] if people else None
            rows, may_meet = sizes[small], free[small]
            times = max(sizes) / views[side].entities if side and views[side].entities else 1.0
        strangers = Strangers(0, 0)
        if side is not None:
            strangers = Strangers(checks.strangers(side, place), views[side].entities, times)
        if checks.unknown is not None and (side is None or not missing.asked):
            decoys, missed = checks.unknown(place, _meetings(sizes, free, first, second, rules.unique))
            strangers = strangers if side is not None else decoys
        here_by_number = int((here & found.by_number).sum())
        differ = int((here & found.differ).sum())
        persons, _ = persons_of(found, here, one_file=first == second)
        situation = Situation(int(here.sum()), here_by_number, differ, may_meet, rows, persons)
        part = errors(situation, strangers, missing, differs, None if missing.asked else missed)
        out[f"{first}+{second}"] = {"by_number": here_by_number} | described(part)
    return out


def persons_of(found: Found, links: Flags, *, one_file: bool) -> tuple[Joined, Index]:
    """The persons that some links make, and the person of each; a link by number is in no doubt."""
    bits = np.where(found.by_number, CERTAIN, found.bits)[links]
    return joined(found.left[links], found.right[links], bits, one_file=one_file)


def _meetings(sizes: tuple[int, int], free: tuple[int, ...], first: str, second: str, unique: frozenset[str]) -> float:
    """Pairs of strangers to expect among the pairs that are not linked: a record with its only partner found meets none."""
    if first == second:
        return sizes[0] * sizes[0] / 2
    left = free[0] if second in unique else sizes[0]
    right = free[1] if first in unique else sizes[1]
    return float(left * right)


def overall(posterior: Floats, by_number: Flags, rules: Rules) -> dict[str, object]:
    """Counts over all pairs, and the posterior's own precision."""
    fuzzy = (posterior >= rules.threshold) & ~by_number
    return {
        "pairs_compared": len(posterior),
        "grey": len(in_band(posterior, rules.grey)),
        "model_precision": float(posterior[fuzzy].mean()) if fuzzy.any() else 1.0,
    }
