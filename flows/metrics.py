"""Numbers of the last run of each study for a monitor: `<state>/metrics/<study>.prom`, in Prometheus' text format.

Durations, the exit code, how many tables and log entries; of the delivery only counts from `SMALLEST` up, because the
monitor is read by people who may not see the registers. Counts below are left out, not rounded: their absence says no more
than that. Node exporter's textfile collector reads the folder.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from disclosure.store import Store, write_private

SMALLEST = 10
FOLDER = "metrics"


@dataclass(frozen=True)
class RunNumbers:
    """One run. `ended`: when (UTC); `seconds`: of all and by step; `rows`: valid rows by register; `tables` by audience."""

    study: str
    ended: datetime
    exit_code: int
    seconds: float
    steps: Mapping[str, float]
    rows: Mapping[str, int] = field(default_factory=dict)
    tables: Mapping[str, int] = field(default_factory=dict)
    entries: int = 0


def write_metrics(store: Store, numbers: RunNumbers) -> Path:
    """Replace the metrics file of the study; a monitor sees the old numbers or the new."""
    path = store.folder(FOLDER) / f"{numbers.study}.prom"
    write_private(path, "".join(_lines(numbers)).encode())
    return path


def _lines(numbers: RunNumbers) -> Iterator[str]:
    study = f'study="{numbers.study}"'
    yield from _family("run_end_timestamp_seconds", "When the last run ended.", {study: numbers.ended.timestamp()})
    yield from _family(
        "run_exit_code", "How the last run ended, as in the contract; 0 is good.", {study: numbers.exit_code}
    )
    yield from _family("run_seconds", "How long the last run took.", {study: numbers.seconds})
    steps = {f'{study},step="{step}"': seconds for step, seconds in numbers.steps.items()}
    yield from _family("step_seconds", "How long its steps took.", steps)
    rows = {f'{study},register="{bron}"': count for bron, count in numbers.rows.items() if count >= SMALLEST}
    yield from _family("register_rows", f"Valid rows of the delivery, where at least {SMALLEST}.", rows)
    tables = {f'{study},audience="{audience}"': count for audience, count in numbers.tables.items()}
    yield from _family("tables", "Tables of the release.", tables)
    yield from _family("log_entries", "Entries of the log.", {study: numbers.entries})


def _family(name: str, text: str, values: Mapping[str, float]) -> Iterator[str]:
    if values:
        yield f"# HELP schakel_{name} {text}\n# TYPE schakel_{name} gauge\n"
        yield from (f"schakel_{name}{{{labels}}} {value:.15g}\n" for labels, value in values.items())
