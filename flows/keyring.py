"""New keys and keys that take over: the signing key of the log, and the secret of a study.

A key that takes over waits in a file beside its predecessor until the log knows it, and moves into place afterwards: a
process that dies in between leaves a state that the next start (signing key) or the same command (secret) completes.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from disclosure.log import keyring
from disclosure.log.ceremony import revoke_key, rotate_key
from disclosure.log.log import KEY_FILE, Log
from disclosure.log.notes import create_signing_key, key_id, load_signing_key, public_pem
from disclosure.memo import Memo
from disclosure.store import Store, open_store, sync_folder, write_private
from flows.desks import LINKAGE, encode_at_desk
from flows.job import PROFILE, make_job
from flows.people import role_of
from flows.runs import one_run_at_a_time
from flows.settings import Settings
from flows.state import State, open_state
from flows.wire import pack_table, unpack_table
from linkage.keys import StudyKeys, create_key, load_key
from schemas.errors import IntegrityError, UsageError

PUBLIC_FILE = "keys/signing.pub.pem"


def new_secret(settings: Settings, study: str) -> str:
    """Make the secret of a study that never had one; UsageError (2) where it has."""
    with open_state(settings) as state:
        _require_operator(state)
        if not state.require_key(study):
            raise UsageError(
                f"{state.key_file(study)} is there already; `schakel keys rotate --study {study}` replaces it."
            )
        return f"The secret of {study} is in {state.key_file(study)}; back it up apart from the state."


def _require_operator(state: State) -> None:
    role = role_of(state)
    if role != "operator":
        raise UsageError(f"{state.actor} is registered as {role}; only an operator makes or rotates keys.")


# --- the signing key --------------------------------------------------------------------------------------------------


def rotate_signing_key(settings: Settings, reason: str, *, lost: bool, revoke: bool) -> str:
    """Let a new key sign the log.

    lost    the present key file is gone or was revoked: nothing but the log vouches for the new key then.
    revoke  the present key fell into other hands: what it signs from here on does not count.
    """
    if lost and revoke:
        raise UsageError("A key that is lost cannot revoke itself; give --lost alone.")
    store = open_store(settings.state, settings.database_url or None)
    try:
        current = settings.signing_key or store.directory / KEY_FILE
        log = _open(store, current, lost=lost)
        state = State(settings, store, log, "operator")
        _require_operator(state)
        following = keyring.next_key_file(current)
        following.unlink(missing_ok=True)  # of a rotation that died before the log knew it
        new = create_signing_key(following)
        if revoke and log.key is not None:
            revoke_key(log, log.key.id, actor=state.actor, role="operator", reason=reason)
            log = replace(log, key=None)
        rotate_key(log, new, actor=state.actor, role="operator", reason=reason)
        following.replace(current)
        sync_folder(current.parent)
        public = write_public_keys(store)
    finally:
        store.close()
    vouched = "the log's old key vouches for it" if log.key is not None else "nothing but this log vouches for it"
    return f"{new.id} signs the log from here on; {vouched}. Hand {public} to every auditor in person."


def _open(store: Store, path: Path, *, lost: bool) -> Log:
    log = Log.open(store, path, sign=not lost)
    if lost and path.exists():
        with store.reading() as tx:
            active = keyring.active_key(tx)
        if active is not None and key_id(active) == load_signing_key(path).id:
            raise UsageError(f"The signing key is not lost, it is in {path}; rotate without --lost.")
    return log


def write_public_keys(store: Store) -> Path:
    """The public keys that auditors should hold, newest first, one below the other."""
    store.folder(Path(PUBLIC_FILE).parent.name)
    path = store.directory / PUBLIC_FILE
    with store.reading() as tx:
        keys = keyring.trusted_keys(tx)
    write_private(path, "".join(public_pem(key) for key in keys).encode())
    return path


# --- the secret of a study --------------------------------------------------------------------------------------------


def rotate_secret(settings: Settings, study_ref: str, data: Path, reason: str) -> str:
    """Replace a study's secret and carry over what depended on it.

    Record pseudonyms are keyed, so the map of stable person ids is useless under another secret; it is rewritten for
    the records of the delivery `data`, the only place where the numbers behind the pseudonyms are. What the store keeps
    sealed is sealed anew in the same transaction. Snapshot digests are keyed too: the next run of the same registers is
    a new snapshot, which is charged and drawn again (docs/log.md).
    """
    job = make_job(study_ref, data, settings)
    study = job.study.family
    with open_state(settings) as state, one_run_at_a_time(state):
        _require_operator(state)
        current = state.key_file(study)
        following = current.with_name(current.name + ".next")
        if _finish(state, study, current, following):
            return f"An earlier rotation of the secret of {study} was completed; nothing else was changed."
        old = load_key(current)
        following.unlink(missing_ok=True)
        create_key(following)
        new = load_key(following)
        memo = Memo(state.store, study, old)
        kept, lost, persons = _carried_over(study_ref, data, current, following, memo.persons())
        body: dict[str, object] = {
            "key": StudyKeys(new, study).key_id, "before": StudyKeys(old, study).key_id, "reason": reason,
        }  # fmt: skip
        with state.store.transaction() as tx:
            memo.reseal(tx, new, persons)
            state.log.append(tx, "study_key_rotated", body, state.actor, state.role, study)
            state.log.checkpoint(tx)
        _into_place(following, current)
    return (
        f"The secret of {study} was replaced; {kept} records keep their person ids, {lost} that this delivery does not "
        "hold will get new ones. Back the new secret up; the next run is a new snapshot and is charged again."
    )


def _finish(state: State, study: str, current: Path, following: Path) -> bool:
    """Complete a rotation whose process died between the commit and the move."""
    said = [leaf["body"] for leaf in state.leaves(kind="study_key_rotated") if leaf["study"] == study]
    if not said or not isinstance(said[-1], dict) or not following.exists():
        return False
    if StudyKeys(load_key(following), study).key_id != said[-1]["key"]:
        return False
    _into_place(following, current)
    return True


def _into_place(following: Path, current: Path) -> None:
    following.replace(current)
    sync_folder(current.parent)


def _carried_over(
    study_ref: str, data: Path, old: Path, new: Path, stored: bytes | None
) -> tuple[int, int, bytes | None]:
    """The map under the new key: (records that keep their person, records dropped, packed map). None: there was none."""
    if stored is None:
        return 0, 0, None
    known = unpack_table(stored)
    before, after = (_pseudonyms(study_ref, data, key) for key in (old, new))
    if set(before) != set(after):
        raise IntegrityError(
            "The delivery changed while the secret was being replaced; nothing was changed, try again."
        )
    moved = {before[record]: after[record] for record in before}
    rows = [
        (moved[row["record"]], row["person_id"]) for row in known.to_pylist() if row["record"] in moved
    ]  # fmt: skip
    table = pa.table(
        {"record": [record for record, _ in rows], "person_id": [person for _, person in rows]}, schema=known.schema
    )
    return len(rows), known.num_rows - len(rows), pack_table(table)


def _pseudonyms(study_ref: str, data: Path, key: Path) -> dict[tuple[str, str], bytes]:
    """(bron, sleutel) -> record pseudonym under one key; identities stay in this process's memory."""
    encoded = encode_at_desk(study_ref, data, key, PROFILE, with_keys=True)
    found: dict[tuple[str, str], bytes] = {}
    for bron, blob in encoded.linkage.items():
        linkage = unpack_table(blob).select(["token", "record"]).to_pylist()
        numbers = {row["token"]: row["sleutel"] for row in encoded.keys[bron.removeprefix(LINKAGE)].to_pylist()}
        found |= {(bron, numbers[row["token"]]): row["record"] for row in linkage}
    return found
