"""Which engine runs the steps, by the address that a command was given, and the folder it may write under meanwhile."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from schemas.engine import Engine, LocalEngine

LOCAL = "local"
_PREFIX = "spark-"


@dataclass(frozen=True)
class Place:
    """Where steps run. folder: new for each session, private, removed at its end; not used by `local`."""

    address: str
    folder: str = ""

    @contextmanager
    def engine(self) -> Iterator[Engine]:
        """The engine, open. UsageError where something that it needs is missing."""
        if self.address == LOCAL:
            yield LocalEngine()
            return
        from flows.spark.session import opened

        with opened(self.address, Path(self.folder)) as engine:
            yield engine


HERE = Place(LOCAL)


def place_under(runs: Path, address: str) -> Place:
    """A place for one session under `runs`. What a session left there that was killed is removed first."""
    if address == LOCAL:
        return HERE
    from flows.spark.session import wipe

    for left in runs.glob(f"{_PREFIX}*"):
        if not Path("/proc", left.name.split("-")[1]).exists():
            wipe(left)
    return Place(address, str(runs / f"{_PREFIX}{os.getpid()}-{secrets.token_hex(4)}"))
