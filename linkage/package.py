"""The package in which an agency hands over its linkage file: Parquet, a manifest, a signature; no key.

    <package>/  linkage.parquet   the linkage file of one register
                manifest.json     schema version, study, register, profile, key id, rows, SHA-256 of the Parquet file
                manifest.sig      Ed25519 over the bytes of the manifest

The key id is derived from the study key and tells two keys apart without helping anybody to either. Packages of another
study, key, schema version or profile are refused before a row is read.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from linkage.fields import REGISTER, SCHEMA_VERSION
from linkage.keys import StudyKeys
from schemas.errors import InputRefused, IntegrityError, UsageError

LINKAGE, MANIFEST, SIGNATURE = "linkage.parquet", "manifest.json", "manifest.sig"


@dataclass(frozen=True)
class Manifest:
    """What a package says of itself."""

    schema_version: int
    study: str
    bron: str
    profile: str
    key_id: str
    rows: int
    sha256: str


def write_package(
    folder: Path, bron: str, linkage: pa.Table, keys: StudyKeys, profile: str, signer: Ed25519PrivateKey
) -> Manifest:
    """Write the package of one register into the new folder `folder` (0700, files 0600). UsageError if it exists."""
    try:
        folder.mkdir(mode=0o700, parents=True)
    except FileExistsError:
        raise UsageError(f"{folder} exists; a package is written into a new folder.") from None
    sink = pa.BufferOutputStream()
    pq.write_table(linkage, sink)
    content = sink.getvalue().to_pybytes()
    digest = hashlib.sha256(content).hexdigest()
    manifest = Manifest(SCHEMA_VERSION, keys.study, bron, profile, keys.key_id, linkage.num_rows, digest)
    text = json.dumps(asdict(manifest), sort_keys=True, indent=1).encode()
    for name, data in ((LINKAGE, content), (MANIFEST, text), (SIGNATURE, signer.sign(text))):
        with os.fdopen(os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(data)
    return manifest


def read_package(folder: Path, study: str, key_id: str, profile: str, agency: Ed25519PublicKey) -> tuple[str, pa.Table]:
    """The register's name and its linkage file.

    IntegrityError (6) when a file is missing or was changed or another agency signed it; InputRefused (3) when the
    package is for another study, key, profile or schema version.
    """
    manifest = _verified(folder, agency)
    expected = {"schema_version": SCHEMA_VERSION, "study": study, "key_id": key_id, "profile": profile}
    for name, value in expected.items():
        if getattr(manifest, name) != value:
            raise InputRefused(
                f"{folder} has {name} {getattr(manifest, name)} where {value} is asked; have it encoded again for that."
            )
    content = _bytes(folder / LINKAGE)
    if hashlib.sha256(content).hexdigest() != manifest.sha256:
        raise IntegrityError(f"{folder / LINKAGE} is not the file its manifest describes; ask the agency for it again.")
    table = pq.read_table(pa.BufferReader(content))
    if table.num_rows != manifest.rows or not table.schema.equals(REGISTER.arrow()):
        raise InputRefused(f"{folder / LINKAGE} has other columns or rows than its manifest; have it encoded again.")
    return manifest.bron, table


def _verified(folder: Path, agency: Ed25519PublicKey) -> Manifest:
    text = _bytes(folder / MANIFEST)
    try:
        agency.verify(_bytes(folder / SIGNATURE), text)
    except InvalidSignature:
        raise IntegrityError(f"{folder / MANIFEST} does not carry the agency's signature; do not use it.") from None
    try:
        return Manifest(**json.loads(text))
    except (TypeError, ValueError):
        raise InputRefused(f"{folder / MANIFEST} is of another version than this one reads; encode again.") from None


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise IntegrityError(f"The package lacks {path.name}; ask the agency for it again.") from None
