"""Whether a difference between groups can be told from an artefact of linking: shares of `ja` by group, compared.

A group's share differs from that of the largest group by chance (few people), and because some of its links are wrong or
missing. The interval holds both: in every draw of the links (`linkage.draws`) the counts are what they would have been, and
the shares behind them are drawn from their Beta posteriors (Jeffreys' prior). What no draw can show is a link that the linker
never considered: `missed` says how many of the true links may be missing, and a difference that would vanish if all of them
belonged to the group with the lower share is not called one.

Protected tables only: a group with a blank, or a nought, is not compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from schemas.tables import COUNT, STATUS, ProtectedTable

YES, NO = "ja", "nee"
LEVEL = 0.95
SAMPLES = 4000
SEED = 2015  # describes doubt and protects nobody: the same counts give the same interval
Verdict = Literal["difference", "artefact", "none"]


@dataclass(frozen=True)
class Comparison:
    """Share of `ja` in `group` less that in `other` (the largest group), in percentage points, with its 95 % interval.

    difference  chance and doubt about links are not enough to explain it, nor links that may be missing.
    artefact    chance alone does not explain it, but linking error may.
    none        chance explains it.
    """

    group: object
    other: object
    difference: float
    low: float
    high: float
    verdict: Verdict


def compare(table: ProtectedTable, drawn: np.ndarray | None = None, missed: float = 0.0) -> list[Comparison]:
    """Every shown group of a table group x outcome (`ja`, `nee`) against the largest one.

    drawn   (draws, rows of the frame): counts under other ways to link; None where there is no doubt.
    missed  the largest share of the true links behind a `ja` that may be missing.
    """
    group, outcome = table.dimensions
    frame = table.frame
    shown = ((frame[STATUS] == "ok") & (frame[COUNT].fillna(0) > 0)).to_numpy()
    yes, no = (
        {code: at for at, code in enumerate(frame[group]) if frame[outcome].iat[at] == what} for what in (YES, NO)
    )
    groups = [code for code in table.categories[group] if code in yes and shown[yes[code]] and shown[no[code]]]
    counts = frame[COUNT].fillna(0).to_numpy(dtype=np.int64)
    if len(groups) < 2:
        return []
    largest = max(groups, key=lambda code: counts[yes[code]] + counts[no[code]])
    pairs = [(code, counts[[yes[code], no[code], yes[largest], no[largest]]]) for code in groups if code != largest]
    found = []
    for code, now in pairs:
        place = [yes[code], no[code], yes[largest], no[largest]]
        draws = now[np.newaxis] if drawn is None else np.maximum(drawn[:, place], 0)
        low, high = difference_interval(draws)
        verdict = judge(now, (low, high), difference_interval(now[np.newaxis]), missed)
        mine, theirs = _share(now[:2]), _share(now[2:])
        found.append(Comparison(code, largest, 100 * (mine - theirs), 100 * low, 100 * high, verdict))
    return found


def difference_interval(draws: np.ndarray) -> tuple[float, float]:
    """95 % interval of the difference of two shares; draws (n, 4): yes and no of one group, then of the other."""
    generator = np.random.Generator(np.random.PCG64(SEED))
    rows = draws[np.arange(SAMPLES) % len(draws)]
    one = generator.beta(rows[:, 0] + 0.5, rows[:, 1] + 0.5)
    other = generator.beta(rows[:, 2] + 0.5, rows[:, 3] + 0.5)
    low, high = np.quantile(one - other, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def judge(counts: np.ndarray, interval: tuple[float, float], by_chance: tuple[float, float], missed: float) -> Verdict:
    """The verdict on one pair of groups; counts (4): yes and no of one, then of the other."""
    if by_chance[0] <= 0 <= by_chance[1]:
        return "none"
    if interval[0] <= 0 <= interval[1]:
        return "artefact"
    lower = 0 if _share(counts[:2]) < _share(counts[2:]) else 2
    moved = counts.copy()
    found = min(round(counts[lower] * missed / (1 - missed)), counts[lower + 1])
    moved[lower] += found
    moved[lower + 1] -= found
    low, high = difference_interval(moved[np.newaxis])
    return "artefact" if low <= 0 <= high else "difference"


def _share(counts: Sequence[int] | np.ndarray) -> float:
    return float(counts[0] / (counts[0] + counts[1]))
