"""Reserve, draw, mark: crashes at each step, memoised bytes, exhausted budgets, results that were tampered with."""

from __future__ import annotations

import json

import numpy as np
import pytest
from noise_reference import SECRET, MemoryLedger, catalogue, exact, policy

from disclosure.noise import protect_noisy
from disclosure.noise.measure import Query, measure
from disclosure.noise.mechanisms import Price
from disclosure.noise.plan import limits
from disclosure.noise.protect import NoiseResult
from schemas.errors import BudgetExhausted, IntegrityError, UsageError
from schemas.policy_noise import NoisePolicy


class Killed(BaseException):
    """A process that dies here."""


def small() -> NoisePolicy:
    """The three small populations of nr2015: quick, and Laplace."""
    full = policy("nr2015")
    return full.model_copy(update={"populations": full.populations[1:]})


def protect(ledger: MemoryLedger, snapshot: str = "snapshot", secret: bytes = SECRET) -> NoiseResult:
    return protect_noisy(exact("nr2015"), catalogue("nr2015"), small(), ledger, snapshot, secret, "public")


def frames(result: NoiseResult) -> dict[str, bytes]:
    return {name: table.frame.to_csv().encode() for name, table in result.protected.items()}


@pytest.mark.parametrize(
    ("step", "at"),
    [
        ("before reserve", 0),
        ("after reserve", 0),
        ("before mark", 0),
        ("after mark", 0),
        ("before mark", 3),
        ("after mark", 3),
    ],
)
def test_a_run_killed_at_any_step_costs_one_charge_and_publishes_one_draw(step: str, at: int) -> None:
    seen = {"count": 0}

    def crash(here: str, key: str) -> None:
        if here == step:
            seen["count"] += 1
            if seen["count"] == at + 1:
                raise Killed

    ledger = MemoryLedger(crash=crash)
    with pytest.raises(Killed):
        protect(ledger)
    kept = dict(ledger.results)
    first = protect(ledger)
    assert all(ledger.results[key] == value for key, value in kept.items())
    clean = MemoryLedger()
    protect(clean)
    assert ledger.charges == clean.charges
    assert frames(protect(ledger)) == frames(first)


def test_the_same_snapshot_gives_the_same_bytes_at_no_cost_and_another_costs_again() -> None:
    ledger = MemoryLedger()
    first = protect(ledger)
    spent = ledger.spent("nr2015.dtv")
    again = protect(ledger)
    assert frames(again) == frames(first)
    assert ledger.spent("nr2015.dtv") == spent
    assert all(charge.drawn for charge in first.charges)
    assert not any(charge.drawn for charge in again.charges)
    other = protect(ledger, snapshot="another")
    assert frames(other) != frames(first)
    assert ledger.spent("nr2015.dtv") == pytest.approx(2 * spent)


def test_averaging_over_reruns_teaches_nothing() -> None:
    ledger = MemoryLedger()
    assert len({str(frames(protect(ledger))) for _ in range(5)}) == 1


def test_editions_stop_at_the_limit_of_the_policy() -> None:
    ledger = MemoryLedger(limit=limits(small())["nr2015.dtv"])
    only = small().model_copy(update={"populations": small().populations[:1]})
    for edition in range(only.populations[0].editions):
        protect_noisy(exact("nr2015"), catalogue("nr2015"), only, ledger, f"edition {edition}", SECRET, "public")
    with pytest.raises(BudgetExhausted):
        protect_noisy(exact("nr2015"), catalogue("nr2015"), only, ledger, "one too many", SECRET, "public")


def test_nothing_is_charged_or_computed_when_one_budget_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The chain, last in the policy, has the dearest vector: it fails, and the populations before it pay nothing."""
    price = max(limits(small()).values()) / small().populations[0].editions
    monkeypatch.setattr("disclosure.noise.units.Microdata.vector", lambda *_: pytest.fail("exact values were computed"))
    ledger = MemoryLedger(limit=price * 0.99)
    with pytest.raises(BudgetExhausted):
        protect(ledger)
    assert not ledger.charges
    assert not ledger.results


def test_a_policy_that_does_not_fit_the_tables_is_refused_before_it_is_charged() -> None:
    ledger = MemoryLedger()
    fewer = {name: table for name, table in exact("nr2015").items() if name != "nr2015_f20"}
    with pytest.raises(UsageError):
        protect_noisy(fewer, catalogue("nr2015"), small(), ledger, "snapshot", SECRET, "public")
    assert not ledger.charges


def test_an_audience_has_draws_of_its_own() -> None:
    query = Query("people", "vector", {}, 1, Price("laplace", 1.0, 1))
    assert query.key("snapshot", "public") != query.key("snapshot", "restricted")


@pytest.mark.parametrize(
    "stored", [b"", b"{}", b"[1]", b'{"scale":"0.0","values":[3]}', b'{"scale":"1.0","values":[3,4]}', b"\xff"]
)
def test_a_stored_result_that_does_not_fit_is_an_integrity_error(stored: bytes) -> None:
    query = Query("people", "vector", {}, 1, Price("laplace", 1.0, 1))
    ledger = MemoryLedger()
    ledger.results[query.key("snapshot", "public")] = stored
    with pytest.raises(IntegrityError):
        measure(query, lambda: np.zeros(1, dtype=np.int64), ledger, "snapshot", "public")


def test_a_stored_result_holds_noisy_numbers_and_their_scale_only() -> None:
    ledger = MemoryLedger()
    protect(ledger)
    for result in ledger.results.values():
        assert set(json.loads(result)) == {"values", "scale"}
