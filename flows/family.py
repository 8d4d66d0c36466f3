"""Studies of the same people: what is known of them from one study counts when another one is protected or judged.

A study with `people_of` counts the people of that study (its head) in further tables. All of a family share secret, person
ids, sealed blanks and budgets, under the head's id. Why, and what would go wrong otherwise: docs/beyond/same-people.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from disclosure.memo import Memo
from disclosure.states import Release, list_releases
from flows.packing import unpack_protected
from flows.state import State
from schemas.catalogue import Catalogue, load_catalogue, together
from schemas.errors import DisclosureRefused, UsageError
from schemas.policy import Policy, load_policy
from schemas.policy_noise import NoisePolicy
from schemas.study import Study, load_study, resource, shipped_studies
from schemas.tables import ProtectedTable

Tables = dict[str, ProtectedTable]
SEEN = ("approved", "published", "superseded", "withdrawn")


@dataclass(frozen=True)
class Member:
    """A study of a family with what it counts and by which rules."""

    ref: str
    study: Study
    catalogue: Catalogue
    policy: Policy


def minded(state: State, ref: str, study: Study) -> list[Member]:
    """The other studies whose small counts a release must not give away: the head always, others once they showed something.

    UsageError where one reads other registers or years, or judges small counts by other rules: one audience, one rule.
    """
    shown = {release.study for release in _releases(state, ref, study)}
    own = _member(ref, study)
    found = [
        _member(path, other)
        for path, other in relatives(ref, study)
        if other.people_of is None or other.id in shown
    ]  # fmt: skip
    for member in found:
        _require_alike(own, member)
    return found


def relatives(ref: str, study: Study) -> list[tuple[str, Study]]:
    """The other studies of the same people: those that ship with the package; files named in `beside` go before them."""
    found = {name: (name, load_study(name)) for name in shipped_studies()}
    for name in study.beside:
        path = str(Path(ref).parent / name)
        other = load_study(path)
        found[other.id] = (path, other)
    others = [(path, other) for path, other in found.values() if other.family == study.family and other.id != study.id]
    if study.people_of is not None and study.family not in [other.id for _, other in others]:
        raise UsageError(f"{ref}: people_of: there is no study '{study.family}'; name its file in beside.")
    return others


def require_head_pays(ref: str, study: Study, noise: NoisePolicy) -> None:
    """Noise about another study's people is paid from that one's budgets: UsageError for a population that its policy has not."""
    path, head = _head(ref, study)
    carried = load_policy(resource(path, "policies", head.policy))[0].public.noise
    known = {population.id for population in (carried.populations if carried is not None else ())}
    lost = [population.id for population in noise.populations if population.id not in known]
    if lost:
        raise UsageError(
            f"{study.policy}: {lost[0]} is no population of {head.id}, whose people {study.id} counts; noise for the same "
            "people is paid from the same budget, so name one of its populations."
        )


def require_own_people(ref: str, study: Study) -> None:
    """UsageError where a study's budgets are not its own to set."""
    if study.people_of is not None:
        _, head = _head(ref, study)
        raise UsageError(
            f"{study.id} counts the people of {head.id}, whose policy alone sets their budget; adopt that one's: "
            f"schakel budget adopt {head.id}."
        )


def _head(ref: str, study: Study) -> tuple[str, Study]:
    return next((path, other) for path, other in relatives(ref, study) if other.id == study.family)


def _member(ref: str, study: Study) -> Member:
    catalogue = load_catalogue(resource(ref, "catalogue", study.catalogue), study.years)
    return Member(ref, study, catalogue, load_policy(resource(ref, "policies", study.policy))[0])


def _require_alike(one: Member, other: Member) -> None:
    if (one.study.years, one.study.registers) != (other.study.years, other.study.registers):
        raise UsageError(
            f"{one.study.id} and {other.study.id} are to count the same people, but read other registers or years; make them "
            "equal."
        )
    mine, yours = (_rules(member.policy) for member in (one, other))
    if mine != yours:
        raise UsageError(
            f"The policies {one.policy.id} and {other.policy.id} show the same people to the same audience by other rules; make "
            "[restricted] of the two equal."
        )


def _rules(policy: Policy) -> tuple[object, ...]:
    """What decides which counts may be known; how long is searched for blanks does not."""
    rules = policy.restricted.suppression
    return (
        policy.restricted.regime, policy.restricted.rounding,
        None if rules is None else rules.model_dump(exclude={"time_limit", "objective"}),
    )  # fmt: skip


def joint_catalogue(catalogue: Catalogue, members: list[Member]) -> Catalogue:
    """Everything that is counted of these people, as one catalogue: what an audience can lay side by side."""
    return together([catalogue, *(member.catalogue for member in members)]) if members else catalogue


def shown_before(state: State, ref: str, study: Study, before: int | None = None) -> list[tuple[Release, Tables]]:
    """What the restricted audience could see of these people in any study, oldest first, from the sealed blanks.

    before: only releases proposed before this entry of the log.
    """
    memo = state.memo(study.family)
    found = []
    for release in _releases(state, ref, study):
        if before is None or release.seq < before:
            found.append((release, unpack_protected(_pattern(memo, release))))
    return found


def editions(shown: Sequence[tuple[Release, Mapping[str, ProtectedTable]]]) -> list[tuple[str, Tables]]:
    """(snapshot, tables), oldest first; what several studies showed of the same registers is one edition.

    Two tables that are read together tie more cells to each other than two that are read apart.
    """
    found: list[tuple[str, Tables]] = []
    for release, tables in shown:
        for snapshot, known in found:
            if snapshot == release.snapshot and not known.keys() & tables.keys():
                known.update(tables)
                break
        else:
            found.append((release.snapshot, dict(tables)))
    return found


def alongside(shown: list[tuple[str, Tables]], snapshot: str, tables: Mapping[str, ProtectedTable]) -> Tables:
    """Tables of other studies that were shown of the very registers that `tables` are of."""
    found: Tables = {}
    for known, others in shown:
        if known == snapshot and not others.keys() & tables.keys():
            found |= others
    return found


def _releases(state: State, ref: str, study: Study) -> list[Release]:
    """Releases of the family that somebody could see, in order.

    Blanks are sealed under the family's name, so that a release is of the family when its blanks open there. DisclosureRefused
    (4) where one is of a study that nobody named: nothing is known of how its tables hang together with these.
    """
    named = {study.id, *(other.id for _, other in relatives(ref, study))}
    with state.store.reading() as tx:
        seen = [release for release in list_releases(tx) if release.state in SEEN]
    memo = state.memo(study.family)
    for release in seen:
        if release.study not in named and memo.pattern(release.snapshot, release.policy) is not None:
            raise DisclosureRefused(
                f"{release.id} showed the same people in the study {release.study}; name that study's file in `beside` of "
                f"{study.id}, so that both can be judged together."
            )
    return [release for release in seen if release.study in named]


def _pattern(memo: Memo, release: Release) -> bytes:
    pattern = memo.pattern(release.snapshot, release.policy)
    if pattern is None:
        raise DisclosureRefused(
            f"What {release.id} showed is not in the state store, so nothing can be judged beside it."
        )
    return pattern
