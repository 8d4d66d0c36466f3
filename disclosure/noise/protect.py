"""The noisy regime of a release: measure what the policy says, once, and publish what follows from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from disclosure.noise import assemble, frozen
from disclosure.noise.estimate import Whole, estimate, reconcile
from disclosure.noise.layout import build, categories_of
from disclosure.noise.measure import FROZEN, Measured, Query, measure, reserve
from disclosure.noise.mechanisms import Price
from disclosure.noise.protocol import Charge, LedgerLike, MemoryLike
from disclosure.noise.rows import read_tables
from disclosure.noise.units import Microdata, Picker, reach
from disclosure.noise.weights import SECOND, further_cells, further_price, part_budget, prices
from schemas.catalogue import Catalogue
from schemas.policy_noise import Code, MeanTable, NoisePolicy, Population, Vector
from schemas.tables import Audience, ExactTable, ProtectedTable

Exact = Callable[[], np.ndarray]


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
    memory: MemoryLike | None = None,
) -> NoiseResult:
    """Noisy tables of a study for one audience: only the tables that the policy names come out.

    tables    exact tables under *deterministic* person ids (by V-number), so that a person's rows depend on that
              person.
    snapshot  keyed digest of the delivery; with `secret` (never published) it decides which unit of a person counts.
    memory    who was counted in frozen years; needed where the policy freezes them.
    All charges of the release are reserved together before anything is computed: BudgetExhausted (exit 5) leaves the
    ledger as it was. UsageError when policy and tables do not fit; IntegrityError when the memory and the ledger do not.
    """
    sessions: list[_Session] = []
    for population in policy.populations:
        for name in population.published:
            catalogue.entry(name)
        rows = read_tables(population, tables)
        if population.years == "frozen":
            register = frozen.Register(build(population), rows, secret)
            sessions.append(_FrozenSession(register, ledger, audience, memory, secret))
            continue
        micro = Microdata(population, rows, Picker(secret, snapshot, population.id))
        sessions.append(_Session(population, micro, ledger, snapshot, audience))
    reserve([query for session in sessions for query, _ in session.asked.values()], ledger, snapshot, audience)
    protected = {table.id: table for session in sessions for table in session.publish(policy.confidence)}
    charges = [charge for session in sessions for charge in session.charges]
    order = [entry.id for entry in catalogue.entries]
    inside = {name: protected[name] for name in order if name in protected}
    return NoiseResult(inside, charges, decide(policy, order, inside))


class _Session:
    """One population: its queries in a fixed order (`asked`), each with the function that computes its true values."""

    def __init__(
        self, population: Population, micro: Microdata, ledger: LedgerLike, snapshot: str, audience: Audience
    ) -> None:
        self.population, self.micro, self.ledger = population, micro, ledger
        self.snapshot, self.audience = snapshot, audience
        self.layout = build(population)
        self.asked = self._ask()
        self.charges: list[Charge] = []

    def publish(self, confidence: float) -> list[ProtectedTable]:
        """Draw what was reserved, and everything that follows from it."""
        measured = self._measured()
        found = estimate(self.layout, measured, measured.get(SECOND))
        numbers: Whole = reconcile(found)
        out = [
            assemble.count_table(found, numbers, target, confidence, self.audience) for target in self.layout.targets
        ]
        means = self.population.means
        return out + [
            assemble.mean_table(found, numbers, mean, measured[mean.id], confidence, self.audience) for mean in means
        ]

    def _measured(self) -> dict[str, Measured]:
        return {name: self._measure(name) for name in self.asked}

    def _ask(self) -> dict[str, tuple[Query, Exact]]:
        priced = prices(self.layout)
        asked: dict[str, tuple[Query, Exact]] = {}
        for vector in self.population.vectors:
            block = self.layout.blocks[vector.id]
            query = vector_query(self.population, vector, len(block.keys), priced[vector.id])
            asked[vector.id] = query, partial(self.micro.vector, vector, block)
        if self.population.units > 1:
            asked[SECOND] = further_query(self.population), self.micro.further_units
        for mean in self.population.means:
            categories = categories_of(self.population.attributes[mean.attribute])
            query = ages_query(self.population, mean, len(categories))
            asked[mean.id] = query, partial(self.micro.ages, mean, categories)
        return asked

    def _measure(self, name: str) -> Measured:
        query, exact = self.asked[name]
        measured, charge = measure(query, exact, self.ledger, self.snapshot, self.audience)
        self.charges.append(charge)
        return measured


class _FrozenSession(_Session):
    """A population whose years are frozen: a query per vector and year, and only years without a result are drawn."""

    def __init__(
        self,
        register: frozen.Register,
        ledger: LedgerLike,
        audience: Audience,
        memory: MemoryLike | None,
        secret: bytes,
    ) -> None:
        self.register, self.memory, self.secret = register, memory, secret
        self.population, self.layout, self.ledger = register.population, register.layout, ledger
        self.snapshot, self.audience = FROZEN, audience
        self.counted: dict[frozen.Slice, list[int]] = {}
        self.asked = self._ask()
        self.charges = []

    def _ask(self) -> dict[str, tuple[Query, Exact]]:
        priced = prices(self.layout)
        asked: dict[str, tuple[Query, Exact]] = {}
        for vector in self.population.vectors:
            block = self.layout.blocks[vector.id]
            for year in self.population.slices:
                query = frozen.slice_query(self.population, vector, block, year, priced[vector.id])
                asked[f"{vector.id}/{year}"] = query, partial(self._exact, vector, year)
        return asked

    def _exact(self, vector: Vector, year: Code) -> np.ndarray:
        return self.register.counts(vector, year, self.counted[vector.id, year])

    def _measured(self) -> dict[str, Measured]:
        slices = [(vector.id, year) for vector in self.population.vectors for year in self.population.slices]
        drawn = {
            (name, year)
            for name, year in slices
            if self.ledger.result(self.asked[f"{name}/{year}"][0].key(self.snapshot, self.audience)) is not None
        }
        if len(drawn) < len(slices):
            self.counted = frozen.claim(self.register, self.memory, drawn, self.audience, self.secret)
        measured = {}
        for vector in self.population.vectors:
            parts = {year: self._measure(f"{vector.id}/{year}") for year in self.population.slices}
            values = {year: part.values for year, part in parts.items()}
            block = self.layout.blocks[vector.id]
            scale = max(part.scale for part in parts.values())
            measured[vector.id] = Measured(frozen.whole_vector(vector, block, values), scale)
        return measured


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
    """The units beyond the first: one number, or two where the policy splits them; a person moves them by at most
    units - 1 together."""
    shape: dict[str, Any] = {"unit_table": population.unit_table, "units": population.units}
    if population.split is not None:
        vector = next(vector for vector in population.vectors if vector.id == population.split)
        shape["split"] = vector_query(population, vector, 0, further_price(population)).shape
    return Query(population.id, SECOND, shape, further_cells(population), further_price(population))


def ages_query(population: Population, mean: MeanTable, size: int) -> Query:
    """Sums of clamped ages: a person moves one of them by at most the clamp's reach."""
    share = 1 / sum(other.part == mean.part for other in population.means)
    price = Price(population.mechanism, part_budget(population, mean.part) * share, reach(population, mean.reach))
    return Query(population.id, mean.id, mean.model_dump(mode="json"), size, price)


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
