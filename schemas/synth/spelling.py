"""What clerks do to names: typos, other romanisations, lost diacritics, dropped parts, names in the wrong box."""

from __future__ import annotations

from collections import Counter

import numpy as np
from anyascii import anyascii

from schemas.synth.dirt import RowDirt
from schemas.synth.people import Names

LETTERS = "abcdefghijklmnopqrstuvwxyz"
# Pairs of spellings between which romanisations differ; the first that applies is used, in either direction.
ROMANISATIONS = (
    ("ou", "u"), ("kh", "h"), ("sh", "ch"), ("dj", "j"), ("ph", "f"), ("ee", "i"), ("ia", "ya"), ("ye", "ie"),
    ("ks", "x"), ("cz", "ch"), ("w", "v"), ("y", "i"), ("c", "k"),
)  # fmt: skip


def write_names(
    rng: np.random.Generator, names: Names, dirt: RowDirt, counts: Counter[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Surnames and first names as they stand in each row. `names` is used up; `counts` gets what was done."""
    n = len(names.surname)
    _drop_parts(names, rng.random(n) < dirt.dropped_part, counts)
    parts = [names.surname, names.second_surname, *names.given]
    for part in parts:
        _romanise(part, rng.random(n) < dirt.transliterated, counts)
    _fold(parts, np.flatnonzero(rng.random(n) < dirt.folded), counts)
    for part in parts:
        present = part != ""
        counts["tokens"] += int(present.sum())
        _misspell(rng, part, np.flatnonzero(present & (rng.random(n) < dirt.typo)), counts)
    double = names.second_surname != ""
    surname = names.surname.copy()
    surname[double] = surname[double] + names.joiner[double] + names.second_surname[double]
    given = names.given[0].copy()
    for part in names.given[1:]:
        present = part != ""
        given[present] = given[present] + " " + part[present]
    swapped = rng.random(n) < dirt.swapped_names
    counts["swapped_names"] += int(swapped.sum())
    return np.where(swapped, given, surname), np.where(swapped, surname, given)


def _drop_parts(names: Names, chosen: np.ndarray, counts: Counter[str]) -> None:
    more_given = names.given[1] != ""
    more_surname = names.second_surname != ""
    counts["with_second_part"] += int((more_given | more_surname).sum())
    counts["dropped_part"] += int((chosen & (more_given | more_surname)).sum())
    for part in names.given[1:]:
        part[chosen & more_given] = ""
    names.second_surname[chosen & ~more_given] = ""


def _romanise(part: np.ndarray, chosen: np.ndarray, counts: Counter[str]) -> None:
    for i in np.flatnonzero(chosen):
        other = romanised(part[i])
        counts["transliterated"] += other != part[i]
        part[i] = other


def romanised(name: str) -> str:
    """The name by another romanisation, or the name itself where no rule applies. The first letter stays."""
    head, tail = name[:1], name[1:]
    for left, right in ROMANISATIONS:
        if left in tail:
            return head + tail.replace(left, right, 1)
        if right in tail:
            return head + tail.replace(right, left, 1)
    return name


def _fold(parts: list[np.ndarray], rows: np.ndarray, counts: Counter[str]) -> None:
    counts["folded"] += len(rows)
    for part in parts:
        for i in rows:
            if not part[i].isascii():
                part[i] = anyascii(part[i])


def _misspell(rng: np.random.Generator, part: np.ndarray, rows: np.ndarray, counts: Counter[str]) -> None:
    counts["typo"] += len(rows)
    kinds = rng.integers(0, 4, len(rows))
    places = rng.random(len(rows))
    letters = rng.integers(0, len(LETTERS), len(rows))
    for i, kind, place, letter in zip(rows.tolist(), kinds.tolist(), places.tolist(), letters.tolist(), strict=True):
        # A particle is not mistyped: the slip happens in the last word.
        prefix, blank, word = part[i].rpartition(" ")
        part[i] = prefix + blank + misspelt(word, kind, place, letter)


def misspelt(word: str, kind: int, place: float, letter: int) -> str:
    """One slip: 0 swap with the next letter, 1 leave out, 2 replace, 3 double; `place` in [0, 1) says where.

    The result always differs from `word` and is never empty.
    """
    at = int(place * len(word))
    if kind == 0:
        at = min(at, len(word) - 2)
        if at >= 0 and word[at].lower() != word[at + 1].lower():
            pair = word[at + 1] + word[at]
            # The capital belongs to the place, not to the letter.
            pair = pair.capitalize() if at == 0 else pair
            return word[:at] + pair + word[at + 2 :]
    if kind == 1 and len(word) > 2:
        shorter = word[:at] + word[at + 1 :]
        return shorter[:1].upper() + shorter[1:] if at == 0 else shorter
    if kind == 2:
        new = LETTERS[letter]
        if word[at].lower() == new:
            new = LETTERS[(letter + 1) % len(LETTERS)]
        return word[:at] + (new.upper() if word[at].isupper() else new) + word[at + 1 :]
    at = max(at, 0)
    return word[: at + 1] + word[at].lower() + word[at + 1 :]
