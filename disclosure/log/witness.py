"""Witnesses: signed checkpoints kept outside the database, so that a database that went back in time is noticed.

Every checkpoint is written as a small file after its transaction is durable and before anybody acts on it: into
`checkpoints/` of the state folder, and into the folder that `SCHAKEL_WITNESS` names, which should lie on another disk
or machine and outside the backup of the state (a backup that restores its own witness proves nothing).
"""

from __future__ import annotations

import os
from pathlib import Path

from disclosure.store import Store, private_folder, write_private
from schemas.errors import UsageError

FOLDER = "checkpoints"
VARIABLE = "SCHAKEL_WITNESS"


def witness_folders(store: Store, origin: str) -> list[Path]:
    """Where witnesses are kept: beside the database, and where `SCHAKEL_WITNESS` says, one folder there per log."""
    folders = [store.folder(FOLDER)]
    elsewhere = os.environ.get(VARIABLE)
    if elsewhere:
        folders.append(Path(elsewhere).absolute() / origin.replace("/", "-"))
        private_folder(folders[-1])
    return folders


def write_witness(store: Store, origin: str, size: int, note: str) -> None:
    """Keep a checkpoint in every folder; a file that is there already stays as it is."""
    for folder in witness_folders(store, origin):
        path = folder / f"{size:012d}.txt"
        if not path.exists():
            write_private(path, note.encode())


def newest_witness(folder: Path) -> tuple[Path, str] | None:
    """The witness of the largest tree in a folder, unread by anybody yet."""
    files = sorted(folder.glob("[0-9]*.txt"))
    if not files:
        return None
    try:
        return files[-1], files[-1].read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise UsageError(f"The checkpoint {files[-1]} cannot be read; give this user access to it.") from None
