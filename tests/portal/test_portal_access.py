"""Who may do what: one matrix of roles and addresses, releases that do not exist for their guessers, logging in and out."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from disclosure.states import Release
from portal.permissions import PERMISSIONS
from portal.policies import decisions_open
from portal.settings import PortalSettings, Provider, is_loopback
from portal.users import NOBODY, ROLES, User
from portal.visibility import exists_for, parts_for, story_exists_for
from schemas.errors import UsageError
from tests.conftest import Invoke
from tests.portal.conftest import Site, Visitor
from tests.portal.premises import MARK, OLD, PROPOSED, PUBLISHED, REJECTED, WITHDRAWN, Premises, moved

Visit = Callable[..., Visitor]
STATES = ("proposed", "approved", "rejected", "published", "superseded", "withdrawn")


def release(state: str, proposer: str = "olga") -> Release:
    return Release("r", "nr2015", state, proposer, "m", "s", "p", 1)  # type: ignore[arg-type]


def users() -> list[User]:
    """Nobody, somebody without a role, and every set of roles."""
    sets = itertools.chain.from_iterable(itertools.combinations(ROLES, size) for size in range(len(ROLES) + 1))
    return [NOBODY, *(User("eva", frozenset(roles)) for roles in sets)]


@pytest.mark.parametrize("state", STATES)
def test_what_exists_for_whom_follows_from_one_rule(state: str) -> None:
    """The rule written a second time, from the words of the contract, for every state and every set of roles."""
    for user in users():
        inside = bool(user.roles & {"operator", "checker"})
        assert exists_for(user, release(state)) == (state == "published" or inside)
        restricted = "restricted" in parts_for(user, release(state))
        staff = "rapporteur" in user.roles and state == "published"
        assert restricted == (staff or "checker" in user.roles)
        assert story_exists_for(user, release(state)) == (
            "auditor" in user.roles and state in ("published", "superseded", "withdrawn")
        )


def test_a_proposer_decides_nothing_about_the_own_release() -> None:
    own = User("olga", frozenset(ROLES))
    assert decisions_open(own, release("proposed")) == ()
    assert set(decisions_open(User("bram", frozenset({"checker"})), release("proposed"))) == {"approved", "rejected"}
    assert decisions_open(User("olga2", frozenset({"operator", "auditor", "rapporteur"})), release("proposed")) == ()


PAGES: Mapping[str, tuple[str, ...]] = {
    "/en/review": PERMISSIONS["review"],
    f"/en/review/{PROPOSED}": PERMISSIONS["review"],
    f"/en/review/{PROPOSED}/restricted/nr2015_f16": PERMISSIONS["review"],
    f"/approval/{PROPOSED}": PERMISSIONS["review"],
    "/en/audit": PERMISSIONS["audit"],
    "/en/audit/verdict": PERMISSIONS["audit"],
    "/en/audit/log": PERMISSIONS["audit"],
    "/en/audit/log/3": PERMISSIONS["audit"],
    "/en/audit/budget": PERMISSIONS["audit"],
    f"/en/audit/releases/{PUBLISHED}": PERMISSIONS["audit"],
    f"/en/audit/releases/{PUBLISHED}/public/nr2015_f05": PERMISSIONS["audit"],
    "/audit/log.jsonl": PERMISSIONS["audit"],
    "/audit/checkpoint.txt": PERMISSIONS["audit"],
    "/audit/keys.pem": PERMISSIONS["audit"],
    "/audit/entry/3": PERMISSIONS["audit"],
    f"/audit/release/{PUBLISHED}/inclusion.json": PERMISSIONS["audit"],
    "/en/runs": PERMISSIONS["operate"],
    f"/en/runs/{PUBLISHED}/linkage": PERMISSIONS["operate"],
    f"/en/releases/{PUBLISHED}/restricted/nr2015_f16": PERMISSIONS["read_restricted"],
    f"/en/releases/{PUBLISHED}/restricted/nr2015_f05/years": PERMISSIONS["read_restricted"],
    f"/files/{PUBLISHED}/restricted/nr2015_f16.csv": PERMISSIONS["read_restricted"],
    f"/files/{PUBLISHED}/restricted/nr2015_f16.parquet": PERMISSIONS["read_restricted"],
    f"/files/{PUBLISHED}/restricted/method.en.html": PERMISSIONS["read_restricted"],
}


@pytest.mark.parametrize("role", ["", *ROLES])
def test_every_address_is_open_to_its_roles_and_to_nobody_else(visit: Visit, site: Site, role: str) -> None:
    browser = visit(f"eva-{role}", role) if role else visit()
    for path, roles in PAGES.items():
        site.wait()
        answer = browser.get(path)
        if role in roles:
            assert answer.status_code == 200, (role, path)
        elif role:
            assert answer.status_code == 403, (role, path)
        else:
            assert answer.status_code == 303, path
            assert answer.headers["location"].startswith(("/en/login?next=", "/nl/login?next="))
        if role not in roles:
            assert str(MARK) not in answer.text


def test_somebody_without_a_role_is_nobody_in_particular(visit: Visit) -> None:
    browser = visit("gast")
    for path in PAGES:
        assert browser.get(path).status_code == 403


@pytest.mark.parametrize("hidden", [PROPOSED, REJECTED, OLD, WITHDRAWN])
@pytest.mark.parametrize("role", ["", "rapporteur", "auditor"])
def test_what_is_not_published_is_not_found_by_its_address(visit: Visit, site: Site, hidden: str, role: str) -> None:
    """No difference between a release that was never there and one that is not there for this reader."""
    browser = visit("eva", role) if role else visit()
    study = hidden.partition("-")[0]
    table = "nr2015_f05" if study == "nr2015" else "wodc2020_routes"
    for path in (
        "/en/releases/{}", "/en/releases/{}/public/" + table, "/en/releases/{}/restricted/" + table,
        "/en/releases/{}/public/" + table + "/years", "/files/{}/public/" + table + ".csv", "/files/{}/public/index.html",
        "/files/{}/restricted/" + table + ".csv", "/proofs/{}/manifest.json", "/proofs/{}/verify.py",
    ):  # fmt: skip
        real, invented = browser.get(path.format(hidden)), browser.get(path.format("nr2015-zzz"))
        assert real.status_code == invented.status_code == 404, path
        assert real.text.replace(hidden, "nr2015-zzz") == invented.text, path
    assert hidden not in browser.text("/en/")


@pytest.mark.parametrize("role", ["operator", "checker"])
def test_operators_and_checkers_preview_on_record(visit: Visit, site: Site, role: str) -> None:
    browser = visit(f"{role}-1", role)
    before = len(site.leaves(kind="viewed"))
    assert browser.get(f"/en/releases/{PROPOSED}/public/nr2015_f05").status_code == 200
    assert browser.get(f"/files/{PROPOSED}/public/nr2015_f05.svg?view=1").status_code == 200
    found = site.leaves(kind="viewed")[before:]
    assert [(x["role"], x["release"], x["body"]["item"]) for x in found] == [
        (role, PROPOSED, "nr2015_f05"), (role, PROPOSED, "nr2015_f05.svg"),
    ]  # fmt: skip
    expected = 200 if role == "checker" else 403
    assert browser.get(f"/en/releases/{PROPOSED}/restricted/nr2015_f05").status_code == expected


def test_an_auditor_finds_no_story_of_what_was_never_published(visit: Visit) -> None:
    ada = visit("ada", "auditor")
    for hidden in (PROPOSED, REJECTED):
        assert ada.get(f"/en/audit/releases/{hidden}").status_code == 404
        assert ada.get(f"/en/audit/releases/{hidden}/public/nr2015_f05").status_code == 404
        assert ada.get(f"/audit/release/{hidden}/inclusion.json").status_code == 404
    assert ada.get(f"/en/audit/releases/{WITHDRAWN}").status_code == 200


# ------------------------------------------------------------------------------------------------ sessions and logging in


def test_the_session_gets_a_new_name_at_login_and_ends_at_logout(visit: Visit, site: Site) -> None:
    from portal.web import COOKIE

    browser = visit()
    browser.get("/en/login")
    before = browser.client.cookies[COOKIE]
    answer = browser.post("/en/login", "/en/login", {"name": "rosa", "role_rapporteur": "1"})
    after = browser.client.cookies[COOKIE]
    assert after != before
    cookie = answer.headers["set-cookie"].lower()
    assert all(part in cookie for part in ("__host-schakel=", "secure", "httponly", "samesite=lax", "path=/"))
    assert "domain" not in cookie
    thief = site.visitor()
    thief.client.cookies.set(COOKIE, before)  # what an attacker planted before the login is worth nothing after it
    assert thief.get("/en/audit").status_code == 303
    assert "rosa" not in thief.text("/en/")
    thief.client.cookies.set(COOKIE, after)
    assert "rosa" in thief.text("/en/")
    browser.post("/en/logout", "/en/")
    assert "rosa" not in thief.text("/en/")


def test_sessions_end_by_themselves_and_are_kept_as_hashes(tmp_path: Path) -> None:
    from portal.sessions import IDLE_SECONDS, LIFETIME_SECONDS, TOUCH_SECONDS, Sessions

    now = [0.0]
    file = tmp_path / "portal.db"
    sessions = Sessions(file, lambda: now[0])
    idle, busy = sessions.start(User("rosa", frozenset({"rapporteur"}))), sessions.start(User("ada"))
    assert oct(file.stat().st_mode & 0o777) == "0o600"
    raw = b"".join(path.read_bytes() for path in file.parent.glob("portal.db*"))
    assert idle.token.encode() not in raw
    assert busy.token.encode() not in raw
    while now[0] < LIFETIME_SECONDS:
        found = sessions.load(busy.token)
        assert found is not None
        assert found.user == User("ada")
        now[0] += IDLE_SECONDS - TOUCH_SECONDS
        if now[0] > IDLE_SECONDS + TOUCH_SECONDS:
            assert sessions.load(idle.token) is None
    now[0] = LIFETIME_SECONDS + 1
    assert sessions.load(busy.token) is None
    sessions.close()


@pytest.mark.parametrize(
    "where",
    [
        "https://evil.example/", "//evil.example/en/", "/\\evil.example", "/en/\\..\\evil", "javascript:alert(1)", "/\t/evil",
        "/evil", "en/", "http:evil", "/en\r\nSet-Cookie:x=1", "///evil.example", "/%2f/evil.example", "@evil.example",
    ],
)  # fmt: skip
def test_nobody_is_sent_elsewhere_after_logging_in(visit: Visit, where: str) -> None:
    from urllib.parse import quote

    browser = visit()
    browser.get(f"/en/login?next={quote(where, safe='')}")
    token = browser.token(f"/en/login?next={quote(where, safe='')}")
    data = {"csrf": token, "name": "rosa"}
    answer = browser.client.post("/en/login", data=data, follow_redirects=False)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/en/"


def test_one_comes_back_to_where_one_wanted_to_go(visit: Visit) -> None:
    browser = visit()
    wanted = browser.get("/en/audit/log?kind=attacked").headers["location"]
    token = browser.token(wanted)
    data = {"csrf": token, "name": "ada", "role_auditor": "1"}
    answer = browser.client.post("/en/login", data=data, follow_redirects=False)
    assert answer.headers["location"] == "/en/audit/log?kind=attacked"


def test_the_development_login_is_for_this_machine_only(site: Site) -> None:
    away = site.visitor("203.0.113.9")
    token = away.token("/en/login")
    assert away.client.post("/en/login", data={"csrf": token, "name": "eve", "role_auditor": "1"}).status_code == 403
    for header in ("x-forwarded-for", "forwarded", "x-real-ip", "via"):
        near = site.visitor()
        data = {"csrf": near.token("/en/login"), "name": "eve", "role_auditor": "1"}
        answer = near.client.post("/en/login", data=data, headers={header: "127.0.0.1"}, follow_redirects=False)
        assert answer.status_code == 403, header
        assert near.get("/en/audit").status_code == 303


@pytest.mark.parametrize("name", ["", " ", "a b", "<script>", "../etc", "é", "a" * 200, "anna\nbram"])
def test_a_name_that_cannot_stand_in_the_log_is_refused(visit: Visit, name: str) -> None:
    browser = visit()
    assert browser.post("/en/login", "/en/login", {"name": name}).status_code == 403


# ---------------------------------------------------------------------------------------------------------------- settings


def test_settings_that_would_let_people_in_unproven_or_in_clear_are_refused(tmp_path: Path) -> None:
    state = tmp_path
    secret = state / "secret"
    secret.write_text("s")
    secret.chmod(0o600)
    oidc = {
        "SCHAKEL_PORTAL_OIDC_ISSUER": "https://login.example", "SCHAKEL_PORTAL_OIDC_CLIENT_ID": "schakel",
        "SCHAKEL_PORTAL_OIDC_SECRET_FILE": str(secret),
    }  # fmt: skip

    def settings(host: str, **found: str) -> PortalSettings:
        return PortalSettings.from_environment(state, host, 1, found)

    assert settings("127.0.0.1").development
    assert not settings("0.0.0.0", SCHAKEL_PORTAL_URL="https://figures.example", **oidc).development
    for host, found in (
        ("0.0.0.0", {}),
        ("192.168.1.4", {}),
        ("127.0.0.1", {"SCHAKEL_PORTAL_URL": "https://figures.example"}),
        ("127.0.0.1", {"SCHAKEL_PORTAL_PROXY": "127.0.0.1"}),
        ("0.0.0.0", {"SCHAKEL_PORTAL_URL": "http://figures.example", **oidc}),
        ("0.0.0.0", oidc),
        ("127.0.0.1", {**oidc, "SCHAKEL_PORTAL_OIDC_ISSUER": "http://login.example"}),
        ("127.0.0.1", {k: v for k, v in oidc.items() if "SECRET" not in k}),
        ("127.0.0.1", {"SCHAKEL_PORTAL_URL": "ftp://127.0.0.1"}),
    ):
        with pytest.raises(UsageError):
            settings(host, **found)
    secret.chmod(0o644)
    with pytest.raises(UsageError, match="chmod 600"):
        Provider("i", "c", secret).secret()
    assert [is_loopback(h) for h in ("127.0.0.1", "127.1.2.3", "::1", "localhost", "10.0.0.1", "localhost.evil.nl", "")] == [
        True, True, True, True, False, False, False,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("options", "extra"),
    [
        (("--host", "0.0.0.0"), {}),
        (("--host", "192.0.2.1"), {}),
        ((), {"SCHAKEL_PORTAL_URL": "http://figures.example"}),
        ((), {"SCHAKEL_PORTAL_OIDC_ISSUER": "https://login.example"}),
    ],
)
def test_the_command_does_not_start_unsafe(
    invoke: Invoke, premises: Premises, tmp_path: Path, options: tuple[str, ...], extra: dict[str, str]
) -> None:
    done = invoke("portal", *options, state=moved(premises, tmp_path).state, **extra)
    assert done.returncode == 2
    assert "SCHAKEL_PORTAL" in done.stderr


def test_a_part_asked_for_after_the_session_ended_leads_to_the_login(visit: Visit) -> None:
    answer = visit().get("/en/audit/verdict", **{"hx-request": "true"})
    assert (answer.status_code, answer.headers["hx-redirect"]) == (204, "/en/login")
    refused = visit("gast").get("/en/audit/verdict", **{"hx-request": "true"})
    assert refused.status_code == 403
    assert "<html" not in refused.text
