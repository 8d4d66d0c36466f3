"""Logging in: an OpenID provider outside loopback, a form on which one says who one is for trying things out at home."""

from __future__ import annotations

import re
import warnings
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from portal.sessions import Session
from portal.settings import PortalSettings, Provider, is_loopback
from portal.users import ROLES, User
from schemas.errors import UsageError

SCOPE = "openid profile"
_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_.:@/+-]{0,127}$")  # what a leaf takes as an actor
FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "via")


class LoginRefused(Exception):
    """Nobody was logged in; `why` is a key of the texts (`login.*`)."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class Login(Protocol):
    """A way to find out who somebody is."""

    async def begin(self, request: Request, session: Session) -> Response:
        """Send the browser to the provider; what must be remembered goes into `session.data`."""

    async def finish(self, request: Request, session: Session) -> User:
        """Who came back from the provider; LoginRefused where that is not proven."""


def user_of(name: object, roles: object) -> User:
    """A user from claims; values that are no role of ours are ignored. LoginRefused for an unusable name."""
    if not isinstance(name, str) or not _NAME.match(name):
        raise LoginRefused("refused_name")
    listed = roles.split() if isinstance(roles, str) else roles
    given = [value for value in listed if isinstance(value, str)] if isinstance(listed, list | tuple) else []
    return User(name, frozenset(role for role in ROLES if role in given))


class OpenIdLogin:
    """The authorisation code flow with PKCE, state and nonce, by Authlib; roles come from a claim."""

    def __init__(self, provider: Provider, settings: PortalSettings) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # authlib asks for a successor of httpx; prefect has us on this one
            from authlib.integrations.starlette_client import OAuth

        self._provider, self._settings = provider, settings
        oauth = OAuth()
        oauth.register(
            "provider",
            client_id=provider.client_id,
            client_secret=provider.secret(),
            server_metadata_url=f"{provider.issuer}/.well-known/openid-configuration",
            client_kwargs={"scope": SCOPE, "code_challenge_method": "S256", "timeout": 10},
        )
        self._client: Any = oauth.provider

    async def begin(self, request: Request, session: Session) -> Response:
        """To the provider; state, nonce and the PKCE verifier stay in the session, on the server."""
        request.scope["session"] = session.data
        response: Response = await self._client.authorize_redirect(request, f"{self._settings.url}/login/callback")
        return response

    async def finish(self, request: Request, session: Session) -> User:
        """Who the provider says it is: ID token with signature, issuer, audience, expiry and nonce checked."""
        from authlib.common.errors import AuthlibBaseError
        from httpx import HTTPError
        from joserfc.errors import JoseError

        request.scope["session"] = session.data
        try:
            token = await self._client.authorize_access_token(
                request, claims_options={"iss": {"essential": True, "value": self._provider.issuer}}
            )
            claims = dict(token["userinfo"])
            if self._provider.roles_claim not in claims or self._provider.name_claim not in claims:
                said = await self._client.userinfo(token=token)
                if said.get("sub") != claims.get("sub"):
                    raise LoginRefused("refused_provider")
                claims = {**said, **claims}
        except (AuthlibBaseError, JoseError, HTTPError, KeyError, TypeError, ValueError, AttributeError):
            raise LoginRefused("refused_provider") from None
        return user_of(claims.get(self._provider.name_claim), claims.get(self._provider.roles_claim))


class DevelopmentLogin:
    """Everybody is who they say they are: on this machine only, whatever lies between."""

    async def begin(self, request: Request, session: Session) -> Response:
        """There is nobody to send the browser to."""
        raise LoginRefused("refused_development")

    async def finish(self, request: Request, session: Session) -> User:
        """Nobody comes back either."""
        raise LoginRefused("refused_development")

    @staticmethod
    def require_loopback(request: Request) -> None:
        """LoginRefused unless the request came from this machine, to this machine, and through nothing.

        A proxy on this machine would make the whole world look like loopback, so its headers alone are a refusal.
        """
        client = request.client.host if request.client else ""
        if not is_loopback(client) or not is_loopback(request.url.hostname or ""):
            raise LoginRefused("refused_development")
        if any(name in request.headers for name in FORWARDED):
            raise LoginRefused("refused_development")


def login_of(settings: PortalSettings) -> Login:
    """The way to log in that the settings name."""
    if settings.provider is None:
        if not is_loopback(settings.host):
            raise UsageError("The development login is for loopback only.")
        return DevelopmentLogin()
    return OpenIdLogin(settings.provider, settings)


def to_start(language: str) -> RedirectResponse:
    """The first page."""
    return RedirectResponse(f"/{language}/", 303)
