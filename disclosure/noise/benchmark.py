"""`schakel bench noise`: error against the best possible, margins, bias, time and coverage, each beside its target.

Rows are those of the contract: metric, value, unit, target, holds, peer. Peers are measured in `benchmarks.noise`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
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

_LEAST = 0.002
Row = dict[str, Any]


@dataclass(frozen=True)
class Situation:
    """People on whom the five attributes are benchmarked: a name, their columns of category numbers, and the target for
    the error of whole numbers over the optimum.
    """

    name: str
    columns: Mapping[str, np.ndarray]
    target: float

    @cached_property
    def truth(self) -> dict[Margin, np.ndarray]:
        """Exact margins."""
        return five.counts(self.columns)


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

    def measure(self, truth: Mapping[Margin, np.ndarray], repetitions: int) -> np.ndarray:
        """Noisy cells of repeated draws with OpenDP: repetitions x cells."""
        cells = np.concatenate([truth[margin] for margin in self.margins])
        noise = [
            np.array(draw(np.zeros(five.cells(m) * repetitions, dtype=np.int64), self.prices[m])[0]).reshape(
                repetitions, -1
            )
            for m in self.margins
        ]
        return np.asarray(cells + np.hstack(noise))

    def estimate(self, noisy: np.ndarray) -> np.ndarray:
        """Least squares, of the same shape."""
        return np.asarray(noisy @ self.fit.gain.T)

    def finish(self, estimate: np.ndarray) -> np.ndarray:
        """Whole, non-negative, additive cells."""
        equations, levels = self.layout.equations, self.layout.levels
        return whole(non_negative(estimate, self.fit.covariance, equations, levels), equations, levels)


BY_CELL = {margin: 1.0 if margin else 1e-6 for margin in five.margins(2)}


@cache
def by_cell() -> Design:
    """The design that is best for the 292 cells, all equally important."""
    return Design(BY_CELL)


def best_error() -> float:
    """Root mean squared error over the 292 cells of the best linear mechanism."""
    optimum = five.optimum(BY_CELL)
    weights = {margin: five.cells(margin) for margin in BY_CELL if margin}
    return math.sqrt(sum(optimum[m] * cells for m, cells in weights.items()) / sum(weights.values()))


def error(numbers: np.ndarray, truth: Mapping[Margin, np.ndarray]) -> np.ndarray:
    """Mean squared error over the cells but the total, per repetition."""
    cells = np.concatenate([truth[margin] for margin in BY_CELL])
    return np.asarray(np.mean((numbers - cells)[:, 1:] ** 2, axis=1))


def five_attributes(situations: Sequence[Situation], repetitions: int = 200) -> list[Row]:
    """The benchmark of 292 cells at zCDP 0.024356, `repetitions` draws per population; equal margins on the first."""
    design = by_cell()
    closed = math.sqrt(np.diag(design.fit.covariance)[1:].mean()) / best_error()
    rows = [row("five attributes: weighted margins, error over optimum (closed form)", closed, "ratio", 1.02)]
    for situation in situations:
        rows += _situation(design, situation, repetitions)
    return rows + equal_margins(situations[0], repetitions)


def _situation(design: Design, situation: Situation, repetitions: int) -> list[Row]:
    """Simulated errors over the optimum before and after post-processing, the total's bias, and the time."""
    truth, name = situation.truth, situation.name
    started = time.process_time()
    estimates = design.estimate(design.measure(truth, repetitions))
    numbers = np.array([design.finish(estimate) for estimate in estimates])
    once = (time.process_time() - started) / repetitions
    before = error(estimates, truth)
    # The targets are about expected errors; a simulated root mean square is known to this relative error (two sigma).
    slack = 1 + float(np.std(before) / np.mean(before)) / math.sqrt(repetitions)
    rows = []
    for which, squares, wanted in (
        ("before post-processing", before, 1.02),
        ("of whole numbers", error(numbers, truth), situation.target),
    ):
        ratio = math.sqrt(np.mean(squares)) / best_error()
        found = row(f"{name}: error over optimum {which}", ratio, "ratio", wanted)
        rows.append({**found, "holds": ratio <= wanted * slack})
    bias = abs(float(np.mean(numbers[:, 0] - truth[five.TOTAL][0])))
    spread = math.sqrt(design.variance(five.TOTAL) / repetitions)
    found = row(f"{name}: bias of the total (simulation error {spread:.1f})", bias, "people", 1.0)
    rows.append({**found, "holds": bias <= 1 + 2 * spread})
    return [*rows, row(f"{name}: draw and reconcile once", once, "s CPU", 5.0)]


def equal_margins(situation: Situation, repetitions: int) -> list[Row]:
    """The same with every margin equally important: totals and one-way margins against that optimum, post-processed."""
    importances = {margin: 1 / five.cells(margin) for margin in five.margins(2)}
    design = Design(importances)
    optimum = five.optimum(importances)
    truth = situation.truth
    numbers = np.array([design.finish(each) for each in design.estimate(design.measure(truth, repetitions))])
    rows = []
    for margin in five.margins(1):
        span = design.layout.blocks[five.identifier(margin)].span
        ratio = math.sqrt(np.mean((numbers[:, span] - truth[margin]) ** 2) / optimum[margin])
        # The error of `repetitions` simulated totals is itself known to about 1 / sqrt(2 n).
        slack = 1 + 2 / math.sqrt(2 * repetitions * five.cells(margin))
        found = row(f"equal margins, {five.identifier(margin)}: error over its optimum", ratio, "ratio", 1.1)
        rows.append({**found, "holds": ratio <= 1.1 * slack})
    return rows


def coverage_rows(study: str, found: Coverage) -> list[Row]:
    """Coverage by size class (94 to 97 %, within simulation error) and bias of totals, per population and over all."""
    rows = []
    for name, tally in found.overall().items():
        if not tally.intervals:
            continue
        for what, share, releases in (
            ("estimates'", tally.coverage, found.releases),
            ("published", tally.published, found.finished),
        ):
            slack = 2 * math.sqrt(0.05 * 0.95 / max(releases, 1))
            metric = f"{study}: {what} intervals that hold the truth, class {name} (simulation error {slack:.3f})"
            holds = bool(0.94 - slack <= share <= 0.97 + slack)
            rows.append({**row(metric, share, "share", 0.94), "holds": holds})
    for population, classes in found.tallies.items():
        totals = classes["totals"]
        for column, bias, error in (
            ("aantal", totals.bias, totals.whole_spread),
            ("aantal_zuiver", totals.clean_bias, totals.clean_spread),
        ):
            slack = 2 * error / math.sqrt(max(found.finished if column == "aantal" else found.releases, 1))
            metric = f"{population}: bias of totals, {column} (simulation error {slack:.2f})"
            rows.append({**row(metric, abs(bias), "people", 1.0), "holds": bool(abs(bias) <= 1 + slack)})
    return rows


def row(metric: str, value: float, unit: str, target: float | None, peer: str | None = None) -> Row:
    """One row of the contract; `holds` is None where there is no target."""
    holds = None if target is None else bool(value <= target)
    return {
        "metric": metric, "value": round(float(value), 4), "unit": unit, "target": target, "holds": holds, "peer": peer,
    }  # fmt: skip
