"""What a benchmark reports: one row per number, with its target where it has one."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

Value = float | int | str | None


@dataclass(frozen=True)
class Row:
    """One number. `target` as it is printed (`<= 0.01`), None for a number without one; `holds` None likewise; `peer`:
    whose number it is, None for ours.
    """

    metric: str
    value: Value
    unit: str
    target: str | None = None
    holds: bool | None = None
    peer: str | None = None


def targeted(metric: str, value: float, unit: str, bound: Literal["<=", ">="], target: float) -> Row:
    """A row with a target, and whether it holds. A value that is no number never does."""
    holds = value <= target if bound == "<=" else value >= target
    return Row(metric, value, unit, f"{bound} {target:g}", holds)


def write_rows(rows: Iterable[Row], path: Path) -> None:
    """All rows, missed targets included, as a JSON list."""
    path.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")


def table(rows: Iterable[Row]) -> str:
    """The rows for people: aligned, missed targets marked, rows without a target after those with one."""
    rows = sorted(rows, key=lambda row: row.target is None)
    cells = [("", "metric", "value", "unit", "target", "by")]
    marks = {True: "ok", False: "MISSED", None: ""}
    for row in rows:
        cells.append((marks[row.holds], row.metric, _text(row.value), row.unit, row.target or "", row.peer or ""))
    widths = [max(len(line[place]) for line in cells) for place in range(len(cells[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in cells
    )


def _text(value: Value) -> str:
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1000 else f"{value:,.0f}"
    return "" if value is None else str(value)
