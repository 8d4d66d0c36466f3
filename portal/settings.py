"""How the portal is reached and who vouches for its users. Everything comes from the environment; no value is a secret."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from schemas.errors import UsageError

DEFAULT_PORT = 8420


def is_loopback(host: str) -> bool:
    """Whether an address or name is this machine and nothing else."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


@dataclass(frozen=True)
class Provider:
    """The OpenID provider. The client secret lies in a file, never in the environment or a command line.

    roles_claim  the claim of the ID token or userinfo that lists roles; values other than the portal's roles are ignored.
    name_claim   the claim that becomes the actor in the log. `sub` alone is promised to be unique and stable; another one
                 (such as `preferred_username`) only where the provider guarantees the same.
    """

    issuer: str
    client_id: str
    secret_file: Path
    roles_claim: str = "roles"
    name_claim: str = "sub"

    def secret(self) -> str:
        """The client secret; UsageError where the file cannot be read or others can read it."""
        try:
            if self.secret_file.stat().st_mode & 0o077:
                raise UsageError(f"{self.secret_file} can be read by others; chmod 600 it.")
            return self.secret_file.read_text(encoding="utf-8").strip()
        except OSError:
            raise UsageError(
                f"The client secret {self.secret_file} cannot be read; name it with *_SECRET_FILE."
            ) from None


@dataclass(frozen=True)
class PortalSettings:
    """Where the portal listens, under which address people reach it, and how they log in.

    url      the address that people type, https outside loopback; hosts other than its own are refused.
    proxy    address of the reverse proxy whose X-Forwarded-* is believed; empty: nobody's.
    provider None: the development login, for loopback only.
    state    folder for the sessions database.
    """

    host: str
    port: int
    url: str
    state: Path
    proxy: str = ""
    provider: Provider | None = None
    hosts: tuple[str, ...] = field(default=())

    @classmethod
    def from_environment(
        cls, state: Path, host: str, port: int, environment: Mapping[str, str] | None = None
    ) -> PortalSettings:
        """Read `SCHAKEL_PORTAL_*`; UsageError (2) for what would let people in without proof or in clear."""
        found = os.environ if environment is None else environment
        url = found.get("SCHAKEL_PORTAL_URL") or f"http://{f'[{host}]' if ':' in host else host}:{port}"
        made = cls(host, port, url.rstrip("/"), state, found.get("SCHAKEL_PORTAL_PROXY", ""), _provider(found))
        made.check()
        return made

    @property
    def hostname(self) -> str:
        """The host name of `url`."""
        return urlsplit(self.url).hostname or ""

    @property
    def development(self) -> bool:
        """Whether people say themselves who they are."""
        return self.provider is None

    @property
    def allowed_hosts(self) -> list[str]:
        """Values of the Host header that are answered."""
        return (
            [*self.hosts, self.hostname] if not self.development else [*self.hosts, "127.0.0.1", "localhost", "[::1]"]
        )

    def check(self) -> None:
        """UsageError (2) for settings that are not safe together."""
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.path or parts.query:
            raise UsageError(
                "SCHAKEL_PORTAL_URL must be an address such as https://figures.example.org, without a path."
            )
        if parts.scheme == "http" and not is_loopback(parts.hostname):
            raise UsageError("SCHAKEL_PORTAL_URL must begin with https:// outside loopback; put a TLS proxy in front.")
        if self.development and not (is_loopback(self.host) and is_loopback(parts.hostname) and not self.proxy):
            raise UsageError(
                "The development login is for loopback only; set SCHAKEL_PORTAL_OIDC_ISSUER and its client to listen elsewhere."
            )


def _provider(found: Mapping[str, str]) -> Provider | None:
    issuer = found.get("SCHAKEL_PORTAL_OIDC_ISSUER", "")
    if not issuer:
        return None
    parts = urlsplit(issuer)
    if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
        raise UsageError("SCHAKEL_PORTAL_OIDC_ISSUER must begin with https://.")
    missing = [name for name in ("CLIENT_ID", "SECRET_FILE") if not found.get(f"SCHAKEL_PORTAL_OIDC_{name}")]
    if missing:
        raise UsageError(
            f"SCHAKEL_PORTAL_OIDC_{missing[0]} is not set; the provider needs issuer, client and secret file."
        )
    return Provider(
        issuer.rstrip("/"),
        found["SCHAKEL_PORTAL_OIDC_CLIENT_ID"],
        Path(found["SCHAKEL_PORTAL_OIDC_SECRET_FILE"]),
        found.get("SCHAKEL_PORTAL_OIDC_ROLES_CLAIM") or "roles",
        found.get("SCHAKEL_PORTAL_OIDC_NAME_CLAIM") or "sub",
    )
