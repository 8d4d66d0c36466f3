"""Bars stacked to 100 per cent with the table of counts under them, whose rows are the legend."""

from __future__ import annotations

from dataclasses import dataclass

from flows.publication.cells import Point, points
from flows.publication.charts.canvas import LINE, SMALL_SIZE, TEXT_SIZE, WIDTH, Canvas
from flows.publication.charts.palette import colours, hatch, hatch_id, text_on
from flows.publication.charts.shell import Drawing, Key, lines, with_keys
from flows.publication.labels import Language
from flows.publication.views import View
from flows.publication.words import BLANK, interval, number, percent, say

HEIGHT = 190
LABEL_ROOM = 138
PLOT = WIDTH - LABEL_ROOM - 14
WIDEST_BAR = 64
STUB = 0.05  # the part of a bar that stands for blanks when the bar's total is not known
NUMBERED_FROM = 0.09  # a smaller segment has no room for its percentage
BLANK_SIZE = 20
QUARTERS = (0, 25, 50, 75, 100)


@dataclass(frozen=True)
class Segment:
    """One part of a bar, from and to in shares of the bar; `code` is None for the part that is not shown."""

    code: object
    start: float
    end: float
    share: float | None


def stacks_drawing(view: View, language: Language, prefix: str) -> Drawing:
    """The stacked bars of a two-dimensional table: one bar per category of its first dimension."""
    stacks = _Stacks(view, language, prefix)
    drawing = stacks.fill().draw(PLOT, HEIGHT, hatch(prefix))
    blank = any(point.value is None for point in stacks.cells.values())
    return with_keys(drawing, [Key(f"url(#{hatch_id(prefix)})", say("chart.unknown", language))] if blank else [])


def segments(members: list[Point], total: float | None) -> list[Segment]:
    """The parts of one bar. With blanks and a stated total the rest is hatched; without one, a stub of fixed width is."""
    shown = [point for point in members if point.value is not None]
    known = sum(point.value or 0 for point in shown)
    blank = len(shown) < len(members)
    stated = total if blank and total is not None and total >= known else None
    whole = known if stated is None else stated
    room = 1.0 - STUB if blank and stated is None else 1.0
    if not whole:
        return [Segment(None, 0.0, 1.0, None)] if blank else []
    found, at = [], 0.0
    for point in shown:
        part = (point.value or 0) / whole
        found.append(Segment(point.codes[-1], at, at + room * part, part if room == 1.0 else None))
        at += room * part
    if blank:
        found.append(Segment(None, at, 1.0, None))
    return found


class _Stacks:
    """One figure: bars above, their table below, in the same columns."""

    def __init__(self, view: View, language: Language, prefix: str) -> None:
        self.view, self.language, self.prefix = view, language, prefix
        self.canvas = Canvas()
        self.group_name, self.part_name = view.table.dimensions
        self.groups = view.table.categories[self.group_name]
        self.parts = view.table.categories[self.part_name]
        self.cells = points(view.table)
        self.shades = colours(self.part_name, self.parts, view.labels)
        self.step = PLOT / len(self.groups)
        self.bar = min(WIDEST_BAR, self.step * 0.78)

    def fill(self) -> Canvas:
        for share in QUARTERS:
            y = HEIGHT * (1 - share / 100)
            self.canvas.rule(0, y, PLOT, y)
            self.canvas.text(percent(share / 100, self.language, 0), -8, y + 4, align="right")
        self.canvas.above()
        for place, group in enumerate(self.groups):
            self._bar(self._middle(place), group)
        heads = [lines(self._word(self.group_name, group), self.step - 4, TEXT_SIZE) for group in self.groups]
        for place, head in enumerate(heads):
            self.canvas.text("\n".join(head), self._middle(place), HEIGHT + 16)
        top = HEIGHT + 16 + max(len(head) for head in heads) * LINE
        for part in self.parts:
            top = self._row(part, top)
        return self.canvas

    def _word(self, dimension: str, code: object) -> str:
        return self.view.labels.category(dimension, code, self.language)

    def _middle(self, place: int) -> float:
        return (place + 0.5) * self.step

    def _bar(self, middle: float, group: object) -> None:
        members = [self.cells[(group, part)] for part in self.parts]
        stated = self.view.totals.get((group,))
        for segment in segments(members, stated.value if stated else None):
            height, top = HEIGHT * (segment.end - segment.start), HEIGHT * (1 - segment.end)
            blank = segment.code is None
            fill = f"url(#{hatch_id(self.prefix)})" if blank else self.shades[segment.code]
            if height > 0:
                self.canvas.rect(middle - self.bar / 2, top, self.bar, height, fill, outline=True)
            if segment.share is not None and segment.share >= NUMBERED_FROM:
                words = percent(segment.share, self.language, 0)
                self.canvas.text(words, middle, top + height / 2 + 4, colour=text_on(self.shades[segment.code]))
            elif blank and height >= TEXT_SIZE:
                self.canvas.text(BLANK, middle, top + height / 2 + 7, size=22)

    def _row(self, part: object, top: float) -> float:
        """One row of the counts table: colour, words, counts with their intervals below; gives the next row's top."""
        words = lines(self._word(self.part_name, part), LABEL_ROOM - 24, TEXT_SIZE)
        cells = [self.cells[(group, part)] for group in self.groups]
        noisy = any(cell.high is not None for cell in cells)
        self.canvas.rule(-LABEL_ROOM, top, PLOT, top, opacity=0.6)
        self.canvas.rect(-LABEL_ROOM + 2, top + 5, 11, 11, self.shades[part], outline=True)
        self.canvas.text("\n".join(words), -LABEL_ROOM + 19, top + 15, align="left")
        for place, cell in enumerate(cells):
            shown = BLANK if cell.value is None else number(cell.value, self.language)
            self.canvas.text(shown, self._middle(place), top + 15, size=BLANK_SIZE if cell.value is None else TEXT_SIZE)
            if cell.low is not None and cell.high is not None:
                bounds = interval(cell.low, cell.high, self.language)
                self.canvas.text(bounds, self._middle(place), top + 28, size=SMALL_SIZE, opacity=0.8)
        return top + max(len(words) * LINE, LINE + (SMALL_SIZE + 2 if noisy else 0)) + 7
