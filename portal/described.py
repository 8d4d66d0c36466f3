"""What the files of a release say about their tables in words: titles, notes, headings, categories, in both languages.

Public parts say it in `datapackage.json`, restricted ones in the metadata of their Parquet files. Nothing is looked up in
today's catalogue: an old release is shown in its own words.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from portal.shelf import Box
from portal.words import LANGUAGES, Language
from schemas.release import PUBLIC
from schemas.tables import Audience

Both = Mapping[Language, str]
PACKAGE = "datapackage.json"


@dataclass(frozen=True)
class Described:
    """One table in words. Where a release says nothing, ids and codes are their own words."""

    id: str
    title: Both
    notes: Mapping[Language, tuple[str, ...]] = field(default_factory=lambda: dict.fromkeys(LANGUAGES, ()))
    columns: Mapping[str, Both] = field(default_factory=dict)
    categories: Mapping[str, Mapping[Language, Mapping[str, str]]] = field(default_factory=dict)

    def heading(self, column: str, language: Language) -> str:
        """The heading of a column."""
        words = self.columns.get(column)
        return words[language] if words else column.replace("_", " ")

    def category(self, dimension: str, code: object, language: Language) -> str:
        """The words of a category."""
        return self.categories.get(dimension, {}).get(language, {}).get(str(code), str(code))


def study_title(box: Box, language: Language) -> str:
    """The title of the release's study; its id where the release does not say."""
    if not box.has(PUBLIC, PACKAGE):
        return box.release.study
    package = json.loads(box.read(PUBLIC, PACKAGE))
    return str(package["title" if language == "nl" else "title_en"])


def described(box: Box, audience: Audience) -> dict[str, Described]:
    """Every table of a part in words, by id, in the order of the release."""
    if audience == PUBLIC:
        return _from_package(box)
    order = list(_from_package(box))
    found = {table: _from_parquet(box, table) for table in box.tables(audience)}
    return {
        table: found[table] for table in sorted(found, key=lambda t: (order.index(t) if t in order else len(order), t))
    }


def _bare(table: str) -> Described:
    return Described(table, dict.fromkeys(LANGUAGES, table))


def _from_package(box: Box) -> dict[str, Described]:
    tables = box.tables(PUBLIC)
    if not box.has(PUBLIC, PACKAGE):
        return {table: _bare(table) for table in tables}
    resources = {item["name"]: item for item in json.loads(box.read(PUBLIC, PACKAGE))["resources"]}
    known = [name for name in resources if name in tables]
    rest = [table for table in tables if table not in resources]
    return {name: _resource(name, resources[name]) for name in known} | {name: _bare(name) for name in rest}


def _resource(name: str, item: dict[str, Any]) -> Described:
    fields = item["schema"]["fields"]
    return Described(
        name,
        {"nl": item["title"], "en": item["title_en"]},
        {"nl": _lines(item["description"]), "en": _lines(item["description_en"])},
        {part["name"]: {"nl": part["title"], "en": part["title_en"]} for part in fields},
        {part["name"]: part["labels"] for part in fields if "labels" in part},
    )


def _from_parquet(box: Box, table: str) -> Described:
    if not box.has("restricted", f"{table}.parquet"):
        return _bare(table)
    import pyarrow.parquet as pq

    schema = pq.read_schema(box.path("restricted", f"{table}.parquet"))
    about = {key.decode(): value.decode() for key, value in (schema.metadata or {}).items()}
    parts = {part.name: {k.decode(): v.decode() for k, v in (part.metadata or {}).items()} for part in schema}
    return Described(
        table,
        {language: about.get(f"title_{language}", table) for language in LANGUAGES},
        {language: _lines(about.get(f"notes_{language}", "")) for language in LANGUAGES},
        {name: {lang: said.get(f"label_{lang}", name) for lang in LANGUAGES} for name, said in parts.items()},
        {
            name: {language: json.loads(said[f"categories_{language}"]) for language in LANGUAGES}
            for name, said in parts.items()
            if f"categories_{LANGUAGES[0]}" in said
        },
    )


def _lines(text: str) -> tuple[str, ...]:
    return tuple(line for line in text.split("\n") if line)
