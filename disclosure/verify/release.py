"""`schakel verify`: the shipped script's own check, plus what the state store knows about the release."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from disclosure.log import keyring
from disclosure.log.log import Log, utc_now
from disclosure.log.notes import load_public_keys, signature_holds
from disclosure.states import find_release
from disclosure.store import Store
from disclosure.verify import script
from schemas.errors import IntegrityError, UsageError
from schemas.release import CHECKPOINT, MANIFEST, State


@dataclass(frozen=True)
class VerifyReport:
    """What was checked and held. `state` is None without a state store; `absent` lists files that were not here."""

    release: str
    state: State | None
    absent: tuple[str, ...]
    size: int


class _Keys:
    """Stands in for the script's openssl keys."""

    def __init__(self, raw: list[bytes]) -> None:
        self.raw = raw

    def hold(self, index: int, data: bytes, signature: bytes) -> bool:
        return signature_holds(self.raw[index], data, signature)


def verify_release(
    path: Path, key: Path | None = None, store: Store | None = None, since: Path | None = None
) -> VerifyReport:
    """Check the release folder `path`.

    key    the public key file to trust; None takes the keys of `store`.
    store  the state store that made the release; its log must know it, and continue its checkpoint.
    since  a checkpoint kept earlier.

    Raises IntegrityError (6) with the first thing that does not hold, UsageError (2) where nothing can be decided.
    """
    if not path.is_dir():
        raise UsageError(f"{path} is not a release folder; name DIR/releases/<study>/<release_id>.")
    keys = _trusted(key, store)
    try:
        kept = None if since is None else since.read_bytes()
    except OSError:
        raise UsageError(f"The checkpoint {since} cannot be read.") from None
    try:
        release, absent, size = script.check(str(path), _Keys(keys), kept)
    except script.BrokenError as error:
        raise IntegrityError(f"{path} does not hold: {error}.") from None
    except script.MisuseError as error:
        raise UsageError(f"Nothing was decided about {path}: {error}.") from None
    state = None if store is None else _known_state(store, path, str(release))
    return VerifyReport(str(release), state, tuple(absent), int(size))


def _trusted(key: Path | None, store: Store | None) -> list[bytes]:
    if key is not None:
        return load_public_keys(key)
    if store is None:
        raise UsageError("Checking a release takes a public key or the state store that made it; give --key.")
    with store.reading() as tx:
        return keyring.known_keys(tx)


def _known_state(store: Store, path: Path, release: str) -> State:
    with store.reading() as tx:
        found = find_release(tx, release)
        if path.name != release and find_release(tx, path.name) is not None:
            raise IntegrityError(f"The folder {path} holds release {release}, not {path.name}; put the right one back.")
        manifest = hashlib.sha256((path / MANIFEST).read_bytes()).hexdigest()
        if found is None or found.manifest != manifest:
            raise IntegrityError(f"The log of this state folder does not know {path}; use the state that made it.")
        note = (path / CHECKPOINT).read_text(encoding="utf-8")
        Log(store, keyring.origin(tx), None, utc_now).extends(tx, note, f"the {CHECKPOINT} of {path}")
    return found.state
