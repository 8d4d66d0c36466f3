"""The life of a release: one table of transitions, who may make them, and four eyes.

`TRANSITIONS` is the only place that knows; the diagram in docs/states.md is generated from it (`diagram`).
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass

import sqlalchemy as sa

from disclosure.log.log import Entry, Log
from disclosure.log.notes import SigningKey, key_id, signature_holds
from disclosure.schema import leaves, people, releases
from disclosure.store import Transaction
from schemas.errors import IntegrityError, UsageError
from schemas.release import Role, State


@dataclass(frozen=True)
class Transition:
    """One allowed move. `other` : not by the person who proposed; `signed`: with the person's own key."""

    before: State
    after: State
    roles: tuple[Role, ...]
    other: bool = False
    signed: bool = False
    reason: bool = False


TRANSITIONS = (
    Transition("proposed", "approved", ("checker",), other=True, signed=True),
    Transition("proposed", "rejected", ("checker",), other=True, reason=True),
    Transition("approved", "published", ("operator", "checker", "system")),
    Transition("published", "superseded", ("operator", "checker", "system")),
    Transition("published", "withdrawn", ("operator", "checker"), reason=True),
)
PROPOSERS: tuple[Role, ...] = ("operator",)


@dataclass(frozen=True)
class Release:
    """A release as the state store knows it; `manifest`, `snapshot` and `policy` are digests (hex)."""

    id: str
    study: str
    state: State
    proposer: str
    manifest: str
    snapshot: str
    policy: str
    seq: int


def approval_message(release: str, manifest: str) -> bytes:
    """What an approver signs: nothing else that a key of ours signs begins like this."""
    return f"schakel approval v1\n{release}\n{manifest}\n".encode()


def register_person(tx: Transaction, log: Log, person: str, duty: Role, public: bytes, actor: str, role: Role) -> None:
    """Make somebody known with the raw public key that proves them; a key belongs to one person only."""
    if role != "operator":
        raise UsageError("Only an operator registers people; ask the operator of this state folder.")
    taken = (people.c.actor == person) | (people.c.public == public)
    if tx.execute(sa.select(people.c.actor).where(taken)).first() is not None:
        raise UsageError("This person or this key is registered already; one person, one role, one key.")
    key = {"key": key_id(public), "public_key": base64.b64encode(public).decode()}
    log.append(tx, "person_registered", {"person": person, "duty": duty, **key}, actor, role)
    tx.execute(sa.insert(people), {"actor": person, "role": duty, "public": public})


def duty_of(tx: Transaction, actor: str) -> Role | None:
    """What a person is registered as, None for nobody we know."""
    found: Role | None = tx.execute(sa.select(people.c.role).where(people.c.actor == actor)).scalar()
    return found


def propose(
    tx: Transaction,
    log: Log,
    release: str,
    study: str,
    *,
    manifest: str,
    snapshot: str,
    policy: str,
    code: str,
    actor: str,
    role: Role,
) -> Entry:
    """Enter a new release; its leaf holds the digest of its manifest. UsageError (2) where the id exists."""
    if role not in PROPOSERS:
        raise UsageError(f"A {role} cannot propose a release; only an operator can.")
    if tx.execute(sa.select(releases.c.id).where(releases.c.id == release)).first() is not None:
        raise UsageError(f"Release {release} exists already; its id is never used again.")
    digests = {"manifest": manifest, "snapshot": snapshot, "policy": policy}
    entry = log.append(tx, "release_proposed", {**digests, "code": code}, actor, role, study, release)
    row = {"id": release, "study": study, "state": "proposed", "proposer": actor, "seq": entry.seq, **digests}
    tx.execute(sa.insert(releases), row)
    return entry


def move(
    tx: Transaction,
    log: Log,
    release: str,
    to: State,
    actor: str,
    role: Role,
    reason: str | None = None,
    *,
    signature: bytes | None = None,
    by: str | None = None,
) -> Entry:
    """Move a release along `TRANSITIONS`, with its leaf.

    signature  the actor's over `approval_message`, where the transition asks for one.
    by         the release that supersedes this one.

    Raises UsageError (2) for a move that the table does not allow to this person.
    """
    current = require_release(tx, release)
    rule = _rule(current, to)
    if role not in rule.roles:
        raise UsageError(f"A {role} cannot make a release {to}; that takes one of: {', '.join(rule.roles)}.")
    if rule.other and actor == current.proposer:
        raise UsageError(f"{actor} proposed {release} and cannot also make it {to}; another person has to decide.")
    if rule.other and duty_of(tx, actor) != role:
        raise UsageError(
            f"{actor} is not registered as {role}; an operator does that with `schakel keys new --person`."
        )
    if rule.reason and not reason:
        raise UsageError(f"Making a release {to} needs a reason in a sentence.")
    body: dict[str, object] = {"manifest": current.manifest, "reason": reason}
    if rule.signed:
        body |= _signed(tx, current, actor, role, signature)
    if by is not None:
        body["by"] = require_release(tx, by).id
    entry = log.append(tx, f"release_{to}", body, actor, role, current.study, release)
    tx.execute(sa.update(releases).where(releases.c.id == release).values(state=to))
    return entry


def publish(tx: Transaction, log: Log, release: str, actor: str, role: Role) -> list[str]:
    """Publish an approved release; what its study had published gives way to it. Returns the ids of those."""
    study = require_release(tx, release).study
    before = [known.id for known in list_releases(tx, study, "published")]
    move(tx, log, release, "published", actor, role)
    for earlier in before:
        move(tx, log, earlier, "superseded", actor, role, by=release)
    return before


def _rule(current: Release, to: State) -> Transition:
    for transition in TRANSITIONS:
        if (transition.before, transition.after) == (current.state, to):
            return transition
    ways = [transition.after for transition in TRANSITIONS if transition.before == current.state]
    rest = f"it can become {' or '.join(ways)}" if ways else "that is final"
    raise UsageError(f"Release {current.id} is {current.state} and cannot become {to}; {rest}.")


def _signed(tx: Transaction, current: Release, actor: str, role: Role, signature: bytes | None) -> dict[str, object]:
    person = tx.execute(sa.select(people).where(people.c.actor == actor)).first()
    if person is None or person.role != role:
        raise UsageError(f"{actor} is not registered as {role}; register the person's public key first.")
    message = approval_message(current.id, current.manifest)
    if signature is None or not signature_holds(person.public, message, signature):
        raise UsageError(
            f"The approval does not carry the signature of {actor} over this release; sign it with --key and {actor}'s "
            "own key file."
        )
    return {"key": key_id(person.public), "signature": base64.b64encode(signature).decode()}


def sign_approval(key: SigningKey, release: Release) -> bytes:
    """An approver's signature over a release, with the approver's own key."""
    return key.sign(approval_message(release.id, release.manifest))


def state_of(tx: Transaction, release: str) -> State | None:
    """The state of a release, None where this store does not know it."""
    found = find_release(tx, release)
    return None if found is None else found.state


def find_release(tx: Transaction, release: str) -> Release | None:
    """A release by id."""
    row = tx.execute(sa.select(releases).where(releases.c.id == release)).first()
    return None if row is None else Release(**row._mapping)


def require_release(tx: Transaction, release: str) -> Release:
    """A release by id; UsageError (2) where this store does not know it."""
    found = find_release(tx, release)
    if found is None:
        raise UsageError(f"This state store knows no release {release}; `schakel log show` lists the ones it knows.")
    return found


def list_releases(tx: Transaction, study: str | None = None, state: State | None = None) -> list[Release]:
    """Releases in the order they were proposed."""
    statement = sa.select(releases).order_by(releases.c.seq)
    if study is not None:
        statement = statement.where(releases.c.study == study)
    if state is not None:
        statement = statement.where(releases.c.state == state)
    return [Release(**row._mapping) for row in tx.execute(statement)]


def verify_states(tx: Transaction) -> None:
    """Replay the leaves through the table; IntegrityError (6) where a release is in a state no leaf led to."""
    said: dict[str, tuple[str, str]] = {}
    statement = sa.select(leaves.c.kind, leaves.c.data).where(leaves.c.kind.like("release\\_%", escape="\\"))
    for row in tx.execute(statement.order_by(leaves.c.seq)):
        leaf = json.loads(row.data)
        release, state = leaf["release"], row.kind.removeprefix("release_")
        before = said.get(release, (None, ""))[0]
        allowed = (
            before is None
            if state == "proposed"
            else any((rule.before, rule.after) == (before, state) for rule in TRANSITIONS)
        )
        if not allowed:
            raise IntegrityError(f"The log moves release {release} in a way that the rules do not allow.")
        said[release] = (state, leaf["body"]["manifest"])
    for known in list_releases(tx):
        if said.pop(known.id, None) != (known.state, known.manifest):
            raise IntegrityError(f"Release {known.id} is not in the state that the log says; restore the state store.")
    if said:
        raise IntegrityError("The state store lacks releases that the log knows; restore the state store.")


def diagram() -> str:
    """The states as a Mermaid diagram, generated from `TRANSITIONS`."""
    lines = ["stateDiagram-v2", f"    [*] --> proposed: {' or '.join(PROPOSERS)}"]
    for rule in TRANSITIONS:
        conditions = [" or ".join(rule.roles)]
        conditions += ["not the proposer"] if rule.other else []
        conditions += ["own key"] if rule.signed else []
        conditions += ["with a reason"] if rule.reason else []
        lines.append(f"    {rule.before} --> {rule.after}: {', '.join(conditions)}")
    befores = {rule.before for rule in TRANSITIONS}
    final = [rule.after for rule in TRANSITIONS if rule.after not in befores]
    return "\n".join([*lines, *(f"    {state} --> [*]" for state in final)]) + "\n"


def page() -> str:
    """docs/states.md: the diagram and the table, both generated."""
    rows = [
        f"| {rule.before} | {rule.after} | {', '.join(rule.roles)} | {_word(rule.other)} | {_word(rule.signed)} | "
        f"{_word(rule.reason)} |"
        for rule in TRANSITIONS
    ]
    return "\n".join(
        [
            "# The states of a release",
            "",
            "Generated from `disclosure/states.py`; a test fails when this page is not current. Only published releases exist",
            "for their audience. Every move is a leaf of the log, and what was withdrawn stays in it for ever.",
            "",
            f"```mermaid\n{diagram()}```",
            "",
            "| from | to | who | not the proposer | signed with the own key | needs a reason |",
            "| --- | --- | --- | --- | --- | --- |",
            f"| | proposed | {', '.join(PROPOSERS)} | | | |",
            *rows,
            "",
        ]
    )


def _word(condition: bool) -> str:
    return "yes" if condition else ""
