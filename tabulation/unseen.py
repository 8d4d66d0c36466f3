"""The people behind three overlapping lists whom none of them sees: multiple systems estimation, or its refusal.

The eight hierarchical log-linear models for three lists (Fienberg 1972; Cormack 1989) differ in which pairs of lists may
depend on each other; that all three together depend is assumed away by every one of them and cannot be tested. For every number
of unseen people a model's profile likelihood (Poisson likelihood given the total; Cormack 1992) says how well it fits.

The printed interval is that of the largest model, in which every pair may depend: it holds whichever of the eight is true.
The average over models by BIC (Raftery 1995; after Madigan & York 1997) is given beside it, not instead: with dependence of
middling size BIC picks too small a model, and its interval misses (`docs/beyond/unseen.md`). Thin overlaps have no estimate
(Chan, Silverman & Vincent 2021): `refusal` states when, before any model is fitted. Works on protected counts only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy.special import gammaln, xlogy

from schemas.study import Text

LEVEL = 0.95
LISTS = 3
# Every history of two or three lists must hold this many people, at the least that the protected table allows. Each adds
# 1/n to the variance of the estimate's logarithm; below ten, coverage is no longer 95 % (benchmarks.beyond.unseen).
LEAST = 10
# The largest population looked at, as a multiple of those seen; an interval that reaches it is refused.
FARTHEST = 1000
EXACT_UP_TO, POINTS, FITTING = 30, 300, 60

HISTORIES = tuple(product((0, 1), repeat=LISTS))[1:]
PAIRS = ((0, 1), (0, 2), (1, 2))
MODELS = tuple(
    tuple(pair for pair, kept in zip(PAIRS, bits, strict=True) if kept) for bits in product((0, 1), repeat=3)
)
Model = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Fitted:
    """One model: the pairs of lists that may depend, its weight by BIC, and the population it estimates (95 %)."""

    pairs: tuple[tuple[str, str], ...]
    weight: float
    population: float
    low: float
    high: float


@dataclass(frozen=True)
class Unseen:
    """How many people there are, seen or not. `population`, `low`, `high`: no pair of lists assumed independent.

    averaged  the same three over all models by BIC; models: each on its own.
    """

    seen: float
    population: float
    low: float
    high: float
    averaged: tuple[float, float, float]
    models: tuple[Fitted, ...]


@dataclass(frozen=True)
class Refusal:
    """Why there is no estimate; each reason is one sentence about the protected table."""

    reasons: tuple[Text, ...]


def refusal(lists: Sequence[str], least: Sequence[int | None]) -> Refusal | None:
    """The rule: three lists, every history shown, and at least `LEAST` people in each overlap; None where it is met.

    least  per history of `HISTORIES` the smallest number of people that the protected table allows; None where it does not
           say (a blank without bounds, or a history that it merges with others).
    """
    if len(lists) < LISTS or len(least) != len(HISTORIES):
        return Refusal((_TOO_FEW,))
    names = ["+".join(name for name, on in zip(lists, history, strict=True) if on) for history in HISTORIES]
    overlap = [sum(history) > 1 for history in HISTORIES]
    blank = [name for name, count in zip(names, least, strict=True) if count is None]
    thin = [
        name
        for name, count, shared in zip(names, least, overlap, strict=True)
        if shared and count is not None and count < LEAST
    ]
    reasons = []
    if blank:
        listed = ", ".join(blank)
        reasons.append(
            Text(
                nl=f"de tabel zegt niet hoeveel mensen alleen bekend zijn bij {listed}, en van dat aantal hangt de schatting af",
                en=f"the table does not say how many people are known to exactly {listed}, and the estimate turns on that number",
            )
        )
    if thin:
        listed = ", ".join(thin)
        reasons.append(
            Text(
                nl=f"bij {listed} zijn misschien minder dan {LEAST} mensen bekend: te weinig om afhankelijkheid te schatten",
                en=f"{listed} may share fewer than {LEAST} people: too few to estimate how lists depend on each other",
            )
        )
    return Refusal(tuple(reasons)) if reasons else None


_TOO_FEW = Text(
    nl="de tabel telt niet alle zeven combinaties van drie lijsten apart; met minder is de afhankelijkheid van lijsten onkenbaar",
    en="the table does not count all seven combinations of three lists apart; with less, dependence of lists cannot be known",
)
_UNBOUNDED = Text(
    nl="de getelde overlap sluit geen enkel groter aantal mensen uit: het interval heeft geen bovengrens",
    en="the overlaps rule out no larger number of people: the interval has no upper end",
)


def estimate(
    lists: Sequence[str], tables: Sequence[Sequence[int]] | np.ndarray, least: Sequence[int | None]
) -> Unseen | Refusal:
    """The population behind three lists.

    tables  what the counts of `HISTORIES` could have been, given noise and doubt about links, each equally likely; one
            table where they are known. Their spread is in the intervals.
    least   as in `refusal`.
    """
    refused = refusal(lists, least)
    if refused is not None:
        return refused
    counts = np.asarray(tables, dtype=np.float64)
    unseen = _grid(float(counts.sum(axis=1).max()))
    mixed = {model: np.zeros(len(unseen)) for model in MODELS}
    averaged = np.zeros(len(unseen))
    weights = np.zeros(len(MODELS))
    seen = float(np.median(counts.sum(axis=1)))
    for table in counts:
        likelihoods = [profile(table, unseen, model) for model in MODELS]
        fits = [_normalised(one, table.sum(), unseen) for one in likelihoods]
        bic = np.array(
            [one.max() - 0.5 * (4 + len(m)) * np.log(table.sum()) for one, m in zip(likelihoods, MODELS, strict=True)]
        )
        weight = np.exp(bic - bic.max()) / np.exp(bic - bic.max()).sum()
        weights += weight / len(counts)
        for model, fit, share in zip(MODELS, fits, weight, strict=True):
            mixed[model] += fit / len(counts)
            averaged += share * fit / len(counts)
    if mixed[MODELS[-1]][-1] > (1 - LEVEL) / 2:
        return Refusal((_UNBOUNDED,))
    ends = {model: _quantiles(density, unseen, seen) for model, density in mixed.items()}
    fitted = tuple(
        Fitted(tuple((lists[i], lists[j]) for i, j in model), float(weight), *ends[model])
        for model, weight in zip(MODELS, weights, strict=True)
    )
    return Unseen(seen, *ends[MODELS[-1]], _quantiles(averaged, unseen, seen), fitted)


def profile(table: np.ndarray, unseen: np.ndarray, model: Model) -> np.ndarray:
    """Log of the likelihood of a table (7,) for every number of unseen people, at the model's best fit, up to a constant."""
    full = np.empty((len(unseen), 2, 2, 2))
    full.reshape(len(unseen), 8)[:] = np.concatenate([[0.0], table])
    full[:, 0, 0, 0] = unseen
    people = table.sum() + unseen
    ways = gammaln(people + 1) - gammaln(unseen + 1)
    likelihood: np.ndarray = ways + _fit(full, model) - xlogy(people, people)
    return likelihood


def _fit(full: np.ndarray, model: Model) -> np.ndarray:
    """Sum of n log of the fitted counts. In closed form where the model decomposes, else by iterative proportional fitting."""
    if len(model) == len(PAIRS):
        fit = np.broadcast_to(full.mean(axis=(1, 2, 3), keepdims=True), full.shape).copy()
        for _ in range(FITTING):
            for pair in PAIRS:
                own, wanted = _margin(fit, pair), _margin(full, pair)
                fit *= np.divide(wanted, own, out=np.zeros_like(own), where=own > 0)
        fitted: np.ndarray = xlogy(full, np.where(fit > 0, fit, 1.0)).sum(axis=(1, 2, 3))
        return fitted
    used = [axis for pair in model for axis in pair]
    cliques: list[tuple[int, ...]] = [*model, *((axis,) for axis in range(LISTS) if axis not in used)]
    total = np.sum([_entropy(full, clique) for clique in cliques], axis=0)
    for axis in range(LISTS):
        if used.count(axis) == 2:
            total = total - _entropy(full, (axis,))
    components = LISTS - len(model)
    people = full.sum(axis=(1, 2, 3))
    decomposed: np.ndarray = total - (components - 1) * xlogy(people, people)
    return decomposed


def _margin(full: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    others = tuple(axis + 1 for axis in range(LISTS) if axis not in axes)
    margin: np.ndarray = full.sum(axis=others, keepdims=True)
    return margin


def _entropy(full: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    margin = _margin(full, axes)
    summed: np.ndarray = xlogy(margin, margin).sum(axis=(1, 2, 3))
    return summed


def _grid(seen: float) -> np.ndarray:
    """Numbers of unseen people: each one at first, then ever farther apart."""
    far = np.round(np.geomspace(EXACT_UP_TO, FARTHEST * max(seen, 1.0), POINTS))
    grid: np.ndarray = np.unique(np.concatenate([np.arange(EXACT_UP_TO), far]))
    return grid


def _normalised(likelihood: np.ndarray, seen: float, unseen: np.ndarray) -> np.ndarray:
    """The probability of every number of unseen people, with Jeffreys' prior for a population's size, 1/N."""
    density = np.exp(likelihood - likelihood.max()) / (seen + unseen) * np.gradient(unseen)
    share: np.ndarray = density / density.sum()
    return share


def _quantiles(density: np.ndarray, unseen: np.ndarray, seen: float) -> tuple[float, float, float]:
    """Median and the ends of the interval, people seen included."""
    below = np.cumsum(density) - density / 2
    middle, low, high = np.interp([0.5, (1 - LEVEL) / 2, (1 + LEVEL) / 2], below, unseen)
    return seen + float(middle), seen + float(low), seen + float(high)
