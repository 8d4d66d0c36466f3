"""The method note of one audience in one language: what was counted, how people were protected, what the numbers mean.

The first page is for a reader without statistics. Linkage quality is printed for the restricted audience only.
"""

from __future__ import annotations

from markupsafe import Markup

from flows.publication.described import column_meaning
from flows.publication.facts import AudienceFacts, MethodFacts
from flows.publication.frames import Column, columns
from flows.publication.labels import Language, in_language
from flows.publication.pages import environment, reading, style
from flows.publication.statistics import blank_counts
from flows.publication.terms import definitions, registers_in_words
from flows.publication.views import View
from flows.publication.words import number, say, section
from schemas.catalogue import Catalogue
from schemas.study import Study
from schemas.tables import Audience


def method_note(
    views: list[View], catalogue: Catalogue, study: Study, facts: MethodFacts, audience: Audience, language: Language
) -> bytes:
    """`method.<language>.html` of one audience."""
    own = facts.public if audience == "public" else facts.restricted
    template = environment().get_template("method.html")
    regimes = sorted({view.table.regime for view in views} | {own.regime})
    text = template.render(
        style=Markup(style()),
        language=language,
        say=section("method", language),
        study=in_language(study.title, language),
        audience=say(f"method.audience_{audience}", language),
        confidential=say("method.confidential", language) if audience == "restricted" else "",
        people=say("reading.people", language),
        blank=say("reading.blank", language),
        reading=[*reading(views, language)[1:], say("reading.synthetic_none", language)],
        definitions=definitions(views, language),
        regimes=[say(f"method.regime_{regime}", language) for regime in regimes],
        noisy="noisy" in regimes,
        columns=_columns(views, language),
        tables=_tables(views, catalogue, language),
        notes=_numbered(views, language),
        absent=_absent(views, catalogue, language),
        **_period(views, study, language),
        **_facts(facts, own, audience, study, language),
    )
    return text.encode()


def _period(views: list[View], study: Study, language: Language) -> dict[str, str]:
    years = {"first": study.first_year, "last": study.last_year}
    return {
        "what": say("method.what", language, study=in_language(study.title, language), **years),
        "counted": say("method.counted", language, registers=registers_in_words(study, language)),
        "windows": say("method.windows_text", language, **years),
    }


def _facts(
    facts: MethodFacts, own: AudienceFacts, audience: Audience, study: Study, language: Language
) -> dict[str, object]:
    linkage = facts.linkage
    quality = linkage.quality if linkage is not None and audience == "restricted" else ()
    return {
        "parameters": [in_language(text, language) for text in own.parameters],
        "budget": [in_language(text, language) for text in own.budget],
        "statement": in_language(facts.statement, language),
        "linkage": _as_sentence(in_language(linkage.profile, language)) if linkage is not None else "",
        "quality": [(in_language(name, language), in_language(value, language)) for name, value in quality],
        "contact": _as_sentence(in_language(study.contact, language)),
        "version": say(
            "method.version",
            language,
            policy=facts.policy_id,
            policy_version=facts.policy_version,
            digest=facts.policy_digest,
            code=facts.code_version,
            study=study.id,
            study_version=study.version,
        ),
    }


def _columns(views: list[View], language: Language) -> list[tuple[str, str]]:
    seen: dict[str, Column] = {}
    for view in views:
        for column in columns(view.table):
            if column.kind != "dimension":
                seen.setdefault(column.name, column)
    return [(name, column_meaning(column, language)) for name, column in seen.items()]


def _numbered(views: list[View], language: Language) -> list[str]:
    """The notes of all tables, each once; a table refers to them by their place in this list."""
    return list(dict.fromkeys(note for view in views for note in view.notes[language]))


def _tables(views: list[View], catalogue: Catalogue, language: Language) -> list[dict[str, str]]:
    places = {note: number_ for number_, note in enumerate(_numbered(views, language), 1)}
    listed = []
    for view in views:
        population = catalogue.populations.get(view.entry.population)
        blank, cells = blank_counts(view)
        counted = {"blank": number(blank, language), "cells": number(cells, language)}
        listed.append(
            {
                "id": view.table.id,
                "title": view.title[language],
                "counts": in_language(population.label, language) if population else "",
                "source": ", ".join(view.entry.registers),
                "blank": say("method.of_cells", language, **counted),
                "notes": ", ".join(str(places[note]) for note in view.notes[language]),
            }
        )
    return listed


def _absent(views: list[View], catalogue: Catalogue, language: Language) -> list[str]:
    shown = {view.table.id for view in views}
    return [in_language(entry.titles, language) for entry in catalogue.entries if entry.id not in shown]


def _as_sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "/")) else ".")
