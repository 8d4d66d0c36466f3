#!/usr/bin/env python3
"""Check a release of Schakel: python3 verify.py --key PUBLICKEY [--since CHECKPOINT]

Run it inside a release folder. It needs Python 3.9 or newer and openssl 3.0 or newer, and nothing else. Take this
script and the public key from the data holder, not from the release: who can change a release can change what lies in
it.

It checks that every file is the one the manifest names and that there is no other, that the manifest and the checkpoint
were signed by the key, that the log of decisions holds this release, and, with --since, that the log still holds
everything it held at a checkpoint that you kept. What it cannot check is whether the log's entries are true.

--key    the data holder's public key (PEM). After a rotation the file may hold several, one below the other.
--since  a checkpoint you kept earlier (checkpoint.txt of another release, or the one an auditor was given).

Exit code 0: everything checked holds. 6: something does not. 2: wrong use.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import hmac
import json
import os
import stat
import subprocess
import sys
import tempfile
from typing import Any, Protocol

ROOT_FILES = ("manifest.json", "manifest.sig", "checkpoint.txt", "inclusion.json", "verify.py")
SALTS = "restricted/salts.json"
PEM_END = "-----END PUBLIC KEY-----"
Checkpoint = tuple[str, int, bytes]  # origin, size, root


class BrokenError(Exception):
    """The release is not what was published."""


class MisuseError(Exception):
    """The check cannot be made like this."""


# --- files ------------------------------------------------------------------------------------------------------------


def read_release(folder: str, name: str) -> bytes:
    path = os.path.join(folder, *name.split("/"))
    try:
        if not stat.S_ISREG(os.lstat(path).st_mode):
            raise BrokenError(f"{name} is not a plain file")
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        raise BrokenError(f"{name} is missing") from None
    except OSError:
        raise MisuseError(f"{name} cannot be read by this user") from None


def parse_json(data: bytes, name: str) -> dict[str, Any]:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        result = dict(pairs)
        if len(result) != len(pairs):
            raise ValueError
        return result

    try:
        value = json.loads(data.decode("utf-8"), object_pairs_hook=unique)
    except (ValueError, RecursionError):
        raise BrokenError(f"{name} cannot be parsed") from None
    if not isinstance(value, dict):
        raise BrokenError(f"{name} cannot be parsed")
    return value


def hex_bytes(value: Any, name: str) -> bytes:
    try:
        data = bytes.fromhex(value)
    except (TypeError, ValueError):
        data = b""
    if len(data) != 32:
        raise BrokenError(f"{name} holds something else than digests")
    return data


def walk(folder: str) -> list[str]:
    """Relative paths of everything that is not a folder; links and other special files are refused."""
    found = []
    for base, folders, names in os.walk(folder):
        for name in names + [name for name in folders if os.path.islink(os.path.join(base, name))]:
            path = os.path.join(base, name)
            relative = os.path.relpath(path, folder).replace(os.sep, "/")
            if not stat.S_ISREG(os.lstat(path).st_mode):
                raise BrokenError(f"{relative} is not a plain file")
            found.append(relative)
    return found


def check_files(folder: str, manifest: dict[str, Any]) -> list[str]:
    """Compare all files with the manifest; returns the parts of the release that are not here."""
    plain, salted = manifest.get("plain"), manifest.get("salted")
    if not isinstance(plain, dict) or not isinstance(salted, dict) or manifest.get("v") != 1:
        raise BrokenError("manifest.json is not of a kind this script knows")
    names = set(plain) | set(salted)
    for name in names:
        if name != "verify.py" and not name.startswith(("public/", "restricted/")):
            raise BrokenError(f"manifest.json names {name}, which lies outside the release's folders")
        if ".." in name.split("/") or "\\" in name:
            raise BrokenError("manifest.json names a file outside the release")
    if any(name.startswith("public/") for name in salted) or not any(name.startswith("public/") for name in plain):
        raise BrokenError("manifest.json does not name the public files")
    if any(name.startswith("restricted/") and name != SALTS for name in plain):
        raise BrokenError("manifest.json names restricted files without salt")
    present = set(walk(folder)) - set(ROOT_FILES)
    unlisted = sorted(present - names)
    if unlisted:
        raise BrokenError(f"{unlisted[0]} does not belong to the release")
    absent: list[str] = []
    if not any(name.startswith("restricted/") for name in present):
        absent = sorted(name for name in names if name.startswith("restricted/"))
    for name in sorted(set(plain) - set(absent)):
        if hashlib.sha256(read_release(folder, name)).digest() != hex_bytes(plain[name], "manifest.json"):
            raise BrokenError(f"{name} was changed")
    if not absent and salted:
        check_salted(folder, salted)
    return absent


def check_salted(folder: str, salted: dict[str, Any]) -> None:
    salts = parse_json(read_release(folder, SALTS), SALTS)
    if set(salts) != set(salted):
        raise BrokenError(f"{SALTS} does not fit the manifest")
    for name in sorted(salted):
        digest = hmac.new(hex_bytes(salts[name], SALTS), read_release(folder, name), hashlib.sha256).digest()
        if digest != hex_bytes(salted[name], "manifest.json"):
            raise BrokenError(f"{name} was changed")


# --- signatures -------------------------------------------------------------------------------------------------------


def openssl(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(["openssl", *arguments], stdin=subprocess.DEVNULL, capture_output=True, check=False)
    except FileNotFoundError:
        raise MisuseError("openssl is not installed; install openssl 3.0 or newer") from None


class AnyKeys(Protocol):
    """Public keys, however they are used: `raw` holds 32 bytes each."""

    raw: list[bytes]

    def hold(self, index: int, data: bytes, signature: bytes) -> bool: ...


class Keys:
    """The auditor's public keys, used through openssl."""

    def __init__(self, path: str) -> None:
        try:
            with open(path, encoding="ascii") as file:
                text = file.read()
        except (OSError, UnicodeDecodeError):
            raise MisuseError(f"the key {path} cannot be read") from None
        self.pems = [part.strip() + "\n" + PEM_END + "\n" for part in text.split(PEM_END)[:-1]]
        self.raw = [self._raw(pem, path) for pem in self.pems]
        if not self.pems:
            raise MisuseError(f"{path} holds no public key in PEM form")

    def _raw(self, pem: str, path: str) -> bytes:
        with tempfile.TemporaryDirectory() as folder:
            name = os.path.join(folder, "key.pem")
            with open(name, "w", encoding="ascii") as file:
                file.write(pem)
            result = openssl("pkey", "-pubin", "-in", name, "-outform", "DER")
        # An Ed25519 SubjectPublicKeyInfo is 12 fixed bytes and the key (RFC 8410).
        if result.returncode != 0 or len(result.stdout) != 44 or result.stdout[:12].hex() != "302a300506032b6570032100":
            raise MisuseError(f"{path} holds no Ed25519 public key in PEM form")
        return result.stdout[12:]

    def hold(self, index: int, data: bytes, signature: bytes) -> bool:
        """Whether `signature` is that of key number `index` over `data`."""
        with tempfile.TemporaryDirectory() as folder:
            paths = [os.path.join(folder, name) for name in ("key.pem", "data", "signature")]
            for path, content in ((paths[0], self.pems[index].encode()), (paths[1], data), (paths[2], signature)):
                with open(path, "wb") as file:
                    file.write(content)
            result = openssl(
                "pkeyutl", "-verify", "-pubin", "-inkey", paths[0], "-rawin", "-in", paths[1], "-sigfile", paths[2]
            )
        return result.returncode == 0


def check_manifest_signature(data: bytes, signature: bytes, keys: AnyKeys) -> None:
    if len(signature) != 64 or not any(keys.hold(index, data, signature) for index in range(len(keys.raw))):
        raise BrokenError("manifest.json was not signed by this key")


def check_note(data: bytes, keys: AnyKeys, what: str) -> Checkpoint:
    """Parse a signed note (c2sp.org/signed-note) and check its signature; returns (origin, size, root)."""
    try:
        text, tail = data.decode("utf-8").split("\n\n", 1)
        lines = text.split("\n")
        origin, size, root = lines[0], int(lines[1]), base64.b64decode(lines[2], validate=True)
        if len(lines) != 4 or str(size) != lines[1] or size < 1 or len(root) != 32 or not lines[3].startswith("time "):
            raise ValueError
        signatures = [line.split(" ") for line in tail.rstrip("\n").split("\n")]
        blobs = [
            base64.b64decode(blob, validate=True)
            for dash, name, blob in signatures
            if (dash, name) == ("\u2014", origin)
        ]
    except ValueError:
        raise BrokenError(f"{what} is not a checkpoint of a log") from None
    for index, raw in enumerate(keys.raw):
        tag = hashlib.sha256(origin.encode() + b"\n\x01" + raw).digest()[:4]
        for blob in blobs:
            if len(blob) == 68 and blob[:4] == tag and keys.hold(index, (text + "\n").encode(), blob[4:]):
                return origin, size, root
    raise BrokenError(f"{what} was not signed by this key")


# --- the log (RFC 9162, section 2.1) ----------------------------------------------------------------------------------


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def root_from_inclusion(leaf: bytes, seq: int, size: int, path: list[bytes]) -> bytes | None:
    """RFC 9162, 2.1.3.2; None where the path has the wrong length."""
    node, last, current = seq, size - 1, leaf
    for sibling in path:
        if last == 0:
            return None
        if node & 1 or node == last:
            current = node_hash(sibling, current)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            current = node_hash(current, sibling)
        node, last = node >> 1, last >> 1
    return current if last == 0 else None


def is_consistent(old: int, old_root: bytes, new: int, new_root: bytes, path: list[bytes]) -> bool:
    """RFC 9162, 2.1.4.2, for 1 <= old <= new."""
    if old == new:
        return old_root == new_root and not path
    if old & (old - 1) == 0:
        path = [old_root, *path]
    if not path:
        return False
    node, last = old - 1, new - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    first = second = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if node & 1 or node == last:
            first, second = node_hash(sibling, first), node_hash(sibling, second)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            second = node_hash(second, sibling)
        node, last = node >> 1, last >> 1
    return last == 0 and first == old_root and second == new_root


def check_log(inclusion: dict[str, Any], manifest: bytes, checkpoint: Checkpoint) -> str:
    """The log of the checkpoint holds this release; returns the release id the log gave it."""
    origin, size, root = checkpoint
    leaf, seq, path = inclusion.get("leaf"), inclusion.get("seq"), inclusion.get("path")
    if not isinstance(leaf, str) or type(seq) is not int or not isinstance(path, list) or not 0 <= seq < size:
        raise BrokenError("inclusion.json is not a proof for this checkpoint")
    hashes = [hex_bytes(value, "inclusion.json") for value in path]
    if root_from_inclusion(hashlib.sha256(b"\x00" + leaf.encode()).digest(), seq, size, hashes) != root:
        raise BrokenError(
            f"the log {origin} does not hold the entry of this release at the place that inclusion.json says"
        )
    entry = parse_json(leaf.encode(), "the entry in inclusion.json")
    body = entry.get("body")
    if entry.get("kind") != "release_proposed" or not isinstance(body, dict):
        raise BrokenError("the entry in inclusion.json is not about a release")
    if body.get("manifest") != hashlib.sha256(manifest).hexdigest():
        raise BrokenError("the log holds another manifest for this release")
    return str(entry.get("release"))


def check_since(inclusion: dict[str, Any], earlier: Checkpoint, checkpoint: Checkpoint) -> None:
    """The log at `checkpoint` continues the log at `earlier`."""
    (old_origin, old, old_root), (origin, size, root) = earlier, checkpoint
    if old_origin != origin:
        raise BrokenError("your checkpoint belongs to another log than this release's")
    if old > size:
        raise MisuseError(
            f"your checkpoint ({old} entries) is later than this release's ({size}); use one from before the release, or "
            "ask the data holder for a newer checkpoint.txt and inclusion.json of this release"
        )
    proofs, nodes = inclusion.get("earlier"), inclusion.get("nodes")
    if not isinstance(proofs, dict) or not isinstance(nodes, list):
        raise BrokenError("inclusion.json holds no proofs for earlier checkpoints")
    numbers = [] if old == size else proofs.get(str(old))
    if numbers is None:
        raise BrokenError(f"the log does not know the checkpoint you kept ({old} entries): its past was changed")
    if not isinstance(numbers, list) or not all(type(n) is int and 0 <= n < len(nodes) for n in numbers):
        raise BrokenError("inclusion.json holds a proof that cannot be read")
    path = [hex_bytes(nodes[number], "inclusion.json") for number in numbers]
    if not is_consistent(old, old_root, size, root, path):
        raise BrokenError(
            f"the log does not continue the checkpoint you kept: entries before {old} were changed or removed"
        )


# --- all of it --------------------------------------------------------------------------------------------------------


def check(folder: str, keys: AnyKeys, since: bytes | None = None) -> tuple[str, list[str], int]:
    """Check a release folder; returns (release id, parts not here, size of the log). `since`: bytes of a checkpoint."""
    manifest = read_release(folder, "manifest.json")
    parsed = parse_json(manifest, "manifest.json")
    check_manifest_signature(manifest, read_release(folder, "manifest.sig"), keys)
    absent = check_files(folder, parsed)
    checkpoint = check_note(read_release(folder, "checkpoint.txt"), keys, "checkpoint.txt")
    inclusion = parse_json(read_release(folder, "inclusion.json"), "inclusion.json")
    release = check_log(inclusion, manifest, checkpoint)
    if since is not None:
        check_since(inclusion, check_note(since, keys, "the checkpoint you kept"), checkpoint)
    return release, absent, checkpoint[1]


def main() -> int:
    parser = argparse.ArgumentParser(description="Check the release in this folder.")
    parser.add_argument(
        "--key", required=True, metavar="PUBLICKEY", help="your own copy of the data holder's public key"
    )
    parser.add_argument("--since", metavar="CHECKPOINT", help="a checkpoint you kept earlier")
    options = parser.parse_args()
    since = None
    try:
        if options.since:
            try:
                with open(options.since, "rb") as file:
                    since = file.read()
            except OSError:
                raise MisuseError(f"the checkpoint {options.since} cannot be read") from None
        release, absent, size = check(os.getcwd(), Keys(options.key), since)
    except BrokenError as error:
        sys.stderr.write(f"This release does not hold: {error}.\n")
        return 6
    except MisuseError as error:
        sys.stderr.write(f"Nothing was decided: {error}.\n")
        return 2
    parts = [f"Release {release} holds: its files, signature and place in the log ({size} entries) are right"]
    if since is not None:
        parts.append("the log continues the checkpoint you kept")
    if absent:
        parts.append("restricted/ is not here and was not checked")
    sys.stdout.write("; ".join(parts) + ".\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
