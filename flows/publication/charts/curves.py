"""Steps of cumulative incidence over months: a panel per window, a line per outcome, the share of the reports beside it.

A step stands at the end of a band of months, because no more is known of it. Where a blank leaves a share open there is no
line but a hatched range; nothing starts at zero that is not known to. Lines stop where fewer than ten people are in view
(Pocock, Clayton & Altman, Lancet 359, 2002: the thin end of a curve is read as if it were the rest of it).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from flows.publication.charts.canvas import LINE, SMALL_SIZE, TEXT_SIZE, WIDTH, Canvas
from flows.publication.charts.palette import HATCH_GREY, QUALITATIVE, hatch, hatch_id
from flows.publication.charts.series import DOT_AREA, DOT_ROOM, ticks
from flows.publication.charts.shell import Drawing, Key, lines, with_keys
from flows.publication.incidence import Course, Panel, Step, panels_of
from flows.publication.labels import Language
from flows.publication.sentences import step_text
from flows.publication.views import View
from flows.publication.words import BLANK, number, percent, say
from tabulation.through_time import FEWEST

AXIS = 44
GUTTER = 24.0  # px: room for the bars of the naive shares
NAME_ROOM = 134
PLOT = WIDTH - AXIS - GUTTER - NAME_ROOM
STUB = 12.0  # px: the last step has a tread too
HEIGHTS = (112.0, 200.0)  # px of a plot among several, and of the only one
HEAD, FOOT = 22.0, 34.0  # px above and below a plot
THICK = 2.5
BAR = (4.0, 18.0)  # px: from and to, right of the plot
BAR_THICK = 5
BLANK_SIZE = 22
NUMBER_LINE = 13.0


@dataclass(frozen=True)
class Frame:
    """Where a panel lies: its top in px, its height, the last month and the largest share (0 to 1) of the axes."""

    top: float
    height: float
    last: float
    largest: float

    def x(self, month: float) -> float:
        """Where a month lies."""
        return (PLOT - STUB) * month / self.last

    def y(self, share: float) -> float:
        """Where a share lies."""
        return self.top + self.height * (1 - min(share / self.largest, 1.0))


def curves_drawing(view: View, language: Language, prefix: str) -> Drawing:
    """The panels of a table that has a `flows.publication.incidence.curve_of`, one below the other on the same axes."""
    found = panels_of(view)
    months = [float(str(code).split("-")[1]) + 1 for code in view.table.categories[view.table.dimensions[-1]][:-1]]
    marks = ticks(0, 100 * _largest(found), zero=True)
    height = HEIGHTS[len(found) == 1]
    figure = _Figure(view, language, prefix, months, marks)
    for place, panel in enumerate(found):
        figure.panel(panel, Frame(place * (HEAD + height + FOOT) + HEAD, height, months[-1], marks[-1] / 100))
    blank = hatch(prefix) + "".join(hatch(prefix, figure.shade(code)) for code in figure.codes[:-1])
    drawing = figure.canvas.draw(PLOT, len(found) * (HEAD + height + FOOT) - 14, blank)
    return with_keys(drawing, figure.keys(found))


def _largest(found: tuple[Panel, ...]) -> float:
    """The largest share that is drawn, and no more than everybody."""
    courses = [course for panel in found for course in panel.courses]
    ends = [step.high for course in courses for step in course.steps] + [course.naive or 0 for course in courses]
    return min(max(ends, default=1.0), 1.0)


@dataclass(frozen=True)
class Block:
    """The words of one outcome and the height where its line ends, in px."""

    middle: float
    colour: str
    name: tuple[str, ...]
    numbers: tuple[str, ...]

    @property
    def height(self) -> float:
        """How much room its lines take."""
        return len(self.name) * LINE + len(self.numbers) * NUMBER_LINE + 3


class _Figure:
    """One figure: a canvas and what all panels share."""

    def __init__(self, view: View, language: Language, prefix: str, months: list[float], marks: list[float]) -> None:
        self.view, self.language, self.prefix, self.months, self.marks = view, language, prefix, months, marks
        self.canvas = Canvas()
        *self.windows, self.outcome, _ = view.table.dimensions
        self.codes = [str(code) for code in view.table.categories[self.outcome]]

    def shade(self, code: str) -> str:
        return QUALITATIVE[self.codes.index(code) % len(QUALITATIVE)]

    def panel(self, panel: Panel, frame: Frame) -> None:
        self._head(panel, frame)
        self._axes(frame)
        self.canvas.above()
        if not panel.courses:
            self.canvas.rect(0, frame.top, PLOT, frame.height, f"url(#{hatch_id(self.prefix)})")
            self.canvas.text(BLANK, PLOT / 2, frame.top + frame.height / 2 + 7, size=BLANK_SIZE)
        if panel.thin_from is not None:
            self.canvas.rule(frame.x(panel.thin_from), frame.top, frame.x(panel.thin_from), frame.y(0), opacity=1)
        for course in panel.courses:
            self._ranges(course, frame)
        self.canvas.above()
        for course in panel.courses:
            self._line(course, frame)
        self._names(panel, frame)

    def _head(self, panel: Panel, frame: Frame) -> None:
        words = (
            [] if panel.window is None else [self.view.labels.category(self.windows[0], panel.window, self.language)]
        )
        words += [] if panel.people is None else [f"n = {number(panel.people, self.language)}"]
        self.canvas.text(", ".join(words), 0, frame.top - 9, align="left", bold=True)
        if panel.thin_from is not None:
            told = say("chart.thin", self.language, months=f"{panel.thin_from:g}", fewest=FEWEST)
            self.canvas.text(
                told, PLOT + GUTTER + NAME_ROOM, frame.top - 9, align="right", size=SMALL_SIZE, opacity=0.85
            )

    def _axes(self, frame: Frame) -> None:
        for tick in self.marks:
            self.canvas.rule(0, frame.y(tick / 100), PLOT, frame.y(tick / 100))
            words = percent(tick / 100, self.language, 0)
            self.canvas.text(words, -8, frame.y(tick / 100) + 4, align="right", size=SMALL_SIZE + 1)
        for month in (0.0, *self.months):
            self.canvas.rule(frame.x(month), frame.y(0), frame.x(month), frame.y(0) + 4, opacity=0.8)
            self.canvas.text(f"{month:g}", frame.x(month), frame.y(0) + 17, size=SMALL_SIZE + 1)
        words = say("chart.months", self.language)
        self.canvas.text(words, PLOT + 4, frame.y(0) + 17, align="left", size=SMALL_SIZE + 1, opacity=0.85)

    def _treads(self, course: Course, frame: Frame) -> list[tuple[Step, float, float]]:
        """Every step with where its tread begins and ends: at the next step, or after a stub."""
        begins = [frame.x(step.month) for step in course.steps]
        ends = [*begins[1:], *(begin + STUB for begin in begins[-1:])]
        return list(zip(course.steps, begins, ends, strict=True))

    def _ranges(self, course: Course, frame: Frame) -> None:
        """The interval as a light band; what blanks leave open, hatched inside it."""
        colour = self.shade(course.code)
        for step, begin, end in self._treads(course, frame):
            self.canvas.area([(x, frame.y(step.high), frame.y(step.low)) for x in (begin, end)], colour)
            if step.share is None:
                top = frame.y(step.most)
                fill = f"url(#{hatch_id(self.prefix, colour)})"
                self.canvas.rect(begin, top, end - begin, frame.y(step.least) - top, fill)

    def _line(self, course: Course, frame: Frame) -> None:
        """Treads of what is known, joined where two of them meet; the naive share as a bar beyond them."""
        colour, treads = self.shade(course.code), self._treads(course, frame)
        for step, begin, end in treads:
            if step.share is not None:
                at = frame.y(step.share)
                self.canvas.rule(begin, at, end, at, colour=colour, opacity=1, size=THICK)
        for (one, _, _), (other, begin, _) in pairwise(treads):
            if one.share is None or other.share is None:
                continue
            low, high = frame.y(one.share) + THICK / 2, frame.y(other.share) - THICK / 2
            if low - high > 2 * THICK:  # lower risers hide behind their treads
                self.canvas.rule(begin, low, begin, high, colour=colour, opacity=1, size=THICK)
        if course.naive is not None:
            begin, end = BAR
            at = frame.y(course.naive)
            self.canvas.rule(PLOT + begin, at, PLOT + end, at, colour=colour, opacity=1, size=BAR_THICK)

    def _names(self, panel: Panel, frame: Frame) -> None:
        """Each outcome's name and numbers at the height of its last step, one below the other where they would meet."""
        blocks = sorted((self._block(course, frame) for course in panel.courses), key=lambda block: block.middle)
        for block, top in zip(blocks, apart(blocks, frame.top - 4, frame.y(0) + 8), strict=True):
            self.canvas.circle(PLOT + GUTTER + DOT_ROOM / 2, top + TEXT_SIZE - 4, DOT_AREA, block.colour)
            left, line = PLOT + GUTTER + DOT_ROOM + 2, top + TEXT_SIZE
            self.canvas.text("\n".join(block.name), left, line, align="left", bold=True)
            line += (len(block.name) - 1) * LINE + NUMBER_LINE
            for place, words in enumerate(block.numbers):
                self.canvas.text(words, left, line + place * NUMBER_LINE, align="left", size=SMALL_SIZE + 1)

    def _block(self, course: Course, frame: Frame) -> Block:
        name = lines(
            self.view.labels.category(self.outcome, course.code, self.language), NAME_ROOM - DOT_ROOM - 2, TEXT_SIZE
        )
        numbers = [step_text(course.steps[-1], self.language)] if course.steps else []
        if course.naive is not None:
            numbers.append(say("chart.naive", self.language, share=percent(course.naive, self.language, 0)))
        ends = [course.steps[-1].least, course.steps[-1].most] if course.steps else [course.naive or 0.0]
        return Block(sum(map(frame.y, ends)) / len(ends), self.shade(course.code), tuple(name), tuple(numbers))

    def keys(self, found: tuple[Panel, ...]) -> list[Key]:
        """What the marks mean, as far as they are drawn."""
        courses = [course for panel in found for course in panel.courses]
        steps = [step for course in courses for step in course.steps]
        keys = [Key("none", say("chart.steps", self.language))]
        if steps:
            keys.append(Key(HATCH_GREY, say("chart.interval_band", self.language), 0.25))
        if any(step.share is None for step in steps):
            keys.append(Key(f"url(#{hatch_id(self.prefix)})", say("chart.range", self.language)))
        if any(not panel.courses for panel in found):
            keys.append(Key(f"url(#{hatch_id(self.prefix)})", say("chart.no_curve", self.language)))
        if any(course.naive is not None for course in courses):
            keys.append(Key("none", say("chart.naive_bar", self.language)))
        return keys


def apart(blocks: list[Block], top: float, bottom: float) -> list[float]:
    """The tops of blocks in order, each as near to its middle as may be, none over another or below `bottom` if they fit."""
    tops: list[float] = []
    free = top
    for block in blocks:
        tops.append(max(block.middle - block.height / 2, free))
        free = tops[-1] + block.height
    limit = bottom
    for place in reversed(range(len(blocks))):
        tops[place] = max(min(tops[place], limit - blocks[place].height), top)
        limit = tops[place]
    return tops
