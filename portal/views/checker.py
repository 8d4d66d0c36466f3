"""The second pair of eyes: what waits, a release beside its predecessor, and a decision that only the checker can sign."""

from __future__ import annotations

import base64
import binascii

from starlette.responses import Response

from disclosure.states import Release, approval_message
from portal.policies import NotFound, decisions_open, require_action, require_decision, require_reading, require_release
from portal.tables import blanks, grid, points, protected
from portal.views.files import download
from portal.views.public import described_of
from portal.visibility import ONCE_PUBLISHED
from portal.web import Visit
from schemas.errors import UsageError
from schemas.release import PUBLIC, RESTRICTED, State
from schemas.tables import Audience, ProtectedTable

WAITING = ("proposed", "approved")
DECISIONS: dict[str, State] = {
    "approve": "approved",
    "reject": "rejected",
    "publish": "published",
    "withdraw": "withdrawn",
}
SIGNATURE_BYTES = 64


def queue(visit: Visit) -> Response:
    """What waits for a decision, and what was decided last."""
    require_action(visit.user, "review")
    every = list(reversed(visit.portal.releases()))
    waiting = [(release, release.proposer == visit.user.name) for release in every if release.state in WAITING]
    decided = [release for release in every if release.state not in WAITING]
    return visit.render("queue.html", waiting=waiting, decided=decided[:20], done=_done(visit))


def release(visit: Visit) -> Response:
    """A release beside its predecessor, table by table, and the decisions open to this person."""
    found = _reviewed(visit)
    before = predecessor(visit, found)
    visit.limit("record")
    _record(visit, found, "review", RESTRICTED)
    changes = [(audience, _changes(visit, found, before, audience)) for audience in (RESTRICTED, PUBLIC)]
    return visit.render(
        "review.html", release=found, before=before, parts=changes, open=decisions_open(visit.user, found),
        own=visit.user.name == found.proposer, done=_done(visit),
    )  # fmt: skip


def findings(visit: Visit) -> Response:
    """The attack on the files once more, the certificate, errors and budget; reading the certificate is a leaf."""
    found = _reviewed(visit)
    visit.limit("decide")
    review = visit.portal.services.review(found.id, visit.user.name)
    template = "findings.html" if visit.request.headers.get("hx-request") else "findings_page.html"
    return visit.render(template, release=found, review=review)


def table(visit: Visit) -> Response:
    """One table with every cell that differs from the last release marked."""
    found = _reviewed(visit)
    audience, name = visit.path("audience"), visit.path("table")
    if audience not in (PUBLIC, RESTRICTED):
        raise NotFound
    part: Audience = PUBLIC if audience == PUBLIC else RESTRICTED
    box = visit.portal.shelf.box(found)
    words = described_of(box, part).get(name)
    if words is None:
        raise NotFound
    visit.limit("record")
    _record(visit, found, name, part)
    before = predecessor(visit, found)
    old = None
    if before is not None and visit.portal.shelf.box(before).has(part, f"{name}.csv"):
        _record(visit, before, name, part)
        old = protected(visit.portal.shelf.box(before), part, name)
    shown = grid(protected(box, part, name), words, visit.language, old)
    title = words.title[visit.language]
    return visit.render(
        "review_table.html", release=found, before=before, audience=part, grid=shown, words=words, title=title
    )


def message(visit: Visit) -> Response:
    """The bytes that an approver signs."""
    found = _reviewed(visit)
    return download(
        approval_message(found.id, found.manifest), f"approval-{found.id}.txt", {"cache-control": "no-store"}
    )


def decide(visit: Visit) -> Response:
    """Carry a decision out: approve with a signature made elsewhere, reject or withdraw with a reason, publish."""
    name = visit.path("decision")
    if name not in DECISIONS:
        raise NotFound
    visit.limit("decide")
    found, to = _reviewed(visit), DECISIONS[name]
    require_decision(visit.user, found, to)
    if to == "approved":
        hold = bool(visit.field("hold"))
        visit.portal.services.approve(found.id, visit.user.name, _signature(visit), hold=hold)
        return visit.redirect(visit.to("/review", done="approved" if hold else "published"))
    if to in ("rejected", "withdrawn") and not visit.field("reason"):
        raise UsageError(visit.say("review.reason_missing"))
    visit.portal.services.move(found.id, to, visit.user.name, visit.field("reason") or None)
    return visit.redirect(visit.to("/review", done=to))


def predecessor(visit: Visit, release: Release) -> Release | None:
    """What the study's readers had before this release: the last one before it that was ever published."""
    earlier = [r for r in visit.portal.releases(release.study) if r.seq < release.seq and r.state in ONCE_PUBLISHED]
    return earlier[-1] if earlier else None


def _reviewed(visit: Visit) -> Release:
    require_action(visit.user, "review")
    return require_release(visit.user, visit.portal.release(visit.path("release")))


def _record(visit: Visit, release: Release, item: str, audience: Audience) -> None:
    reading = require_reading(visit.user, release, audience)
    visit.portal.recorder.reading("viewed", visit.user, reading, release, item, audience)


def _done(visit: Visit) -> str:
    done = visit.asked("done")
    return done if done in DECISIONS.values() else ""


def _signature(visit: Visit) -> bytes:
    """The signature as a file of 64 bytes or as base64 text."""
    given = visit.form.get("signature", b"")
    if len(given) == SIGNATURE_BYTES:
        return given
    try:
        decoded = base64.b64decode(given.strip(), validate=True)
    except (binascii.Error, ValueError):
        decoded = b""
    if len(decoded) != SIGNATURE_BYTES:
        raise UsageError(visit.say("review.signature_missing"))
    return decoded


def _changes(visit: Visit, release: Release, before: Release | None, audience: Audience) -> list[dict[str, object]]:
    """Per table: blanks now and before, cells that went blank, came back, or changed."""
    box = visit.portal.shelf.box(release)
    old_box = None if before is None else visit.portal.shelf.box(before)
    rows: list[dict[str, object]] = []
    for name, words in described_of(box, audience).items():
        now = protected(box, audience, name)
        row: dict[str, object] = {
            "id": name,
            "title": words.title[visit.language],
            "cells": len(now.frame),
            "blanks": blanks(now),
        }
        if old_box is not None and old_box.has(audience, f"{name}.csv"):
            row |= difference_counts(now, protected(old_box, audience, name))
        rows.append(row)
    return rows


def difference_counts(now: ProtectedTable, was: ProtectedTable) -> dict[str, object]:
    """How the cells of a table differ from those of the last release."""
    new, old = points(now), points(was)
    pairs = [(new[codes], old.get(codes)) for codes in new]
    return {
        "before": blanks(was),
        "went": sum(p.value is None and q is not None and q.value is not None for p, q in pairs),
        "came": sum(p.value is not None and q is not None and q.value is None for p, q in pairs),
        "changed": sum(
            p.value is not None and q is not None and q.value is not None and p.value != q.value for p, q in pairs
        )
        + sum(q is None for _, q in pairs)
        + sum(codes not in new for codes in old),
    }
