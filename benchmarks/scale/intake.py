"""Reading registers and digesting their snapshot, alone: `python -m benchmarks.scale.intake FOLDER` (`schakel synth` makes one).

A process of its own, so that the most memory it ever had is that of this delivery. One line of JSON on standard output: rows
that are valid, bytes of their events, CPU seconds of both steps, wall seconds, and GiB before and at most.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from schemas.checks import load_rules
from schemas.intake import read_registers, snapshot_digest
from schemas.study import load_study

KEY = b"benchmark, not a secret, 32 byte"
KIB_PER_GIB = 1 << 20


def measured(folder: Path) -> dict[str, float | str]:
    """What reading the registers in `folder` took."""
    load_rules()
    before, begun, started = _most_memory(), time.process_time(), time.monotonic()
    intake = read_registers(load_study("nr2015"), folder)
    read, while_reading = time.process_time(), _most_memory()
    digest = snapshot_digest(intake, KEY)
    tables = intake.registers.values()
    return {
        "rows": sum(int(table.num_rows) for table in tables),
        "events GiB": round(sum(int(table.nbytes) for table in tables) / (KIB_PER_GIB << 10), 3),
        "read CPU s": round(read - begun, 2),
        "digest CPU s": round(time.process_time() - read, 2),
        "seconds": round(time.monotonic() - started, 2),
        "GiB before": round(before, 3),
        "GiB at most, reading": round(while_reading, 3),
        "GiB at most": round(_most_memory(), 3),
        "digest": digest,
    }


def _most_memory() -> float:
    """GiB, the most this process has had so far; that of getrusage would count whoever started it."""
    status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
    return int(next(line.split()[1] for line in status if line.startswith("VmHWM:"))) / KIB_PER_GIB


if __name__ == "__main__":
    sys.stdout.write(json.dumps(measured(Path(sys.argv[1]))) + "\n")
