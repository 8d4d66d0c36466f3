"""Min-hash encodings under near-unique salts: what profile `separate` hands over instead of field encodings.

A min-hash of one bit per function keeps the share of q-grams two records have in common (Broder, 1997; one bit each:
Li and Konig, 2010), and nothing else. The salt enters every hash, so two records under different salts look unrelated:
the matrix of similarities, which is what an attacker without the key matches against a list of names, is empty but for
the few pairs that share a salt.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b, shake_256

import numpy as np
from numba import njit
from numpy.typing import NDArray

from linkage.bloom import Words

# splitmix64's finaliser (Steele, Lea and Flood, 2014): a bijection in which every input bit reaches every output bit.
_MIX_1, _MIX_2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_S30, _S27, _S31 = np.uint64(30), np.uint64(27), np.uint64(31)


@njit(nogil=True, cache=True)
def _minima(grams: NDArray[np.uint64], ends: NDArray[np.int64], functions: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Per row the lowest bit of the least hash under each function, shape (rows, functions / 64) in words."""
    bits = len(functions)
    out = np.zeros((len(ends), bits // 64), np.uint64)
    least = np.empty(bits, np.uint64)
    begin = 0
    for row in range(len(ends)):
        least[:] = np.uint64(0xFFFFFFFFFFFFFFFF)
        for place in range(begin, ends[row]):
            gram = grams[place]
            for j in range(bits):
                x = gram ^ functions[j]
                x = (x ^ (x >> _S30)) * _MIX_1
                x = (x ^ (x >> _S27)) * _MIX_2
                x = x ^ (x >> _S31)
                least[j] = min(least[j], x)
        begin = ends[row]
        for j in range(bits):
            out[row, j // 64] |= (least[j] & np.uint64(1)) << np.uint64(j % 64)
    return out


class MinHasher:
    """Encodes sets of grams under salts. `key`: 32 bytes; `bits`: a multiple of 64; `flip`: share of bits flipped.

    functions: the secret words that tell one hash function from the next, uint64 (bits,).
    """

    def __init__(self, key: bytes, bits: int, flip: float) -> None:
        self._key = key
        self._bits = bits
        self._flip = flip
        self.functions = np.frombuffer(shake_256(b"functions" + key).digest(8 * bits), dtype="<u8").astype(np.uint64)

    def encode(self, salts: Sequence[str], rows: Sequence[Sequence[str]]) -> Words:
        """One encoding per row of grams under its salt: uint64 (rows, bits / 64). Equal input, equal encoding."""
        hashed: list[int] = []
        ends = np.empty(len(rows), dtype=np.int64)
        masks = np.empty((len(rows), self._bits // 64), dtype=np.uint64)
        for row, (salt, grams) in enumerate(zip(salts, rows, strict=True)):
            under = blake2b(salt.encode("utf-8"), key=self._key, digest_size=32).digest()
            distinct = sorted(set(grams))
            hashed += [_hash(under, gram) for gram in distinct]
            ends[row] = len(hashed)
            masks[row] = self._mask(under, distinct)
        encoded: Words = _minima(np.array(hashed, dtype=np.uint64), ends, self.functions)
        return encoded ^ masks

    def noise(self, seeds: Sequence[bytes]) -> Words:
        """Words that look like an encoding and are like no other: for records that have no salt."""
        width = self._bits // 8
        data = b"".join(shake_256(b"none" + self._key + seed).digest(width) for seed in seeds)
        return np.frombuffer(data, dtype="<u8").astype(np.uint64).reshape(len(seeds), width // 8)

    def _mask(self, under: bytes, grams: Sequence[str]) -> Words:
        """The bits to flip, drawn by a keyed hash of the value itself: the same value is flipped the same way for ever.

        Fresh flips would average out over deliveries: five encodings of one record give its bits back.
        """
        if not self._flip:
            return np.zeros(self._bits // 64, dtype=np.uint64)
        content = "\0".join(grams).encode("utf-8")
        seed = blake2b(content, key=under, digest_size=32, person=b"flips").digest()
        draws = np.frombuffer(shake_256(seed).digest(2 * self._bits), dtype="<u2")
        flips = np.packbits(draws < round(self._flip * 2**16), bitorder="little")
        return flips.view("<u8").astype(np.uint64)


def _hash(key: bytes, gram: str) -> int:
    return int.from_bytes(blake2b(gram.encode("utf-8"), key=key, digest_size=8).digest(), "little")
