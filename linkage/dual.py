"""Dual2: two salted min-hash encodings of a whole record, the linkage file of profile `separate`.

Each encoding has two halves of 512 bits, and each half a salt of its own:

    birth_r   birth date + sex                      birth date + nationality
    names_r   beginnings of names, nationality,     beginnings of names, nationality,
              sex + year of birth                   sex + day and month of birth

The beginnings are the first three letters of both names, sorted, because names change places, as day and month do. A pair
is as alike as the better encoding says: a misspelt beginning leaves `birth_r`, a wrong birth date leaves half of
`names_r`, a wrong sex or nationality half of `birth_r`. Two strangers share a salt only where they share all that is in
it: without the birth date, namesakes did, and an attacker who knows his list could tell them (docs/linkage.md).
A record that lacks what a salt needs gets noise instead, which is like nobody's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pyarrow as pa

from linkage import normalise
from linkage.bloom import Words, bigrams, placed_digits
from linkage.fields import DUAL_BITS, DUAL_FLIP
from linkage.keys import StudyKeys
from linkage.minhash import MinHasher

PREFIX = 3
HALF_BITS = DUAL_BITS // 2


def dual_encodings(
    cleartext: Mapping[str, Sequence[str | None]], records: Sequence[bytes], keys: StudyKeys, flip: float = DUAL_FLIP
) -> dict[str, Words]:
    """`birth_r` and `names_r`, each uint64 of shape (rows, DUAL_BITS / 64).

    cleartext: surname, given, birth (ISO text), sex, nationality, as delivered. records: the pseudonyms of the rows,
    which seed the noise of rows without a salt. `flip`: the share of bits flipped (BLIP).
    """
    columns = ("surname", "given", "birth", "sex", "nationality")
    rows = list(zip(*(cleartext[name] for name in columns), strict=True))
    distinct = {row: place for place, row in enumerate(dict.fromkeys(rows))}
    codes = np.array([distinct[row] for row in rows], dtype=np.int64)
    out = {}
    for name, salted in SALTED.items():
        prepared = [salted(*row) for row in distinct]
        grams = [held for _, held in prepared]
        halves = []
        for half in (0, 1):
            hasher = MinHasher(keys.derive("dual", f"{name} {half}"), HALF_BITS, flip)
            encoded = hasher.encode([salts[half] if salts else "" for salts, _ in prepared], grams)[codes]
            bare = np.flatnonzero(np.array([salts is None for salts, _ in prepared], dtype=bool)[codes])
            if len(bare):
                encoded[bare] = hasher.noise([records[row] for row in bare.tolist()])
            halves.append(encoded)
        out[name] = np.hstack(halves)
    return out


def dual_columns(words: Mapping[str, Words]) -> dict[str, pa.Array]:
    """The encodings as fixed-size binary columns; none is ever null."""
    return {
        name: pa.FixedSizeBinaryArray.from_buffers(
            pa.binary(DUAL_BITS // 8),
            len(rows),
            [None, pa.py_buffer(np.ascontiguousarray(rows, dtype="<u8").tobytes())],
        )
        for name, rows in words.items()
    }


# The salts of the two halves, None for a record that gets noise, and the grams.
Salted = tuple[tuple[str, str] | None, list[str]]


def _name_grams(surname: str | None, given: str | None) -> list[str]:
    """Bigrams of all parts of both names; a name in the other column is the same name."""
    return [gram for text in (surname, given) for part in normalise.name_tokens(text) for gram in bigrams(part)]


def _by_birth(
    surname: str | None, given: str | None, birth: str | None, sex: str | None, nationality: str | None
) -> Salted:
    """Salts: a complete birth date, and the sex or the nationality. Grams: the names, and the nationality as one."""
    grams = _name_grams(surname, given)
    if None in normalise.birth_parts(birth) or not grams:
        return None, []
    return (f"{birth} sex {sex or ''}", f"{birth} nationality {nationality or ''}"), [
        *grams,
        f"nationality {nationality or ''}",
    ]


def _by_names(
    surname: str | None, given: str | None, birth: str | None, sex: str | None, nationality: str | None
) -> Salted:
    """Salts: the beginnings of both names, nationality, sex, and the year or the day and month of birth.

    Grams: the names and the digits of the birth date.
    """
    first = [normalise.first_part(text) for text in (surname, given)]
    if None in first:
        return None, []
    prefixes = sorted((part or "")[:PREFIX] for part in first)
    year, month, day = normalise.birth_parts(birth)
    digits = [
        f"{name} {digit}"
        for name, text in (("year", year), ("month", month), ("day", day))
        if text
        for digit in placed_digits(text)
    ]
    shared = " ".join([*prefixes, nationality or "", sex or ""])
    salts = (f"{shared} {year}", f"{shared} {' '.join(sorted((month or '', day or '')))}")
    return salts, [*_name_grams(surname, given), *digits]


SALTED: dict[str, Callable[..., Salted]] = {"birth_r": _by_birth, "names_r": _by_names}
