"""What the state store keeps sealed: patterns to use again, the map of stable person ids, who was counted in frozen
years, and certificates.

A pattern belongs to a snapshot and a policy: the first one stored is the pattern for ever, so that a rerun gives the
same blanks. Blobs in the database are sealed with ChaCha20-Poly1305 under a key derived from the study secret, bound
to their purpose and name: without the secret they cannot be read, exchanged or moved. Certificates are files (0600),
because checkers read them; they say which blanks are primary, and each reading is a leaf.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from disclosure.log.log import Log
from disclosure.schema import sealed
from disclosure.store import Store, Transaction, write_private
from schemas.errors import IntegrityError, UsageError
from schemas.release import Role
from schemas.tables import Audience

PATTERN = "pattern"
PERSONS = "persons"
COUNTED = "counted"
_NONCE = 12
_SALT = 32
_INFO = b"schakel state store v1"


@dataclass(frozen=True)
class Memo:
    """Sealed blobs of one study. `secret`: the study secret (32 bytes), which never enters the store."""

    store: Store
    study: str
    secret: bytes

    def pattern(self, snapshot: str, policy: str) -> bytes | None:
        """The suppression pattern of a snapshot and policy, None the first time."""
        return self._get(PATTERN, f"{snapshot}/{policy}")

    def keep_pattern(self, snapshot: str, policy: str, pattern: bytes) -> bytes:
        """Store a pattern and return what counts: the first one ever stored for this snapshot and policy."""
        return self._put(PATTERN, f"{snapshot}/{policy}", pattern, replace=False)

    def persons(self) -> bytes | None:
        """The map from keyed record keys to person ids that the last run left, None before the first."""
        return self._get(PERSONS, "map")

    def keep_persons(self, content: bytes) -> None:
        """Replace the map; `schakel purge` leaves it alone."""
        self._put(PERSONS, "map", content, replace=True)

    def counted(self) -> bytes | None:
        """Who was counted in which frozen year (`disclosure.noise.frozen`), None before the first."""
        return self._get(COUNTED, "years")

    def count(self, change: Callable[[bytes | None], bytes]) -> bytes:
        """Replace that memory by what `change` makes of it, with nobody in between; committed when it returns."""
        with self.store.transaction() as tx:
            kept = tx.execute(self._where(COUNTED, "years")).scalar()
            content = change(None if kept is None else self._unseal(COUNTED, "years", kept))
            key = {"purpose": COUNTED, "name": self._name("years")}
            tx.execute(sa.delete(sealed).filter_by(**key))
            tx.execute(sa.insert(sealed), {**key, "blob": self._seal(COUNTED, "years", content)})
        return content

    def reseal(self, tx: Transaction, secret: bytes, persons: bytes | None) -> None:
        """Seal everything of the study anew under `secret`, the map of persons with new content; in the caller's
        transaction, so that all of it opens with one secret at any time.
        """
        after = Memo(self.store, self.study, secret)
        mine = sealed.c.name.startswith(f"{self.study}/", autoescape=True)
        for row in tx.execute(sa.select(sealed).where(mine)).all():
            name = row.name.removeprefix(f"{self.study}/")
            content = self._unseal(row.purpose, name, row.blob)
            if row.purpose == PERSONS and persons is not None:
                content = persons
            this = (sealed.c.purpose == row.purpose) & (sealed.c.name == row.name)
            tx.execute(sa.update(sealed).where(this).values(blob=after._seal(row.purpose, name, content)))

    def _get(self, purpose: str, name: str) -> bytes | None:
        with self.store.reading() as tx:
            blob = tx.execute(self._where(purpose, name)).scalar()
        return None if blob is None else self._unseal(purpose, name, blob)

    def _put(self, purpose: str, name: str, content: bytes, *, replace: bool) -> bytes:
        with self.store.transaction() as tx:
            kept = tx.execute(self._where(purpose, name)).scalar()
            if kept is not None and not replace:
                return self._unseal(purpose, name, kept)
            key = {"purpose": purpose, "name": self._name(name)}
            tx.execute(sa.delete(sealed).filter_by(**key))
            tx.execute(sa.insert(sealed), {**key, "blob": self._seal(purpose, name, content)})
        return content

    def _where(self, purpose: str, name: str) -> sa.Select[tuple[bytes]]:
        return sa.select(sealed.c.blob).where(sealed.c.purpose == purpose, sealed.c.name == self._name(name))

    def _name(self, name: str) -> str:
        return f"{self.study}/{name}"

    def _cipher(self) -> ChaCha20Poly1305:
        derived = HKDF(hashes.SHA256(), 32, salt=None, info=_INFO + self.study.encode()).derive(self.secret)
        return ChaCha20Poly1305(derived)

    def _seal(self, purpose: str, name: str, content: bytes) -> bytes:
        nonce = secrets.token_bytes(_NONCE)
        return nonce + self._cipher().encrypt(nonce, content, self._binding(purpose, name))

    def _unseal(self, purpose: str, name: str, blob: bytes) -> bytes:
        try:
            return self._cipher().decrypt(blob[:_NONCE], blob[_NONCE:], self._binding(purpose, name))
        except InvalidTag:
            raise IntegrityError(
                f"What the state store keeps sealed for study {self.study} does not open: it was changed, or the "
                "study key is another one; name the key file this study was run with."
            ) from None

    def _binding(self, purpose: str, name: str) -> bytes:
        return f"{purpose}\n{self._name(name)}".encode()


def keep_certificate(store: Store, release: str, audience: Audience, content: bytes) -> str:
    """Write a certificate into `certificates/` of the state folder (0600) and return its salted digest for the leaf.

    A plain digest would let somebody who guesses the blanks' values run the chooser and see whether the certificate is
    the one that was logged; the salt stays beside the certificate.
    """
    folder = store.folder("certificates") / _plain(release)
    folder.mkdir(mode=0o700, exist_ok=True)
    salt = secrets.token_bytes(_SALT)
    write_private(folder / f"{audience}.salt", salt)
    write_private(folder / f"{audience}.json", content)
    return hmac.digest(salt, content, "sha256").hex()


def certificate_digest(store: Store, release: str, audience: Audience) -> str | None:
    """The salted digest of a certificate as it lies in the state folder now, None where it is gone."""
    found = _certificate(store, release, audience)
    return None if found is None else found[1]


def _certificate(store: Store, release: str, audience: Audience) -> tuple[bytes, str] | None:
    path = store.directory / "certificates" / _plain(release) / f"{audience}.json"
    try:
        content, salt = path.read_bytes(), path.with_suffix(".salt").read_bytes()
    except OSError:
        return None
    return content, hmac.digest(salt, content, "sha256").hex()


def read_certificate(log: Log, release: str, audience: Audience, actor: str, role: Role) -> bytes:
    """A certificate, for checkers and auditors; the leaf is durable before the content is returned.

    Raises UsageError (2) for another role or where there is none; each reading is a leaf.
    """
    if role not in ("checker", "auditor"):
        raise UsageError("Certificates say which blanks are primary; only checkers and auditors may read them.")
    found = _certificate(log.store, release, audience)
    if found is None:
        raise UsageError(f"The state store holds no certificate of {release} for {audience}; see `certificates/`.")
    body = {"audience": audience, "certificate": found[1]}
    with log.store.transaction() as tx:
        log.append(tx, "certificate_read", body, actor, role, None, release)
        log.checkpoint(tx)
    return found[0]


def _plain(release: str) -> str:
    """A release id as a folder name; anything that could leave the folder is refused."""
    if Path(release).name != release or release in ("", ".", ".."):
        raise UsageError("A release id is a plain name without slashes.")
    return release
