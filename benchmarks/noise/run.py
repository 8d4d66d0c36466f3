"""All rows of `schakel bench noise`."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Any

from benchmarks.noise.peers import peer_rows
from benchmarks.noise.people import situations
from benchmarks.noise.study import STUDIES, catalogue, exact, policy
from benchmarks.rows import Row
from disclosure.ledger import Charge
from disclosure.noise import protect_noisy
from disclosure.noise.benchmark import coverage_rows, five_attributes, row
from disclosure.noise.coverage import coverage, exact_cells
from disclosure.noise.layout import build
from disclosure.noise.plan import coarse, plan
from disclosure.noise.rows import read_tables
from disclosure.noise.units import Microdata, Picker

_TOO_COARSE = 18
_SECRET = b"benchmark on invented people...."
_REPETITIONS = 200
# Peers take up to seconds a draw; they are compared on the same draws, or with their simulation error.
_PEERS, _CONVERGED = 50, 10
_RELEASES, _FINISHED = 2000, 500
# Table, half-width of cells and of the total that the design promises (None: it promises nothing).
DESIGN: tuple[tuple[str, float, float | None], ...] = (
    ("nr2015_f01", 14, None),
    ("nr2015_f02", 11, None),
    ("nr2015_t01_geslacht", 11, None),
    ("nr2015_t01_leeftijd", 11, None),
    ("nr2015_t01_regio", 11, None),
    ("nr2015_f04", 11, 11),
    ("nr2015_f05", 11, 11),
    ("nr2015_f06", 11, 11),
    ("nr2015_f08", 11, 11),
    ("nr2015_t02", 10, None),
    ("nr2015_f06_gemiddelde", 0.7, None),
    ("nr2015_f09", 4, None),
    ("nr2015_f13", 4, None),
    ("nr2015_t03", 4, None),
    ("nr2015_f16", 4, None),
    ("nr2015_f17", 4, None),
    ("nr2015_f20", 4, None),
    ("keten_overlap", 6, None),
    ("wodc2020_routes", 7, 11),
    ("wodc2020_f04", 7, 11),
    ("wodc2020_regio", 7, 11),
    ("wodc2020_f03", 9, 11),
)


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
    found = five_attributes(situations(), 8 if quick else _REPETITIONS)
    notes = ["Peers and 2,000 repetitions: leave --quick away."]
    if not quick:
        rows, notes = peer_rows(situations(), _PEERS, _CONVERGED)
        found += rows
    found += accuracy_rows()
    for study in STUDIES:
        found.append(_whole_study(study))
        repetitions, finished = (100, 20) if quick else (_RELEASES, _FINISHED)
        found += coverage_rows(study, coverage(exact(study), policy(study), repetitions, finished))
    return [_row(**measured) for measured in found], notes


def accuracy_rows() -> list[dict[str, Any]]:
    """The accuracies of the first design (docs/noise.md), each beside what the policies reach by closed forms."""
    planned = {line.table: line for study in STUDIES for line in plan(policy(study)).rows}
    rows = []
    for table, cells, total in DESIGN:
        unit = "years of age" if cells < 1 else "people"
        for what, wanted, reached in (("cells", cells, planned[table].cells), ("total", total, planned[table].total)):
            if wanted is not None:
                # A published number is whole: off by k or less when the estimate is off by less than k and a half.
                shown = reached if cells < 1 else math.ceil(reached - 0.5)
                half = 0.05 if cells < 1 else 0.0
                found = row(f"{table}: {what} off by at most, 19 of 20 times", shown, unit, wanted)
                rows.append({**found, "holds": shown <= wanted + half})
    return [*rows, _coarse()]


def _coarse() -> dict[str, Any]:
    """The design counts 81 % of the IND's 94 numbers as useful."""
    population, tables = policy(STUDIES[0]).populations[0], exact(STUDIES[0])
    micro = Microdata(population, read_tables(population, tables), Picker(_SECRET, "bench", population.id))
    bad, numbers = coarse(population, exact_cells(population, build(population), tables, micro))
    return row(f"{population.id}: numbers too coarse to be useful, of {numbers}", bad, "numbers", _TOO_COARSE)


def _row(metric: str, value: float, unit: str, target: float | None, holds: bool | None, peer: str | None) -> Row:
    if target is None:
        return Row(metric, value, unit, None, holds, peer)
    return Row(metric, value, unit, "0.94 to 0.97" if unit == "share" else f"<= {target:g}", holds, peer)


def _whole_study(study: str) -> dict[str, Any]:
    tables = exact(study)
    started = time.process_time()
    protect_noisy(tables, catalogue(study), policy(study), Free(), "bench", _SECRET, "public")
    return row(f"{study}: plan, draw and reconcile the whole study", time.process_time() - started, "s CPU", 5.0)
