"""Who looks: a name and the roles that the identity provider vouches for."""

from __future__ import annotations

from dataclasses import dataclass

from schemas.release import Role

ROLES: tuple[Role, ...] = ("rapporteur", "checker", "auditor", "operator")
"""The roles that a person can have here; `system` is nobody."""


@dataclass(frozen=True)
class User:
    """A person as the portal knows them; `name` is the actor of the log's leaves. Nobody has no name and no roles."""

    name: str = ""
    roles: frozenset[Role] = frozenset()

    @property
    def known(self) -> bool:
        """Whether somebody is logged in."""
        return bool(self.name)


NOBODY = User()
