"""The life of a release: every move that the table does not name is refused, and four eyes cannot be talked round."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import get_args

import pytest
import sqlalchemy as sa

from disclosure.log import create_signing_key, show
from disclosure.log.audit import Filter
from disclosure.log.notes import signature_holds
from disclosure.states import (
    TRANSITIONS,
    approval_message,
    diagram,
    list_releases,
    move,
    propose,
    publish,
    register_person,
    require_release,
    sign_approval,
    state_of,
    verify_states,
)
from schemas.errors import IntegrityError, UsageError
from schemas.release import Role, State

DIAGRAM = Path(__file__).parents[3] / "docs" / "states.md"
REASON = "checked against the last release"


@pytest.fixture
def office(log, tmp_path):
    """A log with a checker and an operator who both have keys, and one proposed release."""
    keys = {name: create_signing_key(tmp_path / f"{name}.pem") for name in ("anna", "bram")}
    with log.store.transaction() as tx:
        register_person(tx, log, "bram", "checker", keys["bram"].public, "anna", "operator")
        register_person(tx, log, "anna", "operator", keys["anna"].public, "anna", "operator")
        enter(tx, log, "r1")
    return log, keys


def enter(tx, log, release):
    digests = {"manifest": "a" * 64, "snapshot": "b" * 64, "policy": "c" * 64}
    propose(tx, log, release, "nr2015", **digests, code="0.1.0", actor="anna", role="operator")


def attempt(office, to, actor, role, reason=None, signer="bram", **more):
    log, keys = office
    with log.store.transaction() as tx:
        signature = sign_approval(keys[signer], require_release(tx, "r1")) if signer else None
        return move(tx, log, "r1", to, actor, role, reason, signature=signature, **more)


def state(office):
    with office[0].store.reading() as tx:
        return state_of(tx, "r1")


def test_the_whole_life(office):
    assert state(office) == "proposed"
    attempt(office, "approved", "bram", "checker")
    attempt(office, "published", "anna", "operator")
    attempt(office, "withdrawn", "bram", "checker", REASON)
    assert state(office) == "withdrawn"
    with office[0].store.reading() as tx:
        kinds = [leaf["kind"] for leaf in show(tx, Filter(release="r1"))]
        verify_states(tx)
        assert [release.id for release in list_releases(tx, "nr2015", "withdrawn")] == ["r1"]
        assert list_releases(tx, state="published") == []
    assert kinds == ["release_proposed", "release_approved", "release_published", "release_withdrawn"]


def test_every_move_the_table_does_not_name_is_refused(office):
    """Brute force over all states, targets and roles; the table is the oracle only for what must work."""
    log, _ = office
    allowed = {(rule.before, rule.after, role) for rule in TRANSITIONS for role in rule.roles}
    for before in get_args(State):
        for after in get_args(State):
            for role in get_args(Role):
                with log.store.transaction() as tx:
                    tx.execute(sa.text("UPDATE releases SET state = :s"), {"s": before})
                with pytest.MonkeyPatch.context() as patch, log.store.transaction() as tx:
                    patch.setattr("disclosure.states._signed", lambda *_: {"key": "0" * 16, "signature": "AAAA"})
                    if (before, after, role) in allowed:
                        move(tx, log, "r1", after, "bram", role, REASON)
                        assert state_of(tx, "r1") == after
                    else:
                        with pytest.raises(UsageError):
                            move(tx, log, "r1", after, "bram", role, REASON)
                        assert state_of(tx, "r1") == before


def test_only_rejected_superseded_and_withdrawn_are_final():
    assert {rule.after for rule in TRANSITIONS} - {rule.before for rule in TRANSITIONS} == {
        "rejected",
        "superseded",
        "withdrawn",
    }


def test_the_proposer_decides_nothing_about_the_own_release(office):
    for to in ("approved", "rejected"):
        with pytest.raises(UsageError, match="another person has to decide"):
            attempt(office, to, "anna", "checker", REASON, signer="anna")
    assert state(office) == "proposed"


@pytest.mark.parametrize("signer", [None, "anna"])
def test_approval_needs_the_second_persons_own_key(office, signer):
    with pytest.raises(UsageError, match="does not carry the signature of bram"):
        attempt(office, "approved", "bram", "checker", signer=signer)


def test_an_invented_person_cannot_approve(office):
    with pytest.raises(UsageError, match="not registered as checker"):
        attempt(office, "approved", "anna2", "checker", signer="anna")


def test_an_approval_is_for_one_release_only(office):
    log, keys = office
    with log.store.transaction() as tx:
        enter(tx, log, "r2")
        stolen = sign_approval(keys["bram"], require_release(tx, "r2"))
        with pytest.raises(UsageError, match="does not carry"):
            move(tx, log, "r1", "approved", "bram", "checker", signature=stolen)


def test_one_person_one_key(office):
    log, keys = office
    with log.store.transaction() as tx:
        for person, key in (("anna2", keys["anna"]), ("bram", keys["bram"])):
            with pytest.raises(UsageError, match="registered already"):
                register_person(tx, log, person, "checker", key.public, "anna", "operator")
        with pytest.raises(UsageError, match="Only an operator"):
            register_person(tx, log, "carl", "checker", b"\0" * 32, "bram", "checker")


def test_an_auditor_can_check_an_approval_from_the_log_alone(office):
    attempt(office, "approved", "bram", "checker")
    with office[0].store.reading() as tx:
        person = next(leaf["body"] for leaf in show(tx, Filter(kind="person_registered")))
        approval = next(leaf["body"] for leaf in show(tx, Filter(kind="release_approved")))
    public = base64.b64decode(person["public_key"])
    assert signature_holds(public, approval_message("r1", "a" * 64), base64.b64decode(approval["signature"]))


@pytest.mark.parametrize("reason", [None, "", "  ", "because cell NGA has 3 people"])
def test_a_rejection_has_a_reason_without_numbers(office, reason):
    with pytest.raises(UsageError):
        attempt(office, "rejected", "bram", "checker", reason)
    assert state(office) == "proposed"


def test_an_id_is_never_used_again(office):
    log, _ = office
    with pytest.raises(UsageError, match="exists already"), log.store.transaction() as tx:
        enter(tx, log, "r1")
    with pytest.raises(UsageError, match="knows no release r9"), log.store.transaction() as tx:
        move(tx, log, "r9", "approved", "bram", "checker")


def test_only_operators_propose(log):
    with pytest.raises(UsageError, match="cannot propose"), log.store.transaction() as tx:
        propose(tx, log, "r1", "s", manifest="a", snapshot="b", policy="c", code="d", actor="x", role="checker")


def test_superseded_names_its_successor(office):
    log, _ = office
    attempt(office, "approved", "bram", "checker")
    attempt(office, "published", "anna", "operator")
    with pytest.raises(UsageError, match="knows no release r2"):
        attempt(office, "superseded", "schakel", "system", by="r2")
    with log.store.transaction() as tx:
        enter(tx, log, "r2")
    attempt(office, "superseded", "schakel", "system", by="r2")
    with log.store.reading() as tx:
        assert next(leaf["body"]["by"] for leaf in show(tx, Filter(kind="release_superseded"))) == "r2"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE releases SET state = 'published'",
        "UPDATE releases SET manifest = 'x'",
        "DELETE FROM releases",
        "UPDATE releases SET id = 'r7'",
    ],
)
def test_a_state_that_no_leaf_led_to_is_found(office, statement):
    with office[0].store.transaction() as tx:
        verify_states(tx)
        tx.execute(sa.text(statement))
        with pytest.raises(IntegrityError):
            verify_states(tx)


def test_leaves_that_break_the_rules_are_found(office):
    log, _ = office
    with log.store.transaction() as tx:
        log.append(tx, "release_published", {"manifest": "a" * 64}, "eve", "operator", "nr2015", "r1")
        tx.execute(sa.text("UPDATE releases SET state = 'published'"))
        with pytest.raises(IntegrityError, match="rules do not allow"):
            verify_states(tx)


def test_the_committed_diagram_is_current():
    """Regenerate: python -c 'from disclosure.states import page; print(page(), end="")' > docs/states.md"""
    from disclosure.states import page

    assert diagram() in page()
    assert DIAGRAM.read_text() == page(), "docs/states.md is out of date; see this test's docstring"


def test_publishing_supersedes_what_the_study_had_published(office):
    log, keys = office
    with log.store.transaction() as tx:
        for release in ("r1", "r2", "r3"):
            if release != "r1":
                enter(tx, log, release)
            signature = sign_approval(keys["bram"], require_release(tx, release))
            move(tx, log, release, "approved", "bram", "checker", signature=signature)
        propose(
            tx,
            log,
            "w1",
            "wodc2020",
            manifest="d" * 64,
            snapshot="b" * 64,
            policy="c" * 64,
            code="0",
            actor="anna",
            role="operator",
        )
        signature = sign_approval(keys["bram"], require_release(tx, "w1"))
        move(tx, log, "w1", "approved", "bram", "checker", signature=signature)
        assert [publish(tx, log, release, "bram", "checker") for release in ("w1", "r1", "r2", "r3")] == [
            [],
            [],
            ["r1"],
            ["r2"],
        ]
        assert [state_of(tx, release) for release in ("w1", "r1", "r2", "r3")] == [
            "published", "superseded", "superseded", "published",
        ]  # fmt: skip
        verify_states(tx)


def test_only_a_registered_checker_rejects(office):
    with pytest.raises(UsageError, match="carl is not registered as checker"):
        attempt(office, "rejected", "carl", "checker", REASON)
    assert state(office) == "proposed"
    attempt(office, "rejected", "bram", "checker", REASON)
    assert state(office) == "rejected"
