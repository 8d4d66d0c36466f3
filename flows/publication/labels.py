"""Words for codes and dimension names, in Dutch and English.

A code can mean different things in two dimensions (`eerder`, `O`), so the lookup goes by dimension first.
Dutch country names: Unicode CLDR 47, for the codes of `schemas/codelists/regions.csv`.
"""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path
from typing import Literal

from schemas.study import SHIPPED

Language = Literal["nl", "en"]
LANGUAGES: tuple[Language, Language] = ("nl", "en")
TEXTS = Path(__file__).parent / "texts"
CODELISTS = SHIPPED / "codelists"


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as source:
        return list(csv.DictReader(source))


@cache
def _dimensions() -> dict[str, dict[str, str]]:
    return {row["code"]: row for row in _rows(TEXTS / "dimensions.csv")}


@cache
def _by_dimension() -> dict[tuple[str, str], dict[str, str]]:
    return {(row["dimension"], row["code"]): row for row in _rows(TEXTS / "labels_extra.csv")}


@cache
def _by_code() -> dict[str, dict[str, str]]:
    dutch = {row["code"]: row["nl"] for row in _rows(TEXTS / "countries_nl.csv")}
    words = {
        row["iso3"]: {"nl": dutch.get(row["iso3"], row["name"]), "en": row["name"]}
        for row in _rows(CODELISTS / "regions.csv")
    }
    words.update({row["code"]: row for row in _rows(CODELISTS / "labels.csv")})
    return words


def label(dimension: str, code: object, language: Language) -> str:
    """The words for one category; a code that no list names is its own label."""
    text = str(code)
    row = _by_dimension().get((dimension, text)) or _by_dimension().get(("", text)) or _by_code().get(text)
    return row[language] if row else text


def dimension_label(dimension: str, language: Language) -> str:
    """The words for a dimension column."""
    row = _dimensions().get(dimension)
    return row[language] if row else dimension.replace("_", " ")
