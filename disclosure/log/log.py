"""The log: append a decision, sign where it stands, prove it to a stranger.

`Log.append` and `Log.checkpoint` work inside the caller's transaction, so that a leaf and what it is about commit
together. A checkpoint's witness file follows the commit (`witness.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from disclosure.log import keyring
from disclosure.log.leaves import VERSION, Body, check_body, encode
from disclosure.log.notes import Checkpoint, SigningKey, load_signing_key, read_note, write_note
from disclosure.log.tree import append_hash, consistency_path, inclusion_path, leaf_hash, root
from disclosure.log.witness import FOLDER, newest_witness, witness_folders, write_witness
from disclosure.schema import checkpoints, leaves
from disclosure.store import Store, Transaction
from schemas.errors import IntegrityError, UsageError
from schemas.release import Role

KEY_FILE = "keys/signing.pem"
Clock = Callable[[], datetime]
# Built once: every append runs them.
_INSERT = sa.insert(leaves)
_LAST = sa.select(leaves.c.seq, leaves.c.time).order_by(leaves.c.seq.desc()).limit(1)


def utc_now() -> datetime:
    """The clock of the machine; tests pass another one."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Entry:
    """An appended leaf: its number, its canonical bytes and its hash."""

    seq: int
    data: bytes
    hash: bytes


@dataclass(frozen=True)
class Log:
    """An open log. `key` is None for those who only read (portal, auditors): they can prove, not append checkpoints."""

    store: Store
    origin: str
    key: SigningKey | None
    clock: Clock

    @classmethod
    def open(cls, store: Store, key_file: Path | None = None, clock: Clock = utc_now, *, sign: bool = True) -> Log:
        """Open the log of a store that was set up, and refuse a state that went back in time.

        key_file  PEM file of the signing key, default `keys/signing.pem` in the state folder; not read with sign=False.

        Raises UsageError (2) before setup or without the key, IntegrityError (6) where the state is older than a
        checkpoint it signed, where the key is another one than the log's, or was revoked.
        """
        with store.reading() as tx:
            origin = keyring.origin(tx)
            if sign:
                keyring.finish_rotation(tx, key_file or store.directory / KEY_FILE)
        key = load_signing_key(key_file or store.directory / KEY_FILE) if sign else None
        log = cls(store, origin, key, clock)
        # Before the transaction: a witness follows its commit, so one that is there now is in the view we get next.
        witnesses = [(folder, newest_witness(folder)) for folder in witness_folders(store, origin)]
        with store.reading() as tx:
            if key is not None:
                keyring.require_active(tx, key)
            log._refuse_rollback(tx, witnesses)
        return log

    def append(
        self,
        tx: Transaction,
        kind: str,
        body: Body | dict[str, Any],
        actor: str,
        role: Role,
        study: str | None = None,
        release: str | None = None,
    ) -> Entry:
        """Append one leaf in the caller's transaction.

        A clock that runs behind the last leaf is noticed: a leaf `clock_behind` says by how much, and times repeat
        the last one until the clock has caught up, so that time never decreases along the log.
        """
        seq, last = self._head(tx)
        now = self.clock().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        if now < last:
            if not self._noticed(tx, last):
                behind = datetime.fromisoformat(last) - datetime.fromisoformat(now)
                notice = {"seconds": int(behind.total_seconds())}
                self._write(tx, seq, last, "clock_behind", notice, "schakel", "system", None, None)
                seq += 1
            now = last
        return self._write(tx, seq, now, kind, check_body(kind, body), actor, role, study, release)

    def _write(
        self,
        tx: Transaction,
        seq: int,
        time: str,
        kind: str,
        body: dict[str, Any],
        actor: str,
        role: Role,
        study: str | None,
        release: str | None,
    ) -> Entry:
        envelope = {"v": VERSION, "seq": seq, "time": time, "actor": actor, "role": role, "kind": kind}
        data = encode({**envelope, "study": study, "release": release, "body": body})
        row = {"seq": seq, "time": time, "actor": actor, "kind": kind, "study": study, "release": release, "data": data}
        tx.execute(_INSERT, row)
        entry = Entry(seq, data, leaf_hash(data))
        append_hash(tx, seq, entry.hash)
        return entry

    def checkpoint(self, tx: Transaction) -> str:
        """Sign the log as it stands; the note is durable with the transaction, its witness right after it."""
        if self.key is None:
            raise UsageError("This log was opened for reading; open it with the signing key to sign a checkpoint.")
        keyring.require_active(tx, self.key)
        return self.sign(tx, [self.key])

    def sign(self, tx: Transaction, keys: list[SigningKey]) -> str:
        """A checkpoint by given keys, for rotations; everybody else calls `checkpoint`."""
        size, last = self._head(tx)
        note = tx.execute(sa.select(checkpoints.c.note).where(checkpoints.c.size == size)).scalar()
        if note is None:
            note = write_note(Checkpoint(self.origin, size, root(tx, size), last), keys)
            tx.execute(sa.insert(checkpoints), {"size": size, "note": note})
        kept: str = note
        tx.after_commit(lambda: write_witness(self.store, self.origin, size, kept))
        return kept

    def size(self, tx: Transaction) -> int:
        """How many leaves there are."""
        return self._head(tx)[0]

    def last_checkpoint(self, tx: Transaction) -> tuple[int, str] | None:
        """Size and note of the newest checkpoint."""
        row = tx.execute(sa.select(checkpoints).order_by(checkpoints.c.size.desc()).limit(1)).first()
        return None if row is None else (row.size, row.note)

    def prove_inclusion(self, seq: int, size: int) -> list[bytes]:
        """Audit path of leaf `seq` in the tree of `size` leaves (RFC 9162, 2.1.3)."""
        with self.store.reading() as tx:
            self._require(tx, 0 <= seq < size, size)
            return inclusion_path(tx, seq, size)

    def prove_consistency(self, old: int, new: int) -> list[bytes]:
        """Proof that the first `old` leaves of the tree of `new` leaves are unchanged (RFC 9162, 2.1.4)."""
        with self.store.reading() as tx:
            self._require(tx, 1 <= old <= new, new)
            return consistency_path(tx, old, new)

    def extends(self, tx: Transaction, note: str, what: str) -> Checkpoint:
        """Require that this log is a continuation of a checkpoint that somebody kept.

        Raises IntegrityError (6) where the note is not this log's, says more leaves than there are, or another root:
        the state was restored from a backup, truncated or rewritten. `what` names the note in the message.
        """
        point = read_note(note, keyring.known_keys(tx), what)
        size, _ = self._head(tx)
        if point.origin != self.origin:
            raise IntegrityError(f"{what} belongs to another log; use the state folder that made it.")
        if point.size > size:
            raise IntegrityError(
                f"The log has {size} entries, but {what} was signed over {point.size}: the state store is older than "
                "what it once signed; put the newest state back."
            )
        keyring.require_not_revoked(tx, note, point, what)
        if root(tx, point.size) != point.root:
            raise IntegrityError(f"The log does not continue {what}: entries before {point.size} were changed.")
        return point

    def _refuse_rollback(self, tx: Transaction, witnesses: list[tuple[Path, tuple[Path, str] | None]]) -> None:
        last = self.last_checkpoint(tx)
        if last is None:
            raise IntegrityError("The log has no checkpoint of its own setup; restore the state store.")
        self.extends(tx, last[1], "its own last checkpoint")
        for folder, newest in witnesses:
            if newest is not None:
                self.extends(tx, newest[1], f"the checkpoint {newest[0]}")
            elif folder.name == FOLDER and self._embedded_with_history(tx):
                raise IntegrityError(
                    f"The checkpoints in {folder} are gone, though this log signed some; put the folder back."
                )
        if self.key is not None:  # a run that was killed right after a commit left no witness
            write_witness(self.store, self.origin, *last)

    def _embedded_with_history(self, tx: Transaction) -> bool:
        """A server's log is opened from many machines, each with a folder of its own; an embedded one from a single
        one.
        """
        count = tx.execute(sa.select(sa.func.count()).select_from(checkpoints)).scalar_one()
        return self.store.embedded and count > 1

    def _head(self, tx: Transaction) -> tuple[int, str]:
        row = tx.execute(_LAST).first()
        return (0, "") if row is None else (row.seq + 1, row.time)

    def _noticed(self, tx: Transaction, time: str) -> bool:
        statement = sa.select(leaves.c.seq).where(leaves.c.kind == "clock_behind", leaves.c.time == time).limit(1)
        return tx.execute(statement).first() is not None

    def _require(self, tx: Transaction, ordered: bool, size: int) -> None:
        if not ordered or size > self.size(tx):
            raise UsageError(f"The log has {self.size(tx)} entries; ask for a proof inside it.")


_BATCH = 1_000


def entries(tx: Transaction, stop: int | None = None, *conditions: sa.ColumnElement[bool]) -> Iterator[sa.Row[Any]]:
    """The stored rows before `stop` that meet `conditions`, in order.

    Read in batches, each a query of its own, so that a reader who stops halfway leaves no cursor open.
    """
    statement = sa.select(leaves).where(*conditions).order_by(leaves.c.seq).limit(_BATCH)
    if stop is not None:
        statement = statement.where(leaves.c.seq < stop)
    start = 0
    while rows := tx.execute(statement.where(leaves.c.seq >= start)).all():
        yield from rows
        start = rows[-1].seq + 1
