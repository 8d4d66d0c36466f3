"""The study secret, and every key that is derived from it.

Why one secret per study and a derived key per study id, purpose and field:

* A pseudonym is only as private as the key is absent. The linkage desk gets pseudonyms and encodings and never the
  key, so a list of names or V-numbers is useless to it. The secret therefore lives in a file that its owner alone can
  read (0600), never in configuration, an environment variable or a package.
* The study id enters every derivation, so the same secret used for two studies by mistake still gives pseudonyms that
  cannot be joined. Two agencies that hold the same secret for the same study do produce joinable packages.
* A key per field and purpose keeps encodings from explaining each other: the bits that `a` sets in a surname say
  nothing about the bits it sets in a first name, and the pseudonym of a V-number nothing about a record key.

HKDF-SHA256 (RFC 5869) does the derivation: the secret is uniform, so no slow password hashing is needed, and the
length-prefixed `info` makes two different (study, purpose, field) triples impossible to confuse.
"""

from __future__ import annotations

import os
import secrets
import stat
from functools import lru_cache
from pathlib import Path

import pyarrow as pa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from schemas.errors import UsageError

KEY_BYTES = 32
_SALT = b"schakel linkage keys, version 1"


def create_key(path: Path) -> None:
    """Write a new study secret (32 random bytes) to `path`, 0600. UsageError if something is there already."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise UsageError(
            f"{path} exists; a study secret is never overwritten, name another file or move it away first."
        ) from None
    with os.fdopen(handle, "wb") as file:
        file.write(secrets.token_bytes(KEY_BYTES))
        file.flush()
        os.fsync(file.fileno())


def load_key(path: Path) -> bytes:
    """The study secret in `path`. UsageError when it is missing, readable by others, or not 32 bytes long."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        raise UsageError(f"There is no study secret at {path}; make one with `schakel keys new`.") from None
    if not stat.S_ISREG(mode):
        raise UsageError(f"{path} is not a file; the study secret is a file of {KEY_BYTES} bytes.")
    if stat.S_IMODE(mode) & 0o077:
        raise UsageError(f"{path} can be read by others than its owner; run `chmod 600` on it, or rotate the key.")
    secret = path.read_bytes()
    if len(secret) != KEY_BYTES:
        raise UsageError(f"{path} holds {len(secret)} bytes where a study secret has {KEY_BYTES}; restore it.")
    return secret


class StudyKeys:
    """All keys of one study. `secret`: 32 bytes; `study`: the study id. Its text form never shows the secret."""

    def __init__(self, secret: bytes, study: str) -> None:
        if len(secret) != KEY_BYTES:
            raise UsageError(f"A study secret has {KEY_BYTES} bytes, this one has {len(secret)}.")
        if not study:
            raise UsageError("Keys are derived per study; name the study id.")
        self.study = study
        self._secret = secret
        self.derive = lru_cache(maxsize=None)(self._derive)

    def _derive(self, purpose: str, field: str) -> bytes:
        """The 32-byte key for one purpose (`subject`, `record`, `filter`, `value`, ...) and one field."""
        parts = [text.encode("utf-8") for text in (self.study, purpose, field)]
        info = b"".join(len(part).to_bytes(2, "big") + part for part in parts)
        return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=_SALT, info=info).derive(self._secret)

    @property
    def key_id(self) -> str:
        """16 hex digits that name this key in a manifest; they are derived like a key and reveal none."""
        return self._derive("identify", "key").hex()[:16]

    def as_task(self, bron: str, profile: str) -> pa.Table:
        """One row that says what the encode step needs wherever it runs, the secret among it: for an engine alone."""
        return pa.table({"secret": [self._secret], "study": [self.study], "bron": [bron], "profile": [profile]})

    @classmethod
    def of_task(cls, task: pa.Table) -> tuple[StudyKeys, str, str]:
        """Keys, register and profile of what `as_task` made."""
        row = task.to_pylist()[0]
        return cls(row["secret"], row["study"]), row["bron"], row["profile"]

    def __repr__(self) -> str:
        return f"StudyKeys(study={self.study!r}, key_id={self.key_id!r})"

    def __reduce__(self) -> tuple[object, ...]:
        raise UsageError("A study key is not pickled; hand the path of the key file to the other process.")
