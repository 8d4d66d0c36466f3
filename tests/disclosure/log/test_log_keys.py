"""Signed checkpoints, as an auditor checks them with openssl; keys that are lost, exchanged, rotated or revoked."""

from __future__ import annotations

import base64
import shutil
import subprocess

import pytest
from log_support import append_views, publish, write_public_key

from disclosure.log import Log, create_signing_key, load_signing_key, public_pem, revoke_key, rotate_key, verify_log
from disclosure.log.notes import Checkpoint, SigningKey, parse_note, read_note, write_note
from disclosure.verify import verify_release
from schemas.errors import IntegrityError, UsageError

POINT = Checkpoint("schakel/0123456789abcdef", 7, bytes(range(32)), "2026-03-01T12:00:00Z")


@pytest.fixture
def key(tmp_path):
    return create_signing_key(tmp_path / "key.pem")


def newest_note(log):
    with log.store.reading() as tx:
        return log.last_checkpoint(tx)[1]


def test_a_note_has_the_form_of_c2sp(key):
    lines = write_note(POINT, [key]).split("\n")
    assert lines[:5] == [
        "schakel/0123456789abcdef",
        "7",
        base64.b64encode(bytes(range(32))).decode(),
        "time 2026-03-01T12:00:00Z",
        "",
    ]
    dash, name, blob = lines[5].split(" ")
    assert (dash, name, len(base64.b64decode(blob))) == ("\u2014", "schakel/0123456789abcdef", 68)
    assert lines[6:] == [""]


def test_a_cosigner_does_no_harm_and_no_good(key):
    note = write_note(POINT, [key]) + "\u2014 witness.example AAAAAAAA\n"
    assert read_note(note, [key.public], "it") == POINT
    checkpoint, blobs = parse_note(note, "it")
    assert (checkpoint, len(blobs)) == (POINT, 1)


def test_read_note_wants_one_of_its_keys(key, tmp_path):
    other = create_signing_key(tmp_path / "other.pem")
    note = write_note(POINT, [key])
    assert read_note(note, [other.public, key.public], "it") == POINT
    with pytest.raises(IntegrityError, match="no valid signature"):
        read_note(note, [other.public], "it")
    assert read_note(write_note(POINT, [key, other]), [other.public], "it") == POINT


@pytest.mark.parametrize(
    "change",
    [
        lambda note: note.replace("\n7\n", "\n8\n"),
        lambda note: note.replace("\n7\n", "\n07\n"),
        lambda note: note.replace("2026", "2027"),
        lambda note: note.replace("\n\n", "\nmore\n\n"),
        lambda note: note.replace("\u2014", "-", 1).replace("- ", "\u2014 x", 1),
        lambda note: note[:-9] + "\n",
        lambda note: note.split("\n\n")[0] + "\n",
        lambda note: "",
    ],
)
def test_a_changed_note_is_refused(key, change):
    with pytest.raises(IntegrityError):
        read_note(change(write_note(POINT, [key])), [key.public], "it")


def test_openssl_checks_a_checkpoint_as_the_documentation_says(embedded, tmp_path):
    append_views(embedded, 3, sign=True)
    (tmp_path / "checkpoint.txt").write_text(newest_note(embedded))
    write_public_key(embedded, tmp_path / "public.pem")
    commands = """
    sed '/^$/,$d' checkpoint.txt > text
    sed -n 's/^— [^ ]* //p' checkpoint.txt | base64 -d | tail -c 64 > signature
    openssl pkeyutl -verify -pubin -inkey public.pem -rawin -in text -sigfile signature
    """
    done = subprocess.run(["sh", "-ec", commands], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Verified Successfully" in done.stdout
    text = (tmp_path / "text").read_text()
    (tmp_path / "checkpoint.txt").write_text((tmp_path / "checkpoint.txt").read_text().replace("\n4\n", "\n5\n"))
    done = subprocess.run(["sh", "-ec", commands], cwd=tmp_path, capture_output=True, text=True)
    assert (tmp_path / "text").read_text() != text
    assert done.returncode != 0


def test_a_key_file_is_private_and_never_overwritten(key, tmp_path):
    path = tmp_path / "key.pem"
    assert path.stat().st_mode & 0o777 == 0o600
    assert load_signing_key(path).public == key.public
    with pytest.raises(UsageError, match="never overwritten"):
        create_signing_key(path)
    path.chmod(0o640)
    with pytest.raises(UsageError, match="chmod 600"):
        load_signing_key(path)
    assert "PRIVATE" not in repr(key)


@pytest.mark.parametrize(
    "content", [b"", b"no key", b"\xff\xfe", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"]
)
def test_a_file_that_is_no_key(tmp_path, content):
    path = tmp_path / "key.pem"
    path.touch(mode=0o600)
    path.write_bytes(content)
    with pytest.raises(UsageError, match="holds no unencrypted Ed25519 key"):
        load_signing_key(path)


def test_a_lost_key_is_said_and_can_be_replaced(embedded, state, tmp_path):
    append_views(embedded, 2, sign=True)
    before = newest_note(embedded)
    (state / "keys" / "signing.pem").unlink()
    with pytest.raises(UsageError, match=r"is missing.*rotate --lost"):
        Log.open(embedded.store)
    reader = Log.open(embedded.store, sign=False)
    with pytest.raises(UsageError, match="opened for reading"), embedded.store.transaction() as tx:
        reader.checkpoint(tx)
    new = create_signing_key(state / "keys" / "signing.pem")
    rotate_key(reader, new, actor="anna", role="operator", reason="the old key file was lost")
    reopened = Log.open(embedded.store)
    append_views(reopened, 1, sign=True)
    with embedded.store.reading() as tx:
        assert reopened.extends(tx, before, "the checkpoint from before").size == 3
    assert verify_log(reopened) == 5


def test_another_key_cannot_sign_this_log(embedded, state):
    (state / "keys" / "signing.pem").unlink()
    create_signing_key(state / "keys" / "signing.pem")
    with pytest.raises(IntegrityError, match="is not this log's"):
        Log.open(embedded.store)


def test_rotation_is_signed_by_both_keys(embedded, state, tmp_path):
    append_views(embedded, 2, sign=True)
    new = create_signing_key(tmp_path / "new.pem")
    log = rotate_key(embedded, new, actor="anna", role="operator", reason="the yearly rotation")
    note = newest_note(log)
    assert read_note(note, [embedded.key.public], "it") == read_note(note, [new.public], "it")
    append_views(log, 1, sign=True)
    with pytest.raises(IntegrityError):
        read_note(newest_note(log), [embedded.key.public], "it")
    with pytest.raises(IntegrityError, match="was retired"):
        Log.open(log.store)
    assert verify_log(Log.open(log.store, tmp_path / "new.pem")) == 5


def test_a_used_key_does_not_come_back(embedded, tmp_path):
    first = embedded.key
    log = rotate_key(embedded, create_signing_key(tmp_path / "b.pem"), actor="a", role="operator", reason="yearly")
    with pytest.raises(UsageError, match="used in this log before"):
        rotate_key(log, first, actor="a", role="operator", reason="yearly")


def test_a_revoked_key_signs_nothing_any_more(embedded, state, tmp_path):
    release = publish(embedded, tmp_path / "out" / "r1")
    revoke_key(embedded, embedded.key.id, actor="anna", role="operator", reason="the key file was copied")
    with pytest.raises(IntegrityError, match="was revoked"), embedded.store.transaction() as tx:
        embedded.checkpoint(tx)
    with pytest.raises(IntegrityError, match="was revoked"):
        Log.open(embedded.store)
    reader = Log.open(embedded.store, sign=False)
    log = rotate_key(reader, create_signing_key(tmp_path / "n.pem"), actor="anna", role="operator", reason="revoked")
    append_views(log, 1, sign=True)
    assert verify_log(log) == 5
    # What the key signed before its revocation still counts, what a thief signs with it afterwards does not.
    assert verify_release(release, None, embedded.store).state == "proposed"
    with embedded.store.reading() as tx:
        size = log.size(tx)
        from disclosure.log.tree import root

        forged = write_note(Checkpoint(log.origin, size, root(tx, size), "2026-03-02T00:00:00Z"), [embedded.key])
        with pytest.raises(IntegrityError, match="after its revocation"):
            log.extends(tx, forged, "the thief's checkpoint")


def test_auditors_keep_both_keys_after_a_rotation(embedded, tmp_path):
    old = publish(embedded, tmp_path / "out" / "r1")
    new = create_signing_key(tmp_path / "new.pem")
    log = rotate_key(embedded, new, actor="anna", role="operator", reason="yearly rotation")
    later = publish(log, tmp_path / "out" / "r2")
    ring = tmp_path / "ring.pem"
    ring.write_text(public_pem(embedded.key.public) + public_pem(new.public))
    shutil.copy(old / "checkpoint.txt", tmp_path / "kept.txt")
    for folder in (old, later):
        done = subprocess.run(["python3", "-I", folder / "verify.py", "--key", ring], cwd=folder, capture_output=True)
        assert done.returncode == 0, done.stderr
    assert verify_release(later, ring, None, tmp_path / "kept.txt").size > 2
    (tmp_path / "only_old.pem").write_text(public_pem(embedded.key.public))
    with pytest.raises(IntegrityError, match="not signed by this key"):
        verify_release(later, tmp_path / "only_old.pem")


def test_signing_keys_do_not_show_themselves(key):
    assert repr(key) == f"SigningKey({key.id})"
    assert isinstance(key, SigningKey)
