"""One set of releases for all tests of the portal, and people who look at them."""

from __future__ import annotations

import fcntl
import os
import pickle
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import unescape
from pathlib import Path
from typing import Any

import httpx
import pytest

from disclosure.log.audit import Filter, show
from disclosure.store import Store, open_store
from flows.portal import Desk
from portal.app import create_app
from portal.limits import Limiter
from portal.settings import PortalSettings
from tests.portal.premises import Premises, build, moved

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it asks for a successor of httpx that prefect and authlib do not use yet
    from starlette.testclient import TestClient

ADDRESS = "https://127.0.0.1:8420"  # the cookie is Secure: a client that keeps that promise needs https
SETTINGS = ("127.0.0.1", 8420)


class Visitor:
    """A browser without script: follows nothing by itself, keeps cookies, knows how to fill in a form."""

    def __init__(self, client: TestClient) -> None:
        self.client = client

    def get(self, path: str, **headers: str) -> httpx.Response:
        return self.client.get(path, headers=headers, follow_redirects=False)

    def token(self, path: str) -> str:
        found = re.search(r'name="csrf" value="([^"]+)"', self.get(path).text)
        assert found, f"no form on {path}"
        return found[1]

    def post(self, path: str, on: str, data: dict[str, str] | None = None, **more: Any) -> httpx.Response:
        """Send a form that stands on the page `on`."""
        fields = {"csrf": self.token(on), **(data or {})}
        return self.client.post(path, data=fields, follow_redirects=False, **more)

    def login(self, name: str, *roles: str) -> Visitor:
        answer = self.post("/en/login", "/en/login", {"name": name, **{f"role_{role}": "1" for role in roles}})
        assert answer.status_code == 303, answer.text
        return self

    def text(self, path: str) -> str:
        """The words of a page, without its markup."""
        answer = self.get(path)
        assert answer.status_code == 200, (path, answer.status_code)
        return " ".join(unescape(re.sub(r"<[^>]+>", " ", answer.text)).split())


class Site:
    """The portal over a state folder."""

    def __init__(self, premises: Premises, store: Store, settings: PortalSettings | None = None) -> None:
        self.premises, self.store = premises, store
        self.now = [1_000_000.0]
        chosen = settings or PortalSettings.from_environment(premises.state, *SETTINGS, environment={})
        self.app = create_app(chosen, store, Desk(premises.settings()), Limiter(clock=lambda: self.now[0]))
        self.portal = self.app.state.portal

    def visitor(self, host: str = "127.0.0.1") -> Visitor:
        client = TestClient(self.app, base_url=ADDRESS, client=(host, 50_000), raise_server_exceptions=True)
        return Visitor(client)

    def leaves(self, **wanted: str) -> list[dict[str, Any]]:
        with self.store.reading() as tx:
            return list(show(tx, Filter(**wanted)))

    def wait(self, seconds: float = 3_600) -> None:
        """Let the time of the rate limits pass."""
        self.now[0] += seconds


@pytest.fixture(scope="session")
def premises(tmp_path_factory: pytest.TempPathFactory) -> Premises:
    """Built by the first worker that needs it; the others wait."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID")
    folder = tmp_path_factory.getbasetemp().parent / f"premises-{run}" if run else tmp_path_factory.mktemp("premises")
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = folder / "done"
        if not done.exists():
            done.write_bytes(pickle.dumps(build(folder / "built")))
        built: Premises = pickle.loads(done.read_bytes())
    return built


@contextmanager
def opened(premises: Premises, settings: PortalSettings | None = None) -> Iterator[Site]:
    store = open_store(premises.state)
    site = Site(premises, store, settings)
    try:
        yield site
    finally:
        site.portal.sessions.close()
        store.close()


@pytest.fixture(scope="session")
def shared(premises: Premises, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site of this worker that tests read from; what they add to its log stays."""
    with opened(moved(premises, tmp_path_factory.mktemp("shared"))) as site:
        yield site


@pytest.fixture
def site(shared: Site) -> Site:
    """The shared site, its rate limits rested."""
    shared.wait()
    return shared


@pytest.fixture
def own(premises: Premises, tmp_path: Path) -> Iterator[Site]:
    """A site of this test alone, for decisions."""
    with opened(moved(premises, tmp_path)) as site:
        yield site


@pytest.fixture
def visit(site: Site) -> Callable[..., Visitor]:
    """`visit("rosa", "rapporteur")`: a browser, logged in if it has a name."""

    def begin(name: str = "", *roles: str) -> Visitor:
        browser = site.visitor()
        return browser.login(name, *roles) if name else browser

    return begin
