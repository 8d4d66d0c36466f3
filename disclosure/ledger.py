"""The privacy budget: who spent how much on whom, over all releases and years, surviving crashes and rivals.

Everything is in zCDP rho, which adds up: a Gaussian query enters with its rho, a pure epsilon as epsilon *
tanh(epsilon / 2) (`rho_of_pure`). A budget belongs to a population and an audience. The order is always: reserve the
charge under its query key and commit, draw, store the noisy result. A crash in between costs the charge but never a
second one: the key is charged once for ever, and what was stored first is what every rerun gets.

Each charge is a leaf of the log in the same transaction, under a checkpoint whose witness is outside the database
before `reserve` returns. So a restored backup, which would give spent budget back, is refused when the log is opened.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from disclosure.log.log import Log
from disclosure.schema import budgets, charges, leaves
from disclosure.store import Transaction
from schemas.errors import BudgetExhausted, IntegrityError, UsageError
from schemas.release import Role
from schemas.tables import Audience

# Shares such as 75 % + 10 % + 10 % + 5 % may sum to a hair more than the whole in floating point; a relative 1e-9 of a
# privacy loss protects nobody.
TOLERANCE = 1e-9


@dataclass(frozen=True)
class Charge:
    """One query's price: `key` names snapshot, query and policy, so that the same question is the same key for ever."""

    population: str
    audience: Audience
    key: str
    rho: float


@dataclass(frozen=True)
class BudgetLine:
    """A budget as it stands, in rho; `reserved` is the part of `spent` that was charged and not drawn yet."""

    population: str
    audience: Audience
    budget: float
    spent: float
    reserved: float

    @property
    def remaining(self) -> float:
        """What is left (rho), never below zero."""
        return max(0.0, self.budget - self.spent)


@dataclass(frozen=True)
class Ledger:
    """The ledger of a log, on behalf of `actor`; `study` and `release` go into the leaves."""

    log: Log
    actor: str
    role: Role
    study: str | None = None
    release: str | None = None

    def set_budget(self, population: str, audience: Audience, rho: float) -> None:
        """Make `rho` the total of a population and audience, as the policy says; a change is a leaf with both
        values.
        """
        _require_rho(rho)
        with self.log.store.transaction() as tx:
            where = (budgets.c.population == population) & (budgets.c.audience == audience)
            before = tx.execute(sa.select(budgets.c.rho).where(where)).scalar()
            if before == rho:
                return
            body = {"population": population, "audience": audience, "rho": rho, "before": before}
            self._append(tx, "budget_set", body)
            if before is None:
                tx.execute(sa.insert(budgets), {"population": population, "audience": audience, "rho": rho})
            else:
                tx.execute(sa.update(budgets).where(where).values(rho=rho))
            self.log.checkpoint(tx)

    def reserve(self, population: str, audience: Audience, key: str, rho: float) -> None:
        """Charge one query; see `reserve_all`."""
        self.reserve_all([Charge(population, audience, key, rho)])

    def reserve_all(self, wanted: Sequence[Charge]) -> None:
        """Charge queries, all or none; committed and witnessed when it returns. A key charged before costs nothing.

        Raises BudgetExhausted (5) naming population, audience, what is left and what was asked; UsageError (2) where a
        population has no budget or a key was charged at another price.
        """
        with self.log.store.transaction() as tx:
            new = [charge for charge in wanted if not self._known(tx, charge)]
            self._require_room(tx, new)
            for charge in new:
                body = {"population": charge.population, "audience": charge.audience, "rho": charge.rho}
                entry = self._append(tx, "budget_charged", {**body, "query": query_digest(charge.key)})
                tx.execute(sa.insert(charges), {**body, "key": charge.key, "seq": entry.seq})
            # Also without new charges: a run that was killed right after its commit left no witness.
            self.log.checkpoint(tx)

    def mark_drawn(self, key: str, result: bytes) -> bytes:
        """Store what was drawn for a charged key and return what counts: the first result ever stored for it.

        UsageError (2) where the key was never charged.
        """
        with self.log.store.transaction() as tx:
            row = tx.execute(sa.select(charges.c.key, charges.c.result).where(charges.c.key == key)).first()
            if row is None:
                raise UsageError("A result was to be stored for a query that was never charged; reserve it first.")
            if row.result is not None:
                return bytes(row.result)
            body = {"query": query_digest(key), "result": hashlib.sha256(result).hexdigest()}
            self._append(tx, "noise_drawn", body)
            tx.execute(sa.update(charges).where(charges.c.key == key).values(result=result))
        return result

    def result(self, key: str) -> bytes | None:
        """The stored noisy result of a query, None while there is none."""
        with self.log.store.reading() as tx:
            found = tx.execute(sa.select(charges.c.result).where(charges.c.key == key)).scalar()
        return None if found is None else bytes(found)

    def remaining(self, population: str, audience: Audience) -> float:
        """What is left (rho); UsageError (2) where no budget was set."""
        with self.log.store.reading() as tx:
            return self._line(tx, population, audience).remaining

    def statement(self) -> list[BudgetLine]:
        """Every budget, ordered by population and audience."""
        with self.log.store.reading() as tx:
            keys = tx.execute(sa.select(budgets).order_by(budgets.c.population, budgets.c.audience)).all()
            return [self._line(tx, row.population, row.audience) for row in keys]

    def verify(self) -> None:
        """Require that budgets and charges are exactly what the leaves say; IntegrityError (6) names the population."""
        with self.log.store.reading() as tx:
            said = _from_leaves(tx)
            for row in tx.execute(sa.select(budgets)):
                if said.budgets.pop((row.population, row.audience), None) != row.rho:
                    raise IntegrityError(f"The budget of {row.population} ({row.audience}) is not what the log says.")
            for row in tx.execute(sa.select(charges)):
                digest = query_digest(row.key)
                if said.charges.pop(digest, None) != (row.seq, row.population, row.audience, row.rho):
                    raise IntegrityError(f"A charge on {row.population} ({row.audience}) is not what the log says.")
                drawn = None if row.result is None else hashlib.sha256(row.result).hexdigest()
                if said.results.pop(digest, None) != drawn:
                    raise IntegrityError(f"A stored result for {row.population} is not the one that was drawn.")
            if said.budgets or said.charges or said.results:
                raise IntegrityError("The ledger lacks charges that the log knows; restore the state store.")

    def _append(self, tx: Transaction, kind: str, body: dict[str, Any]) -> Any:
        return self.log.append(tx, kind, body, self.actor, self.role, self.study, self.release)

    def _known(self, tx: Transaction, charge: Charge) -> bool:
        _require_rho(charge.rho)
        row = tx.execute(sa.select(charges).where(charges.c.key == charge.key)).first()
        if row is None:
            return False
        if (row.population, row.audience, row.rho) != (charge.population, charge.audience, charge.rho):
            raise UsageError(
                f"A query on {charge.population} ({charge.audience}) was charged before at another price; "
                "a changed policy needs a new version, which gives new query keys."
            )
        return True

    def _require_room(self, tx: Transaction, new: Sequence[Charge]) -> None:
        asked: dict[tuple[str, Audience], list[float]] = defaultdict(list)
        if len({charge.key for charge in new}) < len(new):
            raise UsageError("The same query key was charged twice in one plan; give every query its own key.")
        for charge in new:
            asked[charge.population, charge.audience].append(charge.rho)
        for (population, audience), amounts in asked.items():
            line = self._line(tx, population, audience)
            if math.fsum([line.spent, *amounts]) > line.budget * (1 + TOLERANCE):
                raise BudgetExhausted(
                    f"The budget of {population} for {audience} has rho {line.remaining:.6g} left of "
                    f"{line.budget:.6g}, and this needs {math.fsum(amounts):.6g}; lower the policy's share, or let the "
                    "data holder raise the budget."
                )

    def _line(self, tx: Transaction, population: str, audience: Audience) -> BudgetLine:
        where = (budgets.c.population == population) & (budgets.c.audience == audience)
        total = tx.execute(sa.select(budgets.c.rho).where(where)).scalar()
        if total is None:
            raise UsageError(f"No budget was set for {population} ({audience}); the policy has to name one.")
        mine = (charges.c.population == population) & (charges.c.audience == audience)
        rows = tx.execute(sa.select(charges.c.rho, charges.c.result.is_(None).label("waiting")).where(mine)).all()
        waiting = math.fsum(row.rho for row in rows if row.waiting)
        return BudgetLine(population, audience, total, math.fsum(row.rho for row in rows), waiting)


@dataclass
class _Said:
    budgets: dict[tuple[str, str], float]
    charges: dict[str, tuple[int, str, str, float]]
    results: dict[str, str]


def _from_leaves(tx: Transaction) -> _Said:
    said = _Said({}, {}, {})
    kinds = ("budget_set", "budget_charged", "noise_drawn")
    statement = sa.select(leaves.c.seq, leaves.c.kind, leaves.c.data).where(leaves.c.kind.in_(kinds))
    for row in tx.execute(statement.order_by(leaves.c.seq)):
        kind, body = row.kind, json.loads(row.data)["body"]
        if kind == "budget_set":
            said.budgets[body["population"], body["audience"]] = body["rho"]
        elif kind == "budget_charged":
            said.charges[body["query"]] = (row.seq, body["population"], body["audience"], body["rho"])
        else:
            said.results[body["query"]] = body["result"]
    return said


def query_digest(key: str) -> str:
    """How leaves name a query: SHA-256 (hex) of its key, which holds a keyed snapshot digest and cannot be guessed."""
    return hashlib.sha256(key.encode()).hexdigest()


def _require_rho(rho: float) -> None:
    if not (math.isfinite(rho) and rho > 0):
        raise UsageError("A budget or charge must be a positive, finite rho; check the policy's budgets.")


def rho_of_pure(epsilon: float) -> float:
    """The zCDP rho of a pure epsilon: epsilon * tanh(epsilon / 2), never more than Bun and Steinke's epsilon**2 / 2."""
    return epsilon * math.tanh(epsilon / 2)


def epsilon_of(rho: float, delta: float) -> float:
    """The epsilon at `delta` that rho-zCDP implies, minimised over the Renyi order.

    Canonne, Kamath, Steinke, The Discrete Gaussian for Differential Privacy (2020), corollary 13: for every alpha > 1,
    epsilon = alpha * rho + log(1 / (alpha * delta)) / (alpha - 1) + log(1 - 1 / alpha).
    """
    if rho == 0:
        return 0.0

    def at(log_excess: float) -> float:
        alpha = 1 + math.exp(log_excess)
        return alpha * rho + math.log(1 / (alpha * delta)) / (alpha - 1) + math.log1p(-1 / alpha)

    low, high = -20.0, 20.0  # the minimum over alpha is single; golden section on log(alpha - 1)
    ratio = (math.sqrt(5) - 1) / 2
    while high - low > 1e-9:
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        if at(left) < at(right):
            high = right
        else:
            low = left
    return max(0.0, at((low + high) / 2))
