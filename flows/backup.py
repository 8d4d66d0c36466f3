"""Backup and restore of the state: every table of the state store, the checkpoints and the certificates, in one sealed file.

    state store + checkpoints + certificates  -> tar of members, each compressed and sealed (ChaCha20-Poly1305)
    keys                                      -> a second file, which belongs in a safe

The members are rows, not database files, so that a backup of SQLite can be restored into PostgreSQL and the other way
round. The last member lists the digests of all others: none can be left out, exchanged or taken from an older backup.
A backup that is older than a checkpoint its log signed since is refused when it is restored, because it would give
spent budget back; that takes a checkpoint which the backup did not bring itself (`docs/recovery.md`).
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import secrets
import tarfile
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from disclosure.log import verify_log
from disclosure.log.witness import newest_witness, witness_folders
from disclosure.migrations import HEAD
from disclosure.schema import leaves, metadata
from disclosure.store import DATABASE, Store, Transaction, open_store, write_private
from flows.runs import one_run_at_a_time
from flows.settings import Settings
from flows.state import open_state
from linkage.keys import create_key, load_key
from schemas.errors import IntegrityError, UsageError

KEY = "backup.key"
FOLDERS = ("checkpoints", "certificates")
INDEX = "index"
FORMAT = 1
ROWS = 20_000  # per member, so that neither side holds a whole log in memory
_NONCE = 12


def back_up(settings: Settings, out: Path) -> int:
    """Write the sealed backup `out` (0600), a new file; returns how many entries its log has.

    The entry that says so comes first, so that the backup is exactly as new as the state until something else happens.
    """
    _require_new(out)
    with open_state(settings) as state, one_run_at_a_time(state):
        path = settings.keys_folder / KEY
        if not path.exists():
            create_key(path)
        state.append("backup_made", {})
        with state.store.transaction() as tx:  # the write lock: nobody appends meanwhile
            size = state.log.size(tx)
            _write(out, load_key(path), _members(state.store, tx, state.log.origin, size))
    return size


def back_up_keys(settings: Settings, out: Path) -> int:
    """Write all keys of the installation into the plain tar `out` (0600), a new file; returns how many."""
    _require_new(out)
    files = sorted(path for path in settings.keys_folder.glob("*") if path.is_file())
    if not any(path.name == KEY for path in files):
        raise UsageError(f"{settings.keys_folder} has no {KEY} yet; run `schakel backup` first.")
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        for path in files:
            _add(tar, path.name, path.read_bytes())
    write_private(out, content.getvalue())
    return len(files)


def _members(store: Store, tx: Transaction, origin: str, size: int) -> Iterator[tuple[str, bytes]]:
    made = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    about = {"format": FORMAT, "schema": HEAD, "origin": origin, "entries": size, "made": made}
    yield "about", json.dumps(about).encode()
    for table in metadata.sorted_tables:
        order = list(table.primary_key.columns)
        rows = tx.execute(sa.select(table).order_by(*order)).mappings()
        for number, chunk in enumerate(rows.partitions(ROWS)):
            lines = [json.dumps({name: _plain(value) for name, value in row.items()}) for row in chunk]
            yield f"table/{table.name}/{number:06d}", "\n".join(lines).encode()
    for folder in FOLDERS:
        for path in sorted((store.directory / folder).rglob("*")):
            if path.is_file():
                yield f"file/{path.relative_to(store.directory)}", path.read_bytes()


def _plain(value: Any) -> Any:
    return {"base64": base64.b64encode(value).decode()} if isinstance(value, bytes) else value


def _value(value: Any) -> Any:
    return base64.b64decode(value["base64"]) if isinstance(value, dict) else value


def _write(out: Path, key: bytes, members: Iterator[tuple[str, bytes]]) -> None:
    partial = out.with_name(f".{out.name}.{secrets.token_hex(4)}.partial")
    cipher, digests = ChaCha20Poly1305(key), {}
    try:
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            with tarfile.open(fileobj=file, mode="w") as tar:
                for name, content in members:
                    digests[name] = hashlib.sha256(content).hexdigest()
                    _add(tar, name, _seal(cipher, name, content))
                _add(tar, INDEX, _seal(cipher, INDEX, json.dumps(digests).encode()))
            file.flush()
            os.fsync(file.fileno())
        partial.replace(out)
    except OSError as error:
        raise UsageError(f"{out} cannot be written ({os.strerror(error.errno or 0)}); give another place.") from None
    finally:
        partial.unlink(missing_ok=True)


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(content), 0o600
    tar.addfile(member, io.BytesIO(content))


def _seal(cipher: ChaCha20Poly1305, name: str, content: bytes) -> bytes:
    nonce = secrets.token_bytes(_NONCE)
    return nonce + cipher.encrypt(nonce, zlib.compress(content), name.encode())


# --- restore ----------------------------------------------------------------------------------------------------------


def restore(settings: Settings, backup: Path, keys: Path | None, checkpoint: Path | None) -> Iterator[str]:
    """Rebuild the state in an empty state folder (and database) and verify it; says what was done.

    keys        what `back_up_keys` wrote; None where the keys are in the state folder already.
    checkpoint  a checkpoint from outside the backup; may be None where `SCHAKEL_WITNESS` keeps them.

    Raises UsageError (2) where something is there already or no checkpoint is at hand, IntegrityError (6) for a backup
    that is damaged, or older than the checkpoint.
    """
    if (settings.state / DATABASE).exists() or any((settings.state / name).exists() for name in FOLDERS):
        raise UsageError(f"{settings.state} holds a state already; restore into an empty state folder.")
    if checkpoint is None and not os.environ.get("SCHAKEL_WITNESS"):
        raise UsageError(
            "Nothing tells an old backup from the last one; give --checkpoint the newest checkpoint.txt that you can find, "
            "or set SCHAKEL_WITNESS."
        )
    note = _note(checkpoint) if checkpoint is not None else None
    if keys is not None:
        yield f"Keys: {_restore_keys(keys, settings.keys_folder)} put back"
    elif not (settings.keys_folder / KEY).exists():
        raise UsageError(
            f"No {KEY} in {settings.keys_folder} opens the backup; give --keys what `schakel backup --keys` wrote."
        )
    store = open_store(settings.state, settings.database_url or None)
    try:
        entries = _fill(store, backup, load_key(settings.keys_folder / KEY), note)
        yield f"State store: {entries} log entries put back"
    except BaseException:
        store.close()
        _empty_again(settings)
        raise
    store.close()
    try:
        with open_state(settings) as state:
            with state.store.reading() as tx:
                if note is not None:
                    state.log.extends(tx, note, f"the checkpoint {checkpoint}")
            verify_log(state.log)
            state.ledger().verify()
            state.append("state_restored", {"entries": entries})
    except IntegrityError:
        _empty_again(settings)
        raise
    yield "Verified: log, checkpoints, ledger; the log says that it was restored"


def _restore_keys(archive: Path, folder: Path) -> int:
    if folder.exists() and any(folder.iterdir()):
        raise UsageError(f"{folder} holds keys already; leave --keys out, or move them away.")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _opened(archive) as tar:
        members = [member for member in tar if member.isfile() and member.name == Path(member.name).name]
        for member in members:
            write_private(folder / member.name, _bytes(tar, member))
    return len(members)


def _fill(store: Store, backup: Path, key: bytes, note: str | None) -> int:
    """Everything in one transaction: a backup that turns out to be damaged leaves no row behind."""
    cipher = ChaCha20Poly1305(key)
    found: dict[str, str] = {}
    with _opened(backup) as tar, store.transaction() as tx:
        if tx.execute(sa.select(leaves.c.seq).limit(1)).first() is not None:
            raise UsageError("The database holds a log already; restore into an empty one.")
        about: dict[str, Any] = {}
        promised: dict[str, str] | None = None
        for member in tar:
            content = _unseal(cipher, member.name, _bytes(tar, member), backup)
            if member.name == INDEX:
                promised = json.loads(content)
                continue
            found[member.name] = hashlib.sha256(content).hexdigest()
            if member.name == "about":
                about = json.loads(content)
                _require_format(about)
                _require_newest(store, about, note)
            else:
                _put_back(store, tx, member.name, content)
        if promised != found:
            raise _damaged(backup)
    return int(about["entries"])


def _put_back(store: Store, tx: Transaction, name: str, content: bytes) -> None:
    kind, _, rest = name.partition("/")
    if kind == "file":
        path = store.directory / rest
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(path, content)
        return
    table = metadata.tables[rest.partition("/")[0]]
    rows = [{k: _value(v) for k, v in json.loads(line).items()} for line in content.decode().splitlines()]
    if table.name == "settings":  # a new store has made some of its own
        tx.execute(sa.delete(table).where(table.c.name.in_([row["name"] for row in rows])))
    tx.execute(sa.insert(table), rows)


def _unseal(cipher: ChaCha20Poly1305, name: str, blob: bytes, backup: Path) -> bytes:
    try:
        return zlib.decompress(cipher.decrypt(blob[:_NONCE], blob[_NONCE:], name.encode()))
    except (InvalidTag, ValueError):
        raise _damaged(backup) from None


def _opened(path: Path) -> tarfile.TarFile:
    try:
        return tarfile.open(path)
    except FileNotFoundError:
        raise UsageError(f"There is no file {path}.") from None
    except tarfile.TarError:
        raise _damaged(path) from None


def _bytes(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    source = tar.extractfile(member)
    return source.read() if source is not None else b""


def _damaged(path: Path) -> IntegrityError:
    return IntegrityError(
        f"{path} is damaged, or was sealed with another {KEY}; nothing was restored: take another backup."
    )


def _require_format(about: dict[str, Any]) -> None:
    if about["format"] != FORMAT or about["schema"] != HEAD:
        raise UsageError(
            "The backup was made by another version of Schakel; restore it with that version, then update."
        )


def _note(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise UsageError(f"The checkpoint {path} cannot be read; give a checkpoint.txt.") from None


def _require_newest(store: Store, about: dict[str, Any], note: str | None) -> None:
    """Refuse an old backup before a row is written; that the log continues the checkpoint is proved afterwards."""
    sizes = [int(line) for line in (note or "").splitlines()[1:2] if line.isdigit()]
    for folder in witness_folders(store, about["origin"]):
        newest = newest_witness(folder)
        sizes += [int(newest[0].stem)] if newest is not None else []
    if max(sizes, default=0) > about["entries"]:
        raise IntegrityError(
            f"The backup has {about['entries']} log entries, but a checkpoint was signed over {max(sizes)}: it would give spent "
            "budget back; restore a newer backup."
        )


def _require_new(out: Path) -> None:
    try:
        if out.exists():
            raise UsageError(f"{out} exists; a backup is a new file.")
        if not out.absolute().parent.is_dir():
            raise UsageError(f"There is no folder {out.absolute().parent}; make it, or give another place.")
    except PermissionError as error:  # a folder on the way there, which this user may not enter
        raise UsageError(f"{out} cannot be written ({os.strerror(error.errno or 0)}); give another place.") from None


def _empty_again(settings: Settings) -> None:
    """Take away what a refused restore put there; a database server keeps its own triggers, so its rows stay refused."""
    for path in (settings.state / f"{DATABASE}{suffix}" for suffix in ("", "-wal", "-shm")):
        path.unlink(missing_ok=True)
    for folder in FOLDERS:
        for path in sorted((settings.state / folder).rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        if (settings.state / folder).exists():
            (settings.state / folder).rmdir()
