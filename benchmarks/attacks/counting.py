"""Attacks that count: how often an encoding occurs, how many bits it has, how often a field's value.

Each answers with a place in the list per register row; ties are broken by a seeded draw, which is guessing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from benchmarks.attacks.people import Index
from linkage.bloom import Words


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
