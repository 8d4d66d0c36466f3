"""What attackers of web pages try: forged forms, foreign hosts, paths and headers that escape, formulas, scripts, floods."""

from __future__ import annotations

import asyncio
import csv
import io
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, unquote

import openpyxl
import pandas as pd
import pytest

from portal.limits import LIMITS, Limit, Limiter, address_of
from portal.printed import printed
from portal.security import file_policy
from portal.web import safe_path
from schemas.errors import UsageError
from tests.portal.conftest import Site, Visitor
from tests.portal.premises import MARK, PROPOSED, PUBLISHED

Visit = Callable[..., Visitor]
TEMPLATES = Path(__file__).parents[2] / "portal" / "templates"
STATIC = Path(__file__).parents[2] / "portal" / "static"
POSTS = (
    "/en/logout", f"/en/review/{PROPOSED}/approve", f"/en/review/{PROPOSED}/reject", f"/en/review/{PROPOSED}/withdraw",
    f"/en/review/{PROPOSED}/publish", "/en/audit/since", "/en/login", "/en/login/start",
)  # fmt: skip


@pytest.mark.parametrize("path", POSTS)
def test_a_form_without_its_sessions_token_does_nothing(visit: Visit, site: Site, path: str) -> None:
    bram = visit("bram", "checker", "auditor")
    other = visit("bram", "checker", "auditor").token("/en/")
    before = len(site.leaves())
    for data in ({}, {"csrf": ""}, {"csrf": other}, {"csrf": "x" * 5_000}):
        answer = bram.client.post(path, data={"reason": "because of it", **data}, follow_redirects=False)
        assert answer.status_code == 400, (path, data)
    elsewhere = {"origin": "https://evil.example"}
    right = {"csrf": bram.token("/en/"), "reason": "because of it"}
    assert bram.client.post(path, data=right, headers=elsewhere, follow_redirects=False).status_code == 400
    assert len(site.leaves()) == before
    assert "bram" in bram.text("/en/")


def test_forms_are_only_posted(visit: Visit) -> None:
    bram = visit("bram", "checker")
    for path in POSTS:
        if path != "/en/login":
            assert bram.get(path).status_code == 404
    assert bram.client.put("/en/").status_code in (404, 405)
    assert bram.client.request("TRACE", "/en/").status_code in (404, 405)


def test_a_form_larger_than_any_is_not_read(visit: Visit) -> None:
    bram = visit("bram", "checker")
    answer = bram.post(f"/en/review/{PROPOSED}/reject", "/en/", {"reason": "x" * 20_000})
    assert answer.status_code == 400
    assert "too large" in answer.text


@pytest.mark.parametrize(
    "path",
    [
        "/", "/en/", "/en/nope", "/nope", "/static/style.css", "/static/none.css", f"/en/releases/{PUBLISHED}", "/health",
        f"/files/{PUBLISHED}/public/nr2015_f05.csv", f"/files/{PUBLISHED}/public/index.html?view=1",
        f"/files/{PUBLISHED}/public/nr2015_f05.svg", "/en/review", f"/proofs/{PUBLISHED}/verify.py", "/login/callback",
    ],
)  # fmt: skip
def test_every_answer_carries_the_headers(visit: Visit, path: str) -> None:
    headers = visit().get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["strict-transport-security"].startswith("max-age=63072000")
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["x-frame-options"] == "DENY"
    assert "server" not in headers


def test_an_error_nobody_foresaw_says_nothing_of_itself(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    from starlette.testclient import TestClient

    from portal.views import public

    def broken(_tx: object, _wanted: object) -> None:
        raise RuntimeError(f"secret {MARK}")

    monkeypatch.setattr(public, "show", broken)
    answer = TestClient(site.app, base_url="https://127.0.0.1:8420", raise_server_exceptions=False).get("/en/")
    assert answer.status_code == 500
    assert str(MARK) not in answer.text
    assert "Traceback" not in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_foreign_host_names_are_not_answered(site: Site) -> None:
    for host in ("evil.example", "127.0.0.1.evil.example", ""):
        answer = site.visitor().client.get("/en/", headers={"host": host})
        assert answer.status_code == 400


@pytest.mark.parametrize(
    "name",
    [
        "../manifest.json", "..%2fmanifest.json", "%2e%2e/manifest.json", "..%5cmanifest.json", "/etc/passwd", "%2fetc%2fpasswd",
        "../restricted/nr2015_f16.csv", "..%2frestricted%2fnr2015_f16.csv", "....//restricted/nr2015_f16.csv", "salts.json",
        "nr2015_f05.csv%00.svg", "nr2015_f05.csv/", ".", "..", "", "%c0%ae%c0%ae%2fmanifest.json", "nr2015_f05.csv%0d%0aX-A: b",
    ],
)  # fmt: skip
def test_no_name_leaves_the_part_of_its_release(visit: Visit, site: Site, name: str) -> None:
    rosa = visit("rosa", "rapporteur")
    for browser in (visit(), rosa):
        for folder in (f"/files/{PUBLISHED}/public/", f"/en/releases/{PUBLISHED}/public/", f"/proofs/{PUBLISHED}/"):
            status, body = as_sent(site, browser, folder + name)
            assert status == 404, folder
            assert str(MARK) not in body
            assert "root:" not in body
    assert as_sent(site, rosa, f"/files/{PUBLISHED}/restricted/salts.json")[0] == 404
    for release in ("..", "%2e%2e", "nr2015-b%2f..%2fnr2015-c", ".", "nr2015-b%00"):
        assert as_sent(site, rosa, f"/files/{release}/public/nr2015_f05.csv")[0] == 404


def as_sent(site: Site, browser: Visitor, address: str) -> tuple[int, str]:
    """Ask for an address exactly as written: clients, and the test client too, tidy dots away before they send."""
    sent: list[dict[str, object]] = []

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    cookie = "; ".join(f"{name}={value}" for name, value in browser.client.cookies.items())
    scope = {
        "type": "http", "method": "GET", "path": unquote(address), "raw_path": address.encode(), "query_string": b"",
        "root_path": "", "headers": [(b"host", b"127.0.0.1"), (b"cookie", cookie.encode())], "scheme": "https",
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 8420), "http_version": "1.1",
    }  # fmt: skip
    asyncio.run(site.app(scope, receive, send))
    body = b"".join(bytes(message.get("body", b"")) for message in sent)  # type: ignore[call-overload]
    return int(str(sent[0]["status"])), body.decode(errors="replace")


def test_downloads_are_saved_not_shown_and_shown_files_can_do_nothing(visit: Visit) -> None:
    nobody = visit()
    for name in ("nr2015_f05.csv", "tables.xlsx", "nr2015_f05.svg", "index.html", "method.en.html", "datapackage.json"):
        answer = nobody.get(f"/files/{PUBLISHED}/public/{name}")
        assert answer.headers["content-disposition"].startswith(f'attachment; filename="{PUBLISHED}-public-{name}"')
        assert "sandbox" in answer.headers["content-security-policy"]
    for name in ("index.html", "method.en.html", "nr2015_f05.svg"):
        answer = nobody.get(f"/files/{PUBLISHED}/public/{name}?view=1")
        assert "content-disposition" not in answer.headers
        policy = answer.headers["content-security-policy"]
        assert "sandbox" in policy
        assert "script-src" not in policy
        assert "'sha256-" in policy
    csv_file = nobody.get(f"/files/{PUBLISHED}/public/nr2015_f05.csv?view=1")
    assert "attachment" in csv_file.headers["content-disposition"]


def test_the_styles_of_a_shown_file_are_those_it_holds() -> None:
    policy = file_policy(b"<style>a{}</style><p style='color:red'>")
    assert policy.count("'sha256-") == 1
    assert "'unsafe-inline'" not in policy
    assert "style-src 'none'" in file_policy(None)


def test_a_hostile_file_name_cannot_end_its_header() -> None:
    from portal.views.files import _disposition

    header = _disposition('a"; filename="evil.exe\r\nSet-Cookie: x=1\u202e.csv')
    assert "\r" not in header
    assert "\n" not in header
    assert header.count('"') == 2
    assert "\u202e" not in header


@pytest.mark.parametrize("value", ["x\r\nSet-Cookie: evil=1", "x\nLocation: //evil", "é\r\n"])
def test_no_field_becomes_a_header(visit: Visit, value: str) -> None:
    answer = visit().get(f"/en/login?next=/en/{quote(value)}")
    assert "evil" not in str(answer.headers.get("set-cookie", "")).replace("__Host-schakel", "")
    assert "location" not in answer.headers
    answer = visit().get(f"/en/search?q={quote(value)}")
    assert answer.status_code == 200
    assert "\r" not in "".join(answer.headers.values())


def test_words_typed_by_strangers_are_only_words(visit: Visit) -> None:
    script = '"><script>alert(1)</script><img src=x onerror=alert(1)>{{7007*7001}}'
    for path in (f"/en/search?q={quote(script)}", f"/en/login?next=/en/{quote(script)}", f"/en/{quote(script)}"):
        text = visit().get(path).text
        assert "<script>alert" not in text
        assert "<img src=x" not in text
        assert str(7007 * 7001) not in text
    ada = visit("ada", "auditor")
    assert "<script>alert" not in ada.get(f"/en/audit/log?actor={quote(script)}&table={quote(script)}").text


def test_what_a_release_says_becomes_no_script_style_or_address() -> None:
    """The printed page is ours, and checked; all the same nothing but elements of a table page pass."""
    page = b"""<section class="table" id="t"><div lang="en"><h2>T</h2><p class="lead">5 < 6 & <b>bold</b></p>
      <div class="scroll" onclick="a()" style="x"><table><tr><td><script>alert(1)</script><a href="javascript:a()">link</a>
      <svg onload="a()"><style>b</style></svg>1</td></tr></table></div><iframe src="//evil"></iframe><style>c</style>
      <div class="notes"><ul><li>N <img src=x onerror=a()></li></ul><p>Cite</p></div></div></section>"""
    found = printed(page, "t", "en")
    assert found is not None
    for word in ("script", "onclick", "style", "javascript", "svg", "iframe", "alert", "evil", "href", "onerror"):
        assert word not in found.body
    assert "<td>" in found.body
    assert "link" in found.body
    assert (found.lead, found.notes, found.cite) == ("5 < 6 &", ("N",), "Cite")


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_no_download_holds_a_formula(start: str) -> None:
    """The files come from the release writers; a category that begins like a formula stays text in CSV and Excel."""
    from dataclasses import replace

    from flows.publication.delimited import DUTCH, TIDY, csv_bytes
    from flows.publication.sheets import workbook_sheets
    from flows.publication.views import make_views
    from flows.publication.xlsx import xlsx_bytes
    from tests.publication.fabricate import protected, study_and_catalogue

    study, catalogue = study_and_catalogue("nr2015")
    table = protected("nr2015", catalogue, "public", "noisy")["nr2015_f07"]
    hostile = start + 'HYPERLINK("http://evil","x")'
    frame = table.frame.copy()
    first = frame.loc[frame.index[0], "nationaliteit"]
    frame["nationaliteit"] = frame["nationaliteit"].replace(first, hostile)
    names = tuple(hostile if code == first else code for code in table.categories["nationaliteit"])
    table = replace(table, frame=frame, categories={"nationaliteit": names})
    for dialect in (TIDY, DUTCH):
        rows = csv.reader(io.StringIO(csv_bytes(table, dialect).decode("utf-8-sig")), delimiter=dialect.delimiter)
        for row in rows:
            assert not any(cell[:1] in ("=", "+", "@", "\t", "\r") or re.match(r"-\D", cell) for cell in row), row
    book = xlsx_bytes(workbook_sheets(study, make_views({table.id: table}, catalogue, {})), "t")
    for sheet in openpyxl.load_workbook(io.BytesIO(book)):
        assert not [cell.value for row in sheet.iter_rows() for cell in row if cell.data_type == "f"]
    assert isinstance(table.frame, pd.DataFrame)


def test_the_files_a_visitor_gets_hold_no_formula(visit: Visit) -> None:
    book = visit().get(f"/files/{PUBLISHED}/public/tables.xlsx")
    sheets = openpyxl.load_workbook(io.BytesIO(book.content))
    assert not [c.coordinate for sheet in sheets for row in sheet.iter_rows() for c in row if c.data_type == "f"]


def test_logins_searches_and_readings_go_at_a_persons_pace(visit: Visit, site: Site) -> None:
    browser = visit()
    codes = [browser.post("/en/login", "/en/login", {"name": ""}).status_code for _ in range(LIMITS["login"].burst + 2)]
    assert codes[: LIMITS["login"].burst] == [403] * LIMITS["login"].burst
    assert codes[-1] == 429
    assert int(browser.post("/en/login", "/en/login", {"name": ""}).headers["retry-after"]) > 0
    site.wait()
    assert browser.post("/en/login", "/en/login", {"name": ""}).status_code == 403
    site.wait()
    rosa = visit("rosa", "rapporteur")
    before = len(site.leaves())
    address = f"/files/{PUBLISHED}/restricted/nr2015_f16.csv"
    codes = [rosa.get(address).status_code for _ in range(LIMITS["record"].burst + 5)]
    assert codes.count(429) == 5
    assert len(site.leaves()) == before + LIMITS["record"].burst


def test_limits_are_per_caller_and_forget_no_one_busy() -> None:
    now = [0.0]
    limiter = Limiter(lambda: now[0], {"login": Limit(2, 60)})  # type: ignore[arg-type]
    assert [limiter.wait("login", "a") for _ in range(3)] == [0, 0, 2]
    assert limiter.wait("login", "b") == 0
    now[0] += 1.0
    assert limiter.wait("login", "a") == 0
    assert limiter.wait("login", "a") > 0
    assert address_of("2001:db8:1:2:3::4") == address_of("2001:db8:1:2:ffff::1") != address_of("2001:db8:1:3::1")
    assert address_of("10.0.0.1") == "10.0.0.1"


@pytest.mark.parametrize(
    ("path", "safe"),
    [
        ("/en/", "/en/"), ("/nl/audit/log?kind=viewed&actor=a", "/nl/audit/log?kind=viewed&actor=a"), ("", None), ("/", None),
        ("/english", None), ("https://x/en/", None), ("//x/en/", None), ("/en/ x", None), ("/en/é", None),
        ("/en/" + "a" * 600, None),
    ],
)  # fmt: skip
def test_safe_paths(path: str, safe: str | None) -> None:
    assert safe_path(path) == safe


def test_no_page_needs_an_inline_script_style_or_anybody_elses_server() -> None:
    for path in TEMPLATES.glob("*.html"):
        text = path.read_text()
        assert not re.search(r"<script(?![^>]*\bsrc=\"/static/)", text), path
        assert not re.search(r"\s(style|on\w+)=", text), path
        assert "<style" not in text, path
        assert not re.search(r"(src|href|action)=\"(https?:)?//", text), path
        assert "|safe" not in text, path
        assert "hx-on" not in text, path
    css = (STATIC / "style.css").read_text()
    assert "url(" not in css
    assert "@import" not in css


def test_the_vendored_script_is_the_published_one() -> None:
    """htmx 2.0.11, 0BSD, byte for byte as the npm package has it (SHA-256 below); the licence lies beside it."""
    import hashlib

    digest = hashlib.sha256((STATIC / "htmx.min.js").read_bytes()).hexdigest()
    assert digest == "d6fdc75f204e6bdefa99b69bf1e6d4ac69b8a364f77929f45c13476b4000f717"
    assert "Zero-Clause BSD" in (STATIC / "htmx.LICENSE.txt").read_text()


def test_health_says_when_the_store_is_away(visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (visit().get("/health").status_code, visit().get("/health").text) == (200, "ok")

    def away(_store: object) -> bool:
        raise UsageError("The state database cannot be reached.")

    monkeypatch.setattr("portal.app.healthy", away)
    answer = visit().get("/health")
    assert (answer.status_code, answer.text) == (503, "store")
