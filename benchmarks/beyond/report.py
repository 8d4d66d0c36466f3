"""The command line of the benchmarks in this folder, and the row of a coverage."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.rows import Row, table, write_rows

LOW, HIGH = 93.0, 97.0
SEEDS = 200


def coverage_row(metric: str, per_cent: float, seeds: int) -> Row:
    """Between 93 and 97 %, give or take two standard errors of that many seeds."""
    error = 2 * 100 * (0.95 * 0.05 / max(seeds, 1)) ** 0.5
    holds = LOW - error <= per_cent <= HIGH + error
    return Row(f"{metric}: coverage of 95 %", per_cent, "%", f"93 to 97, +- {error:.1f} ({seeds} seeds)", holds)


def main(rows: Callable[[int], list[Row]]) -> None:
    """Print the rows for people; with --json also write them."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    found = rows(arguments.seeds)
    if arguments.json is not None:
        write_rows(found, arguments.json)
    sys.stdout.write(table(found) + "\n")
