"""Graph matching: similarities inside the encoded file against similarities inside the attacker's own list.

The attacker encodes the list under a key of his own: the bits differ, their similarities hardly do. Three steps.
profiles    how alike a record is to the others (quantiles of its row, and of its neighbours'), which needs no match.
soft        assignments P from the profiles, then P = normalised exp(S_register P S_list), the relaxed quadratic
            assignment, which asks that neighbours match neighbours.
seeds       the surest pairs become seeds; every record is then its vector of similarities to the seeds; again, with
            more seeds each time (Narayanan and Shmatikov, 2009, with real similarities for edges).
Known pairs are seeds from the start. Candidates can be restricted to rows that agree on clear columns.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import min_weight_full_bipartite_matching

from benchmarks.attacks.encodings import Matrix
from benchmarks.attacks.people import Index

QUANTILES = np.r_[np.linspace(0.02, 0.9, 23), 1 - np.geomspace(0.08, 0.002, 12)]
NEIGHBOURS = 15
SOFT_ROUNDS = 6
SEED_ROUNDS = 14
# Share of the rows taken as seeds in the first round; it grows to all of them in the last.
FIRST_SEEDS = 0.1
# Candidates per row and column that an assignment chooses from.
CANDIDATES = 30
# Steps per unit of score in an assignment.
STEPS = 2.0**28
# Candidates that clear columns rule out.
NEVER = np.float32(-1e6)


def match(
    register: Matrix,
    listed: Matrix,
    known: dict[int, int] | None = None,
    allowed: NDArray[np.bool_] | None = None,
    *,
    sparse: bool = False,
) -> Index:
    """Per row of the register (r, r) a place in the list (l, l), -1 for none.

    known: pairs given; allowed (r, l): candidates that are left; sparse: look at clearly similar pairs only, which
    suits encodings whose other similarities are noise.
    """
    known = known or {}
    if sparse:
        register, listed = _sparse(register), _sparse(listed)
    graphs = (_standard(register), _standard(listed))
    start = _soft(*graphs, _profile_score(register, listed), known, allowed)
    return _refine(*graphs, start, known, allowed)


def _sparse(similarity: Matrix) -> Matrix:
    """What is above four robust deviations over the middle, 0 elsewhere."""
    middle = float(np.median(similarity))
    spread = 1.4826 * float(np.median(np.abs(similarity - middle)))
    above: Matrix = np.maximum(similarity - middle - 4 * spread, 0.0).astype(np.float32)
    return above


def _standard(similarity: Matrix) -> Matrix:
    """Off-diagonal similarities with mean 0 and variance 1; the diagonal is 0, because everybody equals himself."""
    graph = similarity.copy()
    off = ~np.eye(len(graph), dtype=bool)
    graph = (graph - graph[off].mean()) / max(float(graph[off].std()), 1e-6)
    np.fill_diagonal(graph, 0.0)
    out: Matrix = graph.astype(np.float32)
    return out


def _profiles(similarity: Matrix) -> Matrix:
    n = len(similarity)
    rows = similarity.copy()
    np.fill_diagonal(rows, -1.0)
    rows = np.sort(rows, axis=1)[:, 1:]
    own = np.quantile(rows, QUANTILES, axis=1).T
    few = min(NEIGHBOURS, n - 1)
    plain = similarity - 2 * np.eye(n, dtype=np.float32)
    nearest = np.argsort(-plain, axis=1)[:, :few]
    around = own[nearest].mean(axis=1)
    return np.hstack([own, around]).astype(np.float32)


def _profile_score(register: Matrix, listed: Matrix) -> Matrix:
    mine, theirs = _profiles(register), _profiles(listed)
    both = np.vstack([mine, theirs])
    mine, theirs = ((side - both.mean(axis=0)) / np.maximum(both.std(axis=0), 1e-9) for side in (mine, theirs))
    score: Matrix = (
        -((mine**2).sum(axis=1)[:, None] + (theirs**2).sum(axis=1)[None, :] - 2 * mine @ theirs.T) / mine.shape[1]
    )
    return score


def bound(score: Matrix, known: dict[int, int], allowed: NDArray[np.bool_] | None) -> Matrix:
    if allowed is not None:
        score = np.where(allowed, score, NEVER)
    elif known:
        score = score.copy()
    for row, place in known.items():
        score[row, :] = NEVER
        score[:, place] = NEVER
        score[row, place] = -NEVER
    return score


def _balanced(score: Matrix, known: dict[int, int], allowed: NDArray[np.bool_] | None, sharpness: float) -> Matrix:
    """Rows and columns in proportion (Sinkhorn) of exp of the score in units of its spread."""
    free = score if allowed is None else score[allowed]
    scaled = bound(sharpness * (score - score.mean()) / max(float(free.std()), 1e-9), known, allowed)
    weight: Matrix = np.exp(np.clip(scaled - scaled.max(axis=1, keepdims=True), -50, 0)).astype(np.float32)
    for _ in range(5):
        weight /= np.maximum(weight.sum(axis=1, keepdims=True), 1e-12)
        weight /= np.maximum(weight.sum(axis=0, keepdims=True), 1.0)
    return weight


def _soft(
    register: Matrix, listed: Matrix, score: Matrix, known: dict[int, int], allowed: NDArray[np.bool_] | None
) -> Matrix:
    weight = _balanced(score, known, allowed, 4.0)
    for step in range(SOFT_ROUNDS):
        weight = _balanced((register @ weight @ listed).astype(np.float32), known, allowed, 4.0 + 2.0 * step)
    return bound(weight, known, allowed)


def _refine(
    register: Matrix, listed: Matrix, score: Matrix, known: dict[int, int], allowed: NDArray[np.bool_] | None
) -> Index:
    place = assign(score)
    for step in range(SEED_ROUNDS):
        share = FIRST_SEEDS + (1 - FIRST_SEEDS) * step / (SEED_ROUNDS - 1)
        rows = np.flatnonzero(place >= 0)
        rows = rows[np.argsort(-_lead(score, rows, place[rows]), kind="stable")[: max(2, int(share * len(rows)))]]
        seeds = np.union1d(rows, np.array(list(known), dtype=np.int64))
        score = bound(_against_seeds(register, listed, seeds, place[seeds]), known, allowed)
        place = assign(score)
    return place


def _lead(score: Matrix, rows: Index, places: Index) -> Matrix:
    """How far each pair's score is above the best other one of its row and of its column; below zero where it is not."""
    own = score[rows, places]
    others = score.copy()
    others[rows, places] = -np.inf
    lead: Matrix = own - np.maximum(others.max(axis=1)[rows], others.max(axis=0)[places])
    return lead


def _against_seeds(register: Matrix, listed: Matrix, seeds: Index, places: Index) -> Matrix:
    """Minus the mean squared difference of similarities to the seeds; a seed does not vouch for itself."""
    mine, theirs = register[:, seeds], listed[:, places]
    both = mine @ theirs.T
    square = (mine**2).sum(axis=1)[:, None] + (theirs**2).sum(axis=1)[None, :]
    score: Matrix = (2 * both - square) / len(seeds)
    return score


def assign(score: Matrix) -> Index:
    """The best one-to-one assignment among each row's and each column's best candidates: per row a place, -1 for none.

    Where all scores are noise, looking at all candidates takes ten times as long and gains nothing.
    """
    few = min(score.shape)
    # Whole numbers: scipy's sparse matching can run for ever on rounding errors.
    cost = np.rint((score.max() - score.astype(np.float64)) * STEPS) + 1.0
    if few > CANDIDATES:
        keep = np.zeros(score.shape, dtype=bool)
        np.put_along_axis(keep, np.argpartition(cost, CANDIDATES, axis=1)[:, :CANDIDATES], values=True, axis=1)
        np.put_along_axis(keep, np.argpartition(cost, CANDIDATES, axis=0)[:CANDIDATES], values=True, axis=0)
        # Rows that look alike have the same best candidates; with others at random there is somebody for everybody.
        drawn = np.random.Generator(np.random.PCG64(few)).integers(score.shape[1], size=(len(score), CANDIDATES))
        np.put_along_axis(keep, drawn, values=True, axis=1)
        keep[np.arange(few), np.arange(few)] = True
        cost = np.where(keep, cost, 0.0)
    rows, places = min_weight_full_bipartite_matching(csr_array(cost))
    place = np.full(len(score), -1, dtype=np.int64)
    place[rows] = places
    return place
