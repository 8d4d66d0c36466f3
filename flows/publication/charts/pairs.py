"""Two readings of the same people as two dots joined by a line: a row per category, a column per window.

How far the dots of a pair lie apart is what the reading makes; how far pairs of a row shift, what the window makes.
"""

from __future__ import annotations

from dataclasses import dataclass

from flows.publication.charts.canvas import LINE, SMALL_SIZE, TEXT_SIZE, WIDTH, Canvas
from flows.publication.charts.palette import INK, QUALITATIVE, hatch, hatch_id
from flows.publication.charts.shell import Drawing, Key, lines, with_keys
from flows.publication.labels import Language
from flows.publication.readings import READINGS, Pair, Readings, Window, readings
from flows.publication.views import View
from flows.publication.words import BLANK, number, percent, say

LABEL_ROOM = 142
PLOT = WIDTH - LABEL_ROOM - 14
ROW = 48
GAP = 16  # px between the columns
BAND = 12  # px: height of the hatching of a blank
BLANK_SIZE = 20
SMALLEST = 1e-9  # a row of zeros has no largest share
AREAS = (110.0, 36.0)  # px²: the second dot lies on the first, and both are seen where they meet


@dataclass(frozen=True)
class Track:
    """Where one pair is drawn, in px; `longest` is the share (0 to 1) at the right end."""

    pair: Pair
    left: float
    top: float
    width: float
    longest: float

    @property
    def middle(self) -> float:
        """The height of its dots."""
        return self.top + 18

    def x(self, share: float) -> float:
        """Where a share lies."""
        return self.left + self.width * share / self.longest


def pairs_drawing(view: View, language: Language, prefix: str) -> Drawing:
    """The dots of a table that `has_readings`; a blank hatches its whole track, because it may lie anywhere on it."""
    found = readings(view)
    reading, window, row = view.table.dimensions
    step = PLOT / len(found.windows)
    canvas = Canvas()
    for place, column in enumerate(found.windows):
        canvas.text(view.labels.category(window, column.code, language), (place + 0.5) * step, -22, bold=True)
        canvas.text(_size(column, language), (place + 0.5) * step, -8, size=SMALL_SIZE, opacity=0.8)
    for line, code in enumerate(found.pairs):
        canvas.rule(-LABEL_ROOM, line * ROW, PLOT, line * ROW, opacity=0.4)
        words = lines(view.labels.category(row, code, language), LABEL_ROOM - 10, TEXT_SIZE)
        first = line * ROW + ROW / 2 + 4 - (len(words) - 1) * LINE / 2
        canvas.text("\n".join(words), -LABEL_ROOM + 2, first, align="left")
    tracks = [
        Track(pair, place * step + GAP / 2, line * ROW, step - GAP, max(_largest(members), SMALLEST))
        for line, members in enumerate(found.pairs.values())
        for place, pair in enumerate(members)
    ]
    for paint in (_ground, _link, _dots):
        for track in tracks:
            paint(canvas, track, language, prefix)
        canvas.above()
    drawing = canvas.draw(PLOT, len(found.pairs) * ROW, hatch(prefix))
    names = [view.labels.category(reading, code, language) for code in view.table.categories[reading]]
    return with_keys(drawing, _keys(found, names, language, prefix))


def _size(window: Window, language: Language) -> str:
    return f"n {'=' if window.whole else '≥'} {number(window.people, language)}"


def _largest(members: tuple[Pair, ...]) -> float:
    return max((share for pair in members for share in pair.known), default=0.0)


def _ground(canvas: Canvas, track: Track, language: Language, prefix: str) -> None:
    canvas.rule(track.left, track.middle, track.left + track.width, track.middle)
    if len(track.pair.known) < READINGS:
        canvas.rect(track.left, track.middle - BAND / 2, track.width, BAND, f"url(#{hatch_id(prefix)})")
    words, middle = _numbers(track.pair, language), track.left + track.width / 2
    canvas.text(words, middle, track.top + 41, size=BLANK_SIZE if words == BLANK else SMALL_SIZE + 1)


def _link(canvas: Canvas, track: Track, language: Language, prefix: str) -> None:
    if len(track.pair.known) == READINGS:
        ends = [track.x(share) for share in track.pair.known]
        canvas.rule(min(ends), track.middle, max(ends), track.middle, colour=INK, opacity=1, size=2)


def _dots(canvas: Canvas, track: Track, language: Language, prefix: str) -> None:
    for share, area, colour in zip((track.pair.first, track.pair.second), AREAS, QUALITATIVE, strict=False):
        if share is not None:
            canvas.circle(track.x(share), track.middle, area, colour)


def _numbers(pair: Pair, language: Language) -> str:
    """`3.2 → 2.9%`, one number where both are equal, a dot for a blank."""
    if not pair.known:
        return BLANK
    shown = [BLANK if share is None else percent(share, language) for share in (pair.first, pair.second)]
    if pair.first == pair.second:
        return shown[0]
    bare = shown[0] if pair.first is None or pair.second is None else number(100 * pair.first, language, 1)
    return f"{bare} → {shown[1]}"


def _keys(found: Readings, names: list[str], language: Language, prefix: str) -> list[Key]:
    dots = ("chart.first_reading", "chart.second_reading")
    keys = [
        Key(colour, say(dot, language, name=name)) for colour, dot, name in zip(QUALITATIVE, dots, names, strict=False)
    ]
    keys.append(Key("none", say("chart.own_scale", language)))
    if any(len(pair.known) < READINGS for row in found.pairs.values() for pair in row):
        keys.append(Key(f"url(#{hatch_id(prefix)})", say("chart.unknown", language)))
    if not all(window.whole for window in found.windows):
        keys.append(Key("none", say("chart.at_least", language)))
    return keys
