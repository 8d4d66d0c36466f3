"""Logging in at a real OpenID provider: roles from a claim, and everything that must not log anybody in."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx
import pytest

from portal.auth import LoginRefused, user_of
from portal.settings import PortalSettings
from portal.web import COOKIE
from tests.portal.conftest import ADDRESS, Site, Visitor, opened
from tests.portal.premises import PUBLISHED, Premises, moved
from tests.portal.tools import provider

ACCOUNTS = {
    "a-1": {"preferred_username": "rosa", "roles": ["rapporteur", "manager"]},
    "a-2": {"preferred_username": "ada", "roles": "auditor operator"},
    "a-3": {"preferred_username": "gast", "roles": []},
    "a-4": {"preferred_username": "eve", "roles": ["admin", {"role": "auditor"}, 7]},
    "a-5": {"preferred_username": "<script>", "roles": ["auditor"]},
    "a-6": {"roles": ["auditor"]},
}
SECRET = "a-secret-of-the-tests-" * 3


@dataclass
class House:
    """A portal that trusts a provider."""

    site: Site
    issuer: str

    def leave(self, browser: Visitor, wanted: str = "/en/") -> str:
        """Press the button; gives the provider's address."""
        answer = browser.post("/en/login/start", f"/en/login?next={wanted}")
        assert answer.status_code == 302
        return answer.headers["location"]

    def at_provider(self, address: str, name: str) -> str:
        """Log in at the provider as a person would; gives the address it sends the browser back to."""
        with httpx.Client(follow_redirects=False, timeout=20) as client:
            answer = client.get(address)
            while True:
                if answer.is_redirect:
                    there = urljoin(str(answer.url), answer.headers["location"])
                    if there.startswith(ADDRESS):
                        return there
                    answer = client.get(there)
                    continue
                form = re.search(r'<form[^>]*action="([^"]+)"', answer.text)
                assert form, answer.text[:500]
                fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', answer.text))
                if 'name="login"' in answer.text:
                    fields |= {"login": name, "password": "x"}
                answer = client.post(urljoin(str(answer.url), unescape(form[1])), data=fields)

    def login(self, name: str, wanted: str = "/en/") -> tuple[Visitor, httpx.Response]:
        browser = self.site.visitor()
        back = self.at_provider(self.leave(browser, wanted), name)
        return browser, browser.get(back.removeprefix(ADDRESS))


@contextmanager
def trusting(premises: Premises, folder: Path, *, thin: bool) -> Iterator[House]:
    """A provider and a portal that trusts it; `thin` tokens hold no claims, which then come by userinfo."""
    secret = folder / "secret"
    secret.write_text(SECRET + "\n")
    secret.chmod(0o600)
    mine = moved(premises, folder)
    with provider(ACCOUNTS, SECRET, f"{ADDRESS}/login/callback", thin=thin) as issuer:
        found = {
            "SCHAKEL_PORTAL_URL": ADDRESS, "SCHAKEL_PORTAL_OIDC_ISSUER": issuer, "SCHAKEL_PORTAL_OIDC_CLIENT_ID": "schakel",
            "SCHAKEL_PORTAL_OIDC_SECRET_FILE": str(secret), "SCHAKEL_PORTAL_OIDC_NAME_CLAIM": "preferred_username",
        }  # fmt: skip
        settings = PortalSettings.from_environment(mine.state, "127.0.0.1", 8420, found)
        with opened(mine, settings) as site:
            yield House(site, issuer)


@pytest.fixture(scope="module")
def house(premises: Premises, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with trusting(premises, tmp_path_factory.mktemp("house"), thin=False) as made:
        yield made


@pytest.fixture(autouse=True)
def rested(house: House) -> None:
    house.site.wait()


def test_claims_may_come_by_userinfo(premises: Premises, tmp_path: Path) -> None:
    with trusting(premises, tmp_path, thin=True) as thin:
        browser, _ = thin.login("a-2")
        assert "ada" in browser.text("/en/")
        assert browser.get("/en/audit").status_code == 200
        assert browser.get("/en/review").status_code == 403


def test_the_role_comes_from_the_claim_and_the_name_into_the_log(house: House) -> None:
    wanted = f"/en/releases/{PUBLISHED}/restricted/nr2015_f16"
    browser, answer = house.login("a-1", wanted)
    assert (answer.status_code, answer.headers["location"]) == (303, wanted)
    assert browser.get(wanted).status_code == 200
    leaf = house.site.leaves(kind="viewed")[-1]
    assert (leaf["actor"], leaf["role"]) == ("rosa", "rapporteur")
    assert browser.get("/en/audit").status_code == 403


@pytest.mark.parametrize(("name", "roles"), [("a-2", {"/en/audit", "/en/runs"}), ("a-3", set()), ("a-4", set())])
def test_values_that_are_no_role_of_ours_give_nothing(house: House, name: str, roles: set[str]) -> None:
    browser, _ = house.login(name)
    assert ACCOUNTS[name]["preferred_username"] in browser.text("/en/")
    assert {path for path in ("/en/audit", "/en/runs", "/en/review") if browser.get(path).status_code == 200} == roles


@pytest.mark.parametrize("name", ["a-5", "a-6"])
def test_a_missing_or_unusable_name_logs_nobody_in(house: House, name: str) -> None:
    browser, answer = house.login(name)
    assert answer.status_code == 403
    assert browser.get("/en/audit").status_code == 303


def test_the_request_carries_state_nonce_and_a_pkce_challenge(house: House) -> None:
    asked = parse_qs(urlsplit(house.leave(house.site.visitor())).query)
    assert asked["code_challenge_method"] == ["S256"]
    assert {"state", "nonce", "code_challenge"} <= set(asked)
    assert asked["redirect_uri"] == [f"{ADDRESS}/login/callback"]
    again = parse_qs(urlsplit(house.leave(house.site.visitor())).query)
    assert all(asked[name] != again[name] for name in ("state", "nonce", "code_challenge"))


def test_the_session_is_renewed_and_a_planted_one_is_worth_nothing(house: House) -> None:
    browser = house.site.visitor()
    address = house.leave(browser)
    planted = browser.client.cookies[COOKIE]
    browser.get(house.at_provider(address, "a-1").removeprefix(ADDRESS))
    assert browser.client.cookies[COOKIE] != planted
    thief = house.site.visitor()
    thief.client.cookies.set(COOKIE, planted)
    assert "rosa" not in thief.text("/en/")


def _changed(back: str, change: Callable[[dict[str, str]], dict[str, str]]) -> str:
    query = change({name: values[0] for name, values in parse_qs(urlsplit(back).query).items()})
    return "/login/callback?" + "&".join(f"{name}={value}" for name, value in query.items())


@pytest.mark.parametrize(
    "attack", ["nothing", "state", "no state", "code", "no code", "other browser", "no session", "twice", "error"]
)
def test_who_was_not_sent_by_this_browser_is_not_let_in(house: House, attack: str) -> None:
    browser = house.site.visitor()
    back = house.at_provider(house.leave(browser), "a-2")
    target, address = browser, back.removeprefix(ADDRESS)
    if attack == "state":
        address = _changed(back, lambda q: {**q, "state": "x" * len(q["state"])})
    elif attack == "no state":
        address = _changed(back, lambda q: {"code": q["code"]})
    elif attack == "code":
        address = _changed(back, lambda q: {**q, "code": "x" * len(q["code"])})
    elif attack == "no code":
        address = _changed(back, lambda q: {"state": q["state"]})
    elif attack == "error":
        address = _changed(back, lambda q: {"error": "access_denied", "state": q["state"]})
    elif attack == "other browser":  # login CSRF: the victim's browser gets the attacker's answer
        target = house.site.visitor()
        house.leave(target)
    elif attack == "no session":
        target = house.site.visitor()
    elif attack == "twice":
        assert browser.get(address).status_code == 303
        target = house.site.visitor()
        target.client.cookies.set(COOKIE, browser.client.cookies[COOKIE])
    answer = target.get(address)
    if attack == "nothing":
        assert answer.status_code == 303
        return
    assert answer.status_code == 403
    assert "did not confirm" in answer.text or "niet bevestigd" in answer.text
    if attack != "twice":
        assert target.get("/en/audit").status_code == 303


@pytest.mark.parametrize("what", ["nonce", "code_verifier"])
def test_a_token_for_another_request_is_refused(house: House, what: str) -> None:
    browser = house.site.visitor()
    back = house.at_provider(house.leave(browser), "a-2")
    sessions = house.site.portal.sessions
    session = sessions.load(browser.client.cookies[COOKIE])
    assert session is not None
    for value in session.data.values():
        if isinstance(value, dict):
            value["data"][what] = "x" * 48
    sessions.keep(session)
    assert browser.get(back.removeprefix(ADDRESS)).status_code == 403
    assert browser.get("/en/audit").status_code == 303


def test_another_issuers_token_is_refused(house: House) -> None:
    from dataclasses import replace

    login = house.site.portal.login
    known = login._provider  # type: ignore[attr-defined]
    login._provider = replace(known, issuer="https://another.example")  # type: ignore[attr-defined]
    try:
        _, answer = house.login("a-2")
    finally:
        login._provider = known  # type: ignore[attr-defined]
    assert answer.status_code == 403


def test_the_development_login_does_not_exist_beside_a_provider(house: House) -> None:
    browser = house.site.visitor()
    assert 'name="name"' not in browser.get("/en/login").text
    assert browser.post("/en/login", "/en/login", {"name": "eve", "role_auditor": "1"}).status_code == 403
    assert browser.get("/en/audit").status_code == 303


def test_a_provider_that_does_not_answer_logs_nobody_in(house: House, tmp_path: Path) -> None:
    browser = house.site.visitor()
    back = house.at_provider(house.leave(browser), "a-2")
    client = house.site.portal.login._client  # type: ignore[attr-defined]
    known = dict(client.server_metadata)
    client.server_metadata["token_endpoint"] = "http://127.0.0.1:9/token"
    try:
        assert browser.get(back.removeprefix(ADDRESS)).status_code == 403
    finally:
        client.server_metadata.update(known)


def test_names_and_roles_from_claims() -> None:
    assert user_of("a", ["auditor", "auditor"]).roles == {"auditor"}
    assert user_of("a", "auditor checker x").roles == {"auditor", "checker"}
    assert user_of("a", None).roles == user_of("a", {"roles": "auditor"}).roles == frozenset()
    for name in (None, 7, "", "a b", ["a"]):
        with pytest.raises(LoginRefused):
            user_of(name, ["auditor"])
