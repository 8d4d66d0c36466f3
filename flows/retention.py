"""What may not stay: encoded packages, links and exact tables that the data holder took out, and what runs left behind.

Every command that writes such files notes their places in `<state>/outputs.jsonl` (0600) before it writes them. `purge`
removes what is older than the retention, and what it recognises in folders it is pointed at, then looks again: what is
still there is an error. The log says how many files of each kind went, never their names.

What stays, and why, is a page of its own (`docs/retention.md`).
"""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.parquet as pq

from disclosure.store import sync_folder
from flows.runs import one_run_at_a_time
from flows.settings import Settings
from flows.state import State, open_state
from linkage.package import LINKAGE, MANIFEST, SIGNATURE, Manifest
from schemas.errors import IntegrityError, UsageError

Kind = Literal["exact_tables", "links", "packages", "quarantine", "runs"]
KINDS: tuple[Kind, ...] = ("exact_tables", "links", "packages", "quarantine", "runs")
OUTPUTS = "outputs.jsonl"
MARK = b"schakel"
PACKAGE = (LINKAGE, MANIFEST, SIGNATURE)
DAYS = 30
_DAY = 86_400.0


def marked(table: pa.Table, kind: Kind) -> pa.Table:
    """The table with a mark in its metadata, by which `purge` knows the file again wherever it went."""
    return table.replace_schema_metadata({**(table.schema.metadata or {}), MARK: kind.encode()})


def note_outputs(state: State, kind: Kind, paths: Iterable[Path]) -> None:
    """Remember where files of a kind are about to be written; durable when it returns."""
    target = state.store.directory / OUTPUTS
    lines = "".join(json.dumps({"kind": kind, "path": str(path.absolute())}) + "\n" for path in paths)
    with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a") as file:
        file.write(lines)
        file.flush()
        os.fsync(file.fileno())


def purge(settings: Settings, folders: list[Path], days: float) -> Iterator[str]:
    """Remove what is older than `days` (0: everything), say how much of each kind, and look again.

    UsageError (2) for a folder that is not there, IntegrityError (6) where the second look finds something.
    """
    for folder in folders:
        if not folder.is_dir():
            raise UsageError(
                f"There is no folder {folder}; name folders in which exact tables, links or packages may lie."
            )
    before = time.time() - days * _DAY
    with open_state(settings) as state, one_run_at_a_time(state):
        removed: Counter[Kind] = Counter()
        for kind, path in list(_found(state, folders, before)):
            path.unlink(missing_ok=True)
            sync_folder(path.parent)
            removed[kind] += 1
            if kind == "packages" and not any(path.parent.iterdir()):
                path.parent.rmdir()
        with state.store.transaction() as tx:
            for kind, files in sorted(removed.items()):
                state.log.append(tx, "purged", {"what": kind, "files": files}, state.actor, state.role)
            state.log.checkpoint(tx)
        left = sum(1 for _ in _found(state, folders, before))
        _forget(state)
    for kind in KINDS:
        yield f"{kind}: {removed[kind]} file(s) removed"
    if left:
        raise IntegrityError(f"{left} file(s) could not be removed; see who can write their folders, then purge again.")
    yield f"Looked again in {len(folders)} folder(s) and at every place the log of outputs names: nothing older is left"


def overdue(state: State, days: float = DAYS) -> int:
    """How many files of any kind are older than the retention, for `schakel doctor`."""
    return sum(1 for _ in _found(state, [], time.time() - days * _DAY))


def _found(state: State, folders: list[Path], before: float) -> Iterator[tuple[Kind, Path]]:
    seen: set[Path] = set()
    for kind, path in _candidates(state, folders):
        if path not in seen and path.is_file() and path.stat().st_mtime <= before:
            seen.add(path)
            yield kind, path


def _candidates(state: State, folders: list[Path]) -> Iterator[tuple[Kind, Path]]:
    yield from _noted(state)
    for path in sorted((state.store.directory / "quarantine").glob("*.csv")):
        yield "quarantine", path
    for path in sorted((state.store.directory / "runs").rglob("*")):
        yield "runs", path
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            kind = _recognised(path)
            if kind is not None:
                yield kind, path.absolute()


def _noted(state: State) -> list[tuple[Kind, Path]]:
    path = state.store.directory / OUTPUTS
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [(entry["kind"], Path(entry["path"])) for entry in map(json.loads, lines)]


def _recognised(path: Path) -> Kind | None:
    """What kind of output a file is, by its mark or (packages) by the manifest beside it; None for anything else."""
    if not path.is_file() or path.is_symlink():
        return None
    if path.name in PACKAGE and _is_package(path.parent):
        return "packages"
    if path.suffix != ".parquet":
        return None
    try:
        mark = (pq.read_schema(path).metadata or {}).get(MARK, b"").decode()
    except (pa.ArrowException, OSError):
        return None
    return next((kind for kind in KINDS if kind == mark), None)


def _is_package(folder: Path) -> bool:
    try:
        said = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(said, dict) and set(said) == {field.name for field in fields(Manifest)}


def _forget(state: State) -> None:
    """Keep notes only of files that are still there."""
    noted = [(kind, path) for kind, path in _noted(state) if path.exists()]
    (state.store.directory / OUTPUTS).unlink(missing_ok=True)
    for kind, path in noted:
        note_outputs(state, kind, [path])
