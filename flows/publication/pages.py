"""The report page: one HTML file in two languages, without script and without network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import jinja2
from markupsafe import Markup

from flows.publication.facts import MethodFacts
from flows.publication.gridded import Grid, counts_grid, shares_grid, top_grids
from flows.publication.independence import test_texts
from flows.publication.labels import LANGUAGES, Language, in_language
from flows.publication.sentences import sentence
from flows.publication.statistics import blank_counts
from flows.publication.terminal import legend
from flows.publication.terms import definitions, registers_in_words
from flows.publication.views import View
from flows.publication.words import number, say, section
from schemas.catalogue import Catalogue
from schemas.study import Study

TEMPLATES = Path(__file__).parent / "templates"
BRIEF_TABLES = 7
FOLD_FROM = 14  # rows; a longer table starts folded
Charts = Mapping[tuple[str, Language], str]  # table id and language -> inline SVG


@cache
def environment() -> jinja2.Environment:
    """Templates with escaping on; only charts of our own making are inserted as they are."""
    loader = jinja2.FileSystemLoader(TEMPLATES)
    return jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, keep_trailing_newline=True
    )


def style() -> str:
    """The style sheet of every page."""
    return (TEMPLATES / "style.css").read_text(encoding="utf-8")


@dataclass(frozen=True)
class TablePart:
    """One table in one language, ready for the template."""

    id: str
    language: Language
    title: str
    sentence: str
    chart: str
    counts: Grid
    shares: Grid | None
    tops: list[Grid]
    folded: str
    legend: str
    notes: list[str]
    test: list[str]
    cite: str
    say: dict[str, str]
    words: dict[str, str]


def report_page(views: list[View], charts: Charts, catalogue: Catalogue, study: Study, facts: MethodFacts) -> bytes:
    """`index.html` of a release."""
    pairs = [[_part(view, language, charts, catalogue, study, facts) for language in LANGUAGES] for view in views]
    pages = [_page(views, [pair[at] for pair in pairs], language, study) for at, language in enumerate(LANGUAGES)]
    template = environment().get_template("report.html")
    text = template.render(study=study.title, pages=pages, pairs=pairs, style=Markup(style()))
    return text.encode()


def _page(views: list[View], parts: list[TablePart], language: Language, study: Study) -> dict[str, object]:
    return {
        "language": language,
        "title": in_language(study.title, language),
        "reading": reading(views, language),
        "intro": say(
            "page.intro",
            language,
            registers=registers_in_words(study, language),
            first=study.first_year,
            last=study.last_year,
        ),
        "terms": definitions(views, language),
        "brief": _brief(views, parts),
        "tables": parts,
        "say": section("page", language) | {"people": say("reading.people", language)},
    }


def _brief(views: list[View], parts: list[TablePart]) -> list[TablePart]:
    """The tables of the first screen: one of every population before a second of any, in the order of the page."""
    told = [(view.entry.population, part) for view, part in zip(views, parts, strict=True) if part.sentence]
    first = list(dict(reversed(told)).values())
    more = [part for _, part in told if part not in first]
    chosen = [*first, *more][:BRIEF_TABLES]
    return [part for part in parts if part in chosen]


def reading(views: list[View], language: Language) -> list[str]:
    """How to read the numbers, for the regimes that occur: the bad news first."""
    regimes = {view.table.regime for view in views}
    keys = ["blank"]
    if "noisy" in regimes:
        keys += ["noisy", "noisy_compare", "noisy_sums"]
    keys += [regime for regime in ("suppressed", "rounded") if regime in regimes]
    return [say(f"reading.{key}", language) for key in keys]


def _part(
    view: View, language: Language, charts: Charts, catalogue: Catalogue, study: Study, facts: MethodFacts
) -> TablePart:
    identifier = view.table.id
    counts = counts_grid(view, language)
    folded = say("page.whole_table", language, rows=number(len(view.table.frame), language))
    return TablePart(
        id=identifier,
        language=language,
        title=view.title[language],
        sentence=sentence(view, language),
        chart=Markup(charts.get((identifier, language), "")),
        counts=counts,
        shares=shares_grid(view, language),
        tops=top_grids(view, language),
        folded=folded if len(counts.rows) > FOLD_FROM else "",
        legend=legend(view.table, language),
        notes=table_notes(view, language, catalogue),
        test=test_texts(view, language),
        cite=say(
            "page.cite",
            language,
            study=in_language(study.title, language),
            id=identifier,
            policy=facts.policy_id,
            version=facts.policy_version,
        ),
        say=section("page", language),
        words={"title": view.title[language], "none": say("legend.none", language)},
    )


def table_notes(view: View, language: Language, catalogue: Catalogue) -> list[str]:
    """What a reader of one table must know: population, source, blanks, linking, then the entry's own notes."""
    entry = view.entry
    population = catalogue.populations.get(entry.population)
    unit = catalogue.vocabulary.units.get(entry.unit)
    notes = []
    if population is not None and unit is not None:
        words = {"unit": in_language(unit.label, language), "population": in_language(population.label, language)}
        notes.append(say("page.counts_what", language, **words))
    notes.append(say("page.registers", language, registers=", ".join(entry.registers)))
    blank, cells = blank_counts(view)
    if blank:
        counted = {"blank": number(blank, language), "cells": number(cells, language)}
        notes.append(say("page.blanks_some", language, **counted))
    if entry.linked:
        notes.append(say("page.linked", language))
    return [*notes, *view.notes[language]]
