"""Finding a release by its id or its folder, and reading what it shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import sqlalchemy as sa

from disclosure.reader import read_table, table_ids
from disclosure.schema import settings
from disclosure.states import Release, find_release, require_release
from disclosure.store import Transaction
from disclosure.verify import verify_release
from flows.state import State
from schemas.errors import UsageError
from schemas.release import MANIFEST
from schemas.tables import COUNT, MEAN_COLUMNS, STATUS, Audience, ProtectedTable

_PREFIX = "folder/"


@dataclass(frozen=True)
class Found:
    """A release, and its folder after everything in it was checked against manifest, signature and log."""

    release: Release
    folder: Path

    def tables(self, audience: Audience) -> dict[str, ProtectedTable]:
        """What an audience sees, by table id."""
        return {name: read_table(self.folder, audience, name) for name in table_ids(self.folder, audience)}

    def blanks(self, audience: Audience) -> dict[str, int]:
        """Table id -> blank cells."""
        found = {}
        for name in table_ids(self.folder, audience):
            column = pd.read_csv(self.folder / audience / f"{name}.csv", usecols=[STATUS], dtype=str)[STATUS]
            found[name] = int((column == "suppressed").sum())
        return found


def remember_folder(tx: Transaction, release: str, folder: Path) -> None:
    """Note in the state store where a release lies; paths must not stand in the log."""
    tx.execute(sa.delete(settings).where(settings.c.name == _PREFIX + release))
    tx.execute(sa.insert(settings), {"name": _PREFIX + release, "value": str(folder.absolute())})


def locate(state: State, ref: str) -> Found:
    """The release that `ref` means, a folder or an id, its folder verified.

    UsageError (2) where there is none of that name or its folder was moved, IntegrityError (6) where it was changed.
    """
    path = Path(ref)
    if not path.is_dir():
        path = _folder_of(state, ref)
    report = verify_release(path, None, state.store)
    with state.store.reading() as tx:
        return Found(require_release(tx, report.release), path)


def known(state: State, ref: str) -> Release:
    """The release that `ref` means by id or by the folder's manifest; the folder itself is not checked."""
    if (Path(ref) / MANIFEST).is_file():
        return locate(state, ref).release
    with state.store.reading() as tx:
        return require_release(tx, ref)


def folder_of(state: State, release: str) -> Path | None:
    """Where a known release lies by the state store's own note; None where nobody noted it or it was moved."""
    with state.store.reading() as tx:
        noted = tx.execute(sa.select(settings.c.value).where(settings.c.name == _PREFIX + release)).scalar()
    return None if noted is None or not Path(noted).is_dir() else Path(noted)


def _folder_of(state: State, release: str) -> Path:
    with state.store.reading() as tx:
        if "/" in release or find_release(tx, release) is None:
            raise UsageError(f"There is no release {release}; give its folder, or an id from `schakel log show`.")
    found = folder_of(state, release)
    if found is None:
        raise UsageError(f"The folder of {release} is not where it was made; give its folder instead of its id.")
    return found


def measured(table: ProtectedTable) -> str:
    """The column that counts: `aantal`, or `n` of a table of means."""
    return COUNT if table.kind == "count" else MEAN_COLUMNS[0]


def cells(table: ProtectedTable) -> Mapping[tuple[str, ...], tuple[int | None, str]]:
    """Codes as text -> (count or None where blank, status)."""
    frame = table.frame
    codes = zip(*(frame[name].astype(str) for name in table.dimensions), strict=True)
    counts = frame[measured(table)]
    shown = [int(count) if there else None for count, there in zip(counts, counts.notna(), strict=True)]
    return dict(zip(codes, zip(shown, frame[STATUS].astype(str), strict=True), strict=True))
