"""A benchmark population: all totals, one-way and two-way margins of several attributes, and the best that is possible.

The optimum is ResidualPlanner's closed form (Xiao, He, Zhang and Kifer 2023, "An optimal and scalable matrix mechanism for
noisy marginals under convex loss functions"): no linear unbiased mechanism has a smaller sum of squared errors at the same
zCDP. It is the yardstick, not the mechanism: ours measures plain margins, so that every measured number can be explained.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import numpy as np

from schemas.policy_noise import Dimension, NoisyTable, Piece, Population, Reading, Relation, Side, Vector

SIZES = {"geslacht": 3, "leeftijd": 7, "regio": 5, "jaar": 5, "route": 6}
RHO = 0.024356
Margin = tuple[str, ...]
TOTAL: Margin = ()


def margins(order: int) -> list[Margin]:
    """All margins of up to `order` attributes, the total first."""
    return [margin for size in range(order + 1) for margin in itertools.combinations(SIZES, size)]


def cells(margin: Margin) -> int:
    """Number of cells of a margin."""
    return int(np.prod([SIZES[name] for name in margin], dtype=np.int64))


def optimum(weights: Mapping[Margin, float], rho: float = RHO) -> dict[Margin, float]:
    """Variance per cell of every margin under the best mechanism for sum over cells of weight x variance.

    weights: margin -> weight per cell; closed under taking subsets. One person has squared sensitivity 1 per margin.
    """
    cost = {part: float(np.prod([(SIZES[name] - 1) / SIZES[name] for name in part])) for part in weights}
    value = {part: sum(weight * cells(m) * _share(m, part) for m, weight in weights.items()) for part in weights}
    total = sum(np.sqrt(value[part] * cost[part]) for part in weights)
    noise = {part: float(np.sqrt(cost[part] / value[part])) * total / (2 * rho) for part in weights}
    return {m: float(sum(noise[part] * _share(m, part) for part in weights)) for m in weights}


def _share(margin: Margin, part: Margin) -> float:
    """Variance that unit noise on the residual of `part` adds to one cell of `margin`."""
    if not set(part) <= set(margin):
        return 0.0
    inside = [(SIZES[name] - 1) / SIZES[name] for name in part]
    outside = [SIZES[name] ** -2.0 for name in margin if name not in part]
    return float(np.prod([*inside, *outside]))


def population(importances: Mapping[Margin, float], shares: Mapping[Margin, float]) -> Population:
    """All margins as measured vectors and published tables; importance per cell, share of the budget per margin."""
    attributes = {
        name: Reading(table="synthetisch", column=name, categories=tuple(range(size))) for name, size in SIZES.items()
    }
    attributes["alle"] = Reading(table="synthetisch", column="alle", categories=("alle",))
    vectors, tables, relations = [], [], []
    for margin, importance in importances.items():
        names = margin or ("alle",)
        vector = identifier(margin)
        vectors.append(Vector(id=vector, attributes=names, share=shares[margin]))
        piece = Piece(vector=vector, dims={name: Dimension(attribute=name) for name in names})
        weight = importance * cells(margin)
        tables.append(NoisyTable(id=vector, dimensions=names, pieces=(piece,), importance=weight, assumed=0))
        for name in margin:
            rest = tuple(other for other in margin if other != name)
            relations.append(
                Relation(
                    left=Side(vector=vector), right=Side(vector=identifier(rest)), same={other: other for other in rest}
                )
            )
    return Population(
        id="synthetisch", mechanism="gaussian", epsilon=1.0, delta=1e-6, totals_importance=0, margins_importance=0,
        attributes=attributes, vectors=tuple(vectors), relations=tuple(relations), tables=tuple(tables),
    )  # fmt: skip


def identifier(margin: Margin) -> str:
    """A margin's name as vector and table."""
    return "_".join(margin) or "totaal"


def counts(columns: Mapping[str, np.ndarray]) -> dict[Margin, np.ndarray]:
    """All margins of people given as category numbers per attribute (one int array each, all of one length)."""
    found: dict[Margin, np.ndarray] = {TOTAL: np.array([len(columns["geslacht"])])}
    for margin in margins(2)[1:]:
        flat = np.ravel_multi_index([columns[name] for name in margin], [SIZES[name] for name in margin])
        found[margin] = np.bincount(flat, minlength=cells(margin))
    return found


def invented(number: int, seed: int) -> dict[str, np.ndarray]:
    """Columns of `number` synthetic people (seeded; nobody real): three kinds who fill all categories, so that
    non-negativity helps least.
    """
    generator = np.random.Generator(np.random.PCG64(seed))
    kinds = generator.choice(3, size=number, p=[0.6, 0.3, 0.1])
    columns = {}
    for name, size in SIZES.items():
        chances = generator.dirichlet(np.full(size, 0.6), size=3).cumsum(axis=1)
        columns[name] = np.minimum((generator.random(number)[:, None] > chances[kinds]).sum(axis=1), size - 1)
    return columns
