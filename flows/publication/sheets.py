"""The workbook of a release as plain sheets, which XLSX and ODS then only draw: the same content in both."""

from __future__ import annotations

from dataclasses import dataclass

from flows.publication.described import column_meaning
from flows.publication.frames import Cell, Column, columns, guarded, rows
from flows.publication.labels import LANGUAGES
from flows.publication.views import View
from flows.publication.words import say
from schemas.study import Study

CONTENTS_NAME = "Inhoud"
NOTES_NAME = "Toelichting"
SHEET_NAME_LIMIT = 31  # Excel's
INVALID_IN_NAMES = str.maketrans(dict.fromkeys("[]:*?/\\", "_"))


@dataclass(frozen=True)
class Sheet:
    """One sheet: headings above, one header row, the rows.

    `decimals` is per column, None where a number is a name (a year); `links` maps row numbers to sheet names.
    """

    name: str
    headings: tuple[str, ...]
    header: tuple[str, ...]
    decimals: tuple[int | None, ...]
    rows: tuple[tuple[Cell, ...], ...]
    links: dict[int, str]

    @property
    def header_row(self) -> int:
        """Zero-based row of the header: one empty row lies between headings and table."""
        return len(self.headings) + 1


def workbook_sheets(study: Study, views: list[View]) -> list[Sheet]:
    """Contents, notes, then one sheet per table."""
    names = _sheet_names([view.table.id for view in views])
    tables = [_table_sheet(name, view) for name, view in zip(names, views, strict=True)]
    return [_contents(study, views, tables), _notes(views), *tables]


def _sheet_names(ids: list[str]) -> list[str]:
    taken = {CONTENTS_NAME, NOTES_NAME}
    names: list[str] = []
    for identifier in ids:
        base = identifier.translate(INVALID_IN_NAMES)
        name, turn = base[:SHEET_NAME_LIMIT], 2
        while name in taken:
            suffix = f"~{turn}"
            name, turn = base[: SHEET_NAME_LIMIT - len(suffix)] + suffix, turn + 1
        taken.add(name)
        names.append(name)
    return names


def _contents(study: Study, views: list[View], tables: list[Sheet]) -> Sheet:
    header = tuple(
        f"{say(f'sheet.column_{key}', 'nl')} / {say(f'sheet.column_{key}', 'en')}"
        for key in ("sheet", "title_nl", "title_en", "rows")
    )
    listed = tuple(
        (sheet.name, guarded(view.title["nl"]), guarded(view.title["en"]), len(sheet.rows))
        for view, sheet in zip(views, tables, strict=True)
    )
    headings = (study.title.nl, study.title.en, say("sheet.about", "nl"), say("sheet.about", "en"))
    links = {number: sheet.name for number, sheet in enumerate(tables)}
    return Sheet(CONTENTS_NAME, headings, header, (0, 0, 0, 0), listed, links)


def _notes(views: list[View]) -> Sheet:
    """What every column and every status means."""
    seen: dict[str, Column] = {}
    statuses: dict[str, None] = {}
    for view in views:
        for column in columns(view.table):
            if column.kind != "dimension":
                seen.setdefault(column.name, column)
        statuses.update(dict.fromkeys(view.table.frame["status"].tolist()))
    listed = [(name, *(column_meaning(column, language) for language in LANGUAGES)) for name, column in seen.items()]
    listed += [(name, *(say(f"status.{name}", language) for language in LANGUAGES)) for name in sorted(statuses)]
    header = tuple(
        f"{say(f'sheet.column_{key}', 'nl')} / {say(f'sheet.column_{key}', 'en')}"
        for key in ("name", "meaning_nl", "meaning_en")
    )
    headings = (f"{say('sheet.notes', 'nl')} / {say('sheet.notes', 'en')}",)
    return Sheet(NOTES_NAME, headings, header, (0, 0, 0), tuple(listed), {})


def _table_sheet(name: str, view: View) -> Sheet:
    """Codes, their words in both languages, values, status."""
    table = view.table
    described = columns(table)
    worded = [dimension for dimension in table.dimensions if _has_words(view, dimension)]
    count = len(table.dimensions)
    header = [column.name for column in described[:count]]
    header += [
        f"{view.labels.dimension(dimension, language)} ({language})" for dimension in worded for language in LANGUAGES
    ]
    header += [column.name for column in described[count:]]
    places = {dimension: position for position, dimension in enumerate(table.dimensions)}
    filled = []
    for row, codes in zip(rows(table), table.frame[list(table.dimensions)].itertuples(index=False), strict=True):
        words = [
            guarded(view.labels.category(dimension, codes[places[dimension]], language))
            for dimension in worded
            for language in LANGUAGES
        ]
        filled.append((*row[:count], *words, *row[count:]))
    decimals: list[int | None] = [None] * (count + 2 * len(worded))
    decimals += [min(column.decimals, 1) for column in described[count:]]
    notes = tuple(note for language in LANGUAGES for note in view.notes[language])
    headings = (view.title["nl"], view.title["en"], *notes)
    return Sheet(name, headings, tuple(header), tuple(decimals), tuple(filled), {})


def _has_words(view: View, dimension: str) -> bool:
    return any(view.labels.category(dimension, code, "nl") != str(code) for code in view.table.categories[dimension])
