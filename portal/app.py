"""The web application: addresses and what stands between them and the world."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from disclosure.store import Store
from portal.auth import login_of, to_start
from portal.limits import Limiter
from portal.office import Portal, Services, healthy
from portal.pages import Pages
from portal.policies import NotFound
from portal.record import Recorder
from portal.security import HEADERS, SecurityHeaders
from portal.sessions import Sessions
from portal.settings import PortalSettings
from portal.shelf import Shelf
from portal.views import auditor, checker, files, login, operator, proofs, public
from portal.web import View, Visit, endpoint, preferred, problem_answer
from portal.words import LANGUAGES
from schemas.errors import SchakelError

STATIC = Path(__file__).parent / "static"
SESSIONS = "portal.db"


class KeptStatic(StaticFiles):
    """Static files under a name that changes with their content, so browsers may keep them."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """The file, to be kept for a year."""
        response = await super().get_response(path, scope)
        response.headers["cache-control"] = "public, max-age=31536000, immutable"
        return response


def create_app(settings: PortalSettings, store: Store, services: Services, limiter: Limiter | None = None) -> Starlette:
    """The application over an open store; `limiter` is another one in tests and benchmarks."""
    settings.check()
    portal = Portal(
        settings, store, services, Shelf(services.folder_of), Sessions(settings.state / SESSIONS), limiter or Limiter(),
        Recorder(store, services.key_file), Pages(), login_of(settings),
    )  # fmt: skip

    @asynccontextmanager
    async def living(_app: Starlette) -> AsyncIterator[None]:
        yield
        portal.sessions.close()

    app = Starlette(
        routes=_routes(),
        middleware=[
            Middleware(SecurityHeaders),
            Middleware(TrustedHostMiddleware, allowed_hosts=settings.allowed_hosts, www_redirect=False),
        ],
        exception_handlers={404: _missing, 405: _missing, 500: _failed},
        lifespan=living,
    )
    app.router.redirect_slashes = False  # it would answer with an address made from the request
    app.state.portal = portal
    return app


def _routes() -> list[BaseRoute]:
    routes: list[BaseRoute] = [
        Route("/", _start),
        Route("/health", _health),
        Mount("/static", KeptStatic(directory=STATIC)),
        Route("/login/callback", login.callback),
        Route("/files/{release}/{audience}/{name}", endpoint(files.part_file)),
        Route("/figures/{release}/{audience}/{table}.svg", endpoint(files.figure_file)),
        Route("/proofs/{release}/{name}", endpoint(files.proof_file)),
        Route("/approval/{release}", endpoint(checker.message)),
        Route("/audit/{name}", endpoint(proofs.log_file)),
        Route("/audit/entry/{seq:int}", endpoint(proofs.entry_proof)),
        Route("/audit/release/{release}/{name}", endpoint(proofs.release_proof)),
    ]
    for path, view, posted in PAGES:
        for language in LANGUAGES:
            methods = ["POST"] if posted else ["GET"]
            routes.append(Route(f"/{language}{path}", endpoint(view, language=language), methods=methods))
    for language in LANGUAGES:
        routes.append(Route(f"/{language}", endpoint(_first, language=language)))
        routes.append(Route(f"/{language}/login/start", _started(language), methods=["POST"]))
    return routes


def _started(language: str) -> Callable[[Request], Awaitable[Response]]:
    async def start(request: Request) -> Response:
        request.path_params["language"] = language
        return await login.start(request)

    return start


PAGES: tuple[tuple[str, View, bool], ...] = (
    ("/", public.home, False),
    ("/help", public.help_page, False),
    ("/search", public.search, False),
    ("/studies/{study}", public.study, False),
    ("/releases/{release}", public.release_page, False),
    ("/releases/{release}/{audience}/{table}", public.table_page, False),
    ("/releases/{release}/{audience}/{table}/years", public.years_page, False),
    ("/login", login.login_page, False),
    ("/login", login.development_login, True),
    ("/logout", login.logout, True),
    ("/review", checker.queue, False),
    ("/review/{release}", checker.release, False),
    ("/review/{release}/findings", checker.findings, False),
    ("/review/{release}/{audience}/{table}", checker.table, False),
    ("/review/{release}/{decision}", checker.decide, True),
    ("/audit", auditor.overview, False),
    ("/audit/verdict", auditor.verdict, False),
    ("/audit/since", auditor.since, True),
    ("/audit/log", auditor.entries, False),
    ("/audit/log/{seq:int}", auditor.entry, False),
    ("/audit/budget", auditor.budget, False),
    ("/audit/releases/{release}", auditor.release, False),
    ("/audit/releases/{release}/{audience}/{table}", auditor.table, False),
    ("/runs", operator.runs, False),
    ("/runs/{release}/linkage", operator.linkage, False),
)
"""Every page below its language: path, view, whether it is posted to."""


def _first(visit: Visit) -> Response:
    return visit.redirect(visit.to("/"))


async def _start(request: Request) -> Response:
    return to_start(preferred(request))


async def _health(request: Request) -> Response:
    """For whatever watches the process: nothing but whether the store answers."""
    portal: Portal = request.app.state.portal
    try:
        good = healthy(portal.store)
    except SchakelError:
        good = False
    return PlainTextResponse("ok" if good else "store", 200 if good else 503)


async def _missing(request: Request, _error: Exception) -> Response:
    def view(_visit: Visit) -> Response:
        raise NotFound

    spoken = request.url.path.split("/")[1:2]
    language = next((known for known in LANGUAGES if [known] == spoken), None)
    if request.method in ("GET", "HEAD"):
        return await endpoint(view, language=language)(request)
    return PlainTextResponse("not found", 404)


async def _failed(request: Request, _error: Exception) -> Response:
    """Something nobody foresaw: a page without a word of what it was, which the server's own log has."""
    portal: Portal = request.app.state.portal
    visit = Visit(request, portal, preferred(request), None)
    response = problem_answer(visit, 500, "failed_title", visit.say("error.failed"))
    response.headers.update(HEADERS)  # this answer leaves from outside the middleware
    return response
