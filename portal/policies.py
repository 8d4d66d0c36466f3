"""What must hold for one person to read or decide on one thing: roles, visibility, four eyes, and the log together.

Everything here either returns what the caller needs to go on or raises; nothing of it knows of requests.
"""

from __future__ import annotations

from dataclasses import dataclass

from disclosure.states import TRANSITIONS, Release
from portal.permissions import Action, allowed, role_for
from portal.users import User
from portal.visibility import EVERYBODY, exists_for, parts_for, story_exists_for
from schemas.release import PUBLIC, Role, State
from schemas.tables import Audience


class NotFound(Exception):
    """It does not exist for this person; nothing says whether it exists for others."""


class LoginNeeded(Exception):
    """It exists, and nobody is logged in."""


class Forbidden(Exception):
    """It exists, and is not for this person; `why` is a key of the texts."""

    def __init__(self, why: str = "role") -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True)
class Reading:
    """A permission to read. `role` is set where the reading is a leaf of the log, before the bytes leave."""

    role: Role | None

    @property
    def logged(self) -> bool:
        """Whether the reading goes into the log."""
        return self.role is not None


def require_action(user: User, action: Action) -> Role:
    """The role that allows an action; LoginNeeded or Forbidden."""
    role = role_for(user, action)
    if role is None:
        raise Forbidden if user.known else LoginNeeded
    return role


def require_release(user: User, release: Release | None) -> Release:
    """The release, if it exists for this person."""
    if release is None or not exists_for(user, release):
        raise NotFound
    return release


def require_reading(user: User, release: Release, audience: Audience) -> Reading:
    """Permission to read a part of a release.

    Restricted tables, and everything that is not published, are read on record: in a role, with a leaf. That a published
    release has a restricted part is no secret, so those who miss the role are told so.
    """
    require_release(user, release)
    if audience not in parts_for(user, release):
        require_action(user, "read_restricted")
        raise Forbidden
    if audience != PUBLIC:
        role = "checker" if release.state not in EVERYBODY else role_for(user, "read_restricted")
        return Reading(role)
    return Reading(None if release.state in EVERYBODY else role_for(user, "preview"))


def require_story(user: User, release: Release | None) -> Release:
    """A release whose story an auditor may read."""
    require_action(user, "audit")
    if release is None or not story_exists_for(user, release):
        raise NotFound
    return release


def decisions_open(user: User, release: Release) -> tuple[State, ...]:
    """The states into which this person may move a release now, by the one table of transitions."""
    if not allowed(user, "review"):
        return ()
    return tuple(
        rule.after
        for rule in TRANSITIONS
        if rule.before == release.state
        and "checker" in rule.roles
        and rule.after != "superseded"  # follows from publishing another one
        and not (rule.other and user.name == release.proposer)
    )


def require_decision(user: User, release: Release, to: State) -> None:
    """Permission to move a release; Forbidden says whether the person or the state is in the way."""
    require_action(user, "review")
    if to in decisions_open(user, release):
        return
    raise Forbidden("four_eyes" if user.name == release.proposer and release.state == "proposed" else "state")
