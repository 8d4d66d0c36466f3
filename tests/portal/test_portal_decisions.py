"""The checker's way: what waits, what changed, a signature made elsewhere, a reason; and everybody who must not."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path

import pytest

from disclosure.log.notes import SigningKey, create_signing_key, load_signing_key
from disclosure.states import find_release
from tests.portal.conftest import Site, Visitor
from tests.portal.premises import MARK, PROPOSED, PUBLISHED

REVIEW = f"/en/review/{PROPOSED}"


def bram(site: Site) -> Visitor:
    return site.visitor().login("bram", "checker")


def signed(site: Site, browser: Visitor, key: SigningKey | None = None) -> bytes:
    message = browser.get(f"/approval/{PROPOSED}").content
    return (key or load_signing_key(site.premises.key)).sign(message)


def approve(browser: Visitor, signature: bytes, **data: str) -> int:
    files = {"signature": ("approval.sig", signature)}
    return browser.post(f"{REVIEW}/approve", REVIEW, data, files=files).status_code


def state(site: Site, release: str = PROPOSED) -> str:
    with site.store.reading() as tx:
        found = find_release(tx, release)
    assert found is not None
    return found.state


def test_the_queue_and_what_changed_since_the_last_release(own: Site) -> None:
    browser = bram(own)
    assert PROPOSED in browser.text("/en/review")
    text = browser.text(REVIEW)
    assert f"Compared with {PUBLISHED}" in text
    assert "Assisted returns by year nr2015_f16 5 0 0 0 0 1" in text
    table = browser.text(f"{REVIEW}/restricted/nr2015_f16")
    assert "was 36" in table
    assert table.count("was ") >= 1
    viewed = [(x["release"], x["body"]["item"], x["role"]) for x in own.leaves(kind="viewed")]
    assert (PROPOSED, "review", "checker") in viewed
    assert (PROPOSED, "nr2015_f16", "checker") in viewed
    assert (PUBLISHED, "nr2015_f16", "checker") in viewed


def test_the_findings_put_the_bad_news_first_and_reading_the_certificate_is_a_leaf(own: Site) -> None:
    browser = bram(own)
    before = len(own.leaves(kind="certificate_read"))
    answer = browser.get(f"{REVIEW}/findings")
    assert answer.status_code == 200
    kinds = ["bad" if 'class="bad"' in line else "good" for line in answer.text.splitlines() if '<li class="' in line]
    assert kinds == sorted(kinds)
    assert "Certificate: no small count follows from 1 blanks" in browser.text(f"{REVIEW}/findings")
    assert len(own.leaves(kind="certificate_read")) == before + 2
    assert "0.1500" in answer.text
    stranger = own.visitor().login("dirk", "checker")  # the provider says checker, nobody registered him
    assert "was not read: dirk is not registered" in stranger.text(f"{REVIEW}/findings")
    assert len(own.leaves(kind="certificate_read")) == before + 2


@pytest.mark.parametrize("form", ["file", "text"])
def test_approved_with_a_signature_and_published_at_once(own: Site, form: str) -> None:
    browser = bram(own)
    signature = signed(own, browser)
    assert approve(browser, signature if form == "file" else base64.b64encode(signature) + b"\n") == 303
    assert (state(own), state(own, PUBLISHED)) == ("published", "superseded")
    kinds = [leaf["kind"] for leaf in own.leaves(release=PROPOSED)][-2:]
    assert kinds == ["release_approved", "release_published"]
    leaf = own.leaves(kind="release_approved")[-1]
    assert leaf["actor"] == "bram"
    assert leaf["body"]["signature"] == base64.b64encode(signature).decode()
    assert PROPOSED in own.visitor().text("/en/")
    assert own.visitor().get(f"/en/releases/{PUBLISHED}").status_code == 404
    assert own.portal.services.verify() > 0


def test_openssl_makes_a_signature_that_counts(own: Site, tmp_path: Path) -> None:
    """The command that the page prints, run as it stands there."""
    browser = bram(own)
    page = browser.get(REVIEW).text
    command = page.split("<pre><code>")[1].split("</code>")[0]
    (tmp_path / f"approval-{PROPOSED}.txt").write_bytes(browser.get(f"/approval/{PROPOSED}").content)
    (tmp_path / "bram.pem").write_bytes(own.premises.key.read_bytes())
    subprocess.run(command.split(), cwd=tmp_path, check=True)
    assert approve(browser, (tmp_path / "approval.sig").read_bytes(), hold="1") == 303
    assert (state(own), state(own, PUBLISHED)) == ("approved", "published")
    assert browser.post(f"{REVIEW}/publish", REVIEW).status_code == 303
    assert state(own) == "published"


def test_what_is_no_signature_of_the_approver_approves_nothing(own: Site, tmp_path: Path) -> None:
    browser = bram(own)
    right = signed(own, browser)
    other = create_signing_key(tmp_path / "other.pem")
    before = len(own.leaves(release=PROPOSED))
    for wrong in (b"", b"x", right[:-1], bytes(64), signed(own, browser, other), right[::-1]):
        own.wait()
        assert approve(browser, wrong) == 409, wrong
    own.wait()
    stranger = own.visitor().login("dirk", "checker")
    assert approve(stranger, right) == 409
    assert len(own.leaves(release=PROPOSED)) - before == sum(
        leaf["kind"] == "viewed" for leaf in own.leaves(release=PROPOSED)[before:]
    )
    assert state(own) == "proposed"


def test_the_proposer_decides_nothing_even_with_every_role(own: Site) -> None:
    olga = own.visitor().login("olga", "checker", "operator", "auditor", "rapporteur")
    assert "You proposed this release yourself" in olga.text(REVIEW)
    token = {"csrf": olga.token(REVIEW), "reason": "no reason at all"}
    for decision in ("approve", "reject", "publish", "withdraw"):
        assert olga.client.post(f"{REVIEW}/{decision}", data=token).status_code == 403
    assert state(own) == "proposed"


@pytest.mark.parametrize("reason", ["", "ab", "cell holds 3 people", "two\nlines", "x" * 600])
def test_a_reason_is_a_sentence_without_numbers(own: Site, reason: str) -> None:
    browser = bram(own)
    assert browser.post(f"{REVIEW}/reject", REVIEW, {"reason": reason}).status_code == 409
    assert state(own) == "proposed"


def test_rejected_and_withdrawn_for_good(own: Site) -> None:
    browser = bram(own)
    assert browser.post(f"{REVIEW}/reject", REVIEW, {"reason": "regions by an old list"}).status_code == 303
    assert own.leaves(kind="release_rejected")[-1]["body"]["reason"] == "regions by an old list"
    assert browser.post(f"{REVIEW}/reject", REVIEW, {"reason": "once more"}).status_code == 403
    published = f"/en/review/{PUBLISHED}"
    assert own.visitor().get(f"/en/releases/{PUBLISHED}").status_code == 200
    assert browser.post(f"{published}/withdraw", published, {"reason": "the delivery was corrected"}).status_code == 303
    assert own.visitor().get(f"/en/releases/{PUBLISHED}").status_code == 404
    assert own.visitor().get(f"/files/{PUBLISHED}/public/nr2015_f05.csv").status_code == 404
    rosa = own.visitor().login("rosa", "rapporteur")
    answer = rosa.get(f"/files/{PUBLISHED}/restricted/nr2015_f16.csv")
    assert answer.status_code == 404
    assert str(MARK) not in answer.text


def test_a_release_that_gives_a_small_count_away_cannot_be_approved(own: Site) -> None:
    """The files are attacked again before anybody's word is taken, as on the command line."""
    from tests.flows import invented_release

    grid = {**invented_release.SAFE, 2011: (356, 38, None)}
    invented_release.propose(
        own.premises.state,
        own.premises.state.parent,
        "nr2015-z",
        invented_release.tables(grid),
        snapshot="9",
        actor="olga",
    )
    browser = bram(own)
    message = browser.get("/approval/nr2015-z").content
    signature = load_signing_key(own.premises.key).sign(message)
    files = {"signature": ("approval.sig", signature)}
    answer = browser.post("/en/review/nr2015-z/approve", "/en/review/nr2015-z", files=files)
    assert answer.status_code == 409
    assert state(own, "nr2015-z") == "proposed"
