"""The operator: runs, how they ended, what was set aside, how well people were recognised, when the next run is."""

from __future__ import annotations

from html.parser import HTMLParser

from starlette.responses import Response

from disclosure.states import Release
from portal.entries import runs as told_runs
from portal.policies import NotFound, Reading, require_action, require_release
from portal.web import Visit
from schemas.release import RESTRICTED

SHOWN = 50


def runs(visit: Visit) -> Response:
    """Runs, newest first."""
    require_action(visit.user, "operate")
    with visit.portal.store.reading() as tx:
        found = told_runs(tx)[:SHOWN]
    states = {release.id: release.state for release in visit.portal.releases()}
    working = visit.portal.services.working()
    return visit.render(
        "runs.html", runs=found, states=states, next_run=visit.portal.services.next_run(), working=working
    )


def linkage(visit: Visit) -> Response:
    """The quality of the linking of a release, from its restricted method note; the reading is on record."""
    role = require_action(visit.user, "operate")
    visit.limit("record")
    release: Release = require_release(visit.user, visit.portal.release(visit.path("release")))
    box, name = visit.portal.shelf.box(release), f"method.{visit.language}.html"
    if not box.has(RESTRICTED, name):
        raise NotFound
    content = box.read(RESTRICTED, name)
    visit.portal.recorder.reading("viewed", visit.user, Reading(role), release, f"{name}/linkage", RESTRICTED)
    return visit.render("linkage.html", release=release, rows=quality(content.decode()))


def quality(note: str) -> list[tuple[str, str]]:
    """Measure and estimate of every row of the note's table of linkage quality; empty where it has none."""
    reader = _Quality()
    reader.feed(note)
    return [(row[0], row[1]) for row in reader.rows if len(row) == 2]


class _Quality(HTMLParser):
    """Rows of the first table after the heading of linkage quality (the last `h3` before the list of tables)."""

    HEADINGS = ("kwaliteit", "quality")

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.rows: list[list[str]] = []
        self._heading = self._inside = self._body = False
        self._text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._text = [] if tag in ("h3", "th", "td") else self._text
        if tag == "tbody":
            self._body = True
        if tag == "tr" and self._inside and self._body:
            self.rows.append([])

    def handle_endtag(self, tag: str) -> None:
        text = "".join(self._text).strip()
        if tag == "h3" and not self.rows:
            self._inside = any(word in text.lower() for word in self.HEADINGS)
        elif tag in ("th", "td") and self._inside and self._body and self.rows:
            self.rows[-1].append(text)
        elif tag == "table":
            self._inside = self._body = False

    def handle_data(self, data: str) -> None:
        self._text.append(data)
