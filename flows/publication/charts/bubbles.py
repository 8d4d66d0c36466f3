"""The largest categories of a long table as circles in a grid: area is the count, a hatched circle is not shown."""

from __future__ import annotations

import math

from flows.publication.cells import Codes, Point, points
from flows.publication.charts.canvas import LINE, SMALL_SIZE, TEXT_SIZE, WIDTH, Canvas
from flows.publication.charts.palette import QUALITATIVE, hatch, hatch_id
from flows.publication.charts.shell import Drawing, Key, lines, with_keys
from flows.publication.labels import Language
from flows.publication.terminal import across_dimension
from flows.publication.views import View
from flows.publication.words import BLANK, interval, number, say

MOST = 10
ROW = 44
LABEL_ROOM = 132
PLOT = WIDTH - LABEL_ROOM - 14
LARGEST = 11.5  # px radius of the largest count
BLANK_RADIUS = 7.0
CIRCLE_AT = 0.2  # where in its column a circle stands; the number is to its right


def bubbles_drawing(view: View, language: Language, prefix: str) -> Drawing:
    """Rows are the categories with the largest shown counts, columns the years (or the shortest dimension)."""
    table = view.table
    across = across_dimension(table)
    assert across is not None, "a table of one dimension is drawn as bars"
    at = table.dimensions.index(across)
    rows: dict[Codes, list[Point]] = {}
    for codes, point in points(table).items():
        rows.setdefault((*codes[:at], *codes[at + 1 :]), []).append(point)
    chosen = sorted(rows, key=lambda key: -sum(point.value or 0 for point in rows[key]))[:MOST]
    canvas, height = _fill(view, across, {key: rows[key] for key in chosen}, language, prefix)
    keys = []
    if any(point.value is None for key in chosen for point in rows[key]):
        keys.append(Key(f"url(#{hatch_id(prefix)})", say("chart.unknown", language)))
    if len(chosen) < len(rows):
        keys.append(Key("none", say("chart.rest_top", language)))
    return with_keys(canvas.draw(PLOT, height, hatch(prefix)), keys)


def _fill(
    view: View, across: str, rows: dict[Codes, list[Point]], language: Language, prefix: str
) -> tuple[Canvas, float]:
    """The marks, and how high they are together: a row with many words is higher."""
    canvas = Canvas()
    columns = view.table.categories[across]
    step = PLOT / len(columns)
    largest = max([point.value or 0 for members in rows.values() for point in members] or [1]) or 1
    for place, code in enumerate(columns):
        head = lines(view.labels.category(across, code, language), step - 4, TEXT_SIZE)
        canvas.text("\n".join(head), (place + 0.5) * step, -8 - (len(head) - 1) * LINE)
    down = [name for name in view.table.dimensions if name != across]
    top = 0.0
    for codes, members in rows.items():
        canvas.rule(-LABEL_ROOM, top, PLOT, top, opacity=0.4)
        named = zip(down, codes, strict=True)
        words = lines(", ".join(view.labels.category(*pair, language) for pair in named), LABEL_ROOM - 10, TEXT_SIZE)
        height = max(ROW, len(words) * LINE + 12)
        first = top + height / 2 + 4 - (len(words) - 1) * LINE / 2
        canvas.text("\n".join(words), -LABEL_ROOM + 2, first, align="left")
        for place, point in enumerate(members):
            _cell(canvas, (place + CIRCLE_AT) * step, top + height / 2, point, largest, language, prefix)
        top += height
    return canvas, top


def _cell(canvas: Canvas, x: float, y: float, point: Point, largest: float, language: Language, prefix: str) -> None:
    if point.value is None:
        canvas.circle(x, y, math.pi * BLANK_RADIUS**2, f"url(#{hatch_id(prefix)})", outline=True)
    elif point.value > 0:
        canvas.circle(x, y, math.pi * LARGEST**2 * point.value / largest, QUALITATIVE[0])
    shown = BLANK if point.value is None else number(point.value, language)
    canvas.text(shown, x + LARGEST + 3, y + (4 if point.high is None else -1), align="left")
    if point.low is not None and point.high is not None:
        bounds = interval(point.low, point.high, language)
        canvas.text(bounds, x + LARGEST + 3, y + 11, align="left", size=SMALL_SIZE, opacity=0.8)
