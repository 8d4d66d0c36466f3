"""Setting a log up and changing its signing key: rare, deliberate, each one transaction."""

from __future__ import annotations

import base64
from importlib.metadata import version
from pathlib import Path

import sqlalchemy as sa

from disclosure.log import keyring
from disclosure.log.log import KEY_FILE, Clock, Log, utc_now
from disclosure.log.notes import SigningKey, create_signing_key, load_signing_key
from disclosure.log.witness import FOLDER, newest_witness
from disclosure.schema import signing_keys
from disclosure.store import Store, private_folder
from schemas.errors import IntegrityError, UsageError
from schemas.release import Role


def set_up_log(
    store: Store, *, actor: str, role: Role = "operator", key_file: Path | None = None, clock: Clock = utc_now
) -> Log:
    """Begin a log: make the signing key where there is none, append `setup`, sign the first checkpoint.

    Raises UsageError (2) where the store has a log already, IntegrityError (6) where witnesses of an earlier log lie in
    its folder: an emptied database must not be a fresh budget.
    """
    found = newest_witness(store.folder(FOLDER))
    with store.reading() as tx:
        begun = tx.execute(sa.select(signing_keys.c.id)).first() is not None
    if found is not None and not begun:
        raise IntegrityError(
            f"{found[0]} shows that a log existed here, but the database is empty; put the newest state back."
        )
    path = key_file or store.directory / KEY_FILE
    if not path.exists():
        private_folder(path.parent)
    key = load_signing_key(path) if path.exists() else create_signing_key(path)
    with store.transaction() as tx:
        log = Log(store, keyring.begin(tx, key), key, clock)
        body = {
            "origin": log.origin,
            "public_key": base64.b64encode(key.public).decode(),
            "version": version("schakel"),
        }
        log.append(tx, "setup", body, actor=actor, role=role)
        log.checkpoint(tx)
    return log


def rotate_key(log: Log, new: SigningKey, *, actor: str, role: Role, reason: str) -> Log:
    """Let `new` sign from here on. With the old key at hand both sign the checkpoint that covers the rotation.

    A log opened with sign=False rotates away from a lost or revoked key: the leaf then carries no signature of the
    old one, and auditors must get the new public key from the data holder in person.
    """
    with log.store.transaction() as tx:
        before = keyring.active_key(tx) or _last_key(log)
        body = keyring.rotation_body(new, before, log.key, reason)
        entry = log.append(tx, "key_rotated", body, actor=actor, role=role)
        keyring.replace(tx, before, new, entry.seq)
        log.sign(tx, [key for key in (log.key, new) if key is not None])
    return Log(log.store, log.origin, new, log.clock)


def revoke_key(log: Log, key: str, *, actor: str, role: Role, reason: str) -> None:
    """Declare that nothing `key` (its id) signs counts from here on; rotate afterwards if it was the active one.

    The last checkpoint under a compromised key covers the revocation itself, so that holders of its public key learn
    of it.
    """
    with log.store.transaction() as tx:
        if log.key is None:
            raise UsageError("Revoking a key needs the log's signing key; open the log with it.")
        entry = log.append(tx, "key_revoked", {"key": key, "reason": reason}, actor=actor, role=role)
        log.checkpoint(tx)
        keyring.revoke(tx, key, entry.seq + 1)


def _last_key(log: Log) -> bytes:
    with log.store.reading() as tx:
        found = tx.execute(sa.select(signing_keys.c.public).order_by(signing_keys.c.since.desc()).limit(1)).scalar()
    if found is None:
        raise UsageError("This state folder was never set up; run `schakel setup`.")
    return bytes(found)
