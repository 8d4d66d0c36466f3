"""A release appears whole with its leaf, or not at all, wherever the process dies."""

from __future__ import annotations

import os
import signal

import pytest
import sqlalchemy as sa
from log_support import ORIGIN, SECRET, append_views, begin, in_child, publish, write_files

from disclosure import publication
from disclosure.ledger import Ledger
from disclosure.log import Log, show, verify_log
from disclosure.log.audit import Filter
from disclosure.manifest import seal_release
from disclosure.publication import finish_publication, recover, stage
from disclosure.states import state_of, verify_states
from disclosure.store import open_store
from disclosure.verify import verify_release
from schemas.errors import IntegrityError, UsageError


def intents(log):
    with log.store.reading() as tx:
        return tx.execute(sa.text("SELECT count(*) FROM intents")).scalar()


def proposals(log, release):
    with log.store.reading() as tx:
        return len(list(show(tx, Filter(kind="release_proposed", release=release))))


def test_publish(log, tmp_path):
    final = publish(log, tmp_path / "out" / "r1")
    assert verify_release(final, None, log.store).state == "proposed"
    assert [path.name for path in final.parent.iterdir()] == ["r1"]
    assert intents(log) == 0
    assert finish_publication(log.store, log, "r1") is None
    assert recover(log.store, log) == []


def test_an_error_before_the_commit_leaves_nothing(log, tmp_path):
    final = tmp_path / "out" / "r1"

    def while_writing():
        with stage(log.store, "r1", final) as staged:
            write_files(staged.folder)
            raise ZeroDivisionError

    def while_committing():
        with stage(log.store, "r1", final) as staged:
            write_files(staged.folder)
            manifest = seal_release(staged.folder, ORIGIN, SECRET, log.key)
            with log.store.transaction() as tx:
                begin(tx, log, staged, manifest)
                raise ZeroDivisionError

    for interrupted in (while_writing, while_committing):
        with pytest.raises(ZeroDivisionError):
            interrupted()
    assert list(final.parent.iterdir()) == []
    assert (intents(log), proposals(log, "r1")) == (0, 0)
    publish(log, final)


def test_an_error_after_the_commit_is_finished_later(log, tmp_path, monkeypatch):
    final = tmp_path / "out" / "r1"
    monkeypatch.setattr(publication, "sync_folder", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        publish(log, final)
    monkeypatch.undo()
    assert recover(log.store, log) == [final]
    assert recover(log.store, log) == []
    assert verify_release(final, None, log.store).state == "proposed"


def test_a_place_that_is_taken(log, tmp_path):
    final = publish(log, tmp_path / "out" / "r1")
    with pytest.raises(UsageError, match="never overwritten"), stage(log.store, "r1", final):
        pass
    with pytest.raises(UsageError, match="exists already"):
        publish(log, tmp_path / "elsewhere" / "r1")
    assert intents(log) == 0


def test_a_committed_release_whose_folder_was_exchanged_is_not_published(log, tmp_path, monkeypatch):
    final = tmp_path / "out" / "r1"
    monkeypatch.setattr(publication, "proof_files", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        publish(log, final)
    monkeypatch.undo()
    (tmp_path / "out" / ".r1.partial" / "release" / "manifest.json").write_text("{}")
    with pytest.raises(IntegrityError, match="is not what was logged"):
        recover(log.store, log)
    assert not final.exists()


def test_two_publishers_of_one_release(log, state, url, tmp_path):
    final = tmp_path / "out" / "r1"
    with stage(log.store, "r1", final) as staged:
        write_files(staged.folder)
        (staged.folder / "manifest.json").write_text("{}")
        assert list(tmp_path.glob("out/*/manifest.json")) == []

        def rival():
            mine = Log.open(open_store(state, url))
            assert recover(mine.store, mine) == []  # must leave the living publisher alone
            with pytest.raises(UsageError, match="publishing r1 right now"):
                publish(mine, final)

        assert in_child(rival) == 0
        manifest = seal_release(staged.folder, ORIGIN, SECRET, log.key)
        with log.store.transaction() as tx:
            begin(tx, log, staged, manifest)
        finish_publication(log.store, log, "r1")
    assert verify_release(final, None, log.store).state == "proposed"


def test_two_publishers_at_once(log, state, url, tmp_path):
    """Several processes publish releases of their own at the same time; every one verifies under one log."""
    children = []
    for name in ("a", "b", "c"):
        child = os.fork()
        if child == 0:
            code = 1
            try:
                mine = Log.open(open_store(state, url))
                for number in range(3):
                    publish(mine, tmp_path / "out" / f"{name}{number}")
                code = 0
            finally:
                os._exit(code)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0, 0]
    folders = sorted((tmp_path / "out").iterdir())
    assert [folder.name for folder in folders] == [f"{name}{number}" for name in "abc" for number in range(3)]
    for folder in folders:
        verify_release(folder, None, log.store)
    verify_log(log)
    with log.store.reading() as tx:
        verify_states(tx)


@pytest.mark.slow
def test_killed_at_every_step_of_publishing(log, state, url, tmp_path):
    """SIGKILL at the n-th statement, commit, fsync or rename, for every n; then recover, and run again if needed."""
    ledger = Ledger(log, "anna", "operator")
    ledger.set_budget("ind", "public", 10)
    appeared = {True: 0, False: 0}
    for point in range(1, 400):
        final = tmp_path / "out" / f"r{point}"

        def act(point=point, final=final):
            mine = Log.open(open_store(state, url))
            kill_at(mine.store.engine, point)
            publish(mine, final)

        status = in_child(act)
        assert status in (0, signal.SIGKILL)
        reopened = Log.open(log.store)
        recover(reopened.store, reopened)
        with reopened.store.reading() as tx:
            known = state_of(tx, final.name)
        assert final.exists() == (known == "proposed")
        appeared[final.exists()] += 1
        if not final.exists():
            publish(reopened, final)
        assert verify_release(final, None, reopened.store).release == final.name
        assert proposals(reopened, final.name) == 1
        assert intents(reopened) == 0
        if status == 0:
            break
    assert appeared[True] > 10
    assert appeared[False] > 10
    assert all(not path.name.startswith(".") for path in (tmp_path / "out").iterdir())
    verify_log(log)


def kill_at(engine, point):
    """Die at the `point`-th event: statements and commits on this engine, and every fsync and rename."""
    seen = {"count": 0}

    def event(*_args, **_more):
        seen["count"] += 1
        if seen["count"] == point:
            os.kill(os.getpid(), signal.SIGKILL)

    for name in ("before_cursor_execute", "after_cursor_execute", "commit"):
        sa.event.listen(engine, name, event)
    for name in ("fsync", "rename", "replace"):
        original = getattr(os, name)

        def counted(*args, original=original, **more):
            event()
            result = original(*args, **more)
            event()
            return result

        setattr(os, name, counted)


def test_proofs_stay_small(embedded, tmp_path):
    """A proof file grows with the checkpoints, not with the leaves."""
    for _ in range(30):
        append_views(embedded, 20, sign=True)
    final = publish(embedded, tmp_path / "out" / "r1")
    assert (final / "inclusion.json").stat().st_size < 31 * 3_000
