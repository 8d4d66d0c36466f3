"""Real Chromium on a real server: contexts, logging in, accessibility by axe-core."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
import uvicorn

from portal.settings import PortalSettings
from tests.portal.conftest import Site, opened
from tests.portal.premises import Premises
from tests.portal.screens import Screen
from tests.portal.tools import free_port, modules

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

PHONE, DESKTOP = {"width": 390, "height": 844}, {"width": 1280, "height": 900}
NAMES = {"rapporteur": "rosa", "checker": "bram", "auditor": "ada", "operator": "olga"}


@dataclass
class Town:
    """A served site and a browser; `faults` gathers what pages complained of and every request that left the site."""

    site: Site
    address: str
    browser: Browser
    faults: list[str] = field(default_factory=list)
    _open: dict[tuple[str, str, str], BrowserContext] = field(default_factory=dict)

    def page(self, role: str = "", scheme: str = "light", device: str = "desktop", **options: Any) -> Page:
        """A page of somebody with a role; the same person's next page is in the same session."""
        key = (role, scheme, device)
        if options or key not in self._open:
            view = PHONE if device == "phone" else DESKTOP
            context = self.browser.new_context(color_scheme=scheme, viewport=view, **options)  # type: ignore[arg-type]
            context.on("console", lambda message: self._said(message.type, message.text))
            context.on("weberror", lambda error: self.faults.append(str(error.error)))
            context.on("request", lambda request: self._asked(request.url))
            page = context.new_page()
            if role:
                self.login(page, role)
            if options:
                return page
            self._open[key] = context
            page.close()
        return self._open[key].new_page()

    def _said(self, kind: str, text: str) -> None:
        # The browser reports the status of pages that are meant to be 404 or 403.
        if kind == "error" and "Failed to load resource" not in text:
            self.faults.append(text)

    def _asked(self, url: str) -> None:
        if not url.startswith((self.address, "data:")):
            self.faults.append(f"asked {url}")

    def login(self, page: Page, role: str) -> None:
        """Log in by the form."""
        self.site.wait()
        page.goto(f"{self.address}/en/login")
        page.fill("#name", NAMES[role])
        page.check(f"#role_{role}")
        with page.expect_navigation():  # a page that is closed while it goes elsewhere can hang the browser
            page.click("main button[type=submit]")

    def visit(self, page: Page, screen: Screen, language: str = "nl") -> None:
        """Go to a screen and wait until what it loads is there; open what is folded."""
        self.site.wait()
        page.goto(f"{self.address}/{language}{screen.path}")
        if screen.settled:
            page.wait_for_selector(screen.settled, timeout=60_000)
        page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")


@contextmanager
def town(premises: Premises) -> Iterator[Town]:
    """Serve a state folder on loopback and open a browser."""
    playwright = pytest.importorskip("playwright.sync_api")
    from tests.portal.tools import chromium

    path, port = chromium(), free_port()
    settings = PortalSettings.from_environment(premises.state, "127.0.0.1", port, {})
    with opened(premises, settings) as site, served(site, port), playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        try:
            yield Town(site, f"http://127.0.0.1:{port}", browser)
        finally:
            browser.close()


@contextmanager
def served(site: Site, port: int) -> Iterator[None]:
    """The site's application on a port, in a thread."""
    server = uvicorn.Server(uvicorn.Config(site.app, host="127.0.0.1", port=port, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        thread.join(0.05)
    yield
    server.should_exit = True
    thread.join(10)


def axe() -> str:
    """The source of axe-core, which runs in the page."""
    return (modules("axe-core") / "axe.min.js").read_text(encoding="utf-8")


def violations(page: Page, source: str) -> list[str]:
    """What axe-core finds, every rule on (WCAG 2.0 to 2.2, A and AA, and good practice)."""
    # By the debugger, as nothing else may run where the content policy allows no inline script.
    client = page.context.new_cdp_session(page)
    client.send("Runtime.evaluate", {"expression": source})
    options = "{rules: {'target-size': {enabled: true}}, resultTypes: ['violations']}"
    asked = {
        "expression": f"axe.run(document, {options}).then(r => JSON.stringify(r.violations))",
        "awaitPromise": True,
    }
    answer = client.send("Runtime.evaluate", {**asked, "returnByValue": True})
    found = json.loads(answer["result"]["value"])
    return [f"{item['id']}: {node['html'][:160]}" for item in found for node in item["nodes"]]


def sideways(page: Page) -> bool:
    """Whether the page itself scrolls sideways."""
    wide: bool = page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
    return wide
