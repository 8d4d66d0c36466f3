"""The auditor who trusts nobody: does everything hold, what was decided about which table, who looked, what was spent."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from starlette.responses import Response

from disclosure.log.leaves import KINDS
from disclosure.log.notes import parse_note
from disclosure.schema import checkpoints
from portal.entries import Wanted, accounts, flat, newest, story
from portal.entries import entry as one_entry
from portal.policies import NotFound, require_action, require_story
from portal.views.public import described_of
from portal.visibility import story_exists_for
from portal.web import Visit
from schemas.errors import IntegrityError
from schemas.release import PUBLIC, RESTRICTED
from schemas.tables import Audience

FILTERS = ("study", "release", "kind", "actor", "table", "since", "until")
CHART = (600.0, 120.0)


@dataclass(frozen=True)
class Verdict:
    """Whether everything holds. Sizes are numbers of entries, times ISO; `fault` says what does not."""

    holds: bool
    entries: int = 0
    releases: int = 0
    first: str = ""
    last: str = ""
    covered: int = 0
    fault: str = ""


_verdicts: dict[int, Verdict] = {}
_checking = threading.Lock()


def overview(visit: Visit) -> Response:
    """The first page: the sentence (checked while the reader waits), releases, proofs."""
    require_action(visit.user, "audit")
    releases = [r for r in reversed(visit.portal.releases()) if story_exists_for(visit.user, r)]
    with visit.portal.store.reading() as tx:
        last = tx.execute(sa.select(checkpoints).order_by(checkpoints.c.size.desc()).limit(1)).first()
    return visit.render(
        "audit.html", releases=releases, checkpoint="" if last is None else last.note, answer="", held=True
    )


def verdict(visit: Visit) -> Response:
    """One sentence: everything holds, since which checkpoint, or what does not."""
    require_action(visit.user, "audit")
    visit.limit("audit")
    found = check_everything(visit)
    template = "verdict.html" if visit.request.headers.get("hx-request") else "verdict_page.html"
    return visit.render(template, verdict=found)


def since(visit: Visit) -> Response:
    """Whether the log continues a checkpoint that the auditor kept."""
    require_action(visit.user, "audit")
    visit.limit("audit")
    note = visit.field("note").replace("\r\n", "\n") + "\n"
    log = visit.portal.open_log()
    held = True
    try:
        with visit.portal.store.reading() as tx:
            point = log.extends(tx, note, visit.say("audit.your_checkpoint"))
            size = log.size(tx)
        answer = visit.say("audit.since_holds", size=point.size, time=point.time, now=size)
    except IntegrityError as fault:
        answer, held = str(fault), False
    releases = [r for r in reversed(visit.portal.releases()) if story_exists_for(visit.user, r)]
    return visit.render("audit.html", releases=releases, checkpoint="", answer=answer, held=held)


def check_everything(visit: Visit) -> Verdict:
    """Log, ledger, states and every file of every release that was ever published; once per state of the log."""
    store = visit.portal.store
    with store.reading() as tx:
        notes = tx.execute(sa.select(checkpoints.c.size, checkpoints.c.note).order_by(checkpoints.c.size)).all()
    with _checking:
        try:
            log = visit.portal.open_log()
            with store.reading() as tx:
                size = log.size(tx)
            known = _verdicts.get(size)
            if known is None:
                known = _checked(visit, notes)
                _verdicts.clear()
                _verdicts[size] = known
            _check_files(visit)
        except IntegrityError as fault:
            return Verdict(False, fault=str(fault))
    return known


def _checked(visit: Visit, notes: Sequence[sa.Row[Any]]) -> Verdict:
    size = visit.portal.services.verify()
    first, _ = parse_note(notes[0].note, "the first checkpoint")
    last, _ = parse_note(notes[-1].note, "the last checkpoint")
    count = sum(story_exists_for(visit.user, release) for release in visit.portal.releases())
    return Verdict(True, size, count, first.time, last.time, last.size)


def _check_files(visit: Visit) -> None:
    for release in visit.portal.releases():
        if story_exists_for(visit.user, release):
            box = visit.portal.shelf.box(release)
            for audience in (PUBLIC, RESTRICTED):
                for name in box.names(audience):
                    box.path(audience, name)


def entries(visit: Visit) -> Response:
    """The log with filters, newest first."""
    require_action(visit.user, "audit")
    visit.limit("audit")
    before = visit.asked("before")
    asked = {name: visit.asked(name) for name in FILTERS}
    wanted = Wanted(**asked, before=int(before) if before.isascii() and before.isdigit() and len(before) < 16 else None)
    with visit.portal.store.reading() as tx:
        found, older = newest(tx, wanted)
    query = {name: value for name, value in asked.items() if value}
    following = visit.to("/audit/log", **query, before=str(older)) if older else ""
    template = "log_entries.html" if visit.request.headers.get("hx-request") else "log.html"
    return visit.render(template, found=found, wanted=asked, kinds=tuple(KINDS), older=following)


def entry(visit: Visit) -> Response:
    """One entry as it was hashed."""
    require_action(visit.user, "audit")
    with visit.portal.store.reading() as tx:
        found = one_entry(tx, int(visit.path("seq")))
    if found is None:
        raise NotFound
    leaf, data, digest = found
    return visit.render("entry.html", leaf=leaf, data=data.decode(), digest=digest.hex())


def release(visit: Visit) -> Response:
    """The tables of a release, each with its story."""
    found = require_story(visit.user, visit.portal.release(visit.path("release")))
    box = visit.portal.shelf.box(found)
    parts = {audience: list(described_of(box, audience).values()) for audience in (PUBLIC, RESTRICTED)}
    return visit.render("audit_release.html", release=found, parts=parts)


def table(visit: Visit) -> Response:
    """One table's story."""
    found = require_story(visit.user, visit.portal.release(visit.path("release")))
    if visit.path("audience") not in (PUBLIC, RESTRICTED):
        raise NotFound
    audience: Audience = PUBLIC if visit.path("audience") == PUBLIC else RESTRICTED
    words = described_of(visit.portal.shelf.box(found), audience).get(visit.path("table"))
    if words is None:
        raise NotFound
    with visit.portal.store.reading() as tx:
        told = story(tx, found, audience, words.id)
    rules = flat(told.protected["body"]["rules"].items()) if told.protected else []
    title = words.title[visit.language]
    return visit.render(
        "story.html", release=found, audience=audience, words=words, told=told, rules=rules, title=title
    )


def budget(visit: Visit) -> Response:
    """The budget over time, per population and audience."""
    require_action(visit.user, "audit")
    with visit.portal.store.reading() as tx:
        found = accounts(tx)
    drawn = [(account, _line(account.steps)) for account in found]
    return visit.render("budget.html", accounts=drawn, width=CHART[0], height=CHART[1])


def _line(steps: tuple[tuple[str, float, float], ...]) -> str:
    """The points of a step line: what was spent after every change, as a part of the largest total."""
    width, height = CHART
    most = max(max(total, spent) for _, spent, total in steps) or 1.0
    points, last = [(0.0, height)], height
    for at, (_, spent, _) in enumerate(steps):
        x, y = width * (at + 1) / (len(steps) + 1), height * (1 - spent / most)
        points += [(x, last), (x, y)]
        last = y
    points.append((width, last))
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
