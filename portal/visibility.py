"""Which releases, and which parts of them, exist for whom. What does not exist is not found, whoever knows its address.

Only published releases exist for their audience. Before somebody else than its proposer approved it, a release exists for
operators and checkers; what was replaced, taken back or refused stays visible to them, and its entries stay in the log.
"""

from __future__ import annotations

from collections.abc import Iterable

from disclosure.states import Release
from portal.permissions import allowed
from portal.users import User
from schemas.release import PUBLIC, RESTRICTED, State
from schemas.tables import Audience

EVERYBODY: tuple[State, ...] = ("published",)
ONCE_PUBLISHED: tuple[State, ...] = ("published", "superseded", "withdrawn")


def exists_for(user: User, release: Release) -> bool:
    """Whether a release exists for a person as something to read."""
    return release.state in EVERYBODY or allowed(user, "preview")


def parts_for(user: User, release: Release) -> tuple[Audience, ...]:
    """The parts of a release that exist for a person; none where the release does not.

    Operators preview the public part; restricted tables are for rapporteur staff once published, and for checkers.
    """
    if not exists_for(user, release):
        return ()
    reads = "checker" in user.roles or (release.state in EVERYBODY and "rapporteur" in user.roles)
    return (PUBLIC, RESTRICTED) if reads and allowed(user, "read_restricted") else (PUBLIC,)


def story_exists_for(user: User, release: Release) -> bool:
    """Whether an auditor finds the story of a release: from its publication on, for ever."""
    return allowed(user, "audit") and release.state in ONCE_PUBLISHED


def existing(user: User, releases: Iterable[Release]) -> list[Release]:
    """Those of `releases` that exist for a person, newest first."""
    return [release for release in reversed(list(releases)) if exists_for(user, release)]
