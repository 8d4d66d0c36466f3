"""Which keys sign the log: setting up, rotating, losing and revoking them, each a leaf."""

from __future__ import annotations

import base64
import secrets
from pathlib import Path

import sqlalchemy as sa

from disclosure.log.notes import Checkpoint, SigningKey, key_id, load_signing_key, note_key_hash, parse_note
from disclosure.schema import settings, signing_keys
from disclosure.store import Transaction, sync_folder
from schemas.errors import IntegrityError, UsageError

ORIGIN = "origin"


def begin(tx: Transaction, key: SigningKey) -> str:
    """Name a new log and make `key` its signing key; UsageError where the store has a log already."""
    if tx.execute(sa.select(settings.c.value).where(settings.c.name == ORIGIN)).first() is not None:
        raise UsageError("This state store is set up already; use another state folder for a new log.")
    # Random, so that a checkpoint of one state folder never passes for one of another.
    name = f"schakel/{secrets.token_hex(8)}"
    tx.execute(sa.insert(settings), {"name": ORIGIN, "value": name})
    tx.execute(sa.insert(signing_keys), {"id": key.id, "public": key.public, "state": "active", "since": 0})
    return name


def origin(tx: Transaction) -> str:
    """The log's name; UsageError before setup."""
    value = tx.execute(sa.select(settings.c.value).where(settings.c.name == ORIGIN)).scalar()
    if value is None:
        raise UsageError("This state folder was never set up; run `schakel setup`.")
    return str(value)


def known_keys(tx: Transaction) -> list[bytes]:
    """Raw public keys of this log, past and present."""
    return list(tx.execute(sa.select(signing_keys.c.public)).scalars())


def trusted_keys(tx: Transaction) -> list[bytes]:
    """What auditors should hold: the raw public keys that were not revoked, the one that signs now first."""
    rows = tx.execute(sa.select(signing_keys).where(signing_keys.c.state != "revoked")).all()
    return [row.public for row in sorted(rows, key=lambda row: (row.state != "active", -row.since))]


def active_key(tx: Transaction) -> bytes | None:
    """The raw public key that signs now; None after a revocation without a successor."""
    return tx.execute(sa.select(signing_keys.c.public).where(signing_keys.c.state == "active")).scalar()


def require_active(tx: Transaction, key: SigningKey) -> None:
    """IntegrityError (6) unless `key` is the one that signs this log now."""
    state = tx.execute(sa.select(signing_keys.c.state).where(signing_keys.c.id == key.id)).scalar()
    if state == "active":
        return
    if state is None:
        raise IntegrityError(f"The signing key {key.id} is not this log's; name the key file of this state folder.")
    raise IntegrityError(f"The signing key {key.id} was {state}; sign with the key that took over.")


def require_not_revoked(tx: Transaction, note: str, point: Checkpoint, what: str) -> None:
    """IntegrityError (6) where only revoked keys signed a checkpoint made after their revocation."""
    _, blobs = parse_note(note, what)
    tags = {blob[:4] for blob in blobs}
    rows = tx.execute(sa.select(signing_keys)).all()
    signers = [row for row in rows if note_key_hash(point.origin, row.public) in tags]
    if all(row.state == "revoked" and point.size > row.since for row in signers):
        raise IntegrityError(f"{what} was signed by a key after its revocation; do not trust it.")


def finish_rotation(tx: Transaction, current: Path) -> None:
    """Put the next key file into its place where a rotation was committed and its process died before it could."""
    following = next_key_file(current)
    if following.exists() and load_signing_key(following).public == active_key(tx):
        following.replace(current)
        sync_folder(current.parent)


def next_key_file(current: Path) -> Path:
    """Where a new signing key waits until the log knows it."""
    return current.with_name("signing.next.pem")


def replace(tx: Transaction, before: bytes, new: SigningKey, size: int) -> None:
    """Retire `before` and let `new` sign; a key that ever signed here cannot come back."""
    if tx.execute(sa.select(signing_keys.c.id).where(signing_keys.c.id == new.id)).first() is not None:
        raise UsageError("The new signing key was used in this log before; make a fresh one.")
    tx.execute(
        sa.update(signing_keys)
        .where(signing_keys.c.public == before, signing_keys.c.state == "active")
        .values(state="retired", since=size)
    )
    tx.execute(sa.insert(signing_keys), {"id": new.id, "public": new.public, "state": "active", "since": size})


def revoke(tx: Transaction, key: str, size: int) -> None:
    """Mark a key revoked from `size` leaves on; UsageError where this log never had it."""
    found = tx.execute(sa.update(signing_keys).where(signing_keys.c.id == key).values(state="revoked", since=size))
    if found.rowcount == 0:
        raise UsageError(f"This log never had a signing key {key}; `schakel log show --kind setup` names its first.")


def rotation_body(new: SigningKey, before: bytes, old: SigningKey | None, reason: str) -> dict[str, object]:
    """The leaf of a rotation; without the old key (lost) nothing but this log vouches for the new one."""
    body: dict[str, object] = {
        "key": new.id,
        "public_key": base64.b64encode(new.public).decode(),
        "before": key_id(before),
        "reason": reason,
    }
    if old is not None:
        body["signature"] = base64.b64encode(old.sign(new.public)).decode()
    return body
