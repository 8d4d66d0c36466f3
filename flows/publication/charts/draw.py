"""Which form a table is drawn in, and all figures of a release."""

from __future__ import annotations

from collections.abc import Callable

from flows.publication.charts.bars import bars_drawing
from flows.publication.charts.bubbles import bubbles_drawing
from flows.publication.charts.curves import curves_drawing
from flows.publication.charts.flow import flow_drawing
from flows.publication.charts.pairs import pairs_drawing
from flows.publication.charts.series import line_drawing
from flows.publication.charts.shell import Drawing, inline, whole_file
from flows.publication.charts.stacks import stacks_drawing
from flows.publication.incidence import curve_of
from flows.publication.labels import LANGUAGES, Language
from flows.publication.readings import has_readings
from flows.publication.sentences import sentence
from flows.publication.statistics import LISTED_FROM, YEAR
from flows.publication.views import View
from flows.publication.words import say

Draw = Callable[[View, Language, str], Drawing]
FORMS: dict[str, tuple[Draw, str]] = {
    "line": (line_drawing, "desc_line"),
    "mean": (line_drawing, "desc_mean"),
    "flow": (flow_drawing, "desc_flow"),
    "readings": (pairs_drawing, "desc_readings"),
    "curve": (curves_drawing, "desc_curve"),
    "bars": (bars_drawing, "desc_bars"),
    "bars100": (stacks_drawing, "desc_bars100"),
    "bubbles": (bubbles_drawing, "desc_top"),
}
WIDEST_STACK = 8  # bars that fit next to each other


def form(view: View) -> str:
    """The form a table is drawn in: its entry's, as far as its present shape allows."""
    dimensions, categories = view.table.dimensions, view.table.categories
    years = [code for code in categories.get(YEAR, ()) if str(code).isdigit()]
    if view.table.kind == "mean":
        return "mean"
    if view.chart == "line" and len(years) > 1:
        return "line"
    if view.chart == "flow" and len(dimensions) <= 2:
        return "flow"
    if view.chart == "readings" and has_readings(view):
        return "readings"
    if view.chart == "curve" and curve_of(view) is not None:
        return "curve"
    if all(len(categories[name]) == 1 for name in dimensions[:-1]):
        return "bars"
    long = max(len(categories[name]) for name in dimensions) > LISTED_FROM
    if len(dimensions) == 2 and not long and len(categories[dimensions[0]]) <= WIDEST_STACK:
        return "bars100"
    return "bubbles"


def draw_charts(views: list[View]) -> tuple[dict[tuple[str, Language], str], dict[str, bytes]]:
    """For every table the figure for use inside the page, per language, and the file `<table>.svg`."""
    inside: dict[tuple[str, Language], str] = {}
    files: dict[str, bytes] = {}
    for view in views:
        drawings: dict[Language, Drawing] = {}
        descriptions: dict[Language, str] = {}
        draw, description = FORMS[form(view)]
        for language in LANGUAGES:
            identifier = view.table.id
            drawings[language] = draw(view, language, f"{identifier}-{language}")
            descriptions[language] = say(f"chart.{description}", language, sentence=sentence(view, language)).strip()
            inside[identifier, language] = inline(
                drawings[language], identifier, language, view.title[language], descriptions[language]
            )
        files[f"{view.table.id}.svg"] = whole_file(drawings, view.title, descriptions)
    return inside, files
