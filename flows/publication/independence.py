"""The chi-square test of a protected table, in words that say what protection does to it."""

from __future__ import annotations

import numpy as np

from flows.publication.cells import points
from flows.publication.labels import Language
from flows.publication.statistics import asked_test
from flows.publication.views import View
from flows.publication.words import number, say
from tabulation.derived import chi_square

LEVEL = 0.05
SMALLEST_P = 0.001
REPETITIONS = 4999
SEED = 20150213  # protects nobody: it makes the same table give the same p-value
HALF_WIDTHS = 2 * 1.959964  # a 95% interval of normal noise is this many standard deviations wide


def test_texts(view: View, language: Language) -> list[str]:
    """Sentences on the test that the catalogue asks for; none where it asks for none."""
    if asked_test(view) is None:
        return []
    first, second = view.table.dimensions
    result = chi_square(view.table.frame, first, second)
    if result is None:
        return [say("test.chi_no_blank", language)]
    noisy = view.table.regime == "noisy"
    p_value = noisy_p_value(*_matrices(view)) if noisy else result.p
    shown = f"< {number(SMALLEST_P, language, 3)}" if p_value < SMALLEST_P else f"= {number(p_value, language, 3)}"
    statistic = number(result.statistic, language, 2)
    texts = [say("test.chi", language, statistic=statistic, df=result.df, p=shown)]
    texts += [say("test.chi_noisy", language)] if noisy else []
    return [*texts, say("test.significant" if p_value < LEVEL else "test.not_significant", language)]


def _matrices(view: View) -> tuple[np.ndarray, np.ndarray]:
    """Counts and standard deviations of their noise, as the intervals give them; both rows by columns."""
    cells = points(view.table)
    rows, columns = (view.table.categories[name] for name in view.table.dimensions)
    counts = [[cells[(row, column)].value or 0 for column in columns] for row in rows]
    widths = [
        [(cells[(row, column)].high or 0) - (cells[(row, column)].low or 0) for column in columns] for row in rows
    ]
    return np.array(counts, dtype=np.float64), np.array(widths, dtype=np.float64) / HALF_WIDTHS


def noisy_p_value(counts: np.ndarray, deviations: np.ndarray) -> float:
    """Parametric bootstrap of Pearson's statistic under independence **and** the noise (after Gaboardi et al. 2016).

    counts, deviations: rows by columns. Tables without association are drawn with the margins' shares, get normal noise of
    the cells' deviations, and are rounded and kept from going negative, as the published ones are.
    """
    generator = np.random.Generator(np.random.PCG64(SEED))
    expected = _expected(counts[np.newaxis])[0]
    size = round(float(counts.sum()))
    drawn = generator.multinomial(size, (expected / expected.sum()).ravel(), size=REPETITIONS).astype(np.float64)
    drawn = drawn.reshape(REPETITIONS, *counts.shape)
    noisy = np.maximum(np.rint(drawn + generator.normal(size=drawn.shape) * deviations), 0.0)
    as_large = int((_statistic(noisy) >= _statistic(counts[np.newaxis])[0]).sum())
    return (as_large + 1) / (REPETITIONS + 1)


def _expected(tables: np.ndarray) -> np.ndarray:
    """Expected counts under independence; `tables` is repetitions by rows by columns."""
    total = np.maximum(tables.sum(axis=(1, 2), keepdims=True), 1.0)
    expected: np.ndarray = tables.sum(axis=2, keepdims=True) * tables.sum(axis=1, keepdims=True) / total
    return expected


def _statistic(tables: np.ndarray) -> np.ndarray:
    expected = _expected(tables)
    distance = (tables - expected) ** 2
    parts: np.ndarray = np.divide(distance, expected, out=np.zeros_like(distance), where=expected > 0)
    statistic: np.ndarray = parts.sum(axis=(1, 2))
    return statistic
