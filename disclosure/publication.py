"""A release appears in one step, together with its leaf, or not at all.

1. `stage` records a folder beside the final place and locks it; the files of the release are written there.
2. In one transaction: `begin_publication` appends the leaf, enters the release, signs the checkpoint and records that
the
   folder now only has to be moved; the caller may charge or log more in the same transaction.
3. `finish_publication` writes the proofs into the folder, renames it, and forgets the record.

A process that dies before the commit of step 2 leaves a folder that nobody knows; after it, a release that only has
to be moved. `recover` does away with the one and finishes the other, as often as it is called.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import rfc8785
import sqlalchemy as sa

from disclosure import states
from disclosure.faults import file_fault
from disclosure.log.log import Log
from disclosure.log.tree import consistency_ranges, inclusion_path, subtrees
from disclosure.schema import checkpoints, intents, leaves
from disclosure.store import Store, Transaction, private_folder, sync_folder, write_private
from schemas.errors import IntegrityError, UsageError
from schemas.release import CHECKPOINT, INCLUSION, MANIFEST, Role

STAGING = "staging"
COMMITTED = "committed"
# One level down, so that nobody who looks for releases/<study>/*/manifest.json finds a release that is being written.
INNER = "release"


@dataclass(frozen=True)
class Staged:
    """A release being written: `folder` is where its files go, `final` where it will appear."""

    release: str
    folder: Path
    final: Path


@contextmanager
def stage(store: Store, release: str, final: Path) -> Iterator[Staged]:
    """Hold a staging folder for a release; one process at a time can hold it.

    Leaving the block without `finish_publication` removes the folder unless the release was committed meanwhile.
    UsageError (2) where the final place is taken or somebody else is publishing this release.
    """
    final = final.absolute()
    outer = final.parent / f".{release}.partial"
    staged = Staged(release, outer / INNER, final)
    with _lock(store, release) as held:
        if not held:
            raise UsageError(f"Another process is publishing {release} right now; wait for it.")
        if final.exists():
            raise UsageError(f"{final} exists already; a release is never overwritten.")
        try:
            private_folder(final.parent)
            with store.transaction() as tx:
                if _intent(tx, release) is not None:
                    raise UsageError(f"An earlier run of {release} was interrupted; recover the state store first.")
                row = {"release": release, "phase": STAGING, "staging": str(outer), "final": str(final)}
                tx.execute(sa.insert(intents), row)
            private_folder(outer)
            private_folder(staged.folder)
            yield staged
        finally:
            _discard_uncommitted(store, release)


def begin_publication(
    tx: Transaction,
    log: Log,
    staged: Staged,
    *,
    study: str,
    manifest: str,
    snapshot: str,
    policy: str,
    code: str,
    actor: str,
    role: Role,
) -> None:
    """In the caller's transaction: leaf, release row, checkpoint, and the intent to move the folder."""
    states.propose(
        tx,
        log,
        staged.release,
        study,
        manifest=manifest,
        snapshot=snapshot,
        policy=policy,
        code=code,
        actor=actor,
        role=role,
    )
    log.checkpoint(tx)
    mine = (intents.c.release == staged.release) & (intents.c.phase == STAGING)
    if tx.execute(sa.update(intents).where(mine).values(phase=COMMITTED)).rowcount != 1:
        raise UsageError(f"{staged.release} was not staged; stage it first.")


def finish_publication(store: Store, log: Log, release: str) -> Path | None:
    """Write the proofs, move the folder to its place, clear the intent; returns the release folder.

    Call it inside `stage` (or let `recover` do it), so that no other process finishes the same release meanwhile.
    None where there is nothing to finish. IntegrityError (6) where the log holds the release and its folder is gone
    or another one.
    """
    with store.reading() as tx:
        intent = _intent(tx, release)
        if intent is None:
            return None
        proofs = proof_files(tx, log, release)
        manifest = states.require_release(tx, release).manifest
    staging, final = Path(intent.staging) / INNER, Path(intent.final)
    try:
        if staging.exists() and not final.exists():
            _require_manifest(staging, release, manifest)
            for stray in staging.glob(".*.partial"):  # an earlier attempt died while it wrote a proof
                stray.unlink()
            for name, content in proofs.items():
                write_private(staging / name, content)
            staging.rename(final)
        _require_manifest(final, release, manifest)
        shutil.rmtree(intent.staging, ignore_errors=True)
        sync_folder(final.parent)
    except OSError as error:
        raise file_fault(error, f"the folder of release {release}") from None
    with store.transaction() as tx:
        tx.execute(sa.delete(intents).where(intents.c.release == release))
    return final


def recover(store: Store, log: Log) -> list[Path]:
    """Finish what was committed and remove what was not; returns the releases that appeared. Safe to call any time."""
    with store.reading() as tx:
        pending = list(tx.execute(sa.select(intents.c.release)).scalars())
    appeared = []
    for release in pending:
        with _lock(store, release) as held:
            if not held:  # its publisher is alive
                continue
            _discard_uncommitted(store, release)
            final = finish_publication(store, log, release)
            if final is not None:
                appeared.append(final)
    return appeared


def proof_files(tx: Transaction, log: Log, release: str) -> dict[str, bytes]:
    """checkpoint.txt and inclusion.json of a release, under the newest checkpoint.

    inclusion.json holds the leaf, its audit path, and a consistency proof from every checkpoint ever signed, so that
    any of them serves as --since. The proofs share their hashes: `earlier` maps a size to numbers in `nodes`. A
    checkpoint adds at most 2 log2(size) hashes of 67 bytes, under 3 kB at a million leaves; all leaf hashes would be
    67 MB there.
    """
    last = log.last_checkpoint(tx)
    statement = sa.select(leaves.c.seq, leaves.c.data).where(
        leaves.c.release == release, leaves.c.kind == "release_proposed"
    )
    leaf = tx.execute(statement).first()
    if last is None or leaf is None:
        raise IntegrityError(f"The log does not hold the proposal of {release}; restore the state store.")
    size, note = last
    sizes = list(tx.execute(sa.select(checkpoints.c.size).where(checkpoints.c.size < size)).scalars())
    proofs = {old: consistency_ranges(old, 0, size) for old in sorted(sizes)}
    ranges = sorted({part for proof in proofs.values() for part in proof})
    number = {part: index for index, part in enumerate(ranges)}
    inclusion = {
        "v": 1,
        "seq": leaf.seq,
        "leaf": leaf.data.decode(),
        "path": [value.hex() for value in inclusion_path(tx, leaf.seq, size)],
        "earlier": {str(old): [number[part] for part in proof] for old, proof in proofs.items()},
        "nodes": [value.hex() for value in subtrees(tx, ranges)],
    }
    return {CHECKPOINT: note.encode(), INCLUSION: rfc8785.dumps(inclusion)}


def _require_manifest(folder: Path, release: str, manifest: str) -> None:
    path = folder / MANIFEST
    if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != manifest:
        raise IntegrityError(f"The log holds release {release}, but {folder} is not what was logged; put it back.")


def _intent(tx: Transaction, release: str) -> sa.Row[tuple[str, str, str, str]] | None:
    return tx.execute(sa.select(intents).where(intents.c.release == release)).first()


def _discard_uncommitted(store: Store, release: str) -> None:
    with store.transaction() as tx:
        intent = _intent(tx, release)
        if intent is None or intent.phase != STAGING:
            return
        shutil.rmtree(intent.staging, ignore_errors=True)
        tx.execute(sa.delete(intents).where(intents.c.release == release))


@contextmanager
def _lock(store: Store, release: str) -> Iterator[bool]:
    """An advisory lock that the system gives back when its holder dies, however it dies."""
    name = hashlib.sha256(release.encode()).hexdigest()[:32]
    descriptor = os.open(store.folder("locks") / name, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            held = True
        except BlockingIOError:
            held = False
        yield held
    finally:
        os.close(descriptor)
