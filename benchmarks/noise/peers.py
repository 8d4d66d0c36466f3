"""Peers on the same people, budget and yardstick: naive OpenDP, a two-level TopDown, and mbi on our own noisy counts.

mbi needs JAX and lives in an environment of its own, whose interpreter SCHAKEL_PEER_MBI names. It gets the very counts that
ours gets (also the best shares of the budget, which are not its own), and is run until it no longer improves.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from benchmarks.noise.topdown import TopDown
from disclosure.noise import margins as five
from disclosure.noise.benchmark import BY_CELL, SITUATIONS, Design, Row, best_error, by_cell, error, row, title
from disclosure.noise.margins import Margin
from disclosure.noise.mechanisms import Price, draw
from schemas.errors import UsageError

MBI = "SCHAKEL_PEER_MBI"
_ABSENT = {
    "mbi": f"mbi is not installed here; name an interpreter that has it in {MBI}",
    "Tumult": "Tumult needs Spark and was not run; its equal split has the error of naive OpenDP",
}


def absent() -> list[str]:
    """Sentences about the peers that cannot run here."""
    return [_ABSENT["Tumult"]] if MBI in os.environ else list(_ABSENT.values())


def peer_rows(repetitions: int) -> list[Row]:
    """Every peer's error over the optimum, and ours on the same draws beside it."""
    design = by_cell()
    rows: list[Row] = []
    for number, even, _ in SITUATIONS:
        truth = five.people(number, seed=number, even=even)
        noisy = design.measure(truth, repetitions)
        ours = error(np.array([design.finish(each) for each in design.estimate(noisy)]), truth)
        top = TopDown(design)
        found = {
            "OpenDP, naive": error(np.array([_naive(truth) for _ in range(repetitions)]), truth),
            "TopDown, two levels": error(np.array([top.release(truth) for _ in range(repetitions)]), truth),
        }
        if MBI in os.environ:
            found["mbi, converged"] = error(_mbi(design, noisy), truth)
        name = title(number, even)
        for peer, squares in found.items():
            ratio = math.sqrt(np.mean(squares)) / best_error()
            rows.append(row(f"{name}: error over optimum", ratio, "ratio", None, peer))
            rows.append(_versus(f"{name}: our error over the peer's", ours, squares, peer))
    return rows


def _versus(metric: str, ours: np.ndarray, theirs: np.ndarray, peer: str) -> Row:
    """Ours over theirs, at most 1 within two simulation errors of the difference."""
    ratio = math.sqrt(float(np.mean(ours) / np.mean(theirs)))
    slack = 2 * float(np.std(ours - theirs)) / math.sqrt(len(ours)) / float(np.mean(theirs)) / 2
    return {**row(f"{metric} (simulation error {slack:.3f})", ratio, "ratio", 1.0, peer), "holds": ratio <= 1 + slack}


def _naive(truth: Mapping[Margin, np.ndarray]) -> np.ndarray:
    """Every margin by itself with an equal part of the budget, as OpenDP returns it; the total from the smallest one."""
    price = Price("gaussian", five.RHO / (len(BY_CELL) - 1), 1)
    drawn = {margin: np.array(draw(truth[margin], price)[0]) for margin in BY_CELL if margin}
    smallest = min(drawn.values(), key=len)
    return np.concatenate([drawn[margin] if margin else smallest.sum(keepdims=True) for margin in BY_CELL])


def _mbi(design: Design, noisy: np.ndarray) -> np.ndarray:
    tasks = []
    for values in noisy:
        measurements = [
            {
                "clique": list(margin),
                "values": values[design.layout.blocks[five.identifier(margin)].span].tolist(),
                "sigma": math.sqrt(design.prices[margin].variance),
            }
            for margin in design.margins
            if margin
        ]
        tasks.append(json.dumps({"sizes": five.SIZES, "measurements": measurements}))
    script = Path(__file__).with_name("mbi_script.py")
    done = subprocess.run(
        [os.environ[MBI], str(script)], input="\n".join(tasks), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise UsageError(f"The interpreter that {MBI} names did not finish mbi; install mbi there, or unset it.")
    found = [json.loads(line) for line in done.stdout.splitlines()]
    # mbi has no total of its own to judge; the yardstick leaves the total out.
    return np.array([[0.0, *margins] for margins in found])
