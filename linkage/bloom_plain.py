"""The plain-Python twin of the compiled filters in `linkage.bloom`: slow, obvious, and the oracle of its tests."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b

from linkage.bloom import bigrams


def gram_filter(grams: Iterable[str], key: bytes, bits: int, hashes: int) -> int:
    """The filter of some grams as an integer of `bits` bits, each gram at `hashes` positions."""
    value = 0
    for gram in grams:
        digest = blake2b(gram.encode("utf-8"), key=key, digest_size=2 * hashes).digest()
        for start in range(0, 2 * hashes, 2):
            value |= 1 << (int.from_bytes(digest[start : start + 2], "little") % bits)
    return value


def name_filter(parts: Iterable[str], key: bytes, bits: int, hashes: int) -> int:
    """The same over the padded bigrams of the parts of a name."""
    return gram_filter([gram for part in parts for gram in bigrams(part)], key, bits, hashes)
