"""A clock that tests can turn, a release to check, and processes that die."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from disclosure import publication
from disclosure.log import Log, public_pem
from disclosure.manifest import Origin, seal_release
from disclosure.store import Transaction

ORIGIN = Origin("nr2015", "a" * 64, "b" * 64, "c" * 64, "0.1.0")
SECRET = bytes(range(32))


class TurnedClock:
    """A clock that stands still until a test moves it."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def turn(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)


def append_views(log: Log, count: int, *, sign: bool = False) -> None:
    with log.store.transaction() as tx:
        for number in range(count):
            log.append(tx, "viewed", {"item": f"page{number}"}, "rosa", "rapporteur", "nr2015")
        if sign:
            log.checkpoint(tx)


def publish(log: Log, final: Path, origin: Origin = ORIGIN) -> Path:
    """Propose a small release at `final`, as a run would."""
    with publication.stage(log.store, final.name, final) as staged:
        write_files(staged.folder)
        manifest = seal_release(staged.folder, origin, SECRET, log.key)
        with log.store.transaction() as tx:
            begin(tx, log, staged, manifest)
        found = publication.finish_publication(log.store, log, final.name)
    assert found == final
    return final


def write_files(folder: Path) -> None:
    for name, content in {
        "public/index.html": "<h1>2010-2014</h1>",
        "public/f01.csv": "jaar;aantal;status\n2010;256;ok\n",
        "restricted/f01.csv": "jaar;aantal;status\n2010;;suppressed\n",
        "restricted/f01.parquet": "PAR1",
    }.items():
        (folder / name).parent.mkdir(mode=0o700, exist_ok=True)
        (folder / name).write_text(content)


def begin(tx: Transaction, log: Log, staged: publication.Staged, manifest: str) -> None:
    publication.begin_publication(
        tx,
        log,
        staged,
        study=ORIGIN.study,
        manifest=manifest,
        snapshot=ORIGIN.snapshot,
        policy=ORIGIN.policy,
        code=ORIGIN.code,
        actor="anna",
        role="operator",
    )


def in_child(action: Callable[[], None]) -> int:
    """Run `action` in a forked process; returns its wait status (0: it ended well, 9: it was killed)."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            action()
            status = 0
        finally:
            os._exit(status)
    return os.waitpid(child, 0)[1]


def write_public_key(log: Log, path: Path) -> Path:
    path.write_text(public_pem(log.key.public))
    return path
