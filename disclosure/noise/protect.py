"""The noisy regime of a release: measure what the policy says, once, and publish what follows from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from disclosure.noise import assemble
from disclosure.noise.estimate import Whole, estimate, reconcile
from disclosure.noise.layout import Layout, build, categories_of
from disclosure.noise.measure import Measured, Query, measure
from disclosure.noise.mechanisms import Price
from disclosure.noise.protocol import Charge, LedgerLike
from disclosure.noise.units import Microdata, Picker, reach
from disclosure.noise.weights import part_budget, prices
from schemas.catalogue import Catalogue
from schemas.policy_noise import Code, MeanTable, NoisePolicy, Population, Vector
from schemas.tables import Audience, ExactTable, ProtectedTable

SECOND = "second"


@dataclass(frozen=True)
class NoiseResult:
    """Protected tables in the order of the catalogue, the charges, and what was decided per table (JSON-able, no
    counts)."""

    protected: dict[str, ProtectedTable]
    charges: list[Charge]
    decisions: list[dict[str, Any]]


def protect_noisy(
    tables: Mapping[str, ExactTable],
    catalogue: Catalogue,
    policy: NoisePolicy,
    ledger: LedgerLike,
    snapshot: str,
    secret: bytes,
    audience: Audience,
) -> NoiseResult:
    """Noisy tables of a study for one audience: only the tables that the policy names come out.

    tables    exact tables under *deterministic* person ids (by V-number), so that a person's rows depend on that
              person.
    snapshot  keyed digest of the delivery; with `secret` (never published) it decides which unit of a person counts.
    Raises BudgetExhausted (exit 5) before anything of that vector is computed; UsageError when policy and tables do
    not fit.
    """
    protected: dict[str, ProtectedTable] = {}
    charges: list[Charge] = []
    for population in policy.populations:
        for name in population.published:
            catalogue.entry(name)
        micro = Microdata(population, tables, Picker(secret, snapshot, population.id))
        session = _Session(population, micro, ledger, snapshot, audience)
        for table in session.publish(policy.confidence):
            protected[table.id] = table
        charges += session.charges
    order = [entry.id for entry in catalogue.entries]
    inside = {name: protected[name] for name in order if name in protected}
    return NoiseResult(inside, charges, decide(policy, order, inside))


class _Session:
    """One population: its queries in a fixed order, each through the ledger."""

    def __init__(
        self, population: Population, micro: Microdata, ledger: LedgerLike, snapshot: str, audience: Audience
    ) -> None:
        self.population, self.micro, self.ledger = population, micro, ledger
        self.snapshot, self.audience = snapshot, audience
        self.layout = build(population)
        self.priced = prices(self.layout)
        self.charges: list[Charge] = []

    def publish(self, confidence: float) -> list[ProtectedTable]:
        measured = {vector.id: self._vector(vector) for vector in self.population.vectors}
        further = self._further() if self.population.units > 1 else None
        ages = [(mean, self._ages(mean)) for mean in self.population.means]
        found = estimate(self.layout, measured, further)
        numbers: Whole = reconcile(found)
        out = [
            assemble.count_table(found, numbers, target, confidence, self.audience) for target in self.layout.targets
        ]
        return out + [assemble.mean_table(found, numbers, mean, sums, confidence, self.audience) for mean, sums in ages]

    def _measure(self, query: Query, exact: Any) -> Measured:
        measured, charge = measure(query, exact, self.ledger, self.snapshot, self.audience)
        self.charges.append(charge)
        return measured

    def _vector(self, vector: Vector) -> Measured:
        block = self.layout.blocks[vector.id]
        query = vector_query(self.population, vector, len(block.keys), self.priced[vector.id])
        return self._measure(query, lambda: self.micro.vector(vector, block))

    def _further(self) -> Measured:
        return self._measure(further_query(self.population), self.micro.further_units)

    def _ages(self, mean: MeanTable) -> Measured:
        categories = mean_categories(self.population, self.layout, mean)
        query = ages_query(self.population, mean, len(categories))
        return self._measure(query, lambda: self.micro.ages(mean, categories))


def vector_query(population: Population, vector: Vector, size: int, price: Price) -> Query:
    """The query of a vector: everything that shapes its true values and its noise."""
    shape = {
        "attributes": {name: population.attributes[name].model_dump(mode="json") for name in vector.attributes},
        "order": list(vector.attributes),
        "slots": vector.model_dump(mode="json")["slots"],
        "impossible": vector.model_dump(mode="json")["impossible"],
        "unit_table": population.unit_table,
        "categories": [list(categories_of(population.attributes[name])) for name in vector.attributes],
    }
    return Query(population.id, vector.id, shape, size, price)


def further_query(population: Population) -> Query:
    """The number of units beyond the first: one number that a person moves by at most units - 1."""
    price = Price(population.mechanism, part_budget(population, SECOND), reach(population, population.units - 1))
    return Query(population.id, SECOND, {"unit_table": population.unit_table, "units": population.units}, 1, price)


def ages_query(population: Population, mean: MeanTable, size: int) -> Query:
    """Sums of clamped ages: a person moves one of them by at most the clamp's reach."""
    share = 1 / sum(other.part == mean.part for other in population.means)
    price = Price(population.mechanism, part_budget(population, mean.part) * share, reach(population, mean.reach))
    return Query(population.id, mean.id, mean.model_dump(mode="json"), size, price)


def mean_categories(population: Population, layout: Layout, mean: MeanTable) -> tuple[Code, ...]:
    """Categories of a mean table, from the policy."""
    return categories_of(population.attributes[mean.attribute])


def decide(policy: NoisePolicy, order: list[str], protected: Mapping[str, ProtectedTable]) -> list[dict[str, Any]]:
    """Per table of the catalogue: what was done with it, by which rule. Blank counts are those of the published
    table."""
    of = {name: population for population in policy.populations for name in population.published}
    decisions: list[dict[str, Any]] = []
    for name in order:
        if name not in of:
            decisions.append({"table": name, "decision": "withheld", "why": "not among the policy's noisy tables"})
            continue
        population, table = of[name], protected[name]
        blanks = int(np.sum(table.frame["status"] == "suppressed"))
        decisions.append(
            {
                "table": name, "decision": "noisy", "population": population.id, "mechanism": population.mechanism,
                "epsilon": population.epsilon, "delta": population.delta, "threshold": population.threshold,
                "merged": merged(population, name), "blanks": blanks, "rows": len(table.frame),
            }
        )  # fmt: skip
    return decisions


def merged(population: Population, name: str) -> dict[str, list[Code]]:
    """Published code -> the catalogue's codes that it merges."""
    for table in population.tables:
        if table.id == name:
            found: dict[str, list[Code]] = {}
            for piece in table.pieces:
                for dimension in piece.dims.values():
                    groups = population.attributes[dimension.attribute].groups
                    found.update({code: list(members) for code, members in groups.items() if len(members) > 1})
            return found
    return {}
