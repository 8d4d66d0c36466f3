"""Pattern mining: from bits that are set together to grams, and from grams to people.

After Christen, Ranbaduge, Vatsalan and Schnell (PAKDD 2018), who find the bits of a frequent gram as the largest set of
bits that are all set in as many rows as the gram is held by people.
mine       from every bit a set is grown by the bit that goes best with it; a set whose support no longer falls while it
           grows is the positions of one gram, and the rows that have it are those who hold the gram.
name       sets and frequent grams are paired by how often they occur, then again and again by which of them occur
           together, the attacker's model of the language; rows go to the people whose frequent grams fit best.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
from scipy.optimize import linear_sum_assignment

from benchmarks.attacks.encodings import Matrix, grams_of
from benchmarks.attacks.people import Index, People
from linkage.bloom import Words

# A set of bits is grown to this size; it is a gram's when growing from SETTLED bits to the end loses few of its rows.
SET_BITS, SETTLED, KEPT = 10, 4, 0.85
# Sets and grams held by fewer people than this, or by nearly all, name nobody.
LEAST_SHARE, MOST_SHARE = 0.03, 0.95
# Two sets that share more of their rows than this are one.
SAME_ROWS = 0.8
NAME_ROUNDS = 30


def by_patterns(register: list[Words], listed: People, generator: np.random.Generator) -> Index:
    """Per register row a place in the list."""
    bits = np.unpackbits(np.ascontiguousarray(np.hstack(register)).view(np.uint8), axis=1).astype(np.float32)
    holds = _holds(listed)
    score = _named(_mined(bits), holds, generator)
    # Where nothing was found all scores are equal: then this draw is the guess.
    score += generator.random(score.shape, dtype=np.float32) * 1e-3
    place: Index = score.argmax(axis=1)
    return place


def _holds(people: People) -> Matrix:
    """Which people hold which gram that is worth mining for, shape (people, grams)."""
    rows = [set(grams) for grams in grams_of(people)]
    counts = Counter(gram for row in rows for gram in row)
    least, most = (share * len(rows) for share in (0.8 * LEAST_SHARE, MOST_SHARE))
    place = {gram: spot for spot, gram in enumerate(g for g, count in counts.items() if least <= count <= most)}
    holds = np.zeros((len(rows), len(place)), dtype=np.float32)
    for person, row in enumerate(rows):
        holds[person, [place[gram] for gram in row if gram in place]] = 1
    return holds


def _phi(both: Matrix, one: Matrix, other: Matrix) -> Matrix:
    """Correlation of two events from their joint and own shares."""
    spread = np.sqrt(np.outer(one * (1 - one), other * (1 - other)))
    phi: Matrix = ((both - np.outer(one, other)) / np.maximum(spread, 1e-6)).astype(np.float32)
    return phi


def _mined(bits: Matrix) -> Matrix:
    """Rows (patterns, n) that hold each set of bits that was found, 0 or 1."""
    n = len(bits)
    share = bits.mean(axis=0)
    start = np.flatnonzero((share >= LEAST_SHARE) & (share <= MOST_SHARE))
    held = bits[:, start].T.copy()
    chosen = np.zeros((len(start), bits.shape[1]), dtype=bool)
    chosen[np.arange(len(start)), start] = True
    settled = held.sum(axis=1)
    for size in range(2, SET_BITS + 1):
        fit = _phi(held @ bits / np.float32(n), held.mean(axis=1), share)
        fit[chosen] = -2.0
        best = fit.argmax(axis=1)
        chosen[np.arange(len(start)), best] = True
        held *= bits[:, best].T
        if size == SETTLED:
            settled = held.sum(axis=1)
    support = held.sum(axis=1)
    good = (support >= KEPT * settled) & (support >= LEAST_SHARE * n) & (support <= MOST_SHARE * n)
    return _distinct(held[good])


def _distinct(held: Matrix) -> Matrix:
    """One of each group of patterns that are in nearly the same rows, the best supported first."""
    support = held.sum(axis=1)
    both = held @ held.T
    alike = both / np.maximum(support[:, None] + support[None, :] - both, 1) > SAME_ROWS
    kept: list[int] = []
    for pattern in np.argsort(-support, kind="stable").tolist():
        if not alike[pattern, kept].any():
            kept.append(pattern)
    return held[kept]


def _named(held: Matrix, holds: Matrix, generator: np.random.Generator) -> Matrix:
    """How well each list person's grams fit each row's patterns, shape (n, people)."""
    if not len(held) or not holds.shape[1]:
        return np.zeros((held.shape[1], len(holds)), dtype=np.float32)
    f, s = held.mean(axis=1), holds.mean(axis=0)
    mine = _phi(held @ held.T / np.float32(held.shape[1]), f, f)
    theirs = _phi(holds.T @ holds / np.float32(len(holds)), s, s)
    np.fill_diagonal(mine, 0)
    np.fill_diagonal(theirs, 0)
    # Both shares are counts of a sample: their logits differ by about this much for the same gram.
    spread = np.sqrt(2 / (held.shape[1] * np.minimum(f, 1 - f)))[:, None] + 0.1
    unary = -0.5 * ((_logit(f)[:, None] - _logit(s)[None, :]) / spread) ** 2
    fit = unary + generator.random(unary.shape) * 1e-3
    for step in range(NAME_ROUNDS):
        weight = np.exp(np.clip(fit - fit.max(axis=1, keepdims=True), -50, 0))
        for _ in range(5):
            weight /= np.maximum(weight.sum(axis=1, keepdims=True), 1e-12)
            weight /= np.maximum(weight.sum(axis=0, keepdims=True), 1.0)
        fit = unary + (2 + step) * (mine @ weight @ theirs)
    patterns, named = linear_sum_assignment(fit, maximize=True)
    return _agreement(held[patterns].T, holds[:, named])


def _logit(share: Matrix) -> Matrix:
    share = np.clip(share, 1e-3, 1 - 1e-3)
    logit: Matrix = np.log(share / (1 - share))
    return logit


def _agreement(mine: Matrix, theirs: Matrix) -> Matrix:
    """Correlation-like agreement of two 0/1 tables over the same columns; rare agreement counts for more."""
    share = np.clip(theirs.mean(axis=0), 0.01, 0.99)
    scale = 1 / np.sqrt(share * (1 - share))
    score: Matrix = ((mine - share) * scale) @ ((theirs - share) * scale).T
    return score.astype(np.float32)
