"""Peers on the same people, budget and yardstick: naive OpenDP, a two-level TopDown, Tumult, and mbi on our own counts.

mbi (JAX) and Tumult (Spark) live in environments of their own, which this makes where the package index is reached. mbi gets
the very counts that ours gets (also the best shares of the budget, which are not its own), and is run until it no longer
improves. Tumult answers every margin with an equal part of the budget, as its users would ask it to.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.link.environments import Peer, PeerAbsent, interpreter
from benchmarks.noise.topdown import TopDown
from disclosure.noise import margins as five
from disclosure.noise.benchmark import BY_CELL, Design, Row, Situation, best_error, by_cell, error, row
from disclosure.noise.margins import Margin
from disclosure.noise.mechanisms import Price, draw

MBI = Peer("mbi", "mbi_script.py", ("mbi==2.0.0",))
TUMULT = Peer("Tumult", "tumult_script.py", ("tmlt.analytics==0.21.0",))
# Spark takes a minute and a half per release. One release has 292 independent errors, whose size does not depend on people.
_TUMULT_RELEASES = 1
_SECONDS = 3600


def peer_rows(situations: Sequence[Situation], repetitions: int, converged: int) -> tuple[list[Row], list[str]]:
    """Every peer's error over the optimum, and ours on the same draws beside it; (rows, sentences about absent peers).

    converged: how many of the draws mbi gets, which takes seconds for each.
    """
    design = by_cell()
    rows: list[Row] = []
    absent: dict[str, str] = {}
    for situation in situations:
        truth = situation.truth
        noisy = design.measure(truth, repetitions)
        ours = error(np.array([design.finish(each) for each in design.estimate(noisy)]), truth)
        top = TopDown(design)
        found = {
            "OpenDP, naive": error(np.array([_naive(truth) for _ in range(repetitions)]), truth),
            "TopDown, two levels": error(np.array([top.release(truth) for _ in range(repetitions)]), truth),
        }
        for peer, run in (
            (MBI, partial(_mbi, design, noisy[:converged])),
            (TUMULT, partial(_tumult, situation)),
        ):
            if peer.name in absent or (peer is TUMULT and situation is not situations[0]):
                continue
            try:
                found[peer.name] = error(run(), truth)
            except PeerAbsent as reason:
                absent[peer.name] = str(reason)
        for name, squares in found.items():
            ratio = math.sqrt(np.mean(squares)) / best_error()
            rows.append(row(f"{situation.name}: error over optimum ({len(squares)} draws)", ratio, "ratio", None, name))
            rows.append(_versus(f"{situation.name}: our error over the peer's", ours, squares, name))
    return rows, list(absent.values())


def _versus(metric: str, ours: np.ndarray, theirs: np.ndarray, peer: str) -> Row:
    """Ours over theirs, at most 1 within two simulation errors; mbi is judged on the draws that it shares with ours."""
    if peer == MBI.name:
        ours = ours[: len(theirs)]
        spread = float(np.std(ours - theirs)) / math.sqrt(len(ours))
    else:
        spread = math.hypot(float(np.std(ours)) / math.sqrt(len(ours)), float(np.std(theirs)) / math.sqrt(len(theirs)))
    ratio = math.sqrt(float(np.mean(ours) / np.mean(theirs)))
    slack = spread / float(np.mean(theirs))
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
    found = _ask(MBI, tasks)
    # mbi has no total of its own to judge; the yardstick leaves the total out.
    return np.array([[0.0, *margins] for margins in found])


def _tumult(situation: Situation) -> np.ndarray:
    wanted = [list(margin) for margin in BY_CELL if margin]
    columns = {name: column.tolist() for name, column in situation.columns.items()}
    task = {"sizes": five.SIZES, "columns": columns, "margins": wanted, "rho": five.RHO, "releases": _TUMULT_RELEASES}
    return np.array([[0.0, *margins] for margins in _ask(TUMULT, [json.dumps(task)])])


def _ask(peer: Peer, tasks: Sequence[str]) -> list[Any]:
    """JSON lines in, JSON lines out. PeerAbsent when it cannot be installed or does not finish."""
    order = [str(interpreter(peer)), str(Path(__file__).with_name(peer.script))]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    try:
        done = subprocess.run(
            order, input="\n".join(tasks), capture_output=True, text=True, check=True, timeout=_SECONDS, env=environment
        )
        return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[")]
    except (subprocess.SubprocessError, ValueError):
        raise PeerAbsent(f"{peer.name} did not finish here, so it is not compared.") from None
