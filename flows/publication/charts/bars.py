"""Horizontal bars of one dimension: easier to read than the pies of the reports, with interval and share."""

from __future__ import annotations

from flows.publication.cells import Codes, Point, Share, cell_text, points
from flows.publication.charts.canvas import LINE, SMALL_SIZE, TEXT_SIZE, WIDTH, Canvas
from flows.publication.charts.palette import INK, QUALITATIVE, hatch, hatch_id
from flows.publication.charts.shell import Drawing, Key, lines, with_keys
from flows.publication.labels import Language
from flows.publication.sentences import share_text
from flows.publication.statistics import LISTED_FROM, is_rest, view_shares
from flows.publication.views import View
from flows.publication.words import say

ROW = 40
THICK = 20
LABEL_ROOM = 150
NUMBER_ROOM = 130
PLOT = WIDTH - LABEL_ROOM - NUMBER_ROOM
MOST = 10
STUB = 12.0  # px: a blank without an interval has a width that says nothing


def bars_drawing(view: View, language: Language, prefix: str) -> Drawing:
    """The bars of the last dimension, where the others have one category; a long list shows its largest categories."""
    cells = list(points(view.table).values())
    shown = cells if len(cells) <= LISTED_FROM else _largest(view, cells)
    largest = max([end for cell in shown for end in (cell.value, cell.high) if end is not None] or [1.0]) or 1.0
    shares = view_shares(view)
    canvas = Canvas()
    top = 0.0
    for cell in shown:
        height = max(ROW, len(_words(view, cell, language)) * LINE + 8)
        _row(canvas, view, cell, top + height / 2, PLOT / largest, shares, language, prefix)
        top += height
    drawing = canvas.draw(PLOT, top, hatch(prefix))
    keys = []
    if any(cell.value is None for cell in shown):
        keys.append(Key(f"url(#{hatch_id(prefix)})", say("chart.unknown", language)))
    if len(shown) < len(cells):
        keys.append(Key("none", say("chart.rest_top", language)))
    return with_keys(drawing, keys)


def _largest(view: View, cells: list[Point]) -> list[Point]:
    """The largest shown cells; blanks fill up a short list, so that nobody takes what is shown for all there is.

    "All others together" comes last.
    """
    rest = [cell for cell in cells if is_rest(view, cell.codes[-1])]
    single = [cell for cell in cells if cell not in rest]
    known = sorted((cell for cell in single if cell.value), key=lambda cell: -(cell.value or 0))
    return [*[*known, *(cell for cell in single if cell.value is None)][:MOST], *rest]


def _row(
    canvas: Canvas,
    view: View,
    cell: Point,
    middle: float,
    scale: float,
    shares: dict[Codes, Share],
    language: Language,
    prefix: str,
) -> None:
    known = [end for end in (cell.value, cell.high) if end is not None]
    end = scale * max(known) if known else STUB
    if cell.value is None:
        canvas.rect(0, middle - THICK / 2, end, THICK, f"url(#{hatch_id(prefix)})")
    elif cell.value > 0:
        canvas.rect(0, middle - THICK / 2, scale * cell.value, THICK, QUALITATIVE[0])
    if cell.value is not None and cell.low is not None and cell.high is not None:
        low, high = scale * max(cell.low, 0), scale * cell.high
        canvas.rule(low, middle, high, middle, colour=INK, opacity=1, size=2)
        for at in (low, high):
            canvas.rule(at, middle - 4, at, middle + 4, colour=INK, opacity=1, size=2)
    words = _words(view, cell, language)
    canvas.text("\n".join(words), -8, middle + 4 - (len(words) - 1) * LINE / 2, align="right")
    share = shares.get(cell.codes)
    canvas.text(cell_text(cell, language), end + 8, middle + (4 if share is None else -2), align="left")
    if share is not None:
        canvas.text(share_text(share, language), end + 8, middle + 12, align="left", size=SMALL_SIZE + 1, opacity=0.85)


def _words(view: View, cell: Point, language: Language) -> list[str]:
    return lines(view.labels.category(view.table.dimensions[-1], cell.codes[-1], language), LABEL_ROOM - 10, TEXT_SIZE)
