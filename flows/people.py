"""Who may decide: people with a duty and a key of their own, and in which duty somebody acts."""

from __future__ import annotations

from pathlib import Path

from disclosure.log.notes import create_signing_key, load_public_keys
from disclosure.states import duty_of, register_person
from flows.settings import Settings
from flows.state import State, open_state
from schemas.errors import SchakelError, UsageError
from schemas.release import Role


def role_of(state: State) -> Role:
    """The duty the actor is registered for; whoever works the installation without being registered is its operator."""
    with state.store.reading() as tx:
        return duty_of(tx, state.actor) or "operator"


def register(settings: Settings, person: str, duty: Role, out: Path | None, public: Path | None) -> str:
    """Make `person` known by a key pair made now (`out`, 0600), or by a public key that the person brought.

    UsageError (2) where the actor is no operator, or the person or the key is known already.
    """
    if public is not None and out is not None:
        raise UsageError("Give --public for a key the person made, or --out for one to be made now, not both.")
    with open_state(settings) as state:
        if public is None:
            return _with_new_key(state, person, duty, out or Path(f"{person}.pem"))
        brought = load_public_keys(public)
        if len(brought) != 1:
            raise UsageError(f"{public} holds {len(brought)} public keys; a person has one.")
        _enter(state, person, duty, brought[0])
        return f"{person} is registered as {duty} with the key in {public.name}."


def _with_new_key(state: State, person: str, duty: Role, out: Path) -> str:
    if not out.absolute().parent.is_dir():
        raise UsageError(f"{out.absolute().parent} is not a folder; name with --out where the key file may go.")
    if out.exists():
        raise UsageError(f"{out} exists already; name another file with --out.")
    key = create_signing_key(out)
    try:
        _enter(state, person, duty, key.public)
    except SchakelError:
        out.unlink(missing_ok=True)
        raise
    return (
        f"{person} is registered as {duty}; the key is in {out}. Hand the file over in person and keep no copy: "
        f"whoever holds it decides as {person}."
    )


def _enter(state: State, person: str, duty: Role, public: bytes) -> None:
    role = role_of(state)
    with state.store.transaction() as tx:
        register_person(tx, state.log, person, duty, public, state.actor, role)
        state.log.checkpoint(tx)
