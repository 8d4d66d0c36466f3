"""The state folder of one installation, opened: store, log, keys, and what an interrupted run left."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from disclosure.ledger import Ledger
from disclosure.log import keyring
from disclosure.log.ceremony import set_up_log
from disclosure.log.log import Log
from disclosure.memo import Memo
from disclosure.publication import recover
from disclosure.store import DATABASE, Store, open_store
from flows.engines import Place, place_under
from flows.settings import Settings
from linkage.keys import StudyKeys, create_key, load_key
from schemas.errors import IntegrityError, UsageError
from schemas.release import Role


@dataclass(frozen=True)
class State:
    """An open state folder. `role` is the duty in which `settings.actor` acts."""

    settings: Settings
    store: Store
    log: Log
    role: Role

    @property
    def actor(self) -> str:
        """Who the log says did it."""
        return self.settings.actor

    def ledger(self, study: str | None = None, release: str | None = None) -> Ledger:
        """The budget ledger, its leaves marked with study and release."""
        return Ledger(self.log, self.actor, self.role, study, release)

    def memo(self, study: str) -> Memo:
        """What the store keeps sealed for a study."""
        return Memo(self.store, study, load_key(self.key_file(study)))

    def keys(self, study: str) -> StudyKeys:
        """The study's keys: for salts, the pick of cases and sealed blobs; encoding happens at its own desk."""
        return StudyKeys(load_key(self.key_file(study)), study)

    def key_file(self, study: str) -> Path:
        """Where the study secret lies."""
        return self.settings.key_file or self.settings.keys_folder / f"{study}.key"

    def place(self) -> Place:
        """Where a session of the engine that the settings name may run."""
        return place_under(self.store.folder("runs"), self.settings.engine)

    def require_key(self, study: str) -> bool:
        """Make the study secret if this study never had one; True if it was made now.

        IntegrityError (6) where the log says that a secret was made and it is gone: a new one would renumber everybody.
        """
        path = self.key_file(study)
        if path.exists() or self.settings.key_file is not None:
            load_key(path)
            return False
        if any(entry["study"] == study for entry in self.leaves(kind="study_key_made")):
            raise IntegrityError(
                f"The study secret {path} is gone although it was made once; restore it from its backup."
            )
        create_key(path)
        body: dict[str, object] = {"key": StudyKeys(load_key(path), study).key_id}
        self.append("study_key_made", body, study)
        return True

    def append(self, kind: str, body: dict[str, object], study: str | None = None, release: str | None = None) -> None:
        """One leaf and a checkpoint over it, in a transaction of their own."""
        with self.store.transaction() as tx:
            self.log.append(tx, kind, body, self.actor, self.role, study, release)
            self.log.checkpoint(tx)

    def leaves(self, **filters: str) -> list[dict[str, object]]:
        """Leaves that match, oldest first."""
        from disclosure.log.audit import Filter, show

        with self.store.reading() as tx:
            return list(show(tx, Filter(**filters)))


@contextmanager
def open_state(settings: Settings, role: Role = "operator", *, create: bool = False) -> Iterator[State]:
    """Open the state folder and finish what an interrupted run left; with `create` set it up where there is none.

    Raises UsageError (2) where there is none, IntegrityError (6) where it is older than a checkpoint it signed.
    """
    if not create and not settings.database_url and not (settings.state / DATABASE).exists():
        raise UsageError(f"There is no state in {settings.state}; run `schakel setup`, or set SCHAKEL_STATE.")
    store = open_store(settings.state, settings.database_url or None)
    try:
        with store.reading() as tx:
            fresh = not keyring.known_keys(tx)
        key = settings.signing_key
        log = set_up_log(store, actor=settings.actor, key_file=key) if fresh and create else Log.open(store, key)
        recover(store, log)
        yield State(settings, store, log, role)
    finally:
        store.close()


def file_digest(*paths: Path) -> str:
    """SHA-256 (hex) over the bytes of files, in the given order."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.read_bytes())
    return digest.hexdigest()
