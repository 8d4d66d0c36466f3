"""Names of a whole column at once: the compiled side of `normalise.name_tokens` and `bloom.bigrams`.

Names repeat, and their parts repeat more. A column is reduced to its distinct spellings, those to their distinct parts,
and only parts are hashed. `normalise.name_tokens`, which takes one name at a time, says what a name's parts are and is the
oracle of the tests.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numba import njit
from numpy.typing import NDArray

from linkage.normalise import BREAKS, MAX_NAME, MAX_TOKENS, PARTICLES, fold

Bytes = NDArray[np.uint8]
Codes = NDArray[np.int64]

# What becomes of an ASCII byte: 0 drops out, 1 ends a part, anything else is the letter or digit that is kept.
_DROPPED, _BREAK = 0, 1
# Letters and digits as 1..36, so that a bigram is a number below SYMBOLS squared; 0 is the padding at both ends.
ALPHABET = "_0123456789abcdefghijklmnopqrstuvwxyz"
SYMBOLS = len(ALPHABET)


def _classes() -> Bytes:
    table = np.full(256, _DROPPED, dtype=np.uint8)
    for code in range(128):
        text = chr(code)
        if text.isalnum():
            table[code] = ord(text.lower())
        elif BREAKS.fullmatch(text):
            table[code] = _BREAK
    return table


def _symbols() -> Bytes:
    table = np.zeros(256, dtype=np.uint8)
    for place, letter in enumerate(ALPHABET):
        table[ord(letter)] = place
    return table


_CLASS, _SYMBOL = _classes(), _symbols()


@dataclass(frozen=True)
class NameColumn:
    """The names of n rows: v distinct spellings and w distinct parts.

    words    the parts, folded, as a large string array (w,).
    parts    per spelling the places of its parts in `words`, -1 where it has fewer: (v + 1, MAX_TOKENS); the last row
             is the absent name.
    rows     per row its spelling, shape (n,).
    """

    words: pa.Array
    parts: Codes
    rows: Codes

    @cached_property
    def texts(self) -> list[bytes]:
        """The parts as ASCII bytes, in order: what is hashed."""
        return [word.encode("ascii") for word in self.words.to_pylist()]

    @cached_property
    def grams(self) -> tuple[Codes, Codes, Codes]:
        """Padded bigrams of the parts, one after the other: symbol pair, which repeat of it (1..), end per part."""
        letters, offsets = _buffers(self.words)
        pairs, repeats, ends = _bigrams(letters, offsets, _SYMBOL)
        return pairs, repeats, ends


def name_column(raw: pa.Array) -> NameColumn:
    """Parts of every name of a string array (n,); nulls and names without a readable letter have none."""
    dictionary = raw.dictionary_encode()
    spellings = dictionary.dictionary
    letters, offsets = _buffers(_ascii(spellings).cast(pa.large_string()))
    kept, ends, owner = _split(letters, offsets, _CLASS)
    found = pa.LargeStringArray.from_buffers(
        len(ends) - 1, pa.py_buffer(ends.tobytes()), pa.py_buffer(kept.tobytes())
    ).dictionary_encode()
    words = found.dictionary
    particle = np.asarray(pc.is_in(words, pa.array(sorted(PARTICLES), pa.large_string())), dtype=bool)
    # Only a name of five parts or more asks for the alphabetical order of its parts.
    parts = _choose(
        found.indices.to_numpy().astype(np.int64),
        np.searchsorted(owner, np.arange(len(spellings) + 1)),
        particle,
        pc.binary_length(words).to_numpy(),
        pc.rank(words, tiebreaker="first").to_numpy().astype(np.int64) if len(words) else np.zeros(0, np.int64),
        MAX_TOKENS,
    )
    rows = dictionary.indices.fill_null(len(spellings)).to_numpy().astype(np.int64)
    return NameColumn(words, parts, rows)


def _ascii(spellings: pa.Array) -> pa.Array:
    """Spellings cut to MAX_NAME letters, other scripts and diacritics folded word by word; ASCII stays as it is."""
    cut = pc.utf8_slice_codeunits(spellings, 0, MAX_NAME)
    plain = np.asarray(pc.string_is_ascii(cut), dtype=bool)
    if plain.all():
        return cut
    other = np.flatnonzero(~plain)
    folded: dict[str, str] = {}
    texts = []
    for text in cut.take(pa.array(other)).to_pylist():
        words = BREAKS.split(text)
        for word in words:
            if word not in folded:
                folded[word] = fold(word)
        texts.append(" ".join([folded[word] for word in words]))
    return pc.replace_with_mask(cut, pa.array(~plain), pa.array(texts, cut.type))


def _buffers(texts: pa.Array) -> tuple[Bytes, Codes]:
    """Bytes and offsets (n + 1,) of a large string array that starts at its first row."""
    _, offsets, data = texts.buffers()
    ends = np.frombuffer(offsets, dtype=np.int64, count=len(texts) + 1) if len(texts) else np.zeros(1, np.int64)
    return np.frombuffer(data or b"", dtype=np.uint8), ends


@njit(nogil=True, cache=True)
def _split(letters: Bytes, offsets: Codes, classes: Bytes) -> Any:
    """Words of texts: their letters one after the other, ends (words + 1,) in them, and the text of each (words,)."""
    kept = np.empty(len(letters), np.uint8)
    ends = np.zeros(len(letters) + 1, np.int64)
    owner = np.empty(len(letters), np.int64)
    size = words = 0
    for row in range(len(offsets) - 1):
        begin = size
        for place in range(offsets[row], offsets[row + 1] + 1):
            kind = classes[letters[place]] if place < offsets[row + 1] else 1
            if kind > 1:
                kept[size] = kind
                size += 1
            elif kind == 1 and size > begin:
                owner[words] = row
                words += 1
                ends[words] = size
                begin = size
    return kept[:size], ends[: words + 1], owner[:words]


@njit(nogil=True, cache=True)
def _choose(words: Codes, starts: Codes, particle: Any, length: Any, rank: Codes, most: int) -> Codes:
    """Per text its distinct words but particles (all of them if there is nothing else), the `most` longest if too many."""
    chosen = np.full((len(starts), most), -1, np.int64)
    for row in range(len(starts) - 1):
        first, last = starts[row], starts[row + 1]
        only_particles = True
        for place in range(first, last):
            only_particles &= particle[words[place]]
        for place in range(first, last):
            word = words[place]
            if particle[word] and not only_particles:
                continue
            # Insertion into the list, longest first and then by the alphabet; what falls off its end was too much.
            slot = 0
            known = False
            for s in range(most):
                if chosen[row, s] == word:
                    known = True
            if known:
                continue
            while slot < most and chosen[row, slot] >= 0:
                other = chosen[row, slot]
                if length[other] < length[word] or (length[other] == length[word] and rank[other] > rank[word]):
                    break
                slot += 1
            if slot < most:
                for s in range(most - 1, slot, -1):
                    chosen[row, s] = chosen[row, s - 1]
                chosen[row, slot] = word
    return chosen


@njit(nogil=True, cache=True)
def _bigrams(letters: Bytes, offsets: Codes, symbols: Bytes) -> Any:
    count = len(offsets) - 1
    pairs = np.empty(offsets[count] - offsets[0] + count, np.int64)
    repeats = np.empty(len(pairs), np.int64)
    ends = np.empty(count, np.int64)
    seen = np.zeros(SYMBOLS * SYMBOLS, np.int64)
    size = 0
    for row in range(count):
        begin = size
        before = np.int64(0)
        for place in range(offsets[row], offsets[row + 1] + 1):
            after = np.int64(symbols[letters[place]]) if place < offsets[row + 1] else np.int64(0)
            pair = before * SYMBOLS + after
            seen[pair] += 1
            pairs[size], repeats[size] = pair, seen[pair]
            size += 1
            before = after
        for place in range(begin, size):
            seen[pairs[place]] = 0
        ends[row] = size
    return pairs, repeats, ends
