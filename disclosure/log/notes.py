"""Signed checkpoints and the Ed25519 keys that sign them.

A checkpoint is a C2SP signed note (https://c2sp.org/signed-note, https://c2sp.org/tlog-checkpoint): origin, size and
root on a line each, here one extension line with the time, an empty line, then one signature line per key. Two
signature lines occur exactly once: when a key is rotated, the old and the new key sign the same checkpoint.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from disclosure.faults import file_fault
from disclosure.store import write_private
from schemas.errors import IntegrityError, UsageError

_DASH = "\u2014"
_ED25519 = b"\x01"


@dataclass(frozen=True)
class Checkpoint:
    """What a note says: `size` leaves with this `root` (32 bytes) at `time` (UTC, ISO 8601)."""

    origin: str
    size: int
    root: bytes
    time: str

    def text(self) -> str:
        """The signed bytes, as text: everything up to the empty line."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\ntime {self.time}\n"


@dataclass(frozen=True)
class SigningKey:
    """A private key that is in memory; `repr` shows the public id only."""

    private: Ed25519PrivateKey

    @property
    def public(self) -> bytes:
        """The raw public key (32 bytes)."""
        return self.private.public_key().public_bytes_raw()

    @property
    def id(self) -> str:
        """First 16 hex digits of the SHA-256 of the raw public key."""
        return key_id(self.public)

    def sign(self, data: bytes) -> bytes:
        """Ed25519 signature (64 bytes)."""
        return self.private.sign(data)

    def __repr__(self) -> str:
        return f"SigningKey({self.id})"


def key_id(public: bytes) -> str:
    """How screens, leaves and errors name a public key."""
    return hashlib.sha256(public).hexdigest()[:16]


def create_signing_key(path: Path) -> SigningKey:
    """Make a key and write it to `path` (PEM, 0600); UsageError where a file is already there."""
    if path.exists():
        raise UsageError(f"{path} exists; a signing key is never overwritten, rotate it with `schakel keys rotate`.")
    key = SigningKey(Ed25519PrivateKey.generate())
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    write_private(path, key.private.private_bytes(encoding, form, serialization.NoEncryption()))
    return key


def load_signing_key(path: Path) -> SigningKey:
    """Read a key; UsageError (2) where it is missing, readable by others, or no Ed25519 key in PEM."""
    try:
        mode, data = path.stat().st_mode, path.read_bytes()
    except FileNotFoundError:
        raise UsageError(
            f"The signing key {path} is missing; put it back from your key backup, or replace it with "
            "`schakel keys rotate --lost`, which is logged."
        ) from None
    except OSError as error:
        raise file_fault(error, str(path)) from None
    if mode & 0o077:
        raise UsageError(f"The signing key {path} can be read by other users; run chmod 600 on it.")
    try:
        private = serialization.load_pem_private_key(data, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        private = None
    if not isinstance(private, Ed25519PrivateKey):
        raise UsageError(f"{path} holds no unencrypted Ed25519 key in PEM form; name the right key file.")
    return SigningKey(private)


def public_pem(public: bytes) -> str:
    """The public key in the PEM form that openssl reads and auditors keep."""
    key = Ed25519PublicKey.from_public_bytes(public)
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()


def load_public_keys(path: Path) -> list[bytes]:
    """The raw public keys of a PEM file, which after a rotation may hold several; UsageError (2) where there is
    none.
    """
    try:
        text = path.read_text(encoding="ascii", errors="replace")
    except OSError:
        raise UsageError(f"The public key {path} cannot be read; give the file the data holder gave you.") from None
    end = "-----END PUBLIC KEY-----"
    keys = []
    for block in text.split(end)[:-1]:
        try:
            key = serialization.load_pem_public_key((block.strip() + "\n" + end + "\n").encode("ascii", "replace"))
        except (ValueError, UnsupportedAlgorithm):
            key = None
        if not isinstance(key, Ed25519PublicKey):
            raise UsageError(f"{path} holds something else than Ed25519 public keys in PEM form.")
        keys.append(key.public_bytes_raw())
    if not keys:
        raise UsageError(f"{path} holds no Ed25519 public key in PEM form.")
    return keys


def signature_holds(public: bytes, data: bytes, signature: bytes) -> bool:
    """Whether `signature` is this key's over `data`."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, data)
    except InvalidSignature:
        return False
    return True


def write_note(checkpoint: Checkpoint, keys: list[SigningKey]) -> str:
    """The signed note, one signature line per key."""
    text = checkpoint.text()
    lines = []
    for key in keys:
        blob = note_key_hash(checkpoint.origin, key.public) + key.sign(text.encode())
        lines.append(f"{_DASH} {checkpoint.origin} {base64.b64encode(blob).decode()}\n")
    return text + "\n" + "".join(lines)


def note_key_hash(name: str, public: bytes) -> bytes:
    """The four bytes by which a note's signature line names its key (C2SP signed-note)."""
    return hashlib.sha256(name.encode() + b"\n" + _ED25519 + public).digest()[:4]


def read_note(note: str, publics: list[bytes], what: str) -> Checkpoint:
    """Parse a note and require a valid signature by one of `publics`; IntegrityError (6) names `what` it was."""
    checkpoint, signatures = parse_note(note, what)
    text = checkpoint.text().encode()
    for public in publics:
        tag = note_key_hash(checkpoint.origin, public)
        if any(blob[:4] == tag and signature_holds(public, text, blob[4:]) for blob in signatures):
            return checkpoint
    raise IntegrityError(f"{what} carries no valid signature of this log's keys; it was changed or belongs elsewhere.")


def parse_note(note: str, what: str) -> tuple[Checkpoint, list[bytes]]:
    """The checkpoint and the raw signature blobs (4 + 64 bytes), unverified; IntegrityError where it is no note."""
    text, separator, tail = note.partition("\n\n")
    lines = text.split("\n")
    try:
        if not separator or len(lines) != 4 or not lines[3].startswith("time ") or not lines[1].isascii():
            raise ValueError
        root = base64.b64decode(lines[2], validate=True)
        checkpoint = Checkpoint(lines[0], int(lines[1]), root, lines[3].removeprefix("time "))
        signatures = [line.split(" ") for line in tail.rstrip("\n").split("\n")]
        # Others may sign under their own names (cosigners); those lines say nothing to us.
        own = [blob for dash, name, blob in signatures if (dash, name) == (_DASH, checkpoint.origin)]
        blobs = [base64.b64decode(blob, validate=True) for blob in own]
        if len(root) != 32 or checkpoint.text() != text + "\n" or any(len(blob) != 68 for blob in blobs):
            raise ValueError
    except (ValueError, IndexError, binascii.Error):
        raise IntegrityError(f"{what} is no checkpoint of a log; get the file again from where you kept it.") from None
    return checkpoint, blobs
