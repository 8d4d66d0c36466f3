"""Sealed blobs: first pattern wins, nothing readable in the database, nothing exchangeable; certificates by role."""

from __future__ import annotations

import os

import pytest
import sqlalchemy as sa

from disclosure.log import show
from disclosure.log.audit import Filter
from disclosure.memo import Memo, certificate_digest, keep_certificate, read_certificate
from schemas.errors import IntegrityError, UsageError

SECRET = os.urandom(32)
MARK = b"a pattern that says which blank is primary"


@pytest.fixture
def memo(log):
    return Memo(log.store, "nr2015", SECRET)


def test_the_first_pattern_is_the_pattern(memo):
    assert memo.pattern("s", "p") is None
    assert memo.keep_pattern("s", "p", MARK) == MARK
    assert memo.keep_pattern("s", "p", b"another") == MARK
    assert memo.pattern("s", "p") == MARK
    assert memo.pattern("s", "q") is None


def test_the_map_of_persons_is_replaced(memo):
    assert memo.persons() is None
    memo.keep_persons(b"one")
    memo.keep_persons(b"two")
    assert memo.persons() == b"two"


def test_nothing_is_readable_in_the_state_folder(embedded, state):
    Memo(embedded.store, "nr2015", SECRET).keep_pattern("s", "p", MARK)
    Memo(embedded.store, "nr2015", SECRET).keep_persons(MARK)
    embedded.store.close()
    for path in state.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert MARK not in content
            assert SECRET not in content


@pytest.mark.parametrize(
    ("study", "secret"), [("nr2015", b"another secret of 32 bytes......"), ("wodc2020", SECRET)], ids=["key", "study"]
)
def test_another_key_or_study_does_not_open_it(memo, log, study, secret):
    memo.keep_persons(b"map")
    other = Memo(log.store, study, secret)
    if study == "nr2015":
        with pytest.raises(IntegrityError, match="does not open"):
            other.persons()
    else:
        assert other.persons() is None


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE sealed SET blob = (SELECT s.blob FROM sealed AS s WHERE s.name = 'nr2015/s/p')",
        "UPDATE sealed SET name = 'nr2015/s/r' WHERE name = 'nr2015/s/q'",
    ],
)
def test_blobs_cannot_be_exchanged_or_moved(memo, log, statement):
    memo.keep_pattern("s", "p", b"p")
    memo.keep_pattern("s", "q", b"q")
    with log.store.transaction() as tx:
        tx.execute(sa.text(statement))
    with pytest.raises(IntegrityError):
        memo.pattern("s", "r" if "name =" in statement.split("WHERE")[0] else "q")


def test_certificates_are_private_and_each_reading_is_a_leaf(log):
    digest = keep_certificate(log.store, "r1", "restricted", b"{}")
    path = log.store.directory / "certificates" / "r1" / "restricted.json"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert read_certificate(log, "r1", "restricted", "bram", "checker") == b"{}"
    with log.store.reading() as tx:
        leaf = next(show(tx, Filter(kind="certificate_read")))
    assert (leaf["actor"], leaf["body"]) == ("bram", {"audience": "restricted", "certificate": digest})


@pytest.mark.parametrize("role", ["operator", "rapporteur", "system"])
def test_nobody_else_reads_a_certificate(log, role):
    keep_certificate(log.store, "r1", "restricted", b"{}")
    with pytest.raises(UsageError, match="only checkers and auditors"):
        read_certificate(log, "r1", "restricted", "x", role)


@pytest.mark.parametrize("release", ["../keys", "a/b", "", "..", "/etc"])
def test_a_certificate_cannot_be_read_from_elsewhere(log, release):
    with pytest.raises(UsageError):
        read_certificate(log, release, "restricted", "bram", "checker")


def test_a_certificate_that_is_not_there(log):
    with pytest.raises(UsageError, match="holds no certificate"):
        read_certificate(log, "r1", "public", "bram", "checker")


def test_sealing_anew_opens_with_the_new_secret_only(memo, log):
    other, secret = Memo(log.store, "nr2015-b", SECRET), os.urandom(32)
    memo.keep_pattern("s", "p", MARK)
    memo.keep_persons(b"old map")
    other.keep_persons(b"of another study")
    with log.store.transaction() as tx:
        memo.reseal(tx, secret, b"new map")
    after = Memo(log.store, "nr2015", secret)
    assert (after.pattern("s", "p"), after.persons()) == (MARK, b"new map")
    assert other.persons() == b"of another study"
    with pytest.raises(IntegrityError, match="does not open"):
        memo.persons()


def test_sealing_anew_happens_to_all_or_nothing(memo, log):
    memo.keep_pattern("s", "p", MARK)
    memo.keep_persons(b"map")
    with log.store.transaction() as tx:
        tx.execute(sa.text("UPDATE sealed SET blob = :b WHERE purpose = 'persons'"), {"b": b"x" * 40})
    with pytest.raises(IntegrityError), log.store.transaction() as tx:
        memo.reseal(tx, os.urandom(32), None)
    assert memo.pattern("s", "p") == MARK


def test_a_certificates_digest_is_salted(log):
    """Equal certificates have different digests: who guesses one cannot confirm the guess from the log."""
    digests = {keep_certificate(log.store, release, "restricted", b"{}") for release in ("r1", "r2")}
    assert len(digests) == 2
    assert certificate_digest(log.store, "r1", "restricted") in digests
    (log.store.directory / "certificates" / "r1" / "restricted.salt").unlink()
    assert certificate_digest(log.store, "r1", "restricted") is None


def test_who_was_counted_is_changed_in_one_transaction_and_stays_through_a_new_secret(log):
    """A change sees what was kept last, a change that fails leaves it, and another secret opens none of it."""
    memo, secret = Memo(log.store, "nr2015", SECRET), os.urandom(32)
    assert memo.counted() is None
    seen: list[bytes | None] = []

    def more(kept: bytes | None) -> bytes:
        seen.append(kept)
        return (kept or b"") + b"1"

    assert memo.count(more) == b"1"
    assert memo.count(more) == b"11"
    assert seen == [None, b"1"]

    def fail(kept: bytes | None) -> bytes:
        raise IntegrityError("no")

    with pytest.raises(IntegrityError):
        memo.count(fail)
    assert memo.counted() == b"11"
    with pytest.raises(IntegrityError):
        Memo(log.store, "nr2015", secret).counted()
    with log.store.transaction() as tx:
        memo.reseal(tx, secret, None)
    assert Memo(log.store, "nr2015", secret).counted() == b"11"
