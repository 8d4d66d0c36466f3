"""The auditor's and the operator's screens: the sentence, the log, stories, proofs, runs; and that words exist twice."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path

import sqlalchemy as sa

from disclosure.log.leaves import KINDS as LEAF_KINDS
from disclosure.schema import charges
from portal.entries import accounts, runs
from portal.pages import TEMPLATES
from portal.views.operator import quality
from portal.words import LANGUAGES, sentences
from tests.portal.conftest import Site, Visitor
from tests.portal.premises import MARK, OLD, PROPOSED, PUBLISHED

Visit = Callable[..., Visitor]
ROOM = Path(__file__).parents[2] / "portal"


def test_one_sentence_says_that_everything_holds_and_since_when(visit: Visit, site: Site) -> None:
    text = visit("ada", "auditor").text("/en/audit/verdict")
    found = re.search(
        r"Everything holds: ([\d,]+) entries without a gap since the first checkpoint of (.+?), the", text
    )
    assert found is not None
    assert int(found[1].replace(",", "")) == len(site.leaves())
    assert "files of 3 release(s)" in text


def test_the_sentence_says_what_does_not_hold(own: Site) -> None:
    ada = own.visitor().login("ada", "auditor")
    assert "Everything holds" in ada.text("/en/audit/verdict")
    with own.store.transaction() as tx:
        tx.execute(sa.update(charges).values(rho=0.01))
    own.portal.recorder.store.engine.dispose()
    from portal.views import auditor

    auditor._verdicts.clear()
    text = ada.text("/en/audit/verdict")
    assert "Something does not hold" in text
    assert "charge" in text


def test_a_kept_checkpoint_is_compared(own: Site) -> None:
    ada = own.visitor().login("ada", "auditor")
    note = ada.get("/audit/checkpoint.txt").text
    own.visitor().login("rosa", "rapporteur").get(f"/files/{PUBLISHED}/restricted/nr2015_f16.csv")
    assert "continues your checkpoint" in ada.post("/en/audit/since", "/en/audit", {"note": note}).text
    assert (
        "continues your checkpoint"
        in ada.post("/en/audit/since", "/en/audit", {"note": note.replace("\n", "\r\n")}).text
    )
    size = note.splitlines()[1]
    for wrong in (note.replace(size, str(int(size) - 1)), "no checkpoint", note[:-20]):
        answer = ada.post("/en/audit/since", "/en/audit", {"note": wrong}).text
        assert 'verdict broken"' in answer
        assert "continues your checkpoint over" not in answer


def test_the_log_is_filtered_and_turned_over_page_by_page(visit: Visit, site: Site) -> None:
    ada = visit("ada", "auditor")
    address, seen = "/en/audit/log", list[int]()
    while address:
        site.wait()
        page = ada.get(address).text
        seen += [int(number) for number in re.findall(r'href="/en/audit/log/(\d+)"', page)]
        older = re.search(r'href="(/en/audit/log\?[^"]*before=\d+)"', page)
        address = older[1].replace("&amp;", "&") if older else ""
    assert seen == sorted(seen, reverse=True)
    assert len(seen) == len(site.leaves())
    for query, expected in (
        ("kind=release_rejected", ["regions by an old list"]),
        ("table=nr2015_t02&kind=table_protected", ["nr2015_t02"]),
        (f"release={OLD}&kind=attacked", ["certified"]),
        ("study=wodc2020&kind=refused", ["InputRefused"]),
    ):
        text = ada.text(f"/en/audit/log?{query}")
        assert all(word in text for word in expected), query
    assert "No entry fits" in ada.text("/en/audit/log?actor=nobody")
    assert "No entry fits" in ada.text("/en/audit/log?until=1999")
    assert ada.get("/en/audit/log?before=x&since=%27%3B--").status_code == 200
    assert ada.get("/en/audit/log/999999").status_code == 404


def test_the_exported_log_checks_by_the_program_of_the_handbook(visit: Visit, site: Site) -> None:
    """The eight lines of docs/log.md over the download give the root of the downloaded checkpoint."""
    ada = visit("ada", "auditor")
    before = len(site.leaves(kind="downloaded"))
    lines = ada.get("/audit/log.jsonl").content.splitlines()
    assert site.leaves(kind="downloaded")[before]["body"] == {"item": "log.jsonl"}
    note = ada.get("/audit/checkpoint.txt").text.splitlines()
    level = [hashlib.sha256(b"\0" + line).digest() for line in lines]
    while len(level) > 1:
        pairs = [hashlib.sha256(b"\1" + a + b).digest() for a, b in zip(level[::2], level[1::2], strict=False)]
        level = pairs + ([level[-1]] if len(level) % 2 else [])
    assert (str(len(lines)), base64.b64encode(level[0]).decode()) == (note[1], note[2])
    assert json.loads(lines[-1])["kind"] == "downloaded"
    assert "BEGIN PUBLIC KEY" in ada.get("/audit/keys.pem").text


def test_an_entrys_proof_leads_to_the_checkpoint(visit: Visit) -> None:
    """RFC 9162, 2.1.3.2, by hand."""
    ada = visit("ada", "auditor")
    proof = json.loads(ada.get("/audit/entry/7").content)
    page = ada.get("/en/audit/log/7").text
    data = re.search(r'<pre tabindex="0"><code>(.+?)</code>', page, re.DOTALL)
    assert data is not None
    from html import unescape

    current = hashlib.sha256(b"\0" + unescape(data[1]).encode()).digest()
    assert current.hex() in page
    number, last = proof["seq"], proof["size"] - 1
    for value in map(bytes.fromhex, proof["path"]):
        if number & 1 or number == last:
            current = hashlib.sha256(b"\1" + value + current).digest()
            while not number & 1 and number:
                number, last = number >> 1, last >> 1
        else:
            current = hashlib.sha256(b"\1" + current + value).digest()
        number, last = number >> 1, last >> 1
    assert base64.b64encode(current).decode() == proof["checkpoint"].splitlines()[2]


def test_a_tables_story_from_its_rules_to_its_readers(visit: Visit, site: Site) -> None:
    visit("rosa", "rapporteur").get(f"/files/{PUBLISHED}/restricted/nr2015_f05.csv")
    ada = visit("ada", "auditor")
    text = ada.text(f"/en/audit/releases/{PUBLISHED}/restricted/nr2015_f05")
    wanted = (
        "small ones and what would betray them left out", "Cells that are not shown 4", "threshold 5", "rosa",
        "could work out no small count", "every person who is in it", "release approved: bram", "nr2015_f05.csv",
    )  # fmt: skip
    for words in wanted:
        assert words in text, words
    public = ada.text(f"/en/audit/releases/{PUBLISHED}/public/nr2015_f05")
    assert "nr2015.ind: rho 0.1500" in public
    assert "rosa" not in public


def test_auditors_and_operators_never_see_a_restricted_number(visit: Visit, site: Site) -> None:
    ada, olga = visit("ada", "auditor"), visit("otto", "operator")
    pages = ["/en/audit", "/en/audit/log", "/en/audit/budget", f"/en/audit/releases/{PUBLISHED}",
             f"/en/audit/releases/{PUBLISHED}/restricted/nr2015_f16", "/audit/log.jsonl"]  # fmt: skip
    for browser, paths in (
        (ada, pages),
        (olga, ["/en/runs", f"/en/runs/{PUBLISHED}/linkage", f"/en/releases/{PROPOSED}"]),
    ):
        for path in paths:
            text = browser.get(path).text
            assert str(MARK) not in text, path
            assert f"{MARK:,}" not in text, path
            for reason in ("primary", "secondary"):
                assert reason not in text.lower(), path


def test_the_budget_over_time_follows_from_the_entries(visit: Visit, site: Site) -> None:
    with site.store.reading() as tx:
        found = {account.population: account for account in accounts(tx)}
    spent = [step[1] for step in found["nr2015.ind"].steps]
    assert spent == sorted(spent)
    assert abs(spent[-1] - 4 * 0.15) < 1e-12
    assert found["nr2015.ind"].total == 0.9
    assert "Spent: 0.6000 of 0.9000 (67%)" in visit("ada", "auditor").text("/en/audit/budget")


def test_runs_end_in_a_release_a_refusal_or_nothing(visit: Visit, site: Site) -> None:
    with site.store.reading() as tx:
        found = runs(tx)
    proposed = [run for run in found if run.outcome == "proposed"]
    assert len(proposed) == 5
    assert not [run for run in proposed if run.code]
    assert (found[0].outcome, found[0].code, found[0].exit_code) == ("refused", "InputRefused", 3)
    text = visit("otto", "operator").text("/en/runs")
    assert "The delivery was refused before anything was done" in text
    assert "3 row(s) set aside" in text
    assert "a required cell is empty" in text
    before = len(site.leaves(kind="viewed"))
    assert "0.974 (0.951 to 0.989)" in visit("otto", "operator").text(f"/en/runs/{PUBLISHED}/linkage")
    assert site.leaves(kind="viewed")[before]["role"] == "operator"
    assert quality("<p>no table</p>") == []


def test_the_next_run_is_what_prefect_says(site: Site, monkeypatch: object) -> None:
    """A server that answers as Prefect's API does, one that does not, and none."""
    import threading
    from http.server import BaseHTTPRequestHandler, HTTPServer

    class Api(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'[{"expected_start_time": "2026-12-01T03:00:00Z"}]')

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Api) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        monkeypatch.setenv("PREFECT_API_URL", f"http://127.0.0.1:{server.server_port}/api")  # type: ignore[attr-defined]
        assert site.portal.services.next_run() == "2026-12-01T03:00:00Z"
    assert site.portal.services.next_run() is None
    monkeypatch.setenv("PREFECT_API_URL", "file:///etc/passwd")  # type: ignore[attr-defined]
    assert site.portal.services.next_run() is None


# -------------------------------------------------------------------------------------------------------------------- words


def test_both_languages_say_the_same_things() -> None:
    dutch, english = (sentences(language) for language in LANGUAGES)
    assert set(dutch) == set(english)
    for key, text in dutch.items():
        assert set(re.findall(r"\{(\w+)\}", text)) == set(re.findall(r"\{(\w+)\}", english[key])), key
        assert text.strip() == text


def test_every_sentence_is_said_and_every_said_sentence_exists() -> None:
    code = "\n".join(path.read_text() for path in [*ROOM.rglob("*.py"), *TEMPLATES.glob("*.html")])
    known = set(sentences("en"))
    said = set(re.findall(r"""(?:\bt|say)\(\s*["']([a-z_]+\.[a-z_]+)["'](?! ~)""", code))
    assert said <= known, said - known
    prefixes = set(re.findall(r"""["']([a-z_]+\.[a-z_]*)["'] ~""", code)) | {
        "kind.",
        "error_code.",
        "quarantine.",
        "finding.",
    }
    prefixes |= {"error.", "nav.", "role.", "login.refused_"}
    prefixes |= set(re.findall(r"""f["']([a-z_]+\.[a-z_]*)\{""", code))
    literal = set(re.findall(r"""["']([a-z_]+\.[a-z_]+)["']""", code))
    unused = {key for key in known - said - literal if not any(key.startswith(prefix) for prefix in prefixes)}
    assert unused == set()


def test_words_for_kinds_and_reasons_name_what_exists() -> None:
    """A kind that is newer than the words is shown by its code, so only words without a kind are wrong."""
    assert {key.removeprefix("kind.") for key in sentences("nl") if key.startswith("kind.")} <= set(LEAF_KINDS)
    reasons = set(re.findall(r"^\| `([a-z_]+)` \|", (ROOM.parent / "docs" / "study.md").read_text(), re.MULTILINE))
    assert {key.removeprefix("quarantine.") for key in sentences("nl") if key.startswith("quarantine.")} <= reasons


def test_every_test_that_the_checklist_names_exists() -> None:
    """docs/asvs.md says where each item is tested; a renamed test must not leave a hole there."""
    named = set(re.findall(r"`(test_\w+)`", (ROOM.parent / "docs" / "asvs.md").read_text()))
    there = {
        name
        for path in Path(__file__).parent.glob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", path.read_text(), re.MULTILINE)
    }
    assert len(named) > 40
    assert named <= there, named - there


def test_every_picture_of_the_handbook_is_taken_by_a_test() -> None:
    from tests.portal.screens import KEPT

    shown = re.findall(r"images/portal/([\w-]+)\.png", (ROOM.parent / "docs" / "portal.md").read_text())
    assert sorted(shown) == sorted(KEPT)


def test_every_setting_of_the_portal_is_documented() -> None:
    """Names as the code reads them, whole or with the common beginning left out."""
    code = (ROOM / "settings.py").read_text()
    text = (ROOM.parent / "docs" / "portal.md").read_text()
    for name in set(re.findall(r"SCHAKEL_PORTAL_[A-Z_]*[A-Z]", code)) | {"SCHAKEL_PORTAL_OIDC_CLIENT_ID"}:
        assert name in text or name.removeprefix("SCHAKEL_PORTAL_OIDC") in text, name
