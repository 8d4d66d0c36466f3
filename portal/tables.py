"""A table of a release as rows and columns for a page, and two of its years side by side. Blanks stay blanks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from disclosure.reader import read_table
from portal.described import Described
from portal.shelf import Box
from portal.words import BLANK, IMPOSSIBLE, Language, number, say
from schemas.tables import COUNT, LOWER, MEAN_COLUMNS, STATUS, UPPER, Audience, ProtectedTable

YEAR = "jaar"
FOLD_FROM = 14  # rows; a longer table of the comparison starts after a heading that says so
Codes = tuple[object, ...]


@dataclass(frozen=True)
class Cell:
    """One cell: what is printed, its interval, and whether it is blank, a word, or changed since the last release."""

    shown: str
    interval: str = ""
    blank: bool = False
    word: bool = False
    change: str = ""


@dataclass(frozen=True)
class Row:
    """Headings (one per dimension that runs down) and cells."""

    headings: tuple[str, ...]
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Grid:
    """One HTML table."""

    caption: str
    corners: tuple[str, ...]
    columns: tuple[str, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Point:
    """A cell's value (None where blank) and bounds (None outside the noisy regime)."""

    value: float | None
    low: float | None
    high: float | None
    status: str


def protected(box: Box, audience: Audience, table: str) -> ProtectedTable:
    """One table of a part, its file checked; KeyError where the part has none of that id."""
    box.path(audience, f"{table}.csv")
    return read_table(box.folder, audience, table)


def points(table: ProtectedTable, column: str | None = None) -> dict[Codes, Point]:
    """All cells by their codes, in the order of the file; of a table of means, its means unless `column` says otherwise."""
    frame = table.frame
    name = column or (COUNT if table.kind == "count" else MEAN_COLUMNS[1])
    keys = zip(*(frame[dimension].tolist() for dimension in table.dimensions), strict=True)
    columns = [_numbers(frame, part) for part in (name, LOWER, UPPER)]
    cells = zip(*columns, frame[STATUS].tolist(), strict=True)
    return {key: Point(*cell) for key, cell in zip(keys, cells, strict=True)}


def _numbers(frame: pd.DataFrame, name: str) -> list[float | None]:
    if name not in frame.columns:
        return [None] * len(frame)
    return [None if pd.isna(value) else float(value) for value in frame[name].tolist()]


def blanks(table: ProtectedTable) -> int:
    """How many cells of a table are not shown."""
    return int((table.frame[STATUS] == "suppressed").sum())


def years(table: ProtectedTable) -> list[str]:
    """The years of a table, empty where it has no years to compare or holds means."""
    if YEAR not in table.dimensions or table.kind != "count":
        return []
    return [str(code) for code in table.categories[YEAR]]


def grid(table: ProtectedTable, words: Described, language: Language, before: ProtectedTable | None = None) -> Grid:
    """The counts (or means) of a table: years run across, else the shortest dimension.

    before  the same table in an earlier release: cells then say how they differ from it.
    """
    if table.kind == "mean":
        return _means(table, words, language)
    shown = points(table)
    earlier = points(before) if before is not None and before.dimensions == table.dimensions else None
    cells = {codes: _cell(point, language) for codes, point in shown.items()}
    if earlier is not None:
        cells = {codes: _marked(cells[codes], shown[codes], earlier.get(codes), language) for codes in cells}
    if len(table.dimensions) > 1:
        return _crossed(table, words, cells, language)
    name = table.dimensions[0]
    rows = tuple(Row((words.category(name, codes[0], language),), (cell,)) for codes, cell in cells.items())
    corners, columns = (_capital(words.heading(name, language)),), (words.heading(COUNT, language),)
    return Grid(say("table.counts", language), corners, columns, rows)


def _crossed(table: ProtectedTable, words: Described, cells: Mapping[Codes, Cell], language: Language) -> Grid:
    across = YEAR if YEAR in table.dimensions else min(table.dimensions, key=lambda name: len(table.categories[name]))
    at = table.dimensions.index(across)
    down = [name for name in table.dimensions if name != across]
    lines: dict[Codes, dict[object, Cell]] = {}
    for codes, cell in cells.items():
        lines.setdefault((*codes[:at], *codes[at + 1 :]), {})[codes[at]] = cell
    order = table.categories[across]
    rows = tuple(
        Row(
            tuple(words.category(name, code, language) for name, code in zip(down, key, strict=True)),
            tuple(line.get(code, Cell(IMPOSSIBLE)) for code in order),
        )
        for key, line in lines.items()
    )
    corners = tuple(_capital(words.heading(name, language)) for name in down)
    columns = tuple(words.category(across, code, language) for code in order)
    return Grid(say("table.counts", language), corners, columns, rows)


def _means(table: ProtectedTable, words: Described, language: Language) -> Grid:
    name = table.dimensions[0]
    present = [column for column in MEAN_COLUMNS if column in table.frame.columns and table.frame[column].notna().any()]
    series = {column: points(table, column) for column in present}
    rows = []
    for codes in points(table):
        cells = []
        for column in present:
            cell = _cell(series[column][codes], language, 0 if column == MEAN_COLUMNS[0] else 1)
            own = column == MEAN_COLUMNS[1]  # the bounds belong to the mean alone
            cells.append(cell if own else Cell(cell.shown, "", cell.blank))
        rows.append(Row((words.category(name, codes[0], language),), tuple(cells)))
    columns = tuple(words.heading(column, language) for column in present)
    return Grid(say("table.counts", language), (_capital(words.heading(name, language)),), columns, tuple(rows))


def _cell(point: Point, language: Language, decimals: int = 0) -> Cell:
    if point.status == "zero_structural":
        return Cell(IMPOSSIBLE)
    bounds = _bounds(point.low, point.high, language, decimals)
    if point.value is None:
        return Cell(BLANK, bounds, blank=True)
    return Cell(number(point.value, language, decimals), bounds)


def _bounds(low: float | None, high: float | None, language: Language, decimals: int = 0) -> str:
    if low is None or high is None:
        return ""
    ends = number(low, language, decimals), number(high, language, decimals)
    if low == high:
        return ends[0]
    return say("table.from_to", language, low=ends[0], high=ends[1]) if low < 0 else f"{ends[0]}\u2013{ends[1]}"


def _marked(cell: Cell, now: Point, was: Point | None, language: Language) -> Cell:
    """The cell with the word for how it differs: newly blank, shown again, or changed (with what it was)."""
    if was is None:
        change = say("review.new_cell", language)
    elif now.value is None:
        change = "" if was.value is None else say("review.went_blank", language, was=number(was.value, language))
    elif was.value is None:
        change = say("review.came_back", language)
    else:
        change = "" if was.value == now.value else say("review.was", language, was=number(was.value, language))
    return Cell(cell.shown, cell.interval, cell.blank, cell.word, change)


def compared(table: ProtectedTable, words: Described, language: Language, first: str, second: str) -> Grid:
    """Two years of a table side by side: both counts, the difference with its interval, and what it is worth in words.

    The interval of a difference sets one count's lower bound against the other's upper bound and the reverse: it holds
    whenever the intervals of both counts hold, so it is on the wide side.
    """
    at = table.dimensions.index(YEAR)
    found: dict[Codes, dict[str, Point]] = {}
    for codes, point in points(table).items():
        found.setdefault((*codes[:at], *codes[at + 1 :]), {})[str(codes[at])] = point
    down = [name for name in table.dimensions if name != YEAR]
    rows = []
    for key, line in found.items():
        one, two = line.get(first), line.get(second)
        if one is None or two is None:
            continue
        headings = tuple(words.category(name, code, language) for name, code in zip(down, key, strict=True))
        cells = (_cell(one, language), _cell(two, language), *_difference(one, two, language))
        rows.append(Row(headings or (say("years.all", language),), cells))
    corners = tuple(_capital(words.heading(name, language)) for name in down) or ("",)
    columns = (first, second, say("years.difference", language), say("years.meaning", language))
    return Grid(say("years.caption", language, first=first, second=second), corners, columns, tuple(rows))


def _difference(one: Point, two: Point, language: Language) -> tuple[Cell, Cell]:
    bounds = None
    if one.low is not None and one.high is not None and two.low is not None and two.high is not None:
        bounds = (two.low - one.high, two.high - one.low)
    if one.value is None or two.value is None:
        interval = _bounds(*bounds, language) if bounds else ""
        return Cell(BLANK, interval, blank=True), Cell(say("years.unknown", language), word=True)
    change = two.value - one.value
    shown = f"+{number(change, language)}" if change > 0 else number(change, language)
    meaning = "more" if change > 0 else "fewer" if change < 0 else "same"
    if bounds and bounds[0] <= 0 <= bounds[1]:
        meaning = "unclear"
    return Cell(shown, _bounds(*bounds, language) if bounds else ""), Cell(say(f"years.{meaning}", language), word=True)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
