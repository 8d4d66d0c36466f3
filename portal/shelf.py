"""Files of releases, handed out only as what was logged: a file that is not in the manifest, or is another one, is not there.

A name is looked up among the names of the manifest, never joined to a path first, so that no name can leave the folder.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from disclosure.states import Release
from schemas.errors import IntegrityError
from schemas.release import MANIFEST, PUBLIC, ROOT_FILES, SALTS, SIGNATURE
from schemas.tables import Audience

CHUNK = 1 << 18
Stamp = tuple[str, int, int, int]


@dataclass(frozen=True)
class Box:
    """The folder of one release. `plain` and `salted`: digests by relative path, as the logged manifest says."""

    release: Release
    folder: Path
    plain: dict[str, str]
    salted: dict[str, str]
    _checked: set[Stamp] = field(default_factory=set)

    def names(self, audience: Audience) -> list[str]:
        """The file names of a part, salts apart."""
        prefix = f"{audience}/"
        every = {*self.plain, *self.salted} - {SALTS}
        return sorted(path.removeprefix(prefix) for path in every if path.startswith(prefix))

    def tables(self, audience: Audience) -> list[str]:
        """The ids of the tables of a part."""
        names = [name.removesuffix(".csv") for name in self.names(audience) if name.endswith(".csv")]
        return [name for name in names if audience != PUBLIC or not name.endswith(".nl")]

    def has(self, audience: Audience, name: str) -> bool:
        """Whether a part holds a file of this name."""
        path = f"{audience}/{name}"
        return path in self.plain or path in self.salted

    def path(self, audience: Audience, name: str) -> Path:
        """A file of a part, after its bytes were checked; KeyError where the manifest has none of that name."""
        known = f"{audience}/{name}"
        if not self.has(audience, name):
            raise KeyError(name)
        file = self.folder / known
        try:
            stat = file.stat()
            stamp = (known, stat.st_ino, stat.st_size, stat.st_mtime_ns)
            if stamp not in self._checked:
                self._check(file, known)
                self._checked.add(stamp)
        except OSError:
            raise self._changed(known) from None
        return file

    def read(self, audience: Audience, name: str) -> bytes:
        """The bytes of a file, checked."""
        return self.path(audience, name).read_bytes()

    def proof(self, name: str) -> bytes:
        """One of the files beside the parts; KeyError for another name."""
        if name not in ROOT_FILES:
            raise KeyError(name)
        try:
            return (self.folder / name).read_bytes()
        except OSError:
            raise self._changed(name) from None

    def _check(self, file: Path, known: str) -> None:
        digest = hmac.new(self._salts[known], None, "sha256") if known in self.salted else hashlib.sha256()
        with file.open("rb") as source:
            while block := source.read(CHUNK):
                digest.update(block)
        wanted = self.salted.get(known) or self.plain[known]
        if not hmac.compare_digest(digest.hexdigest(), wanted):
            raise self._changed(known)

    @cached_property
    def _salts(self) -> dict[str, bytes]:
        content = (self.folder / SALTS).read_bytes()
        if hashlib.sha256(content).hexdigest() != self.plain.get(SALTS):
            raise self._changed(SALTS)
        return {path: bytes.fromhex(value) for path, value in json.loads(content).items()}

    def _changed(self, known: str) -> IntegrityError:
        return IntegrityError(
            f"{known} of release {self.release.id} is not what was logged; it is not shown. Verify the release."
        )


class Shelf:
    """Finds the boxes of releases; `folder_of` knows where a release lies."""

    def __init__(self, folder_of: Callable[[str], Path | None]) -> None:
        self._folder_of = folder_of
        self._boxes: dict[tuple[str, str], Box] = {}
        self._lock = threading.Lock()

    def box(self, release: Release) -> Box:
        """The box of a release, its manifest compared with the log; IntegrityError where folder or manifest is another."""
        key = (release.id, release.manifest)
        with self._lock:
            found = self._boxes.get(key)
        if found is None:
            found = self._open(release)
            with self._lock:
                self._boxes[key] = found
        return (
            found if found.release == release else Box(release, found.folder, found.plain, found.salted, found._checked)
        )

    def _open(self, release: Release) -> Box:
        folder = self._folder_of(release.id)
        if folder is None or not (folder / SIGNATURE).is_file():
            raise IntegrityError(f"The folder of release {release.id} is not where it was made; put it back.")
        content = (folder / MANIFEST).read_bytes()
        if hashlib.sha256(content).hexdigest() != release.manifest:
            raise IntegrityError(
                f"The manifest of release {release.id} is not the one that was logged; it is not shown."
            )
        manifest = json.loads(content)
        return Box(release, folder, manifest["plain"], manifest["salted"])
