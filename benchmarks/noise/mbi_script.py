"""Runs in an environment that has mbi (`pip install mbi`), not in the project's: JSON lines in, JSON lines out.

In: {"sizes": {attribute: n}, "measurements": [{"clique": [...], "values": [...], "sigma": s}, ...]}; out: the list of all
margins' estimates, in the same order, from mirror descent run until its loss no longer falls.
"""

from __future__ import annotations

import importlib
import json
import sys
import warnings
from typing import Any

ITERATIONS = 10_000
STOP = 1e-9


def main() -> None:
    """One line per release; mbi's own warnings about speed are of no use here."""
    warnings.simplefilter("ignore")
    importlib.import_module("jax").config.update("jax_enable_x64", True)
    mbi = importlib.import_module("mbi")
    for line in sys.stdin:
        sys.stdout.write(json.dumps(_estimate(mbi, json.loads(line))) + "\n")
        sys.stdout.flush()


def _estimate(mbi: Any, task: dict[str, Any]) -> list[float]:
    domain = mbi.Domain(tuple(task["sizes"]), tuple(task["sizes"].values()))
    wanted = [tuple(item["clique"]) for item in task["measurements"]]
    measurements = [
        mbi.LinearMeasurement(item["values"], clique, stddev=item["sigma"])
        for clique, item in zip(wanted, task["measurements"], strict=True)
    ]
    model = mbi.estimation.MirrorDescent().estimate(domain, measurements, iters=ITERATIONS, tol=STOP)
    found: list[float] = []
    for clique in wanted:
        found += [float(value) for value in model.project(clique).datavector()]
    return found


if __name__ == "__main__":
    main()
