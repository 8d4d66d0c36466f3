"""The reference studies as the tests see them, and a ledger in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

from benchmarks.noise.study import STUDIES, catalogue, exact, policy, registers
from disclosure.ledger import Charge as Reservation
from disclosure.noise.rows import Rows, read_tables
from schemas.errors import BudgetExhausted
from schemas.policy_noise import Population

__all__ = ["SECRET", "STUDIES", "MemoryLedger", "catalogue", "exact", "member", "policy", "registers", "rows"]
SECRET = b"s" * 32


@cache
def rows(name: str, population: str) -> dict[str, Rows]:
    """The microdata that a population reads."""
    return read_tables(member(name, population), exact(name))


def member(name: str, population: str) -> Population:
    """A population of a study's policy, by id."""
    return next(found for found in policy(name).populations if found.id == population)


class MemoryLedger:
    """The protocol in memory, with a limit per population and an optional crash before or after a named step."""

    def __init__(self, limit: float = 1e9, crash: Callable[[str, str], None] | None = None) -> None:
        self.limit, self.crash = limit, crash or (lambda step, key: None)
        self.charges: dict[str, tuple[str, float]] = {}
        self.results: dict[str, bytes] = {}

    def reserve_all(self, wanted: Sequence[Reservation]) -> None:
        self.crash("before reserve", wanted[0].key)
        new = {charge.key: (charge.population, charge.rho) for charge in wanted if charge.key not in self.charges}
        for population in {name for name, _ in new.values()}:
            asked = sum(rho for name, rho in new.values() if name == population)
            if self.spent(population) + asked > self.limit * (1 + 1e-9):
                raise BudgetExhausted(
                    "The budget does not cover this charge; wait for another edition or lower the price."
                )
        self.charges |= new
        self.crash("after reserve", wanted[0].key)

    def result(self, key: str) -> bytes | None:
        return self.results.get(key)

    def mark_drawn(self, key: str, result: bytes) -> None:
        self.crash("before mark", key)
        assert key in self.charges
        self.results.setdefault(key, result)
        self.crash("after mark", key)

    def spent(self, population: str) -> float:
        return sum(rho for name, rho in self.charges.values() if name == population)
