"""What is read on record: the leaf is durable before the first byte leaves."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from disclosure.log.log import KEY_FILE, Log
from disclosure.states import Release
from disclosure.store import Store
from portal.policies import Reading
from portal.users import User
from schemas.tables import Audience


def open_log(store: Store, key_file: Path | None) -> Log:
    """The log, checked against every checkpoint it signed; with the signing key where this installation holds it.

    key_file  where the key lies if not in the state folder.

    Opened anew for every reading on record: a key may have been rotated, and a state that was rolled back while the portal
    runs must not be written to.
    """
    place = key_file or store.directory / KEY_FILE
    return Log.open(store, key_file, sign=place.exists())


@dataclass(frozen=True)
class Recorder:
    """Writes the leaves `viewed` and `downloaded`."""

    store: Store
    key_file: Path | None

    def reading(
        self,
        kind: Literal["viewed", "downloaded"],
        user: User,
        reading: Reading,
        release: Release,
        item: str,
        audience: Audience,
    ) -> None:
        """Append the leaf that a reading needs, if it needs one, and sign a checkpoint over it.

        Raises IntegrityError (6) where the log cannot be continued; then nothing may be read.
        """
        if reading.role is None:
            return
        log = open_log(self.store, self.key_file)
        body = {"item": item, "audience": audience}
        with self.store.transaction() as tx:
            log.append(tx, kind, body, user.name, reading.role, release.study, release.id)
            if log.key is not None:
                log.checkpoint(tx)
