"""Exact tables -> what an audience may see, with the decisions in the log and the certificate in the state folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from disclosure.ledger import Ledger
from disclosure.log.leaves import parameters_of
from disclosure.memo import keep_certificate
from disclosure.noise import protect_noisy
from disclosure.noise.plan import limits
from disclosure.rounding import RoundingResult, round_tables
from disclosure.suppress import SuppressionResult, suppress_tables
from flows.family import editions, joint_catalogue, minded, require_head_pays, shown_before
from flows.job import Job
from flows.packing import pack_protected, unpack_protected
from flows.state import State
from schemas.catalogue import Catalogue
from schemas.errors import DisclosureRefused, UsageError
from schemas.policy_noise import NoisePolicy
from schemas.tables import STATUS, ExactTable, ProtectedTable

Tables = dict[str, ProtectedTable]


@dataclass(frozen=True)
class Protected:
    """One audience's tables, and what the terminal says about them."""

    tables: Tables
    said: list[str] = field(default_factory=list)


def protect_restricted(
    job: Job,
    state: State,
    exact: Mapping[str, ExactTable],
    snapshot: str,
    release: str,
    beside: Mapping[str, ExactTable] | None = None,
) -> Protected:
    """Suppressed or rounded tables: the pattern kept for this snapshot and policy if there is one, else a new one, attacked.

    beside: tables of other studies of the same people, whose small counts must not follow from these.
    DisclosureRefused (4) when no pattern withstands the attacker; nothing of it is kept then but the refusal.
    """
    memo = state.memo(job.study.family)
    kept = memo.pattern(snapshot, job.policy_digest)
    if kept is None:
        catalogue = joint_catalogue(job.catalogue, minded(state, job.study_ref, job.study))
        history = [tables for _, tables in editions(shown_before(state, job.study_ref, job.study))]
        result = protect_true(job, catalogue, exact, history, beside or {})
        certificate = json.dumps(result.certificate, sort_keys=True).encode()
        digest = keep_certificate(state.store, release, "restricted", certificate)
        insider = result.certificate["insider"]
        attacked: dict[str, object] = {
            "audience": "restricted", "insider": insider, "certified": True, "certificate": digest,
        }  # fmt: skip
        # Before the pattern is kept: a run that dies in between chooses and attacks anew, and never goes without this entry.
        state.append("attacked", attacked, job.study.id, release)
        kept = memo.keep_pattern(snapshot, job.policy_digest, pack_protected(result.protected))
    tables = unpack_protected(kept)
    if _questions(tables) != _questions(exact):
        raise DisclosureRefused(
            "These registers were protected before under this policy with other tables, and two patterns of one delivery can be "
            "compared; give the policy a new version if the study or the catalogue has to change."
        )
    _log_tables(job, state, tables, release)
    blanks = sum(int((table.frame[STATUS] == "suppressed").sum()) for table in tables.values())
    return Protected(tables, [f"{blanks} blanks in {len(tables)} tables", "the attacker learned nothing"])


def _questions(tables: Mapping[str, ExactTable] | Mapping[str, ProtectedTable]) -> dict[str, list[list[str]]]:
    return {name: [[str(c) for c in table.categories[d]] for d in table.dimensions] for name, table in tables.items()}


def protect_true(
    job: Job,
    catalogue: Catalogue,
    exact: Mapping[str, ExactTable],
    history: list[Tables],
    beside: Mapping[str, ExactTable],
) -> SuppressionResult | RoundingResult:
    """Choose and certify blanks, or round, by the policy's rules for the restricted audience.

    catalogue: of everything the audience may lay side by side; history: what it saw of it.
    """
    rules, rounding = job.policy.restricted.suppression, job.policy.restricted.rounding
    if job.policy.restricted.regime == "rounded":
        if rounding is None:
            raise UsageError(f"The policy {job.policy.id} has no rules for rounding; add [restricted.rounding].")
        if beside:
            raise UsageError("Rounded tables of the same people in two studies do not add up; use blanks for both.")
        return round_tables(exact, catalogue, rounding, history, "restricted")
    if rules is None:
        raise UsageError(f"The policy {job.policy.id} has no rules for blanks; add [restricted.suppression].")
    return suppress_tables(exact, catalogue, rules, history, "restricted", beside)


def blank(job: Job, exact: Mapping[str, ExactTable]) -> Tables:
    """The suppressed tables alone, for a trial on invented people."""
    return protect_true(job, job.catalogue, exact, [], {}).protected


def protect_public(job: Job, state: State, exact: Mapping[str, ExactTable], snapshot: str, release: str) -> Protected:
    """Noisy tables: charge, draw, reconcile, blank; a second run of the same snapshot and policy costs nothing."""
    noise = job.policy.public.noise
    if noise is None:
        raise UsageError(f"The policy {job.policy.id} has no parameters for the public's noise; add [public.noise].")
    ledger = state.ledger(job.study.id, release)
    _require_budgets(ledger, noise, job)
    secret = state.keys(job.study.family).derive("noise", "")
    memory = state.memo(job.study.family)
    result = protect_noisy(exact, job.catalogue, noise, ledger, snapshot, secret, "public", memory)
    _log_tables(job, state, result.protected, release)
    spent = sum(charge.rho for charge in result.charges if charge.drawn)
    again = sum(not charge.drawn for charge in result.charges)
    said = [f"{len(result.protected)} tables, rho {spent:.4f} spent"]
    return Protected(result.protected, said + ([f"{again} number(s) drawn before and used again"] if again else []))


def _require_budgets(ledger: Ledger, noise: NoisePolicy, job: Job) -> None:
    """The first run of a study sets its budgets; a policy that wants others later needs somebody's word for it.

    A study of another one's people spends what that one's policy gives them, and nothing of its own.
    """
    if job.study.people_of is not None:
        require_head_pays(job.study_ref, job.study, noise)
        return
    there = {(line.population, line.audience): line.budget for line in ledger.statement()}
    for population, rho in limits(noise).items():
        budget = there.get((population, "public"))
        if budget is None:
            ledger.set_budget(population, "public", rho)
        elif budget != rho:
            raise UsageError(
                f"The policy gives {population} another budget than the ledger holds; "
                f"`schakel budget adopt {job.study_ref}` makes it the ledger's and says so in the log."
            )


def _log_tables(job: Job, state: State, tables: Tables, release: str) -> None:
    with state.store.transaction() as tx:
        for table in tables.values():
            body = {
                "table": table.id, "audience": table.audience, "regime": table.regime, "rules": _rules(job, table),
                "blanks": int((table.frame[STATUS] == "suppressed").sum()), "policy": job.policy_digest,
            }  # fmt: skip
            state.log.append(tx, "table_protected", body, state.actor, state.role, job.study.id, release)
        state.log.checkpoint(tx)


def _rules(job: Job, table: ProtectedTable) -> dict[str, bool | int | float | str]:
    policy = job.policy.public if table.audience == "public" else job.policy.restricted
    own = {"suppressed": policy.suppression, "rounded": policy.rounding}.get(table.regime)
    if own is not None:
        return parameters_of(own)
    for population in policy.noise.populations if policy.noise is not None else ():
        if table.id in population.published:
            rules: dict[str, bool | int | float | str] = {
                "population": population.id, "mechanism": population.mechanism, "epsilon": population.epsilon,
                "threshold": population.threshold,
            }  # fmt: skip
            return rules if population.delta is None else {**rules, "delta": population.delta}
    return {}
