"""Words for codes and dimension names, in Dutch and English.

A code can mean different things in two dimensions (`eerder`, `O`), so the lookup goes by dimension first.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Literal

from schemas.codelists import country_names, labels
from schemas.study import Text

Language = Literal["nl", "en"]
LANGUAGES: tuple[Language, Language] = ("nl", "en")
TEXTS = Path(__file__).parent / "texts"


def in_language(text: Text, language: Language) -> str:
    """The text in one language."""
    return text.nl if language == "nl" else text.en


@cache
def _by_dimension() -> dict[tuple[str, str], Text]:
    with (TEXTS / "labels.csv").open(encoding="utf-8", newline="") as source:
        return {(row["dimension"], row["code"]): Text(nl=row["nl"], en=row["en"]) for row in csv.DictReader(source)}


@dataclass(frozen=True)
class Labels:
    """`merged` names codes that a policy made by merging; `dimensions` the dimension columns of one table."""

    merged: Mapping[str, Text] = field(default_factory=dict)
    dimensions: Mapping[str, Text] = field(default_factory=dict)

    def category(self, dimension: str, code: object, language: Language) -> str:
        """The words for one category; a code that no list names (a year) is its own label."""
        text = str(code)
        own = _by_dimension().get((dimension, text)) or self.merged.get(text) or _by_dimension().get(("", text))
        found = own or labels().get(text) or country_names().get(text)
        return in_language(found, language) if found else text

    def dimension(self, dimension: str, language: Language) -> str:
        """The heading of a dimension column, with a capital."""
        found = self.dimensions.get(dimension)
        words = in_language(found, language) if found else dimension.replace("_", " ")
        return words[:1].upper() + words[1:]
