"""The chi-square test of a protected table, in words that say what protection does to it."""

from __future__ import annotations

import numpy as np

from flows.publication.cells import points
from flows.publication.labels import Language
from flows.publication.statistics import asked_test
from flows.publication.views import View
from flows.publication.words import number, say
from tabulation.derived import chi_square, noisy_p_value

LEVEL = 0.05
SMALLEST_P = 0.001
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
