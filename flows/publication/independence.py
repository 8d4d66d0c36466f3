"""The chi-square test of a protected table, in words that say what protection does to it."""

from __future__ import annotations

from flows.publication.cells import points
from flows.publication.labels import Language
from flows.publication.statistics import asked_test
from flows.publication.views import View
from flows.publication.words import number, say

LEVEL = 0.05
SMALLEST_P = 0.001


def test_texts(view: View, language: Language) -> list[str]:
    """Sentences on the test that the catalogue asks for; none where it asks for none."""
    asked = asked_test(view)
    if asked is None:
        return []
    cells = points(view.table)
    if any(point.value is None for point in cells.values()):
        return [say("test.chi_no_blank", language)]
    if view.table.regime == "noisy":
        return [say("test.chi_noisy_none", language)]
    statistic, freedom, p_value = _pearson(view)
    shown = f"< {number(SMALLEST_P, language, 3)}" if p_value < SMALLEST_P else f"= {number(p_value, language, 3)}"
    result = say("test.chi", language, statistic=number(statistic, language, 2), df=freedom, p=shown)
    verdict = say("test.significant" if p_value < LEVEL else "test.not_significant", language)
    return [result, verdict]


def _pearson(view: View) -> tuple[float, int, float]:
    """Pearson's statistic without continuity correction, degrees of freedom, p."""
    from scipy.stats import chi2_contingency

    first, second = view.table.dimensions
    wide = view.table.frame.pivot(index=first, columns=second, values="aantal").astype("float64")
    result = chi2_contingency(wide.to_numpy(), correction=False)
    return float(result.statistic), int(result.dof), float(result.pvalue)
