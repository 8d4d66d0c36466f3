"""Spelling variants away, identity kept: what is done to a value before it is keyed.

Pure functions, on single values but for `ages`. Everything here sees identities, so nothing here raises with, logs or
stores a value.
"""

from __future__ import annotations

import re
import unicodedata
from calendar import monthrange
from datetime import date

import numpy as np
import pyarrow as pa
from anyascii import anyascii

# Particles carry no identity and come and go between registers (`van der Berg`, `Berg`; `El Amrani`, `Amrani`).
PARTICLES = frozenset(
    {"al", "ap", "ben", "bin", "bint", "da", "das", "de", "del", "della", "den", "der", "des", "di", "do", "dos", "du"}
    | {"e", "el", "ibn", "la", "las", "le", "los", "te", "ten", "ter", "van", "von", "y", "zu"}
)
# Longer than any name in use; a longer one is a pasted text, and its first part identifies as well as the whole.
MAX_NAME = 200
MAX_TOKENS = 4
BREAKS = re.compile(r"[\s\-‐-―/,.;_()|]+")
_NOT_WORD = re.compile(r"[^a-z0-9]+")

UNKNOWN_SEX = frozenset({"O", ""})
UNKNOWN_NATIONALITY = frozenset({"XXX", ""})

_MONTH_DAYS = np.array([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])

BirthParts = tuple[str | None, str | None, str | None]


def vnumber(text: str | None) -> str | None:
    """A V-number without dots and blanks; None when nothing is left."""
    digits = text if text and text.isdigit() else "".join(c for c in text or "" if c.isdigit())
    return digits or None


def fold(text: str) -> str:
    """Lower-case ASCII letters and digits of one word in any script: decompose, transliterate, drop the rest."""
    return _NOT_WORD.sub("", anyascii(unicodedata.normalize("NFKD", text).casefold()).lower())


def name_tokens(text: str | None) -> tuple[str, ...]:
    """The parts of a name, sorted: order is not trusted, hyphens and blanks separate, particles drop out.

    A name made of particles only keeps them (`Bin` is a surname somewhere). At most MAX_TOKENS parts: the longest, so
    that a title or an initial is what gets lost. Empty tuple for an empty or unreadable name.
    """
    words = [fold(word) for word in BREAKS.split((text or "")[:MAX_NAME])]
    words = [word for word in words if word]
    kept = sorted({word for word in words if word not in PARTICLES} or set(words))
    if len(kept) > MAX_TOKENS:
        kept = sorted(sorted(kept, key=lambda word: (-len(word), word))[:MAX_TOKENS])
    return tuple(kept)


def first_part(text: str | None) -> str | None:
    """The first part of a name as written, particles apart: what stays when later parts are left out."""
    words = [word for word in map(fold, BREAKS.split((text or "")[:MAX_NAME])) if word]
    return next((word for word in words if word not in PARTICLES), words[0] if words else None)


def birth_parts(text: str | None) -> BirthParts:
    """Year (4 digits), month and day (2 digits) of an ISO date; `00`, `0000` or an absent date leave None."""
    if not text:
        return None, None, None
    year, month, day = (part if part.strip("0") else None for part in text.split("-"))
    return year, month, day


def sex(text: str | None) -> str | None:
    """V or M; unknown is missing, because two unknowns do not agree."""
    return None if text is None or text in UNKNOWN_SEX else text


def nationality(text: str | None) -> str | None:
    """The ISO code; XXX (unknown or stateless) is missing."""
    return None if text is None or text in UNKNOWN_NATIONALITY else text


def completed_years(birth: str | None, on: date | None) -> int | None:
    """Age in completed years on `on`, or None when the known parts of the birth date leave two answers.

    Who is born on 29 February completes a year on 1 March in other years. A date without a day is enough whenever its
    month is not the month of `on`. Nothing is ever filled in as 1 January.
    """
    year, month, day = birth_parts(birth)
    if year is None or on is None:
        return None
    first = (int(month or 1), int(day or 1))
    last_month = int(month or 12)
    last = (last_month, int(day) if day else monthrange(int(year), last_month)[1])
    today = (on.month, on.day)
    if (today >= first) != (today >= last):
        return None
    return on.year - int(year) - (today < last)


def ages(births: pa.Array, on: pa.Array) -> pa.Array:
    """`completed_years` of n birth dates (ISO texts) on n dates (date32), as int16; null where it is None."""
    distinct = births.dictionary_encode()
    known = [tuple(int(part or 0) for part in birth_parts(text)) for text in distinct.dictionary.to_pylist()]
    rows = distinct.indices.fill_null(len(known)).to_numpy()
    year, month, day = np.array([*known, (0, 0, 0)], dtype=np.int64)[rows].T
    days = on.cast(pa.int32()).fill_null(0).to_numpy().astype("datetime64[D]")
    months = days.astype("datetime64[M]")
    this_year = months.astype("datetime64[Y]").astype(np.int64) + 1970
    today = 100 * (months.astype(np.int64) % 12 + 1) + (days - months).astype(np.int64) + 1
    # A part that is not known may be its first value or its last; both must give one answer.
    first = 100 * np.maximum(month, 1) + np.maximum(day, 1)
    last_month = np.where(month == 0, 12, month)
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    last = 100 * last_month + np.where(day == 0, _MONTH_DAYS[last_month] + (leap & (last_month == 2)), day)
    sure = (year > 0) & ((today >= first) == (today >= last)) & np.asarray(on.is_valid())
    return pa.array((this_year - year - (today < last)).astype(np.int16), mask=~sure)
