"""Suppression: which cells of a release must be blank so that nobody can work a small one out, at the least cost.

What it does   builds one system of cells and equations over all tables, chooses a pattern, has it attacked, certifies it.
What enters    exact tables with their contributors, the catalogue's relations, the policy's rules, what was shown before.
What leaves    protected tables, a certificate for the state store; or a refusal (exit 4).
May import     `schemas`, and the attacker, which shares no code with the chooser.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from disclosure.attack import attack
from disclosure.suppress.certificate import certificate_of, refuse_exposed, secrets_of
from disclosure.suppress.choose import choose
from disclosure.suppress.release import build, protected_tables
from schemas.catalogue import Catalogue
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
) -> SuppressionResult:
    """One certified pattern for all tables of a release.

    history  what the audience could see of this study before, oldest first; equal cells count as known.
    Raises DisclosureRefused (exit 4) when the attacker learns anything or a question stays open.
    """
    published = {name: table.frame for release in history for name, table in release.items()}
    joint = build(tables, catalogue, rules, published)
    choice = choose(
        joint.system, rules.objective, rules.insider, rules.time_limit, rules.protect_down, rules.protect_up
    )
    found = attack(
        secrets_of(joint.system), choice.blank, insider=rules.insider, down=rules.protect_down, up=rules.protect_up
    )  # fmt: skip
    refuse_exposed(joint.system, found)
    certificate = certificate_of(joint.system, choice, found, rules.objective, rules.insider)
    return SuppressionResult(protected_tables(joint, tables, choice.blank, audience), certificate)
