"""Full disks, folders that cannot be written, broken pages: one coded sentence, and nothing half done."""

from __future__ import annotations

import os
import pwd
import resource
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import pytest
from log_support import append_views, in_child, publish

from disclosure.ledger import Ledger
from disclosure.log import Log, set_up_log, verify_log
from disclosure.publication import recover
from disclosure.store import open_store
from disclosure.verify import verify_release
from schemas.errors import IntegrityError, UsageError

PAGE = 4096


def limited_files(size):
    """No file of this process may grow beyond `size` bytes: what a full disk looks like to a writer."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


@pytest.mark.parametrize("extra", [0, 1, 2, 4, 8, 16, 40])
def test_a_full_disk_charges_nothing_that_it_does_not_say(embedded, state, extra):
    """Wherever the room runs out, reserve either returns or refuses with exit 2, and the ledger fits the log."""
    ledger = Ledger(embedded, "anna", "operator")
    ledger.set_budget("ind", "public", 1)
    embedded.store.close()
    size = max(path.stat().st_size for path in state.glob("state.db*"))

    def act():
        limited_files(size + extra * PAGE)
        store = open_store(state)
        mine = Ledger(Log.open(store), "anna", "operator")
        for number in range(20):
            mine.reserve("ind", "public", f"k{number}", 0.01)

    def refused():
        with pytest.raises(UsageError, match=r"room|disk"):
            act()

    assert in_child(refused) == 0
    again = Ledger(Log.open(open_store(state)), "anna", "operator")
    again.verify()
    verify_log(again.log)
    before = again.remaining("ind", "public")
    for number in range(20):
        again.reserve("ind", "public", f"k{number}", 0.01)
    assert again.remaining("ind", "public") == pytest.approx(0.8)
    assert before >= again.remaining("ind", "public")
    again.log.store.close()


@pytest.mark.slow
def test_a_full_disk_while_publishing(embedded, state, tmp_path):
    """A real, small file system that fills up at another moment each time."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=600k", "none", disk], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip("mounting a small tmpfs needs root (Debian package 'mount')")
    try:
        outcomes = set()
        for filling in range(0, 600, 20):
            filler = disk / "filler"
            filler.write_bytes(b"")
            try:
                filler.write_bytes(bytes(filling * 1024))
            except OSError:
                break
            final = disk / "out" / f"r{filling}"
            try:
                publish(embedded, final)
                outcomes.add("published")
            except (UsageError, OSError):  # OSError: the test's own files did not fit
                outcomes.add("refused")
            filler.unlink(missing_ok=True)
            recover(embedded.store, embedded)
            if final.exists():
                verify_release(final, None, embedded.store)
            shutil.rmtree(final, ignore_errors=True)
        assert outcomes == {"published", "refused"}
        verify_log(embedded)
    finally:
        subprocess.run(["umount", disk], check=True)


def as_nobody(action):
    """Run `action` in a child without root's right to ignore permissions."""

    def act():
        if os.getuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.setgid(nobody.pw_gid)
            os.setuid(nobody.pw_uid)
        action()

    return in_child(act)


@pytest.fixture
def nobodys():
    """A state folder, with some history, that belongs to the user `as_nobody` runs as."""
    folder = Path(tempfile.mkdtemp(prefix="schakel-ro-"))
    state = folder / "state"
    log = set_up_log(open_store(state), actor="anna")
    append_views(log, 3, sign=True)
    log.store.close()
    if os.getuid() == 0:
        for path in [folder, *folder.rglob("*")]:
            shutil.chown(path, "nobody")
    yield state
    for path in state.rglob("*"):
        path.chmod(0o700)
    shutil.rmtree(folder)


@pytest.mark.parametrize("what", ["everything", "the folder", "the database"])
def test_a_state_that_cannot_be_written(nobodys, what):
    chosen = {
        "everything": [*nobodys.rglob("*"), nobodys],
        "the folder": [nobodys],
        "the database": [nobodys / "state.db"],
    }[what]
    for path in chosen:
        path.chmod(0o500 if path.is_dir() else 0o400)

    def act():
        with pytest.raises(UsageError, match="write"):
            append_views(Log.open(open_store(nobodys)), 1, sign=True)

    assert as_nobody(act) == 0
    nobodys.chmod(0o700)
    for path in nobodys.rglob("*"):
        path.chmod(0o700 if path.is_dir() else 0o600)
    log = Log.open(open_store(nobodys))
    assert verify_log(log) == 4
    log.store.close()


def broken(state, pristine, page):
    """Replace one page of the database by noise."""
    data = bytearray(pristine)
    data[page * PAGE : (page + 1) * PAGE] = os.urandom(PAGE)
    for file in state.glob("state.db*"):
        file.unlink()
    (state / "state.db").write_bytes(bytes(data))


def open_and_verify(state):
    store = open_store(state)
    try:
        verify_log(Log.open(store))
    finally:
        store.close()


def test_every_corrupted_page_is_found(embedded, state):
    ledger = Ledger(embedded, "anna", "operator")
    ledger.set_budget("ind", "public", 1)
    ledger.reserve("ind", "public", "k", 0.5)
    append_views(embedded, 120, sign=True)
    embedded.store.close()
    pristine = (state / "state.db").read_bytes()
    pages = len(pristine) // PAGE
    assert pages > 30
    for page in range(pages):
        broken(state, pristine, page)
        with pytest.raises(IntegrityError):
            open_and_verify(state)
    for file in state.glob("state.db*"):
        file.unlink()
    (state / "state.db").write_bytes(pristine)
    open_and_verify(state)


@pytest.mark.parametrize("content", [b"no database", b"\0" * 9000])
def test_a_file_that_is_no_database(tmp_path, content):
    state = tmp_path / "s"
    state.mkdir()
    (state / "state.db").write_bytes(content)
    with pytest.raises(IntegrityError, match="damaged"):
        open_store(state)


def test_a_writer_that_never_ends_is_said(embedded, state, monkeypatch):
    monkeypatch.setattr("disclosure.store.LOCK_WAIT_SECONDS", 0.2)
    rival = open_store(state)
    with embedded.store.transaction(), pytest.raises(UsageError, match="Another run holds the state store"):
        append_views(Log.open(rival), 1)
    rival.close()


def test_readers_do_not_wait_for_a_writer(embedded, state):
    rival = open_store(state)
    with embedded.store.transaction() as tx:
        embedded.append(tx, "viewed", {"item": "page"}, "rosa", "rapporteur")
        assert verify_log(Log.open(rival, sign=False)) == 1
    assert verify_log(Log.open(rival, sign=False)) == 2
    rival.close()
