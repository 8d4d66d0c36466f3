"""Policies: which regime a table gets per audience, with which parameters (`docs/policy.md`).

The policy's digest stands in every manifest, so its values are the file's, never a default somebody changed later.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from schemas.policy_noise import NoisePolicy
from schemas.policy_rounding import RoundingPolicy
from schemas.policy_suppression import SuppressionPolicy
from schemas.tables import Regime
from schemas.toml import Strict, read_toml


class AudiencePolicy(Strict):
    """One audience: its regime, and the parameters of that regime."""

    regime: Regime
    suppression: SuppressionPolicy | None = None
    rounding: RoundingPolicy | None = None
    noise: NoisePolicy | None = None


class Policy(Strict):
    """A versioned policy. `statement` is printed in the method note: who reads what, and what that voids."""

    id: str
    version: str
    statement: dict[str, str]
    public: AudiencePolicy
    restricted: AudiencePolicy


def load_policy(path: Path) -> tuple[Policy, str]:
    """The policy and the SHA-256 (hex) of its file, which is its digest in manifests and leaves."""
    policy = read_toml(path, Policy)
    return policy, hashlib.sha256(path.read_bytes()).hexdigest()
