"""What a release's certificate says, and whether its blanks still hold against those whom it names, earlier releases included."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from disclosure.memo import read_certificate
from disclosure.states import Release, find_release
from disclosure.suppress.again import attack_again, can_attack_again
from flows.difference import SHOWN, Rules
from flows.family import alongside, editions
from flows.people import role_of
from flows.published import Tables
from flows.state import State
from schemas.errors import SchakelError
from schemas.tables import Audience

READERS = ("checker", "auditor")
Sentence = tuple[bool, str]


def review_certificate(
    state: State, release: Release, tables: Tables, earlier: list[tuple[Release, Tables]], rules: Rules
) -> Iterator[Sentence]:
    """(good, sentence) per certificate of the release, or of the run whose blanks it uses again. Reading one is a leaf."""
    role = role_of(state)
    found = _certificates(state, release)
    if not found:
        yield (
            True,
            "Certificate: none of its own; its regime has no blanks, or its blanks are those of a run that is not known.",
        )
    for name, audience in found:
        whose = "" if name == release.id else f", of {name}, whose blanks these are"
        if role not in READERS:
            yield (
                True,
                (
                    f"Certificate ({audience}{whose}): not read, because it says which blanks are primary; {state.actor} is no "
                    "registered checker or auditor. Insiders were not tried."
                ),
            )
            continue
        content: dict[str, Any] = json.loads(read_certificate(state.log, name, audience, state.actor, role))
        yield _result(content, f"{audience}{whose}")
        yield from _lost(content)
        if audience == "restricted":
            yield _again(release, content, tables, earlier, rules)


def _certificates(state: State, release: Release) -> list[tuple[str, Audience]]:
    """(release, audience) of the certificates: its own, or those of the first run of these registers and this policy."""
    same: dict[str, list[Audience]] = {}
    for leaf in state.leaves(kind="attacked", study=release.study):
        body, name = leaf["body"], str(leaf["release"])
        if isinstance(body, dict):
            same.setdefault(name, []).append(body["audience"])
    if release.id in same:
        return [(release.id, audience) for audience in dict.fromkeys(same[release.id])]
    with state.store.reading() as tx:
        others = [(name, find_release(tx, name)) for name in same]
    for name, other in others:
        if other is not None and (other.snapshot, other.policy) == (release.snapshot, release.policy):
            return [(name, audience) for audience in dict.fromkeys(same[name])]
    return []


def _result(content: dict[str, Any], what: str) -> Sentence:
    attack, blanks = content.get("attack", {}), content.get("blanks", [])
    fallen = attack.get("outsider", 0) + attack.get("insiders", 0) + attack.get("untried", 0)
    primary = sum(bool(blank.get("primary")) for blank in blanks)
    closed = [blank for blank in blanks if blank.get("primary") and blank.get("low", 0) == blank.get("high", 1)]
    if not attack.get("certified") or fallen or closed:
        return False, f"Certificate ({what}): {fallen + len(closed)} small count(s) can be worked out; reject this."
    return True, (
        f"Certificate ({what}): nothing can be worked out. {primary} of {len(blanks)} blanks are small themselves; "
        f"{attack.get('people', 0)} possible insiders ({content.get('insider')}) tried; reading it was logged."
    )


def _lost(content: dict[str, Any]) -> Iterator[Sentence]:
    lost, apart = content.get("lost", []), content.get("apart", [])
    if lost:
        where = "; ".join(lost[:SHOWN])
        yield (
            False,
            f"{len(lost)} small count(s) were given away by earlier releases already, and no blank helps: {where}.",
        )
    if apart:
        yield False, f"Not held against it, because the catalogue no longer has them: {', '.join(apart)}."


def _again(
    release: Release, content: dict[str, Any], tables: Tables, earlier: list[tuple[Release, Tables]], rules: Rules
) -> Sentence:
    """The blanks attacked anew by everybody the certificate names, with what their audience saw before."""
    policy = rules.policy.restricted.suppression
    if content.get("regime") == "rounded":
        return True, f"Rounded to {content['base']}: the attack on it is not repeated; no cell is blank."
    if policy is None or not can_attack_again(content):
        return True, "Attack by insiders: not repeated, because this certificate does not say who they are."
    beside = f" and {len(earlier)} earlier release(s)" if earlier else ""
    shown = editions(earlier)
    others = alongside(shown, release.snapshot, tables)
    try:
        again = attack_again(tables, [known for _, known in shown], rules.joint, policy, content, others)
    except SchakelError as error:
        return False, f"Attacked with its certificate{beside}: could not be tried, which counts as failed. {error}"
    found = again.found
    if not found.certified:
        where = "; ".join(again.exposed[:SHOWN])
        return False, (
            f"Attacked with its certificate{beside}: {len(again.exposed)} of {again.primaries} small count(s) fall, "
            f"{found.untried} question(s) stayed open. {where}"
        )
    return True, (
        f"Attacked with its certificate{beside}: an outsider and {found.people} insider(s) ({content['insider']}) learn none of "
        f"{again.primaries} small counts; {found.witnesses} other tables fit what they know."
    )
