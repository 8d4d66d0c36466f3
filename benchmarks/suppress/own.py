"""`schakel protect` on an instance in a process of its own, and an attack on the files it wrote.

`python -m benchmarks.suppress.own` reads a task as JSON from standard input and prints the answer as JSON.
"""

from __future__ import annotations

import csv
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from disclosure.attack import attack
from disclosure.protect_instance import protect_instance
from disclosure.suppress.certificate import secrets_of
from disclosure.suppress.instance import Instance, read_instance
from disclosure.suppress.problem import Insider
from schemas.errors import DisclosureRefused
from schemas.tables import STATUS


def weigh(instance: Instance, blank: np.ndarray, insider: Insider, deadline: float = float("inf")) -> dict[str, Any]:
    """Cells and value that were blanked besides the primaries, and whom the attacker finds: cells, and (people, cell) pairs."""
    system = instance.system
    rule, second = instance.rule, blank & ~system.primary
    started, cpu = time.monotonic(), time.process_time()
    found = attack(
        secrets_of(system), blank, insider=insider, down=rule.protect_down, up=rule.protect_up, deadline=deadline
    )
    return {
        "cells": int(second.sum()),
        "value": int(system.values[second].sum()),
        "outsider": len(found.outsider),
        "insiders": len(found.insiders),
        "open": found.untried,
        "attack_seconds": time.monotonic() - started,
        "attack_cpu": time.process_time() - cpu,
    }


def blanks_of(instance: Instance, hidden: dict[str, set[tuple[str, ...]]]) -> np.ndarray:
    """bool[n]: cells that no table prints; a cell that one table hides and another prints is printed."""
    printed = np.zeros(instance.system.size, dtype=bool)
    for name, layout in instance.layout.items():
        for codes, cell in layout:
            printed[cell] |= codes not in hidden[name]
    return ~printed


def published(folder: Path, instance: Instance) -> dict[str, set[tuple[str, ...]]]:
    """Per table the codes that the files of a protected instance leave blank."""
    hidden = {}
    for table in instance.tables:
        with (folder / f"{table.id}.csv").open(encoding="utf-8") as handle:
            rows = list(csv.DictReader(handle))
        hidden[table.id] = {tuple(row[d] for d in table.dimensions) for row in rows if row[STATUS] != "ok"}
    return hidden


def protect(task: dict[str, Any]) -> dict[str, Any]:
    """{"instance", "objective", "insider", "limit"}: what came of it, with the wall and processor seconds of the whole command."""
    started, cpu = time.monotonic(), time.process_time()
    folder = Path(task["instance"])
    with tempfile.TemporaryDirectory() as out:
        try:
            done = protect_instance(
                folder, Path(out), objective=task["objective"], insider=task["insider"], time_limit=task["limit"]
            )
        except DisclosureRefused:
            return {"refused": True, "seconds": time.monotonic() - started, "cpu_seconds": time.process_time() - cpu}
        took = {"seconds": time.monotonic() - started, "cpu_seconds": time.process_time() - cpu}
        instance = read_instance(folder)
        blank = blanks_of(instance, published(Path(out), instance))
    choice = {"bound": done.choice.bound, "gap": done.choice.gap, "size": done.cells, "primaries": done.primaries}
    return {"refused": False, **took, **choice, **weigh(instance, blank, task["insider"])}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(protect(json.load(sys.stdin))) + "\n")
