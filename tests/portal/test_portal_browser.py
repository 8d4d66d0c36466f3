"""In real Chromium: every screen accessible, each role's way through, by keyboard, without script, nothing asked elsewhere."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from disclosure.log.notes import load_signing_key
from disclosure.states import approval_message, require_release
from portal.settings import PortalSettings
from tests.portal.browsing import Town, axe, sideways, town, violations
from tests.portal.browsing import served as answering
from tests.portal.conftest import opened
from tests.portal.premises import MARK, PROPOSED, PUBLISHED, Premises, moved
from tests.portal.screens import KEPT, SCREENS, Screen
from tests.portal.tools import free_port

PICTURES = Path(__file__).parents[2] / "docs" / "images" / "portal"
VIEWS = [("light", "desktop"), ("dark", "desktop"), ("light", "phone"), ("dark", "phone")]


@pytest.fixture(scope="module")
def served(premises: Premises, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with town(moved(premises, tmp_path_factory.mktemp("town"))) as made:
        yield made


@pytest.fixture(scope="module")
def rules() -> str:
    return axe()


@pytest.fixture(autouse=True)
def quiet(served: Town) -> Iterator[None]:
    """No test leaves an error in a console or a request to another server."""
    served.faults.clear()
    yield
    assert served.faults == []


def _accessible(served: Town, rules: str, screen: Screen, scheme: str, device: str) -> None:
    page = served.page(screen.role, scheme, device)
    served.visit(page, screen)
    assert violations(page, rules) == []
    assert not sideways(page)
    page.close()


@pytest.mark.parametrize("screen", SCREENS[::5], ids=lambda screen: screen.name)
def test_some_screens_are_accessible(served: Town, rules: str, screen: Screen) -> None:
    """Light on a desktop or dark on a phone; the slow test takes every screen in all four views."""
    scheme, device = VIEWS[0] if SCREENS.index(screen) % 2 else VIEWS[3]
    _accessible(served, rules, screen, scheme, device)


@pytest.mark.slow
@pytest.mark.parametrize(("scheme", "device"), VIEWS)
@pytest.mark.parametrize("screen", SCREENS, ids=lambda screen: screen.name)
def test_every_screen_is_accessible_in_every_view(
    served: Town, rules: str, screen: Screen, scheme: str, device: str
) -> None:
    _accessible(served, rules, screen, scheme, device)


def test_the_rules_find_what_is_wrong(served: Town, rules: str) -> None:
    page = served.page()
    served.visit(page, SCREENS[0])
    page.evaluate("""() => { const i = document.createElement('img'); i.src = '/static/icon.svg'; document.body.append(i);
                             document.documentElement.removeAttribute('lang'); document.body.style.width = '3000px' }""")
    found = {line.split(":")[0] for line in violations(page, rules)}
    assert {"image-alt", "html-has-lang"} <= found
    assert sideways(page)


@pytest.mark.slow
@pytest.mark.parametrize("screen", SCREENS, ids=lambda screen: screen.name)
def test_no_screen_scrolls_sideways_at_320_pixels(served: Town, screen: Screen) -> None:
    """WCAG 1.4.10: 1280 pixels at 400 %."""
    page = served.page(screen.role)
    page.set_viewport_size({"width": 320, "height": 640})
    served.visit(page, screen)
    assert not sideways(page)
    page.close()


# ---------------------------------------------------------------------------------------------- each role's way through


def test_a_reader_finds_compares_and_downloads(served: Town) -> None:
    page = served.page()
    page.goto(f"{served.address}/nl/")
    page.click("a[hreflang=en]")
    page.fill("#find", "sex")
    page.press("#find", "Enter")
    page.click("text=B8 grants by year and sex")
    assert page.is_visible("figure img")
    assert page.evaluate("document.querySelector('figure img').naturalWidth") > 0
    with page.expect_download() as saved:
        page.click("text=CSV for programs")
    assert saved.value.suggested_filename == f"{PUBLISHED}-public-nr2015_f05.csv"
    page.click("text=Compare two years")
    page.select_option("#first", "2011")
    page.click("main button[type=submit]")
    assert page.is_visible("text=2011 and 2014")
    page.close()


def test_search_answers_while_one_types(served: Town) -> None:
    page = served.page()
    page.goto(f"{served.address}/en/search")
    page.type("#q", "reflection")
    page.wait_for_selector("text=Use of reflection period")
    assert "q=reflection" in page.url
    page.close()


def test_staff_read_a_restricted_table_and_know_it_is_on_record(served: Town) -> None:
    page = served.page("rapporteur")
    page.goto(f"{served.address}/en/releases/{PUBLISHED}")
    page.click("text=Assisted returns by year")
    assert page.is_visible(f"text={MARK:,}")
    assert page.is_visible("text=is on record")
    with page.expect_download() as saved:
        page.click("text=Parquet, with words")
    assert saved.value.suggested_filename.endswith(".parquet")
    assert [x["body"]["item"] for x in served.site.leaves(actor="rosa")][-2:] == ["nr2015_f16", "nr2015_f16.parquet"]
    page.close()


def test_an_auditor_follows_a_table_from_the_sentence_to_the_entry(served: Town) -> None:
    page = served.page("auditor")
    page.goto(f"{served.address}/en/audit")
    page.wait_for_selector("text=Everything holds")
    page.click(f"main >> text={PUBLISHED}")
    page.click("text=B8 grants by year and sex >> nth=1")
    assert page.is_visible("text=The attacker could work out no small count")
    page.click("ol >> text=Entry >> nth=1")
    assert page.is_visible("text=release_approved")
    with page.expect_download():
        page.click("text=Proof that this entry")
    page.close()


def test_an_operator_sees_runs_and_their_coded_errors(served: Town) -> None:
    page = served.page("operator")
    page.goto(f"{served.address}/en/runs")
    assert page.is_visible("text=InputRefused")
    assert page.is_visible("text=No run is scheduled")
    page.click("summary >> nth=0")
    assert page.is_visible("text=a required cell is empty >> nth=0")
    page.close()


def test_a_checker_compares_signs_and_publishes(premises: Premises, served: Town, tmp_path: Path) -> None:
    with town_of(served, premises, tmp_path) as own:
        page = own.page("checker")
        page.goto(f"{own.address}/en/review")
        page.click(f"main >> text={PROPOSED}")
        page.wait_for_selector(".findings", timeout=60_000)
        page.click("text=Assisted returns by year")
        assert page.is_visible("text=was 36")
        page.go_back()
        with own.site.store.reading() as tx:
            release = require_release(tx, PROPOSED)
        signature = load_signing_key(premises.key).sign(approval_message(release.id, release.manifest))
        page.set_input_files(
            "#signature", {"name": "approval.sig", "mimeType": "application/octet-stream", "buffer": signature}
        )
        page.click("text=Approve and publish")
        page.wait_for_selector("text=Approved and published.")
        page.close()


def town_of(served: Town, premises: Premises, folder: Path) -> AbstractContextManager[Town]:
    """Another served copy in the same browser."""

    @contextmanager
    def made() -> Iterator[Town]:
        copy, port = moved(premises, folder), free_port()
        settings = PortalSettings.from_environment(copy.state, "127.0.0.1", port, {})
        with opened(copy, settings) as site, answering(site, port):
            yield Town(site, f"http://127.0.0.1:{port}", served.browser)

    return made()


# ------------------------------------------------------------------------------------------- keyboard, no script, styles


def test_a_check_that_fails_says_so_where_it_was_awaited(served: Town, premises: Premises, tmp_path: Path) -> None:
    """The page does not go on saying that it is busy."""
    with town_of(served, premises, tmp_path) as own:
        page = own.page("checker")
        (own.site.premises.state / "certificates" / PROPOSED / "restricted.json").unlink()
        page.goto(f"{own.address}/en/review/{PROPOSED}")
        page.wait_for_selector("text=This cannot be shown now", timeout=60_000)
        assert not page.is_visible(".busy")
        page.close()


def test_by_keyboard_alone_from_the_first_page_to_a_table(served: Town) -> None:
    page = served.page()
    page.goto(f"{served.address}/en/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"
    for text in ("Published on", "Use of reflection period"):
        for _ in range(40):
            page.keyboard.press("Tab")
            if text in page.evaluate("document.activeElement.textContent"):
                break
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid"
        with page.expect_navigation():
            page.keyboard.press("Enter")
    assert "/public/" in page.url
    for _ in range(40):  # a wide table can be scrolled by keyboard: its frame takes the focus
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.getAttribute('role')") == "region":
            break
    assert page.evaluate("document.activeElement.className") == "scroll"
    page.close()


@pytest.mark.parametrize("role", ["", "checker", "auditor"])
def test_without_script_everything_is_there(served: Town, role: str) -> None:
    page = served.page(role, java_script_enabled=False)
    if role == "":
        page.goto(f"{served.address}/en/")
        page.fill("#find", "sex")
        page.press("#find", "Enter")
        page.click("text=B8 grants by year and sex")
        assert page.is_visible("text=75.4%")
    elif role == "checker":
        page.goto(f"{served.address}/en/review/{PROPOSED}")
        page.click("text=Show the result")
        assert page.is_visible("text=Certificate: no small count")
    else:
        page.goto(f"{served.address}/en/audit")
        page.click("text=Does everything hold?")
        assert page.is_visible("text=Everything holds")
        page.goto(f"{served.address}/en/audit/log")
        page.select_option("#kind", "attacked")
        page.click("main button[type=submit]")
        assert "kind=attacked" in page.url
    page.context.close()


def test_styles_apply_to_pages_figures_and_published_files(served: Town) -> None:
    """The content policy forbids inline styles here; a shown file may use the ones it holds."""
    page = served.page()
    page.goto(f"{served.address}/en/releases/{PUBLISHED}/public/nr2015_f05")
    assert page.evaluate("getComputedStyle(document.querySelector('.lead')).fontSize") == "17.6px"
    page.goto(f"{served.address}/files/{PUBLISHED}/public/index.html?view=1")
    assert page.evaluate("getComputedStyle(document.body).maxWidth") == "736px"
    served.faults[:] = [fault for fault in served.faults if "scripts disallowed" not in fault]
    page.close()


@pytest.mark.slow
@pytest.mark.parametrize("name", KEPT)
def test_the_pictures_of_the_documentation(served: Town, name: str) -> None:
    """Kept in docs/images/portal; SCHAKEL_PICTURES=1 takes them anew, otherwise they must be there and show this screen."""
    from PIL import Image

    screen = next(screen for screen in SCREENS if screen.name == name)
    page = served.page(screen.role)
    page.set_viewport_size({"width": 1000, "height": 760})
    served.visit(page, screen, "en")
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = false)")
    taken = Image.open(io.BytesIO(page.screenshot()))
    kept = PICTURES / f"{name}.png"
    if os.environ.get("SCHAKEL_PICTURES"):
        PICTURES.mkdir(parents=True, exist_ok=True)
        taken.convert("RGB").quantize(32).save(kept, optimize=True)
    with Image.open(kept) as shown:
        assert shown.size == taken.size
    assert kept.stat().st_size < 60_000
    page.close()
