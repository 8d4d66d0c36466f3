"""All rows of `schakel bench noise`."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from benchmarks.noise.peers import absent, peer_rows
from benchmarks.noise.study import STUDIES, catalogue, exact, policy
from benchmarks.rows import Row
from disclosure.ledger import Charge
from disclosure.noise import protect_noisy
from disclosure.noise.benchmark import coverage_rows, five_attributes, row
from disclosure.noise.coverage import coverage

_SECRET = b"benchmark on invented people...."
_PEERS = 20


class Free:
    """A ledger without limits, in memory: the clock is to show the noise, not a database."""

    def __init__(self) -> None:
        self._results: dict[str, bytes] = {}

    def reserve_all(self, wanted: Sequence[Charge]) -> None:
        """Nothing is charged."""

    def result(self, key: str) -> bytes | None:
        """What was drawn for a key."""
        return self._results.get(key)

    def mark_drawn(self, key: str, result: bytes) -> None:
        """Keep what was drawn."""
        self._results[key] = result


def bench_rows(quick: bool) -> tuple[list[Row], list[str]]:
    """(rows, sentences about peers that did not run). `quick`: fewer repetitions, and no peer outside this process."""
    found = five_attributes(8 if quick else 200)
    notes = absent()
    if quick:
        notes = ["Peers and 2,000 repetitions: leave --quick away.", *notes]
    else:
        found += peer_rows(_PEERS)
    for study in STUDIES:
        found.append(_whole_study(study))
        repetitions, finished = (100, 20) if quick else (2000, 2000)
        found += coverage_rows(study, coverage(exact(study), policy(study), repetitions, finished))
    return [_row(**measured) for measured in found], notes


def _row(metric: str, value: float, unit: str, target: float | None, holds: bool | None, peer: str | None) -> Row:
    bound = "0.94 to 0.97" if unit == "share" else f"<= {target:g}"
    return Row(metric, value, unit, None if target is None else bound, holds, peer)


def _whole_study(study: str) -> dict[str, Any]:
    tables = exact(study)
    started = time.process_time()
    protect_noisy(tables, catalogue(study), policy(study), Free(), "bench", _SECRET, "public")
    return row(f"{study}: plan, draw and reconcile the whole study", time.process_time() - started, "s CPU", 5.0)
