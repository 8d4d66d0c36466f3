"""`schakel bench noise`: error against the best possible, margins, bias, time and coverage, each beside its target.

Rows are those of the contract: metric, value, unit, target, holds, peer. Peers' numbers that need an installation of theirs
are not measured here.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from disclosure.noise import margins as five
from disclosure.noise.coverage import Coverage
from disclosure.noise.layout import Layout, build
from disclosure.noise.margins import Margin
from disclosure.noise.mechanisms import Price, draw
from disclosure.noise.reconcile import non_negative, whole
from disclosure.noise.squares import Fit, fit
from disclosure.noise.weights import optimum as best_shares

_SMALL, _LARGE = 1_800, 1_000_000
_LEAST = 0.002
Row = dict[str, Any]


class Design:
    """All margins of five attributes, measured with the shares that are best for `importances` (margin -> weight per cell)."""

    def __init__(self, importances: Mapping[Margin, float]) -> None:
        self.margins = list(importances)
        equal = dict.fromkeys(importances, 1 / len(importances))
        layout = build(five.population(importances, equal))
        found = best_shares(layout, "counts")
        kept = {margin: max(found[five.identifier(margin)], _LEAST) for margin in importances}
        self.shares = {margin: share / sum(kept.values()) for margin, share in kept.items()}
        self.layout: Layout = layout
        self.prices = {margin: Price("gaussian", five.RHO * share, 1) for margin, share in self.shares.items()}
        variances = [np.full(five.cells(margin), self.prices[margin].variance) for margin in importances]
        self.fit: Fit = fit(layout.equations, np.concatenate(variances))

    def variance(self, margin: Margin) -> float:
        """Mean variance of a margin's cells after least squares."""
        span = self.layout.blocks[five.identifier(margin)].span
        return float(np.diag(self.fit.covariance)[span].mean())

    def draws(self, truth: Mapping[Margin, np.ndarray], repetitions: int) -> list[np.ndarray]:
        """Least-squares estimates of repeated draws with OpenDP."""
        cells = np.concatenate([truth[margin] for margin in self.margins])
        noise = [
            np.array(draw(np.zeros(five.cells(m) * repetitions, dtype=np.int64), self.prices[m])[0]).reshape(
                repetitions, -1
            )
            for m in self.margins
        ]
        return list((cells + np.hstack(noise)) @ self.fit.gain.T)

    def finish(self, estimate: np.ndarray) -> np.ndarray:
        """Whole, non-negative, additive cells."""
        equations, levels = self.layout.equations, self.layout.levels
        return whole(non_negative(estimate, self.fit.covariance, equations, levels), equations, levels)


def five_attributes(repetitions: int = 200) -> list[Row]:
    """The benchmark of 292 cells at zCDP 0.024356, `repetitions` draws per size."""
    every = five.margins(2)
    by_cell = {margin: 1.0 if margin else 1e-6 for margin in every}
    design = Design(by_cell)
    optimum = five.optimum(by_cell)
    best = math.sqrt(sum(optimum[m] * five.cells(m) for m in every if m) / (design.layout.size - 1))
    naive = math.sqrt((len(every) - 1) / (2 * five.RHO))
    rows = [_row("five attributes: naive equal split, error over optimum", naive / best, "ratio", None, peer="OpenDP")]
    closed = math.sqrt(np.diag(design.fit.covariance)[1:].mean())
    rows.append(
        _row("five attributes: weighted margins, error over optimum (closed form)", closed / best, "ratio", 1.02)
    )
    for number, even, target in ((_SMALL, False, 0.95), (_SMALL, True, 0.95), (_LARGE, False, 1.02)):
        rows += _one_size(design, best, five.people(number, seed=number, even=even), target, even, repetitions)
    return rows + equal_margins(repetitions)


def _one_size(
    design: Design, best: float, truth: Mapping[Margin, np.ndarray], target: float, even: bool, repetitions: int
) -> list[Row]:
    """Simulated errors over the optimum's `best` before and after post-processing, the total's bias, and the time."""
    cells = np.concatenate([truth[margin] for margin in design.margins])
    margin_cells = slice(1, None)
    started = time.perf_counter()
    estimates = design.draws(truth, repetitions)
    drawn = (time.perf_counter() - started) / repetitions
    before = [np.mean((estimate - cells)[margin_cells] ** 2) for estimate in estimates]
    started = time.perf_counter()
    numbers = [design.finish(estimate) for estimate in estimates]
    once = drawn + (time.perf_counter() - started) / repetitions
    after = [np.mean((number - cells)[margin_cells] ** 2) for number in numbers]
    name = f"five attributes, {cells[0]:,} people{', hardly an empty cell' if even else ''}"
    # The targets are about expected errors; a simulated root mean square is known to this relative error (two sigma).
    slack = 1 + float(np.std(before) / np.mean(before)) / math.sqrt(repetitions)
    rows = []
    for which, squares, wanted in (("before post-processing", before, 1.02), ("of whole numbers", after, target)):
        row = _row(f"{name}: error over optimum {which}", math.sqrt(np.mean(squares)) / best, "ratio", wanted)
        rows.append({**row, "holds": row["value"] <= wanted * slack})
    bias = abs(float(np.mean([number[0] - cells[0] for number in numbers])))
    spread = math.sqrt(design.variance(five.TOTAL) / repetitions)
    row = _row(f"{name}: bias of the total (simulation error {spread:.1f})", bias, "people", 1.0)
    rows.append({**row, "holds": bias <= 1 + 2 * spread})
    return [*rows, _row(f"{name}: draw and reconcile once", once, "s", 5.0)]


def equal_margins(repetitions: int) -> list[Row]:
    """The same with every margin equally important: totals and one-way margins against that optimum, post-processed."""
    every = five.margins(2)
    importances = {margin: 1 / five.cells(margin) for margin in every}
    design = Design(importances)
    optimum = five.optimum(importances)
    truth = five.people(_SMALL, seed=_SMALL)
    numbers = [design.finish(estimate) for estimate in design.draws(truth, repetitions)]
    rows = []
    for margin in five.margins(1):
        span = design.layout.blocks[five.identifier(margin)].span
        error = math.sqrt(np.mean([np.mean((number[span] - truth[margin]) ** 2) for number in numbers]))
        name = f"equal margins, {five.identifier(margin)}: error over its optimum"
        # The error of `repetitions` simulated totals is itself known to about 1 / sqrt(2 n).
        slack = 1 + 2 / math.sqrt(2 * repetitions * five.cells(margin))
        row = _row(name, error / math.sqrt(optimum[margin]), "ratio", 1.1)
        rows.append({**row, "holds": row["value"] <= 1.1 * slack})
    return rows


def coverage_rows(study: str, found: Coverage) -> list[Row]:
    """Coverage and bias by size class: the interval of 94 to 97 %, within simulation error, and unbiased clean totals."""
    rows = []
    for name, tally in found.overall().items():
        if not tally.intervals:
            continue
        error = 2 * math.sqrt(0.05 * 0.95 / found.releases)
        holds = 0.94 - error <= tally.coverage <= 0.97 + error
        metric = f"{study}: intervals that hold the truth, class {name}"
        rows.append({**_row(metric, tally.coverage, "share", 0.94), "holds": holds})
    totals = found.overall()["totals"]
    rows.append(_row(f"{study}: bias of totals", abs(totals.bias), "people", 1.0))
    rows.append(_row(f"{study}: bias of unrounded totals (aantal_zuiver)", abs(totals.clean_bias), "people", 1.0))
    return rows


def _row(metric: str, value: float, unit: str, target: float | None, peer: str | None = None) -> Row:
    holds = None if target is None else bool(value <= target)
    return {
        "metric": metric,
        "value": round(float(value), 4),
        "unit": unit,
        "target": target,
        "holds": holds,
        "peer": peer,
    }
