"""The encodings that are compared. Each turns people into one or two 1,024-bit words; similar means the better Dice.

clk           a Bloom filter of all grams (Schnell, Bachteler and Reiher, 2009), 15 positions per gram
tmh           a min-hash of one bit per function over the same grams
salted        the first min-hash of `linkage.dual` alone, salted by birth date and sex or nationality
dual2         two min-hashes as in `linkage.dual`, nothing flipped
dual2+blip    the same with a tenth of the bits flipped: what profile `separate` hands over
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from benchmarks.attacks.people import People
from linkage.bloom import FilterMaker, Words, bigrams, placed_digits
from linkage.dual import dual_encodings
from linkage.fields import DUAL_FLIP, RECORD_BITS, RECORD_HASHES
from linkage.keys import StudyKeys
from linkage.minhash import MinHasher
from linkage.normalise import birth_parts, name_tokens

Encoding = Callable[[People, StudyKeys], list[Words]]
Matrix = NDArray[np.float32]


def grams_of(people: People) -> list[list[str]]:
    """Bigrams of both names, placed digits of the birth date, sex and nationality."""
    rows = []
    for surname, given, birth, sex, nationality in zip(*people.columns.values(), strict=True):
        grams = [gram for text in (surname, given) for part in name_tokens(text) for gram in bigrams(part)]
        for name, text in zip(("year", "month", "day"), birth_parts(birth), strict=True):
            grams += [f"{name} {digit}" for digit in placed_digits(text or "")]
        rows.append([*grams, f"sex {sex}", f"nationality {nationality}"])
    return rows


def _clk(people: People, keys: StudyKeys) -> list[Words]:
    return [FilterMaker(keys.derive("clk", ""), RECORD_BITS, RECORD_HASHES).filters(grams_of(people))]


def _tmh(people: People, keys: StudyKeys) -> list[Words]:
    return [MinHasher(keys.derive("tmh", ""), RECORD_BITS, 0.0).encode([""] * len(people), grams_of(people))]


def _dual(people: People, keys: StudyKeys, flip: float) -> dict[str, Words]:
    """Noise for who has no salt is drawn per row, as a record pseudonym would."""
    return dual_encodings(people.columns, [str(row).encode() for row in range(len(people))], keys, flip)


ENCODINGS: dict[str, Encoding] = {
    "clk": _clk,
    "tmh": _tmh,
    "salted": lambda people, keys: [_dual(people, keys, 0.0)["birth_r"]],
    "dual2": lambda people, keys: list(_dual(people, keys, 0.0).values()),
    "dual2+blip": lambda people, keys: list(_dual(people, keys, DUAL_FLIP).values()),
}


# The salted encodings, with the share of their bits that is flipped.
FLIPS = {"salted": 0.0, "dual2": 0.0, "dual2+blip": DUAL_FLIP}


def similarities(left: list[Words], right: list[Words]) -> Matrix:
    """The better Dice of every pair, shape (n, m)."""
    parts = [_dice(a, b) for a, b in zip(left, right, strict=True)]
    best: Matrix = np.maximum.reduce(parts)
    return best


def _dice(a: Words, b: Words) -> Matrix:
    bits = [np.unpackbits(np.ascontiguousarray(side).view(np.uint8), axis=1).astype(np.float32) for side in (a, b)]
    total = bits[0].sum(axis=1)[:, None] + bits[1].sum(axis=1)[None, :]
    likeness: Matrix = 2 * (bits[0] @ bits[1].T) / np.maximum(total, 1)
    return likeness
