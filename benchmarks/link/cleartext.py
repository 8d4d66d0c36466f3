"""The same model on clear text: filters that hold every gram in a place of its own, so that no likeness is blurred.

Exact values are keyed without collisions already, so only the filters of names and digits differ from what is linked
encoded. Candidates are the same: what is compared is the price of Bloom filters, not of another search.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from linkage.bloom import bigrams, placed_digits
from linkage.fields import Field, Scheme
from linkage.normalise import name_tokens
from linkage.views import Views, Words

Clear = Mapping[str, Sequence[str | None]]


def in_clear(
    views: dict[str, Views], clear: Mapping[str, Clear], order: dict[str, list[int]], scheme: Scheme
) -> dict[str, Views]:
    """The views of encoded files with exact filters; `order`: per file the row of its clear text that each view is."""
    out = dict(views)
    for domain in dict.fromkeys(field.domain for field in scheme.fields if field.form != "value"):
        fields = [field for field in scheme.fields if field.domain == domain]
        grams = {
            (side, field.name): [_grams(field, clear[side][field.name][row]) for row in order[side]]
            for side in views
            for field in fields
        }
        place = {gram: n for n, gram in enumerate(sorted({g for rows in grams.values() for row in rows for g in row}))}
        for (side, name), rows in grams.items():
            out[side] = replace(out[side], words=out[side].words | {f"{name}_f": _filters(rows, place)})
    return out


def _grams(field: Field, text: str | None) -> set[str]:
    if field.form == "tokens":
        return {gram for token in name_tokens(text) for gram in bigrams(token)}
    return set(placed_digits(text or ""))


def _filters(rows: list[set[str]], place: dict[str, int]) -> Words:
    bits = np.zeros((len(rows), -(-max(len(place), 1) // 64) * 64), dtype=np.uint8)
    for row, grams in enumerate(rows):
        bits[row, [place[gram] for gram in grams]] = 1
    return np.packbits(bits, axis=1, bitorder="little").view("<u8")
