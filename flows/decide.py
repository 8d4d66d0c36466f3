"""Four eyes: approve, reject, withdraw. What stands beside the release is checked before anybody's word is taken."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from disclosure.log.notes import load_signing_key
from disclosure.memo import certificate_digest
from disclosure.states import Release, move, publish, require_release, sign_approval
from flows.difference import certain_disclosures
from flows.people import role_of
from flows.releases import Found, known, locate, remember_folder
from flows.settings import Settings
from flows.state import State, open_state
from schemas.errors import DisclosureRefused, IntegrityError
from schemas.release import State as ReleaseState


def approve(settings: Settings, ref: str, key_file: Path | None, *, hold: bool, study_ref: str | None) -> str:
    """Approve a proposed release with the approver's own key, and publish it unless `hold`; publish an approved one.

    Publishing, and superseding what the study had published, is one transaction with the approval. Raises UsageError (2)
    for a person who may not, IntegrityError (6) where release or certificate is not what was logged, DisclosureRefused
    (4) where the release together with earlier ones of the same registers gives a small count away.
    """
    with open_state(settings) as state:
        found = locate(state, ref)
        if found.release.state == "approved" and not hold:
            return _publish(state, found)
        key = None if key_file is None else load_signing_key(key_file)
        return _approve(state, found, None if key is None else partial(sign_approval, key), hold, study_ref)


def approve_signed(settings: Settings, release: str, signature: bytes, *, hold: bool) -> str:
    """`approve` for somebody whose key is elsewhere: `signature` is over `states.approval_message`, made with that key."""
    with open_state(settings) as state:
        return _approve(state, locate(state, release), lambda _: signature, hold, None)


def _approve(
    state: State, found: Found, sign: Callable[[Release], bytes] | None, hold: bool, study_ref: str | None
) -> str:
    release = found.release
    if sign is not None and release.state == "proposed" and state.actor != release.proposer:
        require_certificate(state, release)
        _refuse_disclosure(state, found, study_ref)
    with state.store.transaction() as tx:
        current = require_release(tx, release.id)
        signature = None if sign is None else sign(current)
        move(tx, state.log, release.id, "approved", state.actor, "checker", signature=signature)
        remember_folder(tx, release.id, found.folder)
        before = [] if hold else publish(tx, state.log, release.id, state.actor, "checker")
        state.log.checkpoint(tx)
    if hold:
        return f"{release.id} is approved; `schakel approve {release.id}` publishes it."
    return _published(release.id, before)


def _publish(state: State, found: Found) -> str:
    role = role_of(state)
    with state.store.transaction() as tx:
        before = publish(tx, state.log, found.release.id, state.actor, role)
        remember_folder(tx, found.release.id, found.folder)
        state.log.checkpoint(tx)
    return _published(found.release.id, before)


def _published(release: str, before: list[str]) -> str:
    instead = f", in place of {', '.join(before)}" if before else ""
    return f"{release} is approved and published{instead}."


def reject(settings: Settings, ref: str, reason: str | None) -> str:
    """Reject a proposed release; a registered checker other than its proposer, with a reason."""
    return _end(settings, ref, "rejected", reason)


def withdraw(settings: Settings, ref: str, reason: str | None) -> str:
    """Take a published release back, with a reason; it stays in the log, and counts for the attacker, for ever."""
    return _end(settings, ref, "withdrawn", reason)


def _end(settings: Settings, ref: str, to: ReleaseState, reason: str | None) -> str:
    with open_state(settings) as state:
        release = known(state, ref)
        role = "checker" if to == "rejected" else role_of(state)
        with state.store.transaction() as tx:
            move(tx, state.log, release.id, to, state.actor, role, reason)
            state.log.checkpoint(tx)
    return f"{release.id} is {to}; the log keeps it, and the reason, for ever."


def require_certificate(state: State, release: Release) -> None:
    """IntegrityError (6) unless the certificate in the state folder is the one whose digest was logged."""
    logged = [leaf["body"] for leaf in state.leaves(kind="attacked", release=release.id)]
    if not logged or not isinstance(logged[-1], dict):
        return  # reused blanks of the same registers, or a regime without blanks: there is none
    if certificate_digest(state.store, release.id, logged[-1]["audience"]) != logged[-1]["certificate"]:
        folder = state.store.directory / "certificates" / release.id
        raise IntegrityError(f"The certificate of {release.id} is gone or was changed; put {folder} back.")


def _refuse_disclosure(state: State, found: Found, study_ref: str | None) -> None:
    small = certain_disclosures(state, found, study_ref)
    if small:
        raise DisclosureRefused(
            f"Together with what its audience has seen, {found.release.id} gives {small} small count(s) away; reject it "
            f"(`schakel review {found.release.id}` says where)."
        )
