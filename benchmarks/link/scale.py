"""How large: three registers from file to persons, and two registers that are as skewed as names can be."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.link.environments import PeerAbsent, ask_ours
from benchmarks.rows import Row, targeted
from schemas.synth import PRESETS, Population, synthesise

SECONDS = 300.0
MEGABYTES = 8 * 1024.0
# Everybody is in every register, which is the most there can be to link.
EVERYWHERE = Population(dtv=0.99, dtv_known=0.99, iom=0.99, iom_known=0.99, dtv_iom=0.99)


def scale_rows(absent: list[str], *, people: int) -> Iterator[Row]:
    """Time and memory of linking registers of `people` people each, and of two skewed registers of as many rows."""
    with TemporaryDirectory() as folder:
        synthesise(Path(folder) / "data", people=people, seed=1, dirt=PRESETS["reference"], population=EVERYWHERE)
        yield from _asked("three registers", {"folder": str(Path(folder) / "data")}, absent)
    yield from _asked("two skewed registers", {"zipf": people}, absent)


def _asked(name: str, task: dict[str, Any], absent: list[str]) -> Iterator[Row]:
    try:
        said = ask_ours("benchmarks.link.whole", task)
    except PeerAbsent as error:
        absent.append(f"{name}: {error}")
        yield Row(f"{name}: file to persons", None, "s", f"<= {SECONDS:g}", False)
        return
    sizes = " + ".join(f"{rows:,}" for rows in said["rows"].values())
    yield targeted(f"{name}, {sizes} rows: file to persons", said["wall_seconds"], "s", "<=", SECONDS)
    yield targeted(f"{name}: peak memory of one process that does it all", said["peak_mb"], "MB", "<=", MEGABYTES)
    yield Row(f"{name}: file to persons", said["cpu_seconds"], "CPU s")
    for step, seconds in said["steps"].items():
        yield Row(f"{name}: {step}", seconds, "CPU s")
