"""What each role may do at all. Which releases exist for it is `visibility`, what must hold besides is `policies`."""

from __future__ import annotations

from typing import Literal

from portal.users import User
from schemas.release import Role

Action = Literal["read_restricted", "preview", "review", "audit", "operate"]

PERMISSIONS: dict[Action, tuple[Role, ...]] = {
    "read_restricted": ("rapporteur", "checker"),
    "preview": ("checker", "operator"),
    "review": ("checker",),
    "audit": ("auditor",),
    "operate": ("operator",),
}
"""The only table of who may do what; reading what is published and public needs no role."""


def role_for(user: User, action: Action) -> Role | None:
    """The role in which a person does something, None where none of their roles allows it."""
    return next((role for role in PERMISSIONS[action] if role in user.roles), None)


def allowed(user: User, action: Action) -> bool:
    """Whether one of a person's roles allows an action."""
    return role_for(user, action) is not None
