"""An attack made for salted encodings: the few similarities that equal salts leave, against what the list says of them.

The attacker knows the scheme, all but the key. From his list he computes which people share a salt and exactly how alike
their encodings must be, without the noise of encodings of his own; everybody else is unlike, for certain. Each of the
two encodings is a graph of small cliques. Two steps, as in `graph`, on likelihoods.
cliques   a row is known by its highest similarities in each graph, then by those of its neighbours: soft assignments P,
          and P = normalised exp(log likelihood of the similarities to everybody under P), the mean field of the graph.
seeds     a candidate's log likelihood given the seeds: sum of z mu - mu^2 / 2 over their similarities z, in standard
          deviations, and what the list expects of them, mu. The surest pairs become seeds, and so on.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import combinations
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.optimize import linear_sum_assignment
from scipy.stats import norm

from benchmarks.attacks.encodings import Matrix
from benchmarks.attacks.graph import bound
from benchmarks.attacks.people import Index, People
from linkage.bloom import Words
from linkage.dual import HALF_BITS, SALTED

Sparse: TypeAlias = Any  # scipy.sparse.csr_array, which has no types

# Half of the bits of strangers agree; the standard deviation of that share is half of one over the root of their number.
DEVIATION = 0.5 / np.sqrt(HALF_BITS)
# What counts as alike before anything is known: one pair of strangers in 3,500 is.
ALIKE = 3.4
HIGHEST = 4
CLIQUE_ROUNDS, SEED_ROUNDS = 8, 8
# A pair becomes a seed when its likelihood leads the next best by this much (natural logarithm).
SURE = 3.0


def by_salts(
    register: Sequence[Words],
    listed: People,
    flip: float,
    known: dict[int, int] | None = None,
    allowed: NDArray[np.bool_] | None = None,
) -> Index:
    """Per register row a place in the list. register: one or both encodings of `linkage.dual`; flip: their BLIP."""
    known = known or {}
    width = HALF_BITS // 64
    graphs = [
        (_deviations(words[:, half * width : (half + 1) * width]), _expected(listed, name, half, flip))
        for words, name in zip(register, SALTED, strict=False)
        for half in (0, 1)
    ]
    alone = np.sum([_profile_fit(z, mu) for z, mu in graphs], axis=0)
    fit = bound(alone, known, allowed)
    for _ in range(CLIQUE_ROUNDS):
        weight = _balanced(fit)
        fit = bound(alone + sum(_field(z, mu, weight) for z, mu in graphs), known, allowed)
    for _ in range(SEED_ROUNDS):
        rows, places = _surest(fit)
        fit = bound(alone + sum(_given(z, mu, rows, places) for z, mu in graphs), known, allowed)
    # Whoever is left is guessed among those whom nobody fits better.
    rows, places = linear_sum_assignment(fit, maximize=True)
    place = np.full(len(fit), -1, dtype=np.int64)
    place[rows] = places
    return place


def _deviations(words: Words) -> Matrix:
    """Share of equal bits of every pair of rows, in standard deviations above that of strangers; 0 with oneself."""
    signs = np.unpackbits(np.ascontiguousarray(words).view(np.uint8), axis=1).astype(np.float32) * 2 - 1
    z: Matrix = signs @ signs.T / (2 * HALF_BITS * np.float32(DEVIATION))
    np.fill_diagonal(z, 0)
    return z


def _expected(people: People, name: str, half: int, flip: float) -> Sparse:
    """What `_deviations` must be on average: one-bit min-hashes agree in (1 + Jaccard) / 2 of their bits before BLIP."""
    groups: dict[str, list[int]] = defaultdict(list)
    grams = []
    for person, row in enumerate(zip(*people.columns.values(), strict=True)):
        salts, held = SALTED[name](*row)
        grams.append(frozenset(held))
        if salts is not None:
            groups[salts[half]].append(person)
    pairs = [pair for group in groups.values() for pair in combinations(group, 2)]
    a, b = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    alike = np.array([len(grams[i] & grams[j]) / len(grams[i] | grams[j]) for i, j in pairs])
    # Equal values are flipped equally: their encodings are equal.
    excess = np.where(alike == 1, 0.5, 0.5 * alike * (1 - 2 * flip) ** 2) / DEVIATION
    full = sparse.coo_array((np.r_[excess, excess], (np.r_[a, b], np.r_[b, a])), shape=(len(people), len(people)))
    return full.tocsr().astype(np.float32)


def _profile_fit(z: Matrix, mu: Sparse) -> Matrix:
    """Log likelihood of a row's highest deviations, given those the list expects; strangers' highest are noise."""
    few = min(HIGHEST, len(z) - 1, mu.shape[0] - 1)
    noise = norm.isf((np.arange(few) + 0.6) / len(z))
    mine = -np.sort(-z, axis=1)[:, :few]
    theirs = np.maximum(-np.sort(-mu.toarray(), axis=1)[:, :few], noise)
    fit: Matrix = sum(-0.5 * (mine[:, [h]] - theirs[:, h]) ** 2 for h in range(few))
    return fit.astype(np.float32)


def _balanced(fit: Matrix) -> Matrix:
    """Probabilities of candidates: rows sum to one, columns to at most one."""
    weight: Matrix = np.exp(np.clip(fit - fit.max(axis=1, keepdims=True), -50, 0))
    for _ in range(5):
        weight /= np.maximum(weight.sum(axis=0, keepdims=True), 1.0)
        weight /= np.maximum(weight.sum(axis=1, keepdims=True), 1e-12)
    return weight


def _field(z: Matrix, mu: Sparse, weight: Matrix) -> Matrix:
    """Expected log likelihood of every candidate, others being who they are with the probabilities `weight`."""
    clear = sparse.csr_array(np.where(z > ALIKE, z, 0))
    here = weight.sum(axis=0)
    out: Matrix = (mu.T @ (clear @ weight).T).T - 0.5 * (mu.power(2) @ here)[None, :]
    return out


def _given(z: Matrix, mu: Sparse, rows: Index, places: Index) -> Matrix:
    """Log likelihood of every candidate given who the seeds are; a seed does not vouch for itself."""
    if not len(rows):
        return np.zeros((len(z), mu.shape[0]), dtype=np.float32)
    toward = mu[:, places]
    cost = toward.power(2)
    out: Matrix = (toward @ z[:, rows].T).T - 0.5 * cost.sum(axis=1)[None, :]
    out[rows] += 0.5 * cost.T.toarray()
    return out


def _surest(fit: Matrix) -> tuple[Index, Index]:
    """Pairs that are each other's best, clearly so."""
    best = fit.argmax(axis=1)
    two = -np.partition(-fit, 1, axis=1)[:, :2]
    sure = (two[:, 0] - two[:, 1] > SURE) & (fit.argmax(axis=0)[best] == np.arange(len(fit)))
    rows = np.flatnonzero(sure)
    return rows, best[rows]
