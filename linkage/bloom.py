"""Keyed hashing and Bloom filters, vectorised over distinct values.

Values repeat, their grams repeat more. Python hashes every distinct gram once; compiled code ORs the rows of grams into
filters of distinct values, and those into records. BLAKE2b with a key is a MAC, so no HMAC wrapper is needed (RFC 7693).
`linkage.bloom_plain` is the plain twin.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Sequence
from hashlib import blake2b

import numpy as np
from numba import njit
from numpy.typing import NDArray

from linkage.names import ALPHABET, SYMBOLS, NameColumn

Words = NDArray[np.uint64]
Codes = NDArray[np.int64]
# Bytes of a block of SHA-256; study keys are shorter.
_SHA256_BLOCK = 64


def mac(key: bytes, text: str) -> bytes:
    """HMAC-SHA256 of `text`: the 32-byte pseudonym of a number."""
    return hmac.digest(key, text.encode("utf-8"), "sha256")


def macs(key: bytes, texts: Iterable[str | None]) -> list[bytes | None]:
    """`mac` of many texts, None of None. The two padded keys are hashed once (RFC 2104), which is most of the work."""
    block = key.ljust(_SHA256_BLOCK, b"\0")
    inner, outer = (hashlib.sha256(bytes(byte ^ pad for byte in block)) for pad in (0x36, 0x5C))
    out: list[bytes | None] = []
    for text in texts:
        if text is None:
            out.append(None)
            continue
        first, last = inner.copy(), outer.copy()
        first.update(text.encode("utf-8"))
        last.update(first.digest())
        out.append(last.digest())
    return out


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
    """Filters of `bits` bits (a power of two) with `hashes` positions per gram, under one key."""

    def __init__(self, key: bytes, bits: int, hashes: int) -> None:
        self._key = key
        self._bits = bits
        self._hashes = hashes

    def filters(self, rows: Iterable[Sequence[str]]) -> Words:
        """One filter per row of grams: uint64 of shape (rows, bits / 64), little-endian words."""
        places: dict[str, int] = {}
        flat: list[int] = []
        ends: list[int] = []
        for grams in rows:
            flat += [places.setdefault(gram, len(places)) for gram in grams]
            ends.append(len(flat))
        joined: Words = _join(self._masks(list(places)), np.array(flat, np.int64), np.array(ends, np.int64))
        return joined

    def part_filters(self, names: NameColumn) -> Words:
        """One filter per part of a name, over its padded bigrams: uint64 of shape (parts, bits / 64)."""
        pairs, repeats, ends = names.grams
        most = int(repeats.max(initial=1))
        place, distinct = _renumbered(pairs * most + repeats - 1, SYMBOLS * SYMBOLS * most)
        grams = [
            f"{ALPHABET[p // SYMBOLS]}{ALPHABET[p % SYMBOLS]}{r + 1}" for p, r in (divmod(c, most) for c in distinct)
        ]
        joined: Words = _join(self._masks(grams), place, ends)
        return joined

    def _masks(self, grams: Sequence[str]) -> Words:
        """The bits of each gram, (grams, bits / 64). 16-bit slices of one digest give the positions."""
        size = 2 * self._hashes
        digests = b"".join([blake2b(gram.encode("utf-8"), key=self._key, digest_size=size).digest() for gram in grams])
        positions = np.frombuffer(digests, dtype="<u2").reshape(-1, self._hashes).astype(np.int64)
        masks = np.zeros((len(grams), self._bits // 64), dtype=np.uint64)
        _set_bits(masks, positions % self._bits)
        return masks


def part_hashes(key: bytes, names: NameColumn) -> Words:
    """`value_hash` of every part of a name, shape (parts,)."""
    digests = b"".join([blake2b(text, key=key, digest_size=8).digest() for text in names.texts])
    hashes = np.frombuffer(digests, dtype="<u8").astype(np.uint64)
    return np.maximum(hashes, np.uint64(1))


def _renumbered(codes: Codes, size: int) -> tuple[Codes, list[int]]:
    """Codes below `size` as places in the list of those that occur, in order."""
    occurs = np.zeros(size, dtype=bool)
    occurs[codes] = True
    place = np.cumsum(occurs) - 1
    return place[codes], np.flatnonzero(occurs).tolist()


@njit(nogil=True, cache=True)
def _set_bits(masks: Words, positions: Codes) -> None:
    for row in range(positions.shape[0]):
        for position in positions[row]:
            masks[row, position // 64] |= np.uint64(1) << np.uint64(position % 64)


@njit(nogil=True, cache=True)
def _join(masks: Words, flat: Codes, ends: Codes) -> Words:
    """OR of the masks of each row, whose places in `masks` end at `ends` in `flat`."""
    out = np.zeros((len(ends), masks.shape[1]), np.uint64)
    begin = 0
    for row in range(len(ends)):
        for place in range(begin, ends[row]):
            for w in range(masks.shape[1]):
                out[row, w] |= masks[flat[place], w]
        begin = ends[row]
    return out


@njit(nogil=True, cache=True)
def or_into(out: Words, filters: Words, parts: Codes, rows: Codes) -> None:
    """OR into every row of `out` (n, w) the filters (f, w) of its parts: those of value `rows[n]` in `parts` (v, p).

    A part of -1 is none.
    """
    for row in range(len(rows)):
        for part in parts[rows[row]]:
            if part >= 0:
                for w in range(out.shape[1]):
                    out[row, w] |= filters[part, w]


@njit(nogil=True, cache=True)
def sorted_hashes(hashes: Words, parts: Codes, rows: Codes) -> Words:
    """Per row the hashes of its parts, rising, then zeros: uint64 of shape (n, p). See `or_into`."""
    width = parts.shape[1]
    of_value = np.zeros((len(parts), width), np.uint64)
    for value in range(len(parts)):
        size = 0
        for part in parts[value]:
            if part >= 0:
                slot = size
                while slot > 0 and of_value[value, slot - 1] > hashes[part]:
                    of_value[value, slot] = of_value[value, slot - 1]
                    slot -= 1
                of_value[value, slot] = hashes[part]
                size += 1
    out = np.empty((len(rows), width), np.uint64)
    for row in range(len(rows)):
        out[row] = of_value[rows[row]]
    return out
