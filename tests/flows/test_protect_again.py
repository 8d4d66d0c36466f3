"""The same registers and policy give the same blanks, and the same draw of a rounding, byte for byte; others do not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from flows.job import Job, make_job
from flows.packing import pack_protected
from flows.protect import protect_restricted
from flows.settings import Settings
from flows.state import open_state
from schemas.policy import AudiencePolicy
from schemas.policy_rounding import RoundingPolicy
from schemas.policy_suppression import SuppressionPolicy
from schemas.study import SHIPPED
from tests.tabulation.tabulation_reference import reference_tables

RULES = {
    "rounded": AudiencePolicy(regime="rounded", rounding=RoundingPolicy()),
    "suppressed": AudiencePolicy(regime="suppressed", suppression=SuppressionPolicy(time_limit=2.0)),
}


def job(tmp_path: Path, regime: str, digest: str = "d" * 64) -> Job:
    settings = Settings(tmp_path / "state", "", None, "anna")
    made = make_job("wodc2020", SHIPPED / "examples" / "wodc2020", settings)
    policy = made.policy.model_copy(update={"restricted": RULES[regime]})
    return replace(made, policy=policy, policy_digest=digest)


def protected(work: Job, release: str, snapshot: str = "a" * 64) -> tuple[bytes, list[str]]:
    """The tables as bytes, and the kinds of log entries that they left."""
    with open_state(work.settings, create=True) as state:
        if not state.key_file(work.study.id).exists():
            state.require_key(work.study.id)
        tables = protect_restricted(work, state, reference_tables("wodc2020"), snapshot, release).tables
        return pack_protected(tables), [str(leaf["kind"]) for leaf in state.leaves(release=release)]


@pytest.mark.parametrize("regime", ["suppressed", "rounded"])
def test_a_second_run_gives_the_same_bytes_and_attacks_nothing_anew(tmp_path: Path, regime: str) -> None:
    first, kinds = protected(job(tmp_path, regime), "r1")
    again, later = protected(job(tmp_path, regime), "r2")
    assert again == first
    assert (kinds.count("attacked"), later.count("attacked")) == (1, 0)
    statuses = {"suppressed": {b"suppressed"}, "rounded": {b"rounded"}}[regime]
    assert all(status in first for status in statuses)


def test_another_policy_is_another_draw(tmp_path: Path) -> None:
    """Without the pattern that was kept a rounding is drawn anew, and comes out otherwise."""
    first, _ = protected(job(tmp_path, "rounded"), "r1")
    assert protected(job(tmp_path, "rounded", "e" * 64), "r2")[0] != first
