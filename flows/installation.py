"""Setting an installation up, and finding out what is wrong with one: every finding names its fix."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import sqlalchemy as sa

from disclosure.log.audit import verify_log
from disclosure.log.notes import public_pem
from disclosure.log.witness import VARIABLE
from disclosure.schema import leaves
from disclosure.store import DATABASE
from flows.findings import Finding
from flows.retention import DAYS, overdue
from flows.settings import SAFE_ENVIRONMENT, Settings
from flows.state import State, open_state
from linkage.keys import load_key
from schemas.errors import SchakelError
from schemas.study import head_studies

WORKS_WITH = {
    "prefect": "3.8.8",
    "pandas": "2.3.3",
    "opendp": "0.16.0",
    "recordlinkage": "0.16",
}
"""Versions that were seen to work together; others fail in ways that `pip check` does not see (docs/adr/0004)."""
FASTAPI_BEFORE = (0, 151)
FREE_BYTES = 1 << 30
CLOCK_FROM = datetime(2026, 1, 1, tzinfo=UTC)


def set_up(settings: Settings) -> Iterator[str]:
    """Make state folder, log and signing key where they are missing; says what was made and what was there."""
    there = any((settings.state / made).exists() for made in (DATABASE, "keys/signing.pub.pem"))
    with open_state(settings, create=True) as state:
        yield f"State folder {state.store.directory}: {'was there, unchanged' if there else 'made'}"
        public = state.store.folder("keys") / "signing.pub.pem"
        if state.log.key is not None and not public.exists():
            public.write_text(public_pem(state.log.key.public))
        yield f"Public key for auditors: {public}; hand it over in person, a release never vouches for its own key"
        for study in head_studies():
            made = state.require_key(study)
            yield f"Study secret {state.key_file(study)}: {'made; back it up apart from the state' if made else 'was there'}"


def diagnose(settings: Settings) -> list[Finding]:
    """Look at everything a run needs; never raises for what it finds."""
    findings = [*_versions(), *_environment(), _stored_results(), _disk(settings), _clock()]
    there = settings.database_url or (settings.state / DATABASE).exists()
    findings += _state(settings) if there else [
        Finding("state", f"none in {settings.state}", "run `schakel setup`")
    ]  # fmt: skip
    return findings


def _versions() -> Iterator[Finding]:
    python = ".".join(map(str, sys.version_info[:3]))
    yield Finding("python", python, "" if sys.version_info >= (3, 11) else "use Python 3.11 or newer")
    for name, wanted in WORKS_WITH.items():
        try:
            found = version(name)
        except PackageNotFoundError:
            found = "missing"
        yield Finding(name, found, "" if found == wanted else f"install {name} {wanted}: `make setup`")
    found = version("fastapi")
    good = tuple(int(part) for part in found.split(".")[:2]) < FASTAPI_BEFORE
    yield Finding("fastapi", found, "" if good else "install fastapi <0.151, later ones break Prefect's server")


def _environment() -> Iterator[Finding]:
    for name, wanted in SAFE_ENVIRONMENT.items():
        found = os.environ.get(name)
        if found is not None and found.lower() != wanted:
            yield Finding(
                name, found, f"unset it; Schakel sets it to {wanted}, because otherwise Prefect keeps or sends data"
            )
    for name in ("PREFECT_LOCAL_STORAGE_PATH", "PREFECT_DEFAULT_RESULT_STORAGE_BLOCK"):
        if name in os.environ:
            yield Finding(name, "set", "unset it; results of Schakel are never stored")
    yield Finding("Prefect settings", "looked at")


def _stored_results() -> Finding:
    """Prefect keeps results in `storage` of its home; a run of Schakel leaves that empty."""
    home = os.environ.get("PREFECT_HOME")
    found = [path for path in (Path(home) / "storage").rglob("*") if path.is_file()] if home else []
    fix = f"remove {home}/storage and find out which flow stored results there; they are plain files" if found else ""
    return Finding("Prefect's results", f"{len(found)} stored", fix)


def _disk(settings: Settings) -> Finding:
    folder = next(path for path in (settings.state, *settings.state.parents) if path.exists())
    free = shutil.disk_usage(folder).free
    fix = "" if free >= FREE_BYTES else "free some space; a release needs room beside the last one"
    return Finding("disk", f"{free / FREE_BYTES:.1f} GiB free at {folder}", fix)


def _clock() -> Finding:
    now = datetime.now(UTC)
    return Finding(
        "clock", f"{now:%Y-%m-%d %H:%M} UTC", "" if now > CLOCK_FROM else "set the clock; log entries carry it"
    )


def _state(settings: Settings) -> list[Finding]:
    paths = [settings.state, settings.state / DATABASE, *sorted(settings.keys_folder.glob("*"))]
    findings = [_mode(path) for path in paths if path.exists() and not path.name.endswith(".pub.pem")]
    try:
        with open_state(settings) as state:
            for look in (_log, _ledger, _checkpoint, _last_entry, _secrets, _witness, _backup, _retention):
                findings.append(_tried(look, state))
    except SchakelError as error:
        findings.append(Finding("state", "cannot be opened", str(error)))
    return findings


def _mode(path: Path) -> Finding:
    mode = path.stat().st_mode & 0o777
    return Finding(
        str(path), f"mode {mode:o}", "" if not mode & 0o077 else f"chmod {'700' if path.is_dir() else '600'} {path}"
    )


def _tried(look: Callable[[State], Finding], state: State) -> Finding:
    try:
        return look(state)
    except SchakelError as error:
        return Finding(look.__name__.strip("_"), "does not hold", str(error))


def _log(state: State) -> Finding:
    return Finding("log", f"{verify_log(state.log)} entries hold together")


def _ledger(state: State) -> Finding:
    state.ledger().verify()
    return Finding("ledger", "every charge is in the log")


def _checkpoint(state: State) -> Finding:
    with state.store.reading() as tx:
        last = state.log.last_checkpoint(tx)
    return Finding("last checkpoint", "none" if last is None else f"over {last[0]} entries")


def _last_entry(state: State) -> Finding:
    with state.store.reading() as tx:
        time = str(tx.execute(sa.select(leaves.c.time).order_by(leaves.c.seq.desc()).limit(1)).scalar_one())
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return Finding("last entry", time, "set the clock, it runs behind the log" if time > now else "")


def _witness(state: State) -> Finding:
    folder = os.environ.get(VARIABLE)
    advice = (
        f"name a folder on another disk in {VARIABLE}: a state that was put back with its own checkpoints looks new"
    )
    return Finding("witness", folder or "none outside the state folder", advice="" if folder else advice)


def _backup(state: State) -> Finding:
    made = [str(leaf["time"]) for leaf in state.leaves(kind="backup_made")[-1:]]
    releases = [str(leaf["time"]) for leaf in state.leaves(kind="release_proposed")[-1:]]
    late = bool(releases) and (not made or made < releases)
    advice = (
        "run `schakel backup FILE`: there is a release since, and a ledger that is lost cannot be rebuilt"
        if late
        else ""
    )
    return Finding("backup", made[0] if made else "none", advice=advice)


def _retention(state: State) -> Finding:
    files = overdue(state)
    return Finding("retention", f"{files} file(s) older than {DAYS} days", "run `schakel purge`" if files else "")


def _secrets(state: State) -> Finding:
    made = sorted({json.dumps(leaf["study"]).strip('"') for leaf in state.leaves(kind="study_key_made")})
    for study in made:
        load_key(state.key_file(study))
    return Finding("study secrets", ", ".join(made) or "none yet")
