"""Suppression: which cells of a release must be blank so that nobody can work a small one out, at the least cost.

What it does   builds one system of cells and equations over all tables, chooses a pattern, has it attacked, certifies it.
What enters    exact tables with their contributors, the catalogue's relations, the policy's rules, what was shown before.
What leaves    protected tables, a certificate for the state store; or a refusal (exit 4).
May import     `schemas`, and the attacker, which shares no code with the chooser.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from disclosure.attack import Attack, attack
from disclosure.attack_facts import Fact, with_facts
from disclosure.suppress.certificate import certificate_of, refuse_exposed, secrets_of
from disclosure.suppress.choose import Choice, choose
from disclosure.suppress.history import add_history
from disclosure.suppress.judge import beyond_help, without
from disclosure.suppress.means import facts_of
from disclosure.suppress.release import ReleaseBuilder, build, protected_tables
from disclosure.suppress.system import Bools, System, describe
from schemas.catalogue import Catalogue
from schemas.errors import DisclosureRefused
from schemas.policy_suppression import SuppressionPolicy
from schemas.tables import Audience, ExactTable, ProtectedTable

__all__ = ["SuppressionResult", "suppress_tables"]


@dataclass(frozen=True)
class SuppressionResult:
    """Protected tables in the order of the catalogue, and what certifies them (primaries included: state store only)."""

    protected: dict[str, ProtectedTable]
    certificate: dict[str, Any]


def suppress_tables(
    tables: Mapping[str, ExactTable],
    catalogue: Catalogue,
    rules: SuppressionPolicy,
    history: Sequence[Mapping[str, ProtectedTable]],
    audience: Audience,
    beside: Mapping[str, ExactTable] | None = None,
) -> SuppressionResult:
    """One certified pattern for all tables of a release.

    history  what the audience could see of these people before, oldest first: every edition counts, for ever.
    beside   tables of other studies that count the same people: not printed here, and no small cell of theirs may follow
             from what is. `catalogue` has their entries too.
    Raises DisclosureRefused (exit 4) when the attacker learns anything or a question stays open.
    """
    work = build({**(beside or {}), **tables}, catalogue, rules, unprinted=(beside or {}).keys() - tables.keys())
    alone = work.joint().system if history else None
    apart = add_history(work, history, catalogue, rules)
    joint = work.joint()
    system, choice, lost, found = _held(
        work, joint.system, alone, rules, lambda blank: facts_of(work, tables, catalogue, blank)
    )
    refuse_exposed(system, found)
    certificate = certificate_of(system, choice, found, rules.objective, rules.insider)
    certificate |= {"editions": len(history), "apart": list(apart), "lost": [describe(system.keys[at]) for at in lost]}
    return SuppressionResult(protected_tables(joint, tables, choice.blank, audience), certificate)


def _held(
    work: ReleaseBuilder,
    system: System,
    alone: System | None,
    rules: SuppressionPolicy,
    facts: Callable[[Bools], list[Fact]],
) -> tuple[System, Choice, list[int], Attack]:
    """A pattern that holds against whoever reads the printed means too. Where it does not, the means that say most go blank."""
    while True:
        asked, choice, lost = _chosen(system, alone, rules)
        told = facts(choice.blank)
        if not told:
            return asked, choice, lost, choice.found
        found = attack(
            *with_facts(secrets_of(asked), choice.blank, told), insider=rules.insider, down=rules.protect_down, up=rules.protect_up
        )  # fmt: skip
        exposed = {*found.outsider, *(cell for _, cell in (*found.insiders, *found.open))}
        near = {fact.source for fact in told if exposed & set(fact.cells)} or {fact.source for fact in told}
        if not exposed or not near:
            return asked, choice, lost, found
        primary = system.primary.copy()
        primary[list(near)] = True
        system = replace(system, primary=primary)


def _chosen(system: System, alone: System | None, rules: SuppressionPolicy) -> tuple[System, Choice, list[int]]:
    """A pattern, and the primaries that earlier editions gave away already: they stay blank and are said to be lost.

    alone   the system without those editions: what is beyond help there is no excuse.
    """

    def choice_of(asked: System) -> Choice:
        return choose(asked, rules.objective, rules.insider, rules.time_limit, rules.protect_down, rules.protect_up)

    try:
        return system, choice_of(system), []
    except DisclosureRefused:
        if alone is None:
            raise
        how = (rules.insider, rules.protect_down, rules.protect_up)
        lost = beyond_help(system, *how) - beyond_help(alone, *how)
        if not lost:
            raise
        asked = without(system, lost)
        return asked, choice_of(asked), sorted(lost)
