"""Multiple systems estimation on invented lists of known truth: coverage under the models, bias where assumptions break.

python -m benchmarks.beyond.unseen [--seeds 200] [--json FILE]
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from benchmarks.beyond.report import main
from benchmarks.rows import Row
from schemas.synth.lists import LISTS, LISTS_OF, Lists, withdraw
from tabulation.unseen import HISTORIES, Unseen, estimate

PEOPLE = 2500
Spoil = Callable[[np.ndarray, np.random.Generator], np.ndarray]

# Odds ratios of each pair of lists; 1 is independence. All of these are in the class of models.
WITHIN: Mapping[str, Lists] = {
    "independent lists": LISTS_OF["independent"],
    "IND and DT&V attract each other": LISTS_OF["attracting"],
    "DT&V and IOM avoid each other": LISTS_OF["avoiding"],
    "two pairs depend": LISTS_OF["two-pairs"],
    "all pairs depend a little": LISTS_OF["all-pairs"],
}


def _miss(share: float) -> Spoil:
    """The linker misses this share of everybody's links: a person becomes one for every list."""

    def spoil(people: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        torn = (people.sum(axis=1) > 1) & (generator.random(len(people)) < share)
        alone = [np.eye(LISTS, dtype=bool)[i] for row in people[torn] for i in np.flatnonzero(row)]
        return np.concatenate([people[~torn], np.array(alone, dtype=bool).reshape(-1, LISTS)])

    return spoil


def _join(share: float) -> Spoil:
    """The linker joins this share of the people of the third list to somebody of the first who is another."""

    def spoil(people: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        wrong = np.flatnonzero((people == [False, False, True]).all(axis=1) & (generator.random(len(people)) < share))
        free = np.flatnonzero((people == [True, False, False]).all(axis=1))[: len(wrong)]
        joined = people.copy()
        joined[free, 2] = True
        return np.delete(joined, wrong[: len(free)], axis=0)

    return spoil


def _withdraw(share: float) -> Spoil:
    """Who is on the first two lists is taken off the first with this chance once the third has them too."""

    return lambda people, generator: withdraw(people, share, generator)


@dataclass(frozen=True)
class Break:
    """A truth outside the class. `parts`: the lists' chances for equal parts of the people; `spoil`: what is done to the lists."""

    parts: tuple[Lists, ...]
    spoil: Spoil | None = None


BASE = LISTS_OF["independent"]
BROKEN: Mapping[str, Break] = {
    "nothing broken": Break((BASE,)),
    "5 % of links missed": Break((BASE,), _miss(0.05)),
    "10 % of links missed": Break((BASE,), _miss(0.10)),
    "20 % of links missed": Break((BASE,), _miss(0.20)),
    "5 % of the third list joined to somebody else": Break((BASE,), _join(0.05)),
    "on all three lists: taken off one, 3 in 10": Break((BASE,), _withdraw(0.3)),
    "on all three lists: taken off one, 7 in 10": Break((BASE,), _withdraw(0.7)),
    "half of the people hard to see for all lists": Break((Lists(ind=0.65, dtv=0.3, iom=0.25), Lists(ind=0.25, dtv=0.1, iom=0.08))),
    "a third of the people cannot be on any list": Break((BASE, BASE, Lists(ind=0, dtv=0, iom=0))),
    "a third of the people cannot be on the third list": Break((BASE, BASE, Lists(ind=0.5, dtv=0.2, iom=0))),
}  # fmt: skip


def drawn(parts: tuple[Lists, ...], spoil: Spoil | None, generator: np.random.Generator) -> np.ndarray:
    """Counts of the seven histories of `PEOPLE` invented people, as a linked table would show them."""
    people = np.concatenate([part.draw(PEOPLE // len(parts), generator) for part in parts])
    if spoil is not None:
        people = spoil(people[people.any(axis=1)], generator)
    return np.array([(people == np.array(history, dtype=bool)).all(axis=1).sum() for history in HISTORIES])


def measure(parts: tuple[Lists, ...], spoil: Spoil | None, seeds: int) -> dict[str, float]:
    """Over the seeds that are not refused: how often the intervals hold the truth, and by how much estimates are off."""
    truth = PEOPLE // len(parts) * len(parts)
    hit = averaged = refused = 0
    off: list[float] = []
    off_averaged: list[float] = []
    for seed in range(seeds):
        counts = drawn(parts, spoil, np.random.Generator(np.random.PCG64(np.random.SeedSequence([2015, seed]))))
        found = estimate(("IND", "DTV", "IOM"), [counts], counts.tolist())
        if not isinstance(found, Unseen):
            refused += 1
            continue
        hit += found.low <= truth <= found.high
        middle, low, high = found.averaged
        averaged += low <= truth <= high
        off.append(100 * (found.population / truth - 1))
        off_averaged.append(100 * (middle / truth - 1))
    judged = max(seeds - refused, 1)
    return {
        "coverage": 100 * hit / judged,
        "coverage averaged": 100 * averaged / judged,
        "bias": float(np.median(off)) if off else float("nan"),
        "bias averaged": float(np.median(off_averaged)) if off_averaged else float("nan"),
        "refused": 100 * refused / seeds,
    }


def rows(seeds: int) -> list[Row]:
    """Coverage with its target under the models; bias without one where assumptions break."""
    from benchmarks.beyond.report import coverage_row

    found = []
    for name, lists in WITHIN.items():
        got = measure((lists,), None, seeds)
        found.append(coverage_row(f"unseen: {name}", got["coverage"], seeds - round(got["refused"] * seeds / 100)))
        found += _beside(name, got)
    for name, broken in BROKEN.items():
        got = measure(broken.parts, broken.spoil, seeds)
        found.append(Row(f"unseen, broken: {name}: coverage", got["coverage"], "%"))
        found += _beside(f"broken: {name}", got)
    return found


def _beside(name: str, got: Mapping[str, float]) -> list[Row]:
    return [
        Row(f"unseen: {name}: bias (median)", got["bias"], "%"),
        Row(f"unseen: {name}: coverage, averaged by BIC", got["coverage averaged"], "%"),
        Row(f"unseen: {name}: bias, averaged by BIC", got["bias averaged"], "%"),
        Row(f"unseen: {name}: refused", got["refused"], "%"),
    ]


if __name__ == "__main__":
    main(rows)
