"""Shares of the same people counted twice, by two readings of one definition, side by side per window.

A table of this shape has three dimensions: the reading (two categories), the window, and what is counted. Both readings
count the same people in a window, so a window has one size, whichever reading tells it.
"""

from __future__ import annotations

from dataclasses import dataclass

from flows.publication.cells import Point, group_total, points
from flows.publication.views import View
from schemas.tables import LOWER

READINGS = 2


@dataclass(frozen=True)
class Window:
    """One window: its code, and the people that its shares are taken of.

    `whole` is False where every reading has a blank: `people` is then the most that is shown, so at least so many
    people were counted and every share is at most what it says.
    """

    code: object
    people: float
    whole: bool


@dataclass(frozen=True)
class Pair:
    """Share (0 to 1) of one category in one window by the first and by the second reading; None is a blank."""

    first: float | None
    second: float | None

    @property
    def known(self) -> list[float]:
        """The shares that are shown."""
        return [share for share in (self.first, self.second) if share is not None]


@dataclass(frozen=True)
class Readings:
    """Windows, and per category (the last dimension) a pair for each of them."""

    windows: tuple[Window, ...]
    pairs: dict[object, tuple[Pair, ...]]

    @property
    def by_reading(self) -> float | None:
        """The most that the two readings of one share in one window differ; None where no two are shown.

        In a window of unknown size the difference is smaller still: both shares are of at most what they say.
        """
        both = [pair.known for row in self.pairs.values() for pair in row if len(pair.known) == READINGS]
        found = [abs(first - second) for first, second in both]
        return max(found, default=None)

    @property
    def by_window(self) -> float | None:
        """The most that one share by one reading differs between windows of known size; None where no two are shown."""
        rows = []
        for pairs in self.pairs.values():
            known = [pair for pair, window in zip(pairs, self.windows, strict=True) if window.whole]
            for shares in ([pair.first for pair in known], [pair.second for pair in known]):
                rows.append([share for share in shares if share is not None])
        return max((max(row) - min(row) for row in rows if len(row) > 1), default=None)


def has_readings(view: View) -> bool:
    """Whether a table has the shape, without intervals: a pair of dots has no room for them."""
    table = view.table
    return (
        len(table.dimensions) == 3
        and len(table.categories[table.dimensions[0]]) == READINGS
        and LOWER not in table.frame.columns
    )


def readings(view: View) -> Readings:
    """The shares of a table that `has_readings`, from its printed counts and stated totals only."""
    cells = points(view.table)
    (first, second), columns, rows = (view.table.categories[name] for name in view.table.dimensions)
    windows = tuple(_window(view, cells, (first, second), code, rows) for code in columns)
    pairs = {
        row: tuple(
            Pair(*(_share(cells[(reading, window.code, row)], window) for reading in (first, second)))
            for window in windows
        )
        for row in rows
    }
    return Readings(windows, pairs)


def _window(
    view: View,
    cells: dict[tuple[object, ...], Point],
    both: tuple[object, object],
    code: object,
    rows: tuple[object, ...],
) -> Window:
    members = {reading: [cells[(reading, code, row)] for row in rows] for reading in both}
    sizes = [group_total(found, view.totals.get((reading, code))) for reading, found in members.items()]
    told = next((size for size in sizes if size is not None), None)
    shown = max(sum(point.value or 0 for point in found) for found in members.values())
    return Window(code, shown if told is None else told, told is not None)


def _share(point: Point, window: Window) -> float | None:
    if point.value is None:
        return None
    return point.value / window.people if window.people else 0.0
