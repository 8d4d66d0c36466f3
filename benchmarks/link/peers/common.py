"""What every script shares: the task, and how the answer is measured. Needs nothing but Python."""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
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
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "versions": {package: version(package) for package in packages},
    }
    sys.stdout.write("\n" + json.dumps(said | result) + "\n")


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def cpu_clock() -> float:
    """CPU seconds of this process so far."""
    return _cpu()
