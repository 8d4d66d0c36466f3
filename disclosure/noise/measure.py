"""Reserve, draw, mark: all vectors of a release are charged at once, and a vector that was drawn once is never drawn
again.

The memo's key is a keyed-snapshot digest with everything that shapes the draw (what is counted, for whom, at which
price). What comes after the draw (thresholds, labels) is post-processing and not in it: changing those neither costs
nor draws anything.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from disclosure.ledger import Charge as Reservation
from disclosure.noise.mechanisms import Price, draw
from disclosure.noise.protocol import Charge, LedgerLike
from schemas.errors import IntegrityError
from schemas.tables import Audience

FROZEN = "frozen"


@dataclass(frozen=True)
class Measured:
    """Noisy integers of one vector and the scale that they were drawn with."""

    values: np.ndarray
    scale: float


@dataclass(frozen=True)
class Query:
    """What is asked of the data. `shape` (JSON-able) defines it completely; `size` is the number of values.

    frozen: a year that is drawn once, so that its key does not depend on the snapshot.
    """

    population: str
    vector: str
    shape: Mapping[str, Any]
    size: int
    price: Price
    frozen: bool = False

    def key(self, snapshot: str, audience: Audience) -> str:
        """SHA-256 (hex) of snapshot, audience and query."""
        body = {
            "snapshot": FROZEN if self.frozen else snapshot, "audience": audience, "population": self.population,
            "vector": self.vector,
            "shape": self.shape, "size": self.size, "mechanism": self.price.mechanism, "loss": repr(self.price.loss),
            "reach": self.price.reach,
        }  # fmt: skip
        return hashlib.sha256(canonical(body)).hexdigest()


def canonical(value: Any) -> bytes:
    """Canonical JSON bytes."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def reserve(queries: Sequence[Query], ledger: LedgerLike, snapshot: str, audience: Audience) -> None:
    """Charge every query that has no result yet, all of them or none, before the first one is drawn.

    Raises BudgetExhausted from the ledger, which then holds no new charge.
    """
    keyed = [(query, query.key(snapshot, audience)) for query in queries]
    missing = [
        Reservation(query.population, audience, key, query.price.rho)
        for query, key in keyed
        if ledger.result(key) is None
    ]
    if missing:
        ledger.reserve_all(missing)


def measure(
    query: Query, exact: Callable[[], np.ndarray], ledger: LedgerLike, snapshot: str, audience: Audience
) -> tuple[Measured, Charge]:
    """The noisy values of a reserved query, drawn now or before. `exact` is only called when they have to be drawn.

    IntegrityError when a stored result does not fit; the ledger refuses to store what was never reserved.
    """
    key = query.key(snapshot, audience)
    stored = ledger.result(key)
    drawn = stored is None
    if stored is None:
        noisy, scale = draw(exact(), query.price)
        ledger.mark_drawn(key, canonical({"values": noisy, "scale": repr(scale)}))
        stored = ledger.result(key)
    epsilon = query.price.loss if query.price.mechanism == "laplace" else None
    charge = Charge(query.population, audience, query.vector, key, query.price.rho, epsilon, drawn)
    return _parse(stored, query), charge


def _parse(stored: bytes | None, query: Query) -> Measured:
    try:
        body = json.loads(stored or b"")
        values = np.array([int(value) for value in body["values"]], dtype=np.int64)
        scale = float(body["scale"])
    except (ValueError, KeyError, TypeError):
        raise IntegrityError(
            f"The ledger's stored result for {query.vector} cannot be read; restore the state store from a backup."
        ) from None
    if len(values) != query.size or not scale >= query.price.scale * (1 - 1e-12):
        raise IntegrityError(
            f"The ledger's stored result for {query.vector} does not belong to this query; restore the state store."
        )
    return Measured(values, scale)
