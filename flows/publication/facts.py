"""What the method note states about a release besides its tables: policy, regimes, budgets, linkage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from schemas.study import Text
from schemas.tables import Regime


@dataclass(frozen=True)
class AudienceFacts:
    """How one audience's tables were protected; every parameter and budget is one plain sentence in both languages."""

    regime: Regime
    parameters: tuple[Text, ...] = ()
    budget: tuple[Text, ...] = ()


@dataclass(frozen=True)
class LinkageFacts:
    """How people were recognised across registers. `quality` (name, estimate with interval) is for restricted notes only."""

    profile: Text
    quality: tuple[tuple[Text, Text], ...] = ()


@dataclass(frozen=True)
class MethodFacts:
    """Everything else a method note says.

    policy_digest, code_version  as in the manifest. `statement` is the policy's own: who reads what, and what that voids.
    merged     words for codes that the policy made by merging categories (`NoisePolicy.labels`).
    """

    policy_id: str
    policy_version: str
    policy_digest: str
    statement: Text
    public: AudienceFacts
    restricted: AudienceFacts
    linkage: LinkageFacts | None
    code_version: str
    merged: Mapping[str, Text] = field(default_factory=dict)
