"""Logging in and out. A log-in begins a session with a new name; what the browser held before is worth nothing."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from portal.auth import DevelopmentLogin, LoginRefused, user_of
from portal.limits import address_of
from portal.office import Portal
from portal.users import ROLES, User
from portal.web import (
    BadForm,
    TooMany,
    Visit,
    check_token,
    load_session,
    preferred,
    problem_answer,
    problem_page,
    read_form,
    safe_path,
    with_cookie,
)

log = logging.getLogger("schakel.portal")
NEXT = "next"
Step = Callable[[Visit], Awaitable[Response]]


def login_page(visit: Visit) -> Response:
    """The form, or the button that leads to the provider."""
    if visit.user.known:
        return visit.redirect(visit.to("/"))
    session = visit.require_session()
    session.data[NEXT] = safe_path(visit.asked("next")) or visit.to("/")
    visit.portal.sessions.keep(session)
    return visit.render("login.html", roles=ROLES, why="")


def development_login(visit: Visit) -> Response:
    """Log in as whoever one says one is, on loopback only."""
    visit.limit("login")
    try:
        if not isinstance(visit.portal.login, DevelopmentLogin):
            raise LoginRefused("refused_development")
        visit.portal.login.require_loopback(visit.request)
        roles = [role for role in ROLES if visit.field(f"role_{role}")]
        user = user_of(visit.field("name"), roles)
    except LoginRefused as refusal:
        log.warning("login refused why=%s", refusal.why)
        return visit.render("login.html", 403, roles=ROLES, why=refusal.why)
    return visit.redirect(_begin(visit, user))


def logout(visit: Visit) -> Response:
    """Forget the session."""
    log.info("logout actor=%s", visit.user.name)
    visit.end_session()
    return visit.redirect(visit.to("/"))


async def start(request: Request) -> Response:
    """A POST with the session's token: off to the provider."""
    return await _with_provider(request, _leave)


async def callback(request: Request) -> Response:
    """Back from the provider; whoever comes without having been sent is not let in."""
    return await _with_provider(request, _finish)


async def _with_provider(request: Request, step: Step) -> Response:
    portal: Portal = request.app.state.portal
    session = await run_in_threadpool(load_session, request, portal)
    visit = Visit(request, portal, request.path_params.get("language") or preferred(request), session)
    try:
        visit.limit("login")
        response = await step(visit)
    except TooMany as problem:
        response = problem_page(visit, problem)
    except BadForm as problem:
        response = problem_answer(visit, 400, "form_title", visit.say(f"error.{problem}"))
    except LoginRefused as refusal:
        log.warning("login refused why=%s", refusal.why)
        visit.require_session()
        response = visit.render("login.html", 403, roles=ROLES, why=refusal.why)
    return with_cookie(visit, response)


async def _leave(visit: Visit) -> Response:
    visit.form = await read_form(visit.request)
    check_token(visit)
    session = visit.require_session()
    response = await visit.portal.login.begin(visit.request, session)
    await run_in_threadpool(visit.portal.sessions.keep, session)
    return response


async def _finish(visit: Visit) -> Response:
    if visit.session is None:
        raise LoginRefused("refused_provider")
    user = await visit.portal.login.finish(visit.request, visit.session)
    return RedirectResponse(await run_in_threadpool(_begin, visit, user), 303)


def _begin(visit: Visit, user: User) -> str:
    """A fresh session for somebody who proved who they are; where they wanted to go."""
    wanted = "" if visit.session is None else str(visit.session.data.get(NEXT, ""))
    visit.begin_session(user)
    client, roles = visit.request.client, ",".join(sorted(user.roles)) or "-"
    log.info("login actor=%s roles=%s from=%s", user.name, roles, address_of(client.host if client else ""))
    return safe_path(wanted) or visit.to("/")
