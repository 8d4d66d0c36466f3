"""Keyed hashing and Bloom filters, vectorised over distinct values.

Names repeat, so every distinct value is hashed once: callers factorise, this module fills one row per distinct value,
and records gather rows. BLAKE2b with a key is a MAC, so no HMAC wrapper is needed (RFC 7693).
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterable, Sequence
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint64]


def mac(key: bytes, text: str) -> bytes:
    """HMAC-SHA256 of `text`: the 32-byte pseudonym of a number."""
    return hmac.digest(key, text.encode("utf-8"), "sha256")


def value_hash(key: bytes, text: str) -> int:
    """A keyed 64-bit value that is never 0 (0 marks an absent token)."""
    return int.from_bytes(blake2b(text.encode("utf-8"), key=key, digest_size=8).digest(), "little") or 1


def bigrams(token: str) -> list[str]:
    """Padded bigrams of a token, repeats numbered so that `ana` in `banana` counts twice."""
    padded = f"_{token}_"
    pairs = [padded[start : start + 2] for start in range(len(padded) - 1)]
    if len(set(pairs)) == len(pairs):
        return [f"{pair}1" for pair in pairs]
    seen: dict[str, int] = {}
    grams = []
    for pair in pairs:
        seen[pair] = seen.get(pair, 0) + 1
        grams.append(f"{pair}{seen[pair]}")
    return grams


def placed_digits(text: str) -> list[str]:
    """The digits of a date part with their places."""
    return [f"{place}:{digit}" for place, digit in enumerate(text)]


class FilterMaker:
    """Turns lists of grams into filters of `bits` bits (a power of two) with `hashes` positions per gram."""

    def __init__(self, key: bytes, bits: int, hashes: int) -> None:
        self._key = key
        self._bits = bits
        self._hashes = hashes
        self._cache: dict[str, int] = {}
        self._tokens: dict[str, int] = {}

    def _gram(self, gram: str) -> int:
        """The gram's positions as an integer of `bits` bits. 16-bit slices of one digest give the positions."""
        known = self._cache.get(gram)
        if known is None:
            digest = blake2b(gram.encode("utf-8"), key=self._key, digest_size=2 * self._hashes).digest()
            known = 0
            for start in range(0, 2 * self._hashes, 2):
                known |= 1 << (int.from_bytes(digest[start : start + 2], "little") % self._bits)
            self._cache[gram] = known
        return known

    def filters(self, rows: Iterable[Sequence[str]]) -> Words:
        """One filter per row of grams: uint64 of shape (rows, bits / 64), little-endian words."""
        return self._packed(self._joined(grams, self._gram) for grams in rows)

    def token_filters(self, rows: Iterable[Sequence[str]]) -> Words:
        """The same for rows of tokens, over the bigrams of all of them; tokens repeat, so each is made once."""
        return self._packed(self._joined(tokens, self._token) for tokens in rows)

    def _token(self, token: str) -> int:
        known = self._tokens.get(token)
        if known is None:
            known = self._tokens[token] = self._joined(bigrams(token), self._gram)
        return known

    def _joined(self, parts: Sequence[str], mask: Callable[[str], int]) -> int:
        value = 0
        for part in parts:
            value |= mask(part)
        return value

    def _packed(self, values: Iterable[int]) -> Words:
        width = self._bits // 8
        data = b"".join([value.to_bytes(width, "little") for value in values])
        return np.frombuffer(data, dtype="<u8").reshape(-1, width // 8)
