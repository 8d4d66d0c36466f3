"""What everybody reads, and rapporteur staff besides: releases, tables, two years side by side, search."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import get_args

from markupsafe import Markup
from starlette.responses import HTMLResponse, Response

from disclosure.log.audit import Filter, show
from disclosure.states import Release
from portal.described import Described, described, study_title
from portal.policies import NotFound, require_reading, require_release
from portal.printed import Printed, printed
from portal.shelf import Box
from portal.tables import Grid, blanks, compared, grid, protected, years
from portal.visibility import existing, parts_for
from portal.web import Visit
from portal.words import Language
from schemas.errors import IntegrityError
from schemas.release import PUBLIC, RESTRICTED
from schemas.tables import Audience

PAGE = "index.html"
REMEMBERED_TABLES = 2_000
MOST_FOUND = 50
WHOLE = (("tables.xlsx", "xlsx"), ("tables.ods", "ods"), ("datapackage.json", "package"))
SINGLE = (
    (".nl.csv", "csv_nl"),
    (".csv", "csv"),
    (".parquet", "parquet"),
    (".svg", "svg"),
    (".csv-metadata.json", "csvw"),
)


_kept: dict[tuple[Release, str, Language], bytes] = {}


@dataclass(frozen=True)
class Shown:
    """One release in a list."""

    release: Release
    title: str
    published: str
    tables: int


@dataclass(frozen=True)
class TablePage:
    """One table of one part in one language, ready for the template; the same for everybody who may read it."""

    words: Described
    printed: Printed
    grid: Grid | None
    chart: str
    years: tuple[str, ...]
    files: tuple[tuple[str, str], ...]
    notes_files: tuple[tuple[str, str], ...]
    regime: str
    blanks: int


def home(visit: Visit) -> Response:
    """Releases by study, newest first."""
    with visit.portal.store.reading() as tx:
        times = {str(leaf["release"]): str(leaf["time"]) for leaf in show(tx, Filter(kind="release_published"))}
    studies: dict[str, list[Shown]] = {}
    broken = 0
    for release in existing(visit.user, visit.portal.releases()):
        try:
            box = visit.portal.shelf.box(release)
            shown = Shown(release, study_title(box, visit.language), times.get(release.id, ""), len(box.tables(PUBLIC)))
        except IntegrityError:
            broken += 1
            continue
        studies.setdefault(release.study, []).append(shown)
    return visit.render("home.html", studies=studies, broken=broken)


def study(visit: Visit) -> Response:
    """The lasting address of a study: whatever of it is published now."""
    published = [r for r in visit.portal.releases(visit.path("study")) if r.state == "published"]
    if not published:
        raise NotFound
    return visit.redirect(visit.to(f"/releases/{published[-1].id}"))


def release_page(visit: Visit) -> Response:
    """The tables of a release, and the files that hold all of them."""
    release = require_release(visit.user, visit.portal.release(visit.path("release")))
    box = visit.portal.shelf.box(release)
    parts = {audience: list(described(box, audience).values()) for audience in parts_for(visit.user, release)}
    notes = {audience: notes_of(box, audience, visit.language) for audience in parts}
    whole = [(name, label) for name, label in WHOLE if box.has(PUBLIC, name)]
    has_page = box.has(PUBLIC, PAGE)
    return visit.render(
        "release.html", release=release, title=study_title(box, visit.language), parts=parts, notes=notes, whole=whole,
        has_page=has_page,
    )  # fmt: skip


def table_page(visit: Visit) -> Response:
    """One table: its sentence, figure, numbers, what they mean, files, and how to cite it.

    What nobody in particular reads of a published release is the same page for all, and kept: that it is published still
    is looked up every time.
    """
    release, audience, box = reading_of(visit)
    table = visit.path("table")
    common = visit.session is None and audience == PUBLIC and not visit.request.url.query
    key = (release, table, visit.language)
    if common and key in _kept and box.path(audience, f"{table}.csv"):
        return HTMLResponse(_kept[key])
    page = page_of(box, audience, table, visit.language)
    record(visit, release, audience, page.words.id)
    order = list(described_of(box, audience))
    at = order.index(page.words.id)
    beside = (order[at - 1] if at else "", order[at + 1] if at + 1 < len(order) else "")
    response = visit.render(
        "table.html", release=release, audience=audience, page=page, beside=beside,
        study=study_title(box, visit.language), title=page.words.title[visit.language],
    )  # fmt: skip
    if common and not require_reading(visit.user, release, audience).logged:
        if len(_kept) >= REMEMBERED_TABLES:
            _kept.clear()
        _kept[key] = bytes(response.body)
    return response


def years_page(visit: Visit) -> Response:
    """Two years of a table side by side."""
    visit.limit("search")
    release, audience, box = reading_of(visit)
    name = visit.path("table")
    page = page_of(box, audience, name, visit.language)
    if len(page.years) < 2:
        raise NotFound
    first, second = visit.asked("first") or page.years[-2], visit.asked("second") or page.years[-1]
    if first not in page.years or second not in page.years:
        raise NotFound
    record(visit, release, audience, f"{name}/years")
    table = compared(protected(box, audience, name), page.words, visit.language, first, second)
    return visit.render(
        "years.html", release=release, audience=audience, page=page, grid=table, first=first, second=second,
        title=page.words.title[visit.language],
    )  # fmt: skip


def search(visit: Visit) -> Response:
    """Tables whose title, notes, headings or categories hold all the words."""
    asked = visit.asked("q")
    found: list[tuple[Release, Audience, Described]] = []
    if asked:
        visit.limit("search")
        found = list(_matches(visit, asked.lower().split()))[: MOST_FOUND + 1]
    template = "search_results.html" if visit.request.headers.get("hx-request") else "search.html"
    return visit.render(template, asked=asked, found=found[:MOST_FOUND], more=len(found) > MOST_FOUND)


def _matches(visit: Visit, words: list[str]) -> list[tuple[Release, Audience, Described]]:
    found = []
    for release in existing(visit.user, visit.portal.releases()):
        try:
            box = visit.portal.shelf.box(release)
            for audience in parts_for(visit.user, release):
                for table in described_of(box, audience).values():
                    text = haystack(table, visit.language)
                    if all(word in text for word in words):
                        found.append((release, audience, table))
        except IntegrityError:
            continue
    return found


def help_page(visit: Visit) -> Response:
    """How to read a table, who sees what, what is on record."""
    return visit.render("help.html")


def reading_of(visit: Visit) -> tuple[Release, Audience, Box]:
    """The release and part that an address names, for somebody who may read them; the reading is not on record yet."""
    part = visit.path("audience")
    release = require_release(visit.user, visit.portal.release(visit.path("release")))
    if part not in get_args(Audience):
        raise NotFound
    audience: Audience = PUBLIC if part == PUBLIC else RESTRICTED
    reading = require_reading(visit.user, release, audience)
    if reading.logged:
        visit.limit("record")
    return release, audience, visit.portal.shelf.box(release)


def record(visit: Visit, release: Release, audience: Audience, item: str) -> None:
    """The leaf of a view, before its page leaves."""
    reading = require_reading(visit.user, release, audience)
    visit.portal.recorder.reading("viewed", visit.user, reading, release, item, audience)


def page_of(box: Box, audience: Audience, table: str, language: Language) -> TablePage:
    """A table page, from memory where it was made before; NotFound where the part has no such table."""
    if not box.has(audience, f"{table}.csv") or table not in described_of(box, audience):
        raise NotFound
    box.path(audience, f"{table}.csv")
    return _page(_Key(box, audience), table, language)


def described_of(box: Box, audience: Audience) -> dict[str, Described]:
    """The tables of a part in words, from memory where they were read before."""
    return _described(_Key(box, audience))


def notes_of(box: Box, audience: Audience, language: Language) -> list[tuple[str, str]]:
    """The method notes of a part in a language: file name and form."""
    names = [(f"method.{language}.{form}", form) for form in ("html", "pdf")]
    return [(name, form) for name, form in names if box.has(audience, name)]


class _Key:
    """A part of a release as a key of the caches below: equal where the manifest is the same bytes."""

    def __init__(self, box: Box, audience: Audience) -> None:
        self.box, self.audience = box, audience
        self._key = (box.release.id, box.release.manifest, audience)

    def __hash__(self) -> int:
        return hash(self._key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and self._key == other._key


@lru_cache(maxsize=64)
def _described(key: _Key) -> dict[str, Described]:
    return described(key.box, key.audience)


@lru_cache(maxsize=REMEMBERED_TABLES)
def _page(key: _Key, table: str, language: Language) -> TablePage:
    box, audience = key.box, key.audience
    words = _described(key)[table]
    shown = protected(box, audience, table)
    found = printed(box.read(audience, PAGE), table, language) if box.has(audience, PAGE) else None
    chart = f"{table}.svg" if box.has(audience, f"{table}.svg") else ""
    files = tuple((f"{table}{ending}", label) for ending, label in SINGLE if box.has(audience, f"{table}{ending}"))
    return TablePage(
        words,
        found or Printed(notes=words.notes[language]),
        None if found is not None and found.body != Markup("") else grid(shown, words, language),
        chart,
        tuple(years(shown)),
        files,
        tuple(notes_of(box, audience, language)),
        shown.regime,
        blanks(shown),
    )


@lru_cache(maxsize=REMEMBERED_TABLES)
def _haystack(table: str, parts: tuple[str, ...]) -> str:
    return " ".join([table, *parts]).lower()


def haystack(table: Described, language: Language) -> str:
    """Everything that a search looks through."""
    headings = [words[language] for words in table.columns.values()]
    categories = [word for names in table.categories.values() for word in names.get(language, {}).values()]
    return _haystack(table.id, (table.title[language], *table.notes[language], *headings, *categories))
