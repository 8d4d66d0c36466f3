"""What every script shares: the task, and how the answer is measured. Needs nothing but Python."""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any


def answer(work: Callable[[dict[str, Any]], dict[str, Any]], *packages: str) -> None:
    """Run `work` on the task; say what it answered, what it used and which versions did it."""
    task = json.loads(sys.stdin.read())
    before = _cpu()
    began = time.monotonic()
    result = work(task)
    said = {
        "cpu_seconds": _cpu() - before,
        "wall_seconds": time.monotonic() - began,
        "peak_mb": _peak_megabytes(),
        "versions": {package: version(package) for package in packages},
    }
    sys.stdout.write("\n" + json.dumps(said | result) + "\n")


def _peak_megabytes() -> float:
    """Linux only. Not getrusage: there a child's peak begins with that of the process it was forked from."""
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) / 1024


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def cpu_clock() -> float:
    """CPU seconds of this process so far."""
    return _cpu()
