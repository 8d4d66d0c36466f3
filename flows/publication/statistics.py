"""What is derived from a protected table for its readers: depth of percentages, top lists with shared ranks, a test."""

from __future__ import annotations

from dataclasses import dataclass

from flows.publication.cells import Codes, Point, Share, points, shares
from flows.publication.views import View
from schemas.catalogue import Derived

YEAR = "jaar"
LISTED_FROM = 12  # a dimension with more categories than this is shown as a top list, with the whole table below
TOP_SIZE = 5


def has_years(view: View) -> bool:
    """Whether the table is a series over years."""
    return YEAR in view.table.dimensions


def is_series(view: View) -> bool:
    """Whether its chart form is a line: counts over years, of which percentages say nothing."""
    return view.chart == "line"


def share_depth(view: View) -> int | None:
    """Within how many leading dimensions percentages are taken; None where the table has none."""
    dimensions = view.table.dimensions
    if view.table.kind == "mean" or is_series(view) or len(dimensions) > 2:
        return None
    for item in view.derived:
        if item.statistic == "percent" and item.by == dimensions[: len(item.by)]:
            return len(item.by)
    return len(dimensions) - 1


def view_shares(view: View) -> dict[Codes, Share]:
    """The percentages of a table; empty where it has none."""
    depth = share_depth(view)
    return {} if depth is None else shares(view.table, view.totals, depth)


@dataclass(frozen=True)
class Ranked:
    """One line of a top list; `shared` when another category has the same rank."""

    rank: int
    shared: bool
    point: Point
    share: Share | None


@dataclass(frozen=True)
class TopList:
    """The largest categories of one group; `blanks` counts the group's categories that are not shown."""

    group: Codes
    ranked: tuple[Ranked, ...]
    blanks: int


def top_lists(view: View) -> list[TopList]:
    """Top lists of the last dimension within the others, where the catalogue asks for one or the dimension is long.

    A rank is one more than the number of categories that are surely larger: equal counts and, under noise, overlapping
    intervals share it.
    """
    size = top_size(view)
    if size is None:
        return []
    found = view_shares(view)
    groups: dict[Codes, list[Point]] = {}
    for point in points(view.table).values():
        if not is_rest(view, point.codes[-1]):
            groups.setdefault(point.codes[:-1], []).append(point)
    return [_top(group, members, size, found) for group, members in groups.items()]


def top_size(view: View) -> int | None:
    """How long the top lists of a table are; None where it needs none."""
    asked = next((item for item in view.derived if item.statistic == "top"), None)
    if asked is not None:
        return asked.size
    last = view.table.dimensions[-1]
    is_long = len(view.table.categories[last]) > LISTED_FROM and len(view.table.dimensions) <= 2
    return TOP_SIZE if is_long else None


def _top(group: Codes, members: list[Point], size: int, found: dict[Codes, Share]) -> TopList:
    shown = sorted((point for point in members if point.value), key=lambda point: -(point.value or 0))
    ranks = [1 + sum(_surely_larger(other, point) for other in shown) for point in shown]
    ranked = tuple(
        Ranked(rank, ranks.count(rank) > 1, point, found.get(point.codes))
        for place, (rank, point) in enumerate(zip(ranks, shown, strict=True))
        if place < size or shown[size - 1].value == point.value
    )
    return TopList(group, ranked, sum(point.value is None for point in members))


def _surely_larger(one: Point, other: Point) -> bool:
    if one.low is None or other.high is None:
        return (one.value or 0) > (other.value or 0)
    return one.low > other.high


def is_rest(view: View, code: object) -> bool:
    """Whether a code of a long list stands for "all others together": it is no rival of the others."""
    return str(code) in view.labels.merged and len(view.table.categories[view.table.dimensions[-1]]) > LISTED_FROM


def blank_counts(view: View) -> tuple[int, int]:
    """How many cells are blank, of how many."""
    blank = sum(point.value is None and point.status != "zero_structural" for point in points(view.table).values())
    return blank, len(view.table.frame)


def asked_test(view: View) -> Derived | None:
    """The chi-square test the catalogue asks for on this table."""
    return next((item for item in view.derived if item.statistic == "chi_square"), None)
