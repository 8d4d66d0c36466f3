"""What the portal is made of, and what it asks of the room that may do more (`flows`), as protocols.

The portal computes nothing from registers and decides nothing alone: attacks on a release, approvals and the schedule come
from the services that it is handed at its start.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import sqlalchemy as sa

from disclosure.states import Release, find_release, list_releases
from disclosure.store import Store
from portal.limits import Limiter
from portal.record import Recorder, open_log
from portal.sessions import Sessions
from portal.settings import PortalSettings
from portal.shelf import Shelf
from portal.words import Language
from schemas.release import State
from schemas.tables import Audience

if TYPE_CHECKING:
    from disclosure.log.log import Log
    from portal.auth import Login
    from portal.pages import Pages


@dataclass(frozen=True)
class Finding:
    """One thing that a checker must know. `code` names its sentence in the texts (`finding.*`), `values` fill it."""

    good: bool
    code: str
    values: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Price:
    """What a release cost a population: rho of this release, spent in all, left, and the whole budget."""

    population: str
    audience: str
    mine: float
    spent: float
    left: float
    budget: float


@dataclass(frozen=True)
class Expected:
    """The expected error of a public table in words, and whether it is still useful."""

    table: str
    words: Mapping[Language, str]
    useful: bool


@dataclass(frozen=True)
class Review:
    """What a checker needs besides the tables themselves."""

    findings: tuple[Finding, ...]
    prices: tuple[Price, ...]
    expected: tuple[Expected, ...]


class Services(Protocol):
    """What the portal asks of the room that starts it."""

    @property
    def key_file(self) -> Path | None:
        """Where the log's signing key lies, None for its place in the state folder."""

    def folder_of(self, release: str) -> Path | None:
        """Where a release lies, None where nobody knows."""

    def verify(self) -> int:
        """Recompute log, ledger and states; the number of entries, or IntegrityError (6)."""

    def review(self, release: str, actor: str) -> Review:
        """Attack a release once more, read its certificate (a leaf), compare it with what was seen before."""

    def approve(self, release: str, actor: str, signature: bytes, *, hold: bool) -> None:
        """Approve with the approver's signature over the release, and publish unless `hold`."""

    def move(self, release: str, to: State, actor: str, reason: str | None) -> None:
        """Publish what was approved, reject or withdraw, as a registered checker."""

    def figure(self, folder: Path, study: str, audience: Audience, table: str) -> bytes | None:
        """The figure (SVG) of a table whose release holds none, None where it cannot be drawn."""

    def next_run(self) -> str | None:
        """When the next run is scheduled (ISO, UTC), None where nothing is."""

    def working(self) -> bool:
        """Whether a run holds this state folder now."""


@dataclass(frozen=True)
class Portal:
    """Everything that a view may use."""

    settings: PortalSettings
    store: Store
    services: Services
    shelf: Shelf
    sessions: Sessions
    limiter: Limiter
    recorder: Recorder
    pages: Pages
    login: Login

    def open_log(self) -> Log:
        """The log, to append to or to prove from."""
        return open_log(self.store, self.services.key_file)

    def release(self, name: str) -> Release | None:
        """A release by id, as the store has it now."""
        with self.store.reading() as tx:
            return find_release(tx, name)

    def releases(self, study: str | None = None) -> list[Release]:
        """Every release, in the order they were proposed; what a person may see of them is `visibility`'s."""
        with self.store.reading() as tx:
            return list_releases(tx, study)


def healthy(store: Store) -> bool:
    """Whether the store answers."""
    with store.reading() as tx:
        return tx.execute(sa.text("SELECT 1")).scalar() == 1
