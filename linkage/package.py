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
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from linkage.fields import SCHEMA_VERSION, SCHEMES
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


def read_manifest(folder: Path, agencies: Sequence[Ed25519PublicKey]) -> Manifest:
    """The manifest of a package that one of `agencies` signed.

    IntegrityError (6) when it is missing, was changed or nobody known signed it; InputRefused (3) for another layout.
    """
    text, signature = _bytes(folder / MANIFEST), _bytes(folder / SIGNATURE)
    if not any(_signed(agency, signature, text) for agency in agencies):
        raise IntegrityError(
            f"{folder / MANIFEST} does not carry the signature of an agency that is known here; do not use it."
        )
    try:
        return Manifest(**json.loads(text))
    except (TypeError, ValueError):
        raise InputRefused(f"{folder / MANIFEST} is of another version than this one reads; encode again.") from None


def read_package(
    folder: Path, study: str, key_id: str, profile: str, agencies: Sequence[Ed25519PublicKey]
) -> tuple[str, pa.Table]:
    """The register's name and its linkage file.

    IntegrityError (6) when a file is missing or was changed or another agency signed it; InputRefused (3) when the
    package is for another study, key, profile or schema version.
    """
    manifest = read_manifest(folder, agencies)
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
    if table.num_rows != manifest.rows or not table.schema.equals(SCHEMES[profile].arrow()):
        raise InputRefused(f"{folder / LINKAGE} has other columns or rows than its manifest; have it encoded again.")
    return manifest.bron, table


def packages_in(folder: Path) -> list[Path]:
    """`folder` when it is a package, else the packages in it, sorted. UsageError when there is none."""
    found = [folder] if (folder / MANIFEST).exists() else sorted(path.parent for path in folder.glob(f"*/{MANIFEST}"))
    if not found:
        raise UsageError(f"{folder} is no package and holds none; name what `schakel encode` wrote.")
    return found


def _signed(agency: Ed25519PublicKey, signature: bytes, text: bytes) -> bool:
    try:
        agency.verify(signature, text)
    except InvalidSignature:
        return False
    return True


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise IntegrityError(f"The package lacks {path.name}; ask the agency for it again.") from None
