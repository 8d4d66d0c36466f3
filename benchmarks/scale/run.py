"""`schakel bench scale`: every size on every engine, the exponents of growth, and where each step becomes the bottleneck."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from typing import Any

from benchmarks.rows import Row, targeted
from benchmarks.scale.growth import FROM_PEOPLE, exponent, largest_from, reaches
from flows.spark.machine import missing

QUICK = (3_000, 10_000, 30_000)
SIZES = (10_000, 30_000, 100_000, 300_000, 1_000_000, 3_000_000, 10_000_000)
CLUSTER_SIZES = (10_000, 30_000, 100_000, 300_000, 1_000_000)
LOCAL, CLUSTER = "local", "local-cluster[2,1,1024]"
GIB = 20.0
STEPS = ("read", "encode", "link", "tabulate", "suppress", "noise")
END_TO_END_EXPONENT = 1.1
ROWS_IN_ONE_SITTING = 10_000_000
SECONDS_FOR_A_SIZE = 3 * 3600


@dataclass(frozen=True)
class Run:
    """One size on one engine: per step seconds, cpu, gib, shuffled and rows; ended: why it did not finish, else empty."""

    people: int
    engine: str
    steps: dict[str, dict[str, Any]]
    ended: str = ""

    def total(self, what: str) -> float:
        """Sum over the steps."""
        return float(sum(step[what] for step in self.steps.values()))


def scale_rows(*, quick: bool, most: int | None = None, only: str | None = None) -> list[Row]:
    """Measure; one row per number. most: the largest number of people; only: one engine, else both."""
    rows: list[Row] = []
    for engine, sizes in ((LOCAL, SIZES), (CLUSTER, CLUSTER_SIZES)):
        if only not in (None, engine):
            continue
        if engine != LOCAL and not all(finding.good for finding in missing(engine)):
            rows.append(Row(f"{engine}: cannot be used here, see `schakel doctor --engine '{engine}'`", None, ""))
            continue
        runs: list[Run] = []
        for people in QUICK if quick else (size for size in sizes if most is None or size <= most):
            runs.append(measured(people, engine))
            if runs[-1].ended:
                break
        rows += told(engine, runs, quick=quick)
    return rows


def measured(people: int, engine: str) -> Run:
    """One size on one engine, in a process and a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="schakel-scale-") as folder:
        command = [sys.executable, "-m", "benchmarks.scale.once", str(people), engine, folder]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS_FOR_A_SIZE, check=False)
            said, ended = done.stdout, "" if not done.returncode else _why(done)
        except subprocess.TimeoutExpired as late:
            said, ended = (late.stdout or b"").decode(), f"not done after {SECONDS_FOR_A_SIZE / 3600:g} hours"
    steps = {line["step"]: line for line in map(json.loads, said.splitlines())}
    return Run(people, engine, steps, ended)


def _why(done: subprocess.CompletedProcess[str]) -> str:
    if done.returncode < 0:
        return f"killed by signal {-done.returncode}"
    return done.stderr.strip().splitlines()[-1][:200] if done.stderr.strip() else f"exit {done.returncode}"


def told(engine: str, runs: list[Run], *, quick: bool = False) -> list[Row]:
    """The rows of one engine."""
    rows = [row for run in runs for row in _run_rows(run)]
    whole = [run for run in runs if not run.ended]
    rows += [row for row in _growth_rows(engine, whole) if row.value == row.value]
    large = [run for run in whole if run.people >= (FROM_PEOPLE if not quick else 0)]
    sizes = [float(run.people) for run in large]
    name = f"{engine}: growth of the whole from {min(sizes, default=0):,.0f} to {max(sizes, default=0):,.0f} people"
    seconds = exponent(sizes, [run.total("seconds") for run in large])
    rows.append(
        Row(name, seconds, "exponent") if quick else targeted(name, seconds, "exponent", "<=", END_TO_END_EXPONENT)
    )
    rows.append(Row(f"{name}, in CPU seconds", exponent(sizes, [run.total("cpu") for run in large]), "exponent"))
    if engine == LOCAL and not quick:
        most = max((run.steps["read"]["rows"] for run in whole if _peak(run) <= GIB), default=0)
        rows.append(
            targeted(f"rows taken through every step within {GIB:g} GiB", most, "rows", ">=", ROWS_IN_ONE_SITTING)
        )
    return rows


def _peak(run: Run) -> float:
    return max((float(step["gib"]) for step in run.steps.values()), default=0.0)


def _run_rows(run: Run) -> list[Row]:
    what = f"{run.engine}, {run.people:,} people"
    rows = [Row(f"{what}: did not end ({run.ended})", None, "")] if run.ended else []
    for name, step in run.steps.items():
        rows.append(Row(f"{what}, {name}", round(step["seconds"], 2), "s"))
        rows.append(Row(f"{what}, {name}: CPU", round(step["cpu"], 2), "s"))
        rows.append(Row(f"{what}, {name}: memory at most", round(step["gib"], 2), "GiB"))
        if step["shuffled"]:
            rows.append(Row(f"{what}, {name}: shuffled", step["shuffled"], "bytes"))
    if run.steps:
        rows.append(Row(f"{what}, rows read", run.steps["read"]["rows"], "rows"))
        rows.append(Row(f"{what}, whole", round(run.total("seconds"), 1), "s"))
        rows.append(Row(f"{what}, whole: CPU", round(run.total("cpu"), 1), "s"))
        rows.append(Row(f"{what}, whole: memory at most", round(_peak(run), 2), "GiB"))
    return rows


def _growth_rows(engine: str, runs: list[Run]) -> list[Row]:
    """Exponents per step, and the sizes between which each is the bottleneck, by the curves that were fitted."""
    runs = [run for run in runs if run.people >= FROM_PEOPLE]
    if len(runs) < 2:  # small sizes say how fast it starts, not how it grows
        return []
    sizes = [float(run.people) for run in runs]
    seconds = {name: [float(run.steps[name]["seconds"]) for run in runs] for name in STEPS}
    memory = {name: [float(run.steps[name]["gib"]) for run in runs] for name in STEPS}
    highest = largest_from(sizes, seconds)
    rows = []
    for name in STEPS:
        rows.append(Row(f"{engine}, {name}: growth of time", exponent(sizes, seconds[name]), "exponent"))
        rows.append(Row(f"{engine}, {name}: growth of memory", exponent(sizes, memory[name]), "exponent"))
        rows.append(Row(f"{engine}, {name}: {GIB:g} GiB are reached at", reaches(sizes, memory[name], GIB), "people"))
        found = highest[name]
        if found is not None:
            rows.append(Row(f"{engine}, {name}: takes longest of all", f"{found[0]:.1e} to {found[1]:.1e}", "people"))
    return rows
