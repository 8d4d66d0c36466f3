"""Between a request and a view: who asks, in which language, with which form; and how an answer leaves.

A view is a plain function `Visit -> Response` that runs in a thread; it raises what `policies` raises, and pages say why.
"""

from __future__ import annotations

import hmac
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from portal.limits import Kind, address_of
from portal.office import Portal
from portal.policies import Forbidden, LoginNeeded, NotFound
from portal.sessions import Session
from portal.users import NOBODY, User
from portal.words import LANGUAGES, Language, say
from schemas.errors import IntegrityError, SchakelError

COOKIE = "__Host-schakel"  # the prefix makes browsers insist on Secure, no Domain and Path=/
MAX_FORM_BYTES = 16_384
log = logging.getLogger("schakel.portal")

View = Callable[["Visit"], Response]


class TooMany(Exception):
    """A rate limit was reached; `seconds` until the next try."""

    def __init__(self, seconds: int) -> None:
        super().__init__(str(seconds))
        self.seconds = seconds


class BadForm(Exception):
    """A form without the token of its session, too large, or not as the page sent it; nothing was done."""


@dataclass
class Visit:
    """One request by one person. `form` holds the fields of a POST (files as text)."""

    request: Request
    portal: Portal
    language: Language
    session: Session | None
    form: Mapping[str, bytes] = field(default_factory=dict)
    fresh: Session | None = None
    ended: bool = False

    @property
    def user(self) -> User:
        """Who is logged in, or nobody."""
        return NOBODY if self.session is None else self.session.user

    @property
    def here(self) -> str:
        """Path and query of this request, for coming back after logging in."""
        query = self.request.url.query
        return self.request.url.path + (f"?{query}" if query else "")

    def path(self, name: str) -> str:
        """A part of the address."""
        return str(self.request.path_params[name])

    def asked(self, name: str) -> str:
        """A field of the query, at most 200 characters."""
        return self.request.query_params.get(name, "")[:200].strip()

    def field(self, name: str) -> str:
        """A field of the form as text, empty where it is missing or no text."""
        try:
            return self.form.get(name, b"").decode().strip()
        except UnicodeDecodeError:
            return ""

    def to(self, path: str, **query: str) -> str:
        """An address of this site in this language."""
        return f"/{self.language}{path}" + (f"?{urlencode(query)}" if query else "")

    def say(self, key: str, **values: object) -> str:
        """A sentence in this language."""
        return say(key, self.language, **values)

    def limit(self, kind: Kind) -> None:
        """TooMany where this caller did too much of something."""
        client = self.request.client
        caller = self.user.name or address_of(client.host if client else "")
        seconds = self.portal.limiter.wait(kind, caller)
        if seconds:
            raise TooMany(seconds)

    def begin_session(self, user: User = NOBODY) -> Session:
        """A session with a new name; the one of before, if any, ends."""
        if self.session is not None:
            self.portal.sessions.end(self.session.token)
        self.session = self.fresh = self.portal.sessions.start(user)
        return self.session

    def require_session(self) -> Session:
        """The session of this browser, begun now where there is none: forms need its token."""
        return self.session or self.begin_session()

    def end_session(self) -> None:
        """Log out."""
        if self.session is not None:
            self.portal.sessions.end(self.session.token)
        self.session, self.fresh, self.ended = None, None, True

    def render(self, template: str, status: int = 200, **values: Any) -> Response:
        """A page."""
        return HTMLResponse(self.portal.pages.render(self, template, values), status)

    def redirect(self, path: str) -> Response:
        """To another page of this site, after a form or a log-in."""
        return RedirectResponse(path, 303)


def safe_path(path: str) -> str | None:
    """A path of this site's pages to return to, None for anything that leads elsewhere."""
    if len(path) > 500 or any(ord(character) < 33 or character in "\\" or ord(character) > 126 for character in path):
        return None
    try:
        parts = urlsplit(path)
    except ValueError:
        return None
    language = parts.path.split("/")[1:2]
    inside = not (parts.scheme or parts.netloc or path.startswith("//")) and language and language[0] in LANGUAGES
    return quote(path, safe="/?&=%.:~_-+,") if inside else None


def endpoint(view: View, *, language: Language | None = None) -> Callable[[Request], Awaitable[Response]]:
    """A Starlette endpoint for a view. POSTs need the session's token, checked before the view runs."""

    async def answer(request: Request) -> Response:
        portal: Portal = request.app.state.portal
        spoken = language or request.path_params.get("language") or preferred(request)
        visit = Visit(request, portal, spoken, None)
        try:
            form = await read_form(request) if request.method == "POST" else {}
            response = await run_in_threadpool(_run, view, visit, form)
        except BadForm as problem:
            response = problem_answer(visit, 400, "form_title", visit.say(f"error.{problem}"))
        return with_cookie(visit, response)

    return answer


def _run(view: View, visit: Visit, form: Mapping[str, bytes]) -> Response:
    visit.session = load_session(visit.request, visit.portal)
    visit.form = form
    if visit.request.method == "POST":
        check_token(visit)
    try:
        return view(visit)
    except LoginNeeded:
        if visit.request.headers.get("hx-request"):  # the session ended under an open page: leave it, do not fill it
            return Response(status_code=204, headers={"hx-redirect": visit.to("/login")})
        return visit.redirect(visit.to("/login", next=visit.here))
    except (NotFound, Forbidden, TooMany, SchakelError) as problem:
        return problem_page(visit, problem)


def load_session(request: Request, portal: Portal) -> Session | None:
    """The session that a request's cookie names."""
    token = request.cookies.get(COOKIE)
    return portal.sessions.load(token) if token else None


def check_token(visit: Visit) -> None:
    """BadForm unless the form carries the token of its session and was sent by a page of this site."""
    origin = visit.request.headers.get("origin")
    given, session = visit.field("csrf"), visit.session
    if origin is not None and origin != visit.portal.settings.url:
        raise BadForm("form_elsewhere")
    if session is None or not hmac.compare_digest(given.encode(), session.csrf.encode()):
        raise BadForm("form_old")


async def read_form(request: Request) -> dict[str, bytes]:
    """The fields of a form; a file counts as its content. BadForm where it is larger than any form of this site."""
    size = 0
    chunks = []
    async for chunk in request.stream():
        size += len(chunk)
        if size > MAX_FORM_BYTES:
            raise BadForm("form_large")
        chunks.append(chunk)
    request._body = b"".join(chunks)  # so that the parser below reads what was measured
    fields: dict[str, bytes] = {}
    async with request.form(max_files=1, max_fields=20) as form:
        for name, value in form.multi_items():
            content = await value.read() if isinstance(value, UploadFile) else value.encode()
            fields[name] = fields[name] + b"\n" + content if name in fields else content
    return fields


def with_cookie(visit: Visit, response: Response) -> Response:
    """The answer with the cookie of a session that began or ended in this visit."""
    if visit.fresh is not None:
        response.set_cookie(COOKIE, visit.fresh.token, path="/", secure=True, httponly=True, samesite="lax")
    elif visit.ended:
        response.delete_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="lax")
    if visit.session is not None or visit.ended:
        response.headers.setdefault("cache-control", "no-store")
    return response


def preferred(request: Request) -> Language:
    """The language of a reader by the Accept-Language header; Dutch unless English comes first."""
    for part in request.headers.get("accept-language", "").split(","):
        tag = part.split(";")[0].strip().lower()[:2]
        if tag in LANGUAGES:
            return "en" if tag == "en" else "nl"
    return "nl"


def problem_answer(visit: Visit, status: int, title: str, text: str, *, foreign: bool = False) -> Response:
    """A page that says what did not go, or a part of one where only a part was asked for."""
    template = "error_part.html" if visit.request.headers.get("hx-request") else "error.html"
    return visit.render(template, status, heading=visit.say(f"error.{title}"), text=text, foreign=foreign)


def problem_page(visit: Visit, problem: Exception) -> Response:
    """The page for something that did not go, in words; what the program knows about it goes into its own log."""
    if isinstance(problem, NotFound):
        return problem_answer(visit, 404, "missing_title", visit.say("error.missing"))
    if isinstance(problem, Forbidden):
        log.warning("forbidden actor=%s path=%s", visit.user.name or "-", visit.request.url.path)
        return problem_answer(visit, 403, "forbidden_title", visit.say(f"error.forbidden_{problem.why}"))
    if isinstance(problem, TooMany):
        log.warning("limited actor=%s path=%s", visit.user.name or "-", visit.request.url.path)
        response = problem_answer(visit, 429, "many_title", visit.say("error.many", seconds=problem.seconds))
        response.headers["retry-after"] = str(problem.seconds)
        return response
    if isinstance(problem, IntegrityError):
        log.error("integrity path=%s %s", visit.request.url.path, problem)
        return problem_answer(visit, 503, "broken_title", visit.say("error.broken"))
    log.warning(
        "refused actor=%s path=%s code=%s", visit.user.name or "-", visit.request.url.path, type(problem).__name__
    )
    return problem_answer(visit, 409, "refused_title", str(problem), foreign=visit.language != "en")
