"""Lines over years with their interval, and mean ages with the band of one standard deviation."""

from __future__ import annotations

import math
from dataclasses import dataclass

from flows.publication.cells import Point, decimals_of, points
from flows.publication.charts.canvas import LINE, SMALL_SIZE, TEXT_SIZE, WIDTH, Canvas
from flows.publication.charts.palette import QUALITATIVE, colours, hatch, hatch_id
from flows.publication.charts.shell import Drawing, Key, lines, with_keys
from flows.publication.labels import Language
from flows.publication.statistics import YEAR
from flows.publication.views import View
from flows.publication.words import BLANK, number, say

HEIGHT = 220
AXIS = 44
NAME_ROOM = 104
BLANK_WIDTH = 14
LABELLED_SERIES = 2  # with more series only the ends carry their number
TICKS = 5
DOT_ROOM = 12.0  # beside a line's name; words in the line's colour would be hard to read on paper or in the dark
DOT_AREA = 64.0
NARROW = 60  # px: a number stands outside a band that is narrower, else beside its point


@dataclass(frozen=True)
class Mark:
    """One point of one series as it is drawn: `low` and `high` are the band."""

    series: str
    colour: str
    year: str
    value: float | None
    low: float | None
    high: float | None


def line_drawing(view: View, language: Language, prefix: str) -> Drawing:
    """The line chart of a table over years, with one line per category of its other dimension."""
    marks = _marks(view, language)
    figure = _Figure(view, language, marks, prefix)
    drawing = figure.fill().draw(figure.width, HEIGHT, hatch(prefix))
    return with_keys(drawing, _keys(view, marks, language, prefix))


def _marks(view: View, language: Language) -> list[Mark]:
    table = view.table
    at = table.dimensions.index(YEAR)
    others = [place for place in range(len(table.dimensions)) if place != at]
    codes = table.categories[table.dimensions[others[0]]] if others else ()
    shades = colours(table.dimensions[others[0]], codes, view.labels) if others else {}
    found = []
    for point in points(table).values():
        if not str(point.codes[at]).isdigit():
            continue  # the total row of a mean table is no year
        names = [view.labels.category(table.dimensions[place], point.codes[place], language) for place in others]
        colour = shades[point.codes[others[0]]] if others else QUALITATIVE[0]
        found.append(Mark(" ".join(names), colour, str(point.codes[at]), point.value, *_band(point)))
    return found


def _band(point: Point) -> tuple[float | None, float | None]:
    if point.low is not None or point.value is None or point.spread is None:
        return point.low, point.high
    return point.value - point.spread, point.value + point.spread


def _keys(view: View, marks: list[Mark], language: Language, prefix: str) -> list[Key]:
    keys = []
    if any(mark.low is not None and mark.value is not None for mark in marks):
        spread = view.table.kind == "mean" and "ondergrens" not in view.table.frame.columns
        keys.append(Key(marks[0].colour, say("chart.sd_band" if spread else "chart.interval_band", language), 0.25))
    if any(mark.value is None for mark in marks):
        keys.append(Key(f"url(#{hatch_id(prefix)})", say("chart.unknown", language)))
    return keys


class _Figure:
    """One line chart."""

    def __init__(self, view: View, language: Language, marks: list[Mark], prefix: str) -> None:
        self.view, self.language, self.marks, self.prefix = view, language, marks, prefix
        self.canvas = Canvas()
        self.names = list(dict.fromkeys(mark.series for mark in marks))
        self.years = list(dict.fromkeys(mark.year for mark in marks))
        self.width = WIDTH - AXIS - (NAME_ROOM if len(self.names) > 1 else 24)
        values = [end for mark in marks for end in (mark.value, mark.low, mark.high) if end is not None] or [1.0]
        self.ticks = ticks(min(values), max(values), zero=view.table.kind == "count")

    def fill(self) -> Canvas:
        self._axes()
        self.canvas.above()
        self._unknown()
        for run in self._runs(with_value=False):
            band = [(self.x(mark.year), self.y(mark.high or 0), self.y(mark.low or 0)) for mark in run]
            self.canvas.area(band, run[0].colour)
        self.canvas.above()
        for run in self._runs(with_value=True):
            self.canvas.line([(self.x(mark.year), self.y(mark.value or 0)) for mark in run], run[0].colour)
        self.canvas.above()
        self._numbers()
        self._series_names()
        return self.canvas

    def x(self, year: str) -> float:
        return (self.years.index(year) + 0.5) * self.width / len(self.years)

    def y(self, value: float) -> float:
        low, high = self.ticks[0], self.ticks[-1]
        return HEIGHT * (high - value) / (high - low)

    def _axes(self) -> None:
        for tick in self.ticks:
            self.canvas.rule(0, self.y(tick), self.width, self.y(tick))
            decimals = 0 if tick == round(tick) else 1
            self.canvas.text(number(tick, self.language, decimals), -8, self.y(tick) + 4, align="right")
        for year in self.years:
            self.canvas.text(year, self.x(year), HEIGHT + 18)
        words = say("chart.mean_age" if self.view.table.kind == "mean" else "chart.count", self.language)
        self.canvas.text(words, -AXIS + 6, -14, align="left", size=SMALL_SIZE + 1, opacity=0.85)

    def _unknown(self) -> None:
        """Blanks: hatched over their interval, or over the whole height where nothing is known."""
        for mark in self.marks:
            if mark.value is not None:
                continue
            top, bottom = (0.0, float(HEIGHT)) if mark.high is None else (self.y(mark.high), self.y(mark.low or 0))
            self.canvas.rect(
                self.x(mark.year) - BLANK_WIDTH / 2, top, BLANK_WIDTH, bottom - top, f"url(#{hatch_id(self.prefix)})"
            )
            self.canvas.text(BLANK, self.x(mark.year), max(top - 2, 16), size=22)

    def _runs(self, *, with_value: bool) -> list[list[Mark]]:
        """Stretches of a series without a gap; a line never runs through a blank."""
        runs: list[list[Mark]] = []
        for name in self.names:
            run: list[Mark] = []
            for mark in [mark for mark in self.marks if mark.series == name]:
                if (mark.value if with_value else mark.low) is not None:
                    run.append(mark)
                elif run:
                    runs.append(run)
                    run = []
            if run:
                runs.append(run)
        return runs

    def _numbers(self) -> None:
        """The number at each point: above the highest series of its year, below the others, outside a narrow band."""
        for mark in self.marks:
            if mark.value is None or (
                len(self.names) > LABELLED_SERIES and mark.year not in (self.years[0], self.years[-1])
            ):
                continue
            others = [other.value for other in self.marks if other.year == mark.year and other.value is not None]
            below = mark.value < max(others)
            narrow = mark.low is not None and mark.high is not None and self.y(mark.low) - self.y(mark.high) < NARROW
            outer = (mark.low if below else mark.high) if narrow else mark.value
            edge = self.y(mark.value if outer is None else outer)
            words = number(mark.value, self.language, decimals_of(self.view.table))
            self.canvas.text(words, self.x(mark.year), edge + (16 if below else -8), size=SMALL_SIZE + 1)

    def _series_names(self) -> None:
        """Each line's name at its right end, one below the other where they would overlap."""
        if len(self.names) < 2:
            return
        ends: dict[str, Mark] = {mark.series: mark for mark in self.marks if mark.value is not None}
        lowest = -math.inf
        for mark in sorted(ends.values(), key=lambda mark: -(mark.value or 0)):
            words = lines(mark.series, NAME_ROOM - 4 - DOT_ROOM, TEXT_SIZE)
            top = max(self.y(mark.value or 0) + 4 - (len(words) - 1) * LINE / 2, lowest)
            lowest = top + (len(words) + 0.3) * LINE
            self.canvas.circle(self.width + DOT_ROOM / 2, top - 4, DOT_AREA, mark.colour)
            self.canvas.text("\n".join(words), self.width + 2 + DOT_ROOM, top, align="left", bold=True)


def ticks(low: float, high: float, *, zero: bool) -> list[float]:
    """About five round numbers that enclose the values; from zero for counts."""
    low = min(low, 0.0) if zero else low
    raw = max(high - low, 1.0) / TICKS
    size = 10.0 ** math.floor(math.log10(raw))
    step = next(size * factor for factor in (1, 2, 2.5, 5, 10) if size * factor >= raw)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [step * place for place in range(first, max(last, first + 1) + 1)]
