"""What the noisy regime asks of the ledger: reserve and commit, draw, mark drawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from disclosure.ledger import Charge as Reservation
from schemas.tables import Audience


class LedgerLike(Protocol):
    """A budget ledger. Every method commits before it returns."""

    def reserve_all(self, wanted: Sequence[Reservation]) -> None:
        """Charge all or none (zCDP), each to its population under its key; a key that is already there costs nothing.

        Raises BudgetExhausted (exit 5) when a budget does not cover its charges.
        """

    def result(self, key: str) -> bytes | None:
        """The stored noisy result, or None when `key` is unknown or reserved without a draw."""

    def mark_drawn(self, key: str, result: bytes) -> object:
        """Store the result of a reserved key; where two runs drew at once, the first result stays."""


class MemoryLike(Protocol):
    """Who was counted in which frozen year, kept sealed over the editions (`disclosure.memo.Memo`)."""

    def counted(self) -> bytes | None:
        """The memory as it stands, None before the first."""

    def count(self, change: Callable[[bytes | None], bytes]) -> bytes:
        """Replace it by what `change` makes of it, in one transaction that is committed when this returns."""


@dataclass(frozen=True)
class Charge:
    """One charge of a release: `rho` in zCDP; `epsilon` is set for pure mechanisms; `drawn` is False when it was
    memoised."""

    population: str
    audience: Audience
    vector: str
    key: str
    rho: float
    epsilon: float | None
    drawn: bool
