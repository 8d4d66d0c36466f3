"""Templates: escaping on, no undefined names, the same frame for every page."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2

from portal.permissions import Action, allowed
from portal.words import day, moment, number, other, say, say_or

if TYPE_CHECKING:
    from portal.web import Visit

TEMPLATES = Path(__file__).parent / "templates"
NAVIGATION: tuple[tuple[Action | None, str, str], ...] = (
    (None, "/", "nav.home"),
    ("review", "/review", "nav.review"),
    ("audit", "/audit", "nav.audit"),
    ("operate", "/runs", "nav.operate"),
    (None, "/help", "nav.help"),
)


class Pages:
    """Renders templates for a visit; `t` says sentences, `to` makes addresses, both in the visit's language."""

    def __init__(self) -> None:
        self._environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True, undefined=jinja2.StrictUndefined,
            trim_blocks=True, lstrip_blocks=True,
        )  # fmt: skip

    def render(self, visit: Visit, template: str, values: dict[str, Any]) -> str:
        """The page as HTML."""
        language = visit.language

        def spoken(key: str, **words: object) -> str:
            return say(key, language, **words)

        frame: dict[str, Any] = {
            "language": language,
            "other": other(language),
            "t": spoken,
            "t_or": lambda key, instead: say_or(key, language, instead),
            "to": visit.to,
            "day": lambda iso: day(iso, language),
            "moment": lambda iso: moment(iso, language),
            "number": lambda value, decimals=0: number(value, language, decimals),
            "user": visit.user,
            "csrf": "" if visit.session is None else visit.session.csrf,
            "navigation": navigation(visit),
            "switch": switched(visit),
            "here": visit.here,
            "development": visit.portal.settings.development,
        }
        return self._environment.get_template(template).render(frame | values)


def navigation(visit: Visit) -> list[tuple[str, str, bool]]:
    """Address, key of the words, and whether it is where the reader is."""
    path = visit.request.url.path.removeprefix(f"/{visit.language}")
    return [
        (visit.to(to), words, path.startswith(to) if to != "/" else path in ("/", "") or path.startswith("/releases"))
        for action, to, words in NAVIGATION
        if action is None or allowed(visit.user, action)
    ]


def switched(visit: Visit) -> str:
    """This page in the other language."""
    path, query = visit.request.url.path, visit.request.url.query
    if not path.startswith(f"/{visit.language}/"):
        return f"/{other(visit.language)}/"
    there = f"/{other(visit.language)}/" + path.removeprefix(f"/{visit.language}/")
    return there + (f"?{query}" if query and visit.request.method == "GET" else "")


@cache
def static_version() -> str:
    """A name for the present static files, so that browsers may keep them for ever."""
    import hashlib

    digest = hashlib.sha256()
    for path in sorted((Path(__file__).parent / "static").iterdir()):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
