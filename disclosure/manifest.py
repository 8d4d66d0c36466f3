"""The manifest of a release: which bytes belong to it, in a form that gives nothing away.

Files under `public/` stand in it by plain SHA-256. A plain digest of a small restricted table could be guessed by
trying tables, so files under `restricted/` stand in it as HMAC-SHA256 under a salt of 32 bytes each; the salts lie in
`restricted/salts.json`, which by its salts cannot be guessed and so has a plain digest. Salts derive from a secret,
so that the same snapshot, policy and version give the same bytes again; there is no time in a manifest.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import rfc8785

from disclosure.log.notes import SigningKey
from disclosure.store import sync_folder, write_private
from schemas.release import MANIFEST, PUBLIC, RESTRICTED, SALTS, SIGNATURE, VERIFY

VERSION = 1


@dataclass(frozen=True)
class Origin:
    """Where a release comes from. All are digests (SHA-256 hex; `snapshot` keyed) except `study` and `code`."""

    study: str
    snapshot: str
    policy: str
    catalogue: str
    code: str

    def context(self) -> bytes:
        """What makes salts differ between releases of other origin."""
        return "\n".join((self.study, self.snapshot, self.policy, self.catalogue, self.code)).encode()


def seal_release(folder: Path, origin: Origin, secret: bytes, key: SigningKey) -> str:
    """Complete a staged release: copy in verify.py, write salts, manifest and signature; return the manifest's SHA-256.

    folder  holds `public/` and `restricted/`, both final. `secret`: 32 bytes that never leave the data holder.
    """
    write_private(folder / VERIFY, verify_script())
    restricted = [path for path in _files(folder, RESTRICTED) if path != SALTS]
    salts = {path: salt(secret, origin, path) for path in restricted}
    (folder / RESTRICTED).mkdir(mode=0o700, exist_ok=True)
    write_private(folder / SALTS, rfc8785.dumps({path: value.hex() for path, value in salts.items()}))
    manifest = manifest_bytes(folder, origin, salts)
    write_private(folder / MANIFEST, manifest)
    write_private(folder / SIGNATURE, key.sign(manifest))
    _set_modes(folder)
    return hashlib.sha256(manifest).hexdigest()


def manifest_bytes(folder: Path, origin: Origin, salts: dict[str, bytes]) -> bytes:
    """Canonical JSON: `plain` and `salted` digests by relative path, and the origin."""
    plain = {
        path: hashlib.sha256((folder / path).read_bytes()).hexdigest() for path in [VERIFY, *_files(folder, PUBLIC)]
    }
    plain[SALTS] = hashlib.sha256((folder / SALTS).read_bytes()).hexdigest()
    salted = {path: salted_digest(salts[path], (folder / path).read_bytes()) for path in salts}
    about = {
        "study": origin.study,
        "snapshot": origin.snapshot,
        "policy": origin.policy,
        "catalogue": origin.catalogue,
        "code": origin.code,
    }
    return bytes(rfc8785.dumps({"v": VERSION, **about, "plain": plain, "salted": salted}))


def salt(secret: bytes, origin: Origin, path: str) -> bytes:
    """The salt of one file of one origin (32 bytes); other origins, other salts, so that digests never compare."""
    return hmac.digest(secret, b"schakel salt v1\n" + origin.context() + b"\n" + path.encode(), "sha256")


def salted_digest(salt_bytes: bytes, content: bytes) -> str:
    """HMAC-SHA256 (hex): `openssl dgst -sha256 -mac HMAC -macopt hexkey:SALT FILE` gives the same."""
    return hmac.digest(salt_bytes, content, "sha256").hex()


def verify_script() -> bytes:
    """The one file that goes into every release."""
    return (files("disclosure") / "verify" / "script.py").read_bytes()


def _files(folder: Path, part: str) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in (folder / part).rglob("*") if path.is_file())


def _set_modes(folder: Path) -> None:
    """Folders 0700, files outside `public/` 0600; everything durable before anybody is told of it."""
    for path in [folder, *folder.rglob("*")]:
        if path.is_dir():
            path.chmod(0o700)
            sync_folder(path)
        elif path.relative_to(folder).parts[0] != PUBLIC:
            path.chmod(0o600)
