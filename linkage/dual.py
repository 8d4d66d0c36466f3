"""Dual2: two salted min-hash encodings of a whole record, the linkage file of profile `separate`.

`birth_r` is salted by birth date and sex, `names_r` by the first three letters of both names (sorted, because names
change places), nationality and sex. A pair is as alike as the better of the two says, so one wrong birth date or one
misspelt beginning of a name leaves the other encoding. A salt that is missing or shared by many would bring the
similarities back that the salts are there to remove: such a record gets noise instead, which is like nobody's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from linkage import normalise
from linkage.bloom import Words, bigrams, placed_digits
from linkage.fields import DUAL_BITS, DUAL_FLIP
from linkage.keys import StudyKeys
from linkage.minhash import MinHasher

PREFIX = 3


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
    for name, salted in (("birth_r", _by_birth), ("names_r", _by_names)):
        hasher = MinHasher(keys.derive("dual", name), DUAL_BITS, flip)
        prepared = [salted(*row) for row in distinct]
        encoded = hasher.encode([salt or "" for salt, _ in prepared], [grams for _, grams in prepared])[codes]
        bare = np.flatnonzero(np.array([salt is None for salt, _ in prepared], dtype=bool)[codes])
        if len(bare):
            encoded[bare] = hasher.noise([records[row] for row in bare.tolist()])
        out[name] = encoded
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


Salted = tuple[str | None, list[str]]


def _name_grams(surname: str | None, given: str | None) -> list[str]:
    """Bigrams of all parts of both names; a name in the other column is the same name."""
    return [gram for text in (surname, given) for part in normalise.name_tokens(text) for gram in bigrams(part)]


def _by_birth(
    surname: str | None, given: str | None, birth: str | None, sex: str | None, nationality: str | None
) -> Salted:
    """Salt: a complete birth date and the sex. Grams: the names, and the nationality as one."""
    grams = _name_grams(surname, given)
    if None in normalise.birth_parts(birth) or not grams:
        return None, []
    return f"{birth} {sex or ''}", [*grams, f"nationality {nationality or ''}"]


def _by_names(
    surname: str | None, given: str | None, birth: str | None, sex: str | None, nationality: str | None
) -> Salted:
    """Salt: the beginnings of both names, nationality and sex. Grams: the names and the digits of the birth date."""
    first = [normalise.first_part(text) for text in (surname, given)]
    if None in first:
        return None, []
    prefixes = sorted((part or "")[:PREFIX] for part in first)
    parts = zip(("year", "month", "day"), normalise.birth_parts(birth), strict=True)
    digits = [f"{name} {digit}" for name, text in parts if text for digit in placed_digits(text)]
    return " ".join([*prefixes, nationality or "", sex or ""]), [*_name_grams(surname, given), *digits]
