"""Attacks that count: how often an encoding occurs, how many bits it has, which bits come together.

Each answers with a place in the list per register row; ties are broken by a seeded draw, which is guessing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from benchmarks.attacks.people import Index, People
from linkage.bloom import Words, bigrams
from linkage.normalise import name_tokens

# Frequent grams that the miner goes after, and how far a set of bits may fall behind its gram's count.
MINED_GRAMS = 40
MOST_BITS = 12
LOSS = 0.9


def by_frequency(register: list[Words], listed: list[Words], generator: np.random.Generator) -> Index:
    """The k-th most frequent encoding is the k-th most frequent on the list; equally frequent ones go by their bits.

    listed: the attacker's own encodings, under a key of his own, which show how frequent and how full each would be.
    """
    mine, theirs = _ranks(register, generator), _ranks(listed, generator)
    place = np.full(len(mine), -1, dtype=np.int64)
    # Ranks are stretched over each other, so that a register that is part of the list still meets its own part.
    spots = np.minimum((np.arange(len(mine)) * len(theirs)) // max(len(mine), 1), len(theirs) - 1)
    place[mine] = theirs[spots]
    return place


def _ranks(words: list[Words], generator: np.random.Generator) -> Index:
    rows = np.hstack(words)
    _, codes, counts = np.unique(rows, axis=0, return_inverse=True, return_counts=True)
    bits = np.bitwise_count(rows).sum(axis=1)
    order: Index = np.lexsort((generator.random(len(rows)), -bits, -counts[codes.ravel()]))
    return order


def by_field_frequency(
    register: Sequence[Sequence[int]], listed: Sequence[Sequence[str]], generator: np.random.Generator
) -> Index:
    """Plain counting on field encodings: the k-th most frequent hash of a field is its k-th most frequent value.

    Rows go to the people who have most of the values so found; a value counts by how rare it is. register, listed:
    per field one hash or value per row.
    """
    size = (len(register[0]), len(listed[0]))
    score = generator.random(size) * 1e-6
    for hashes, values in zip(register, listed, strict=True):
        named = [value for value, _ in Counter(values).most_common()]
        meaning = dict(zip((value for value, _ in Counter(hashes).most_common()), named, strict=False))
        share = Counter(values)
        codes = {value: code for code, value in enumerate(named)}
        mine = np.array([codes[meaning[value]] if value in meaning else -1 for value in hashes])
        theirs = np.array([codes[value] for value in values])
        rarity = np.array([np.log(size[1] / share[value]) for value in values])
        score += (mine[:, None] == theirs[None, :]) * rarity[None, :]
    place: Index = score.argmax(axis=1)
    return place


def by_patterns(register: list[Words], listed: People, generator: np.random.Generator) -> Index:
    """Pattern mining: bits that occur together as often as a frequent gram of the list are that gram.

    After Christen, Ranbaduge, Vatsalan and Schnell (2018), with a greedy search for the sets of bits. Rows are then
    matched to the people whose frequent grams agree best.
    """
    bits = np.unpackbits(np.ascontiguousarray(np.hstack(register)).view(np.uint8), axis=1).astype(bool)
    holds = _holds(listed)
    share = holds.mean(axis=0)
    has = np.zeros((len(bits), holds.shape[1]), dtype=np.float32)
    used = np.zeros(bits.shape[1], dtype=bool)
    for gram in np.argsort(-share):
        has[:, gram] = _mined(bits, used, float(share[gram]))
    score = has @ holds.T.astype(np.float32) - has @ (1 - holds.T.astype(np.float32)) * 0.5
    score += generator.random(score.shape, dtype=np.float32) * 1e-3
    rows, places = linear_sum_assignment(score, maximize=True)
    out = np.full(len(bits), -1, dtype=np.int64)
    out[rows] = places
    return out


def _holds(people: People) -> NDArray[np.bool_]:
    """Which people have which of the most frequent bigrams, shape (n, grams)."""
    rows = [
        {gram for text in pair for part in name_tokens(text) for gram in bigrams(part)}
        for pair in zip(people.columns["surname"], people.columns["given"], strict=True)
    ]
    frequent = [gram for gram, _ in Counter(gram for row in rows for gram in row).most_common(MINED_GRAMS)]
    return np.array([[gram in row for gram in frequent] for row in rows], dtype=bool).reshape(len(rows), len(frequent))


def _mined(bits: NDArray[np.bool_], used: NDArray[np.bool_], share: float) -> NDArray[np.bool_]:
    """Rows in which a set of unused bits, grown greedily from the bit nearest to `share`, is all set."""
    frequency = bits.mean(axis=0)
    fitting = np.flatnonzero(~used & (frequency >= share * LOSS))
    if not len(fitting):
        return np.zeros(len(bits), dtype=bool)
    first = fitting[np.argmin(np.abs(frequency[fitting] - share))]
    rows = bits[:, first].copy()
    chosen = [first]
    for _ in range(MOST_BITS - 1):
        together = bits[rows].sum(axis=0)
        together[chosen] = -1
        together[used] = -1
        best = int(np.argmax(together))
        if together[best] < LOSS * min(rows.sum(), share * len(bits)):
            break
        rows &= bits[:, best]
        chosen.append(best)
    used[chosen] = True
    return rows
