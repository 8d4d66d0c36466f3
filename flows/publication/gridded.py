"""A table as rows and columns for a page: what the templates loop over."""

from __future__ import annotations

from dataclasses import dataclass

from flows.publication.cells import IMPOSSIBLE, Codes, Point, Share, decimals_of, points
from flows.publication.labels import Language
from flows.publication.statistics import TopList, top_lists, view_shares
from flows.publication.terminal import across_dimension
from flows.publication.views import View
from flows.publication.words import BLANK, interval, number, percent, say

PRIME = "\u2032"


@dataclass(frozen=True)
class GridCell:
    """One cell: what is printed, the interval below it, whether it is blank, whether it holds words."""

    shown: str
    interval: str = ""
    blank: bool = False
    word: bool = False


@dataclass(frozen=True)
class GridRow:
    """Row headings (one per dimension that runs down) and cells."""

    headings: tuple[str, ...]
    cells: tuple[GridCell, ...]


@dataclass(frozen=True)
class Grid:
    """One HTML table: headings of the row dimensions, column headings, rows."""

    caption: str
    corners: tuple[str, ...]
    columns: tuple[str, ...]
    rows: tuple[GridRow, ...]


def value_cell(point: Point, language: Language, decimals: int) -> GridCell:
    """A count or mean with its interval; a blank keeps only the interval."""
    if point.status == "zero_structural":
        return GridCell(IMPOSSIBLE)
    bounds = "" if point.low is None or point.high is None else interval(point.low, point.high, language, decimals)
    if point.value is None:
        return GridCell(BLANK, bounds, blank=True)
    return GridCell(number(point.value, language, decimals), bounds)


def share_cell(share: Share | None, language: Language) -> GridCell:
    """A percentage with its interval, or a blank."""
    if share is None:
        return GridCell(BLANK, blank=True)
    if share.low is None or share.high is None:
        return GridCell(percent(share.value, language))
    return GridCell(percent(share.value, language), interval(100 * share.low, 100 * share.high, language, 1))


def counts_grid(view: View, language: Language) -> Grid:
    """The counts (or means) of a table; years run across, else the shortest dimension."""
    cells = points(view.table)
    decimals = decimals_of(view.table)
    if view.table.kind == "mean":
        return _means_grid(view, language)
    if len(view.table.dimensions) == 1:
        return _list_grid(view, language)
    body = {codes: value_cell(point, language, decimals) for codes, point in cells.items()}
    return _grid(view, body, say("page.table_of", language), language)


def shares_grid(view: View, language: Language) -> Grid | None:
    """The percentages of a table, or None where it has none (or has them beside its counts)."""
    found = view_shares(view)
    if not found or len(view.table.dimensions) == 1:
        return None
    body = {codes: share_cell(found.get(codes), language) for codes in points(view.table)}
    return _grid(view, body, say("page.shares_of", language), language)


def _list_grid(view: View, language: Language) -> Grid:
    """A table of one dimension: categories down, counts and percentages side by side."""
    found, name = view_shares(view), view.table.dimensions[0]
    columns = [say("column.aantal", language), *([say("page.share", language)] if found else [])]
    rows = []
    for codes, point in points(view.table).items():
        cells = [value_cell(point, language, 0), *([share_cell(found.get(codes), language)] if found else [])]
        rows.append(GridRow((view.labels.category(name, codes[0], language),), tuple(cells)))
    caption = say("page.table_of", language)
    return Grid(caption, (view.labels.dimension(name, language),), tuple(columns), tuple(rows))


def _grid(view: View, body: dict[Codes, GridCell], caption: str, language: Language) -> Grid:
    """A table of more dimensions: one of them across, the others down."""
    table, labels = view.table, view.labels
    across = across_dimension(table)
    assert across is not None, "one dimension is a list"
    down = [name for name in table.dimensions if name != across]
    corners = tuple(labels.dimension(name, language) for name in down)
    at = table.dimensions.index(across)
    lines: dict[Codes, list[GridCell]] = {}
    for codes, cell in body.items():
        lines.setdefault((*codes[:at], *codes[at + 1 :]), []).append(cell)
    rows = tuple(
        GridRow(
            tuple(labels.category(name, code, language) for name, code in zip(down, codes, strict=True)), tuple(line)
        )
        for codes, line in lines.items()
    )
    columns = tuple(labels.category(across, code, language) for code in table.categories[across])
    return Grid(caption, corners, columns, rows)


def _means_grid(view: View, language: Language) -> Grid:
    frame, name = view.table.frame, view.table.dimensions[0]
    present = [
        column for column in ("n", "gemiddelde", "sd") if column in frame.columns and frame[column].notna().any()
    ]
    rows = []
    for (codes, point), row in zip(points(view.table).items(), frame[present].itertuples(index=False), strict=True):
        cells = [
            value_cell(point, language, 1)
            if column == "gemiddelde"
            else _plain(value, 0 if column == "n" else 1, language)
            for column, value in zip(present, row, strict=True)
        ]
        rows.append(GridRow((view.labels.category(name, codes[0], language),), tuple(cells)))
    columns = tuple(say(f"column.{column}", language) for column in present)
    return Grid(say("page.table_of", language), (view.labels.dimension(name, language),), columns, tuple(rows))


def _plain(value: object, decimals: int, language: Language) -> GridCell:
    if value is None or str(value) == "<NA>" or value != value:  # pandas' NA cannot be compared
        return GridCell(BLANK, blank=True)
    return GridCell(number(float(str(value)), language, decimals))


def top_grids(view: View, language: Language) -> list[Grid]:
    """One small table per top list; a shared rank carries a prime, as in the report."""
    return [_top_grid(view, listed, language) for listed in top_lists(view) if listed.ranked]


def _top_grid(view: View, listed: TopList, language: Language) -> Grid:
    names = zip(view.table.dimensions[:-1], listed.group, strict=True)
    caption = ", ".join(view.labels.category(name, code, language) for name, code in names)
    last = view.table.dimensions[-1]
    rows = tuple(
        GridRow(
            (f"{line.rank}{PRIME if line.shared else ''}",),
            (
                GridCell(view.labels.category(last, line.point.codes[-1], language), word=True),
                value_cell(line.point, language, 0),
                share_cell(line.share, language),
            ),
        )
        for line in listed.ranked
    )
    columns: tuple[str, ...] = (
        view.labels.dimension(last, language),
        say("column.aantal", language),
        say("page.share", language),
    )
    with_share = any(line.share is not None for line in listed.ranked)
    if not with_share:
        rows = tuple(GridRow(row.headings, row.cells[:2]) for row in rows)
        columns = columns[:2]
    return Grid(caption or say("page.top_of", language), (say("page.rank", language),), columns, rows)
