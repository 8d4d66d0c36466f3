"""One sentence per table: what a reader would say after looking at it, from protected numbers with their intervals."""

from __future__ import annotations

from collections.abc import Sequence

from flows.publication.cells import Point, Share, cell_text, decimals_of, group_total, points
from flows.publication.incidence import Course, Step, curve_of, panels_of
from flows.publication.labels import Language
from flows.publication.readings import has_readings, readings
from flows.publication.statistics import is_rest, is_series, view_shares
from flows.publication.views import View
from flows.publication.words import PERCENT_SIGN, interval, number, percent, say

SMALL_SHARE = 0.1  # a share that stays below it is told with a decimal
NAMED_GROUPS = 3  # a sentence names the first and the last group of a longer list


def step_text(step: Step, language: Language) -> str:
    """`34% (30–39)`, or `31–38% (27–42)` where blanks leave a range."""
    decimals = 1 if step.high < SMALL_SHARE else 0
    point = f"{interval(100 * step.least, 100 * step.most, language, decimals)}{PERCENT_SIGN[language]}"
    return f"{point} ({interval(100 * step.low, 100 * step.high, language, decimals)})"


def share_text(share: Share, language: Language) -> str:
    """`78.8 %`, with its interval where it has one."""
    shown = percent(share.value, language)
    if share.low is None or share.high is None:
        return shown
    return f"{shown} ({interval(100 * share.low, 100 * share.high, language, 1)})"


def sentence(view: View, language: Language) -> str:
    """The sentence of a table, chosen by its kind and shape."""
    cells = list(points(view.table).values())
    if all(point.value is None for point in cells):
        return say("sentence.nothing", language)
    if view.table.kind == "mean":
        return _means(view, cells, language)
    if is_series(view):
        return _trend(view, cells, language)
    if view.chart == "readings" and has_readings(view):
        return _readings(view, language)
    if view.chart == "curve" and curve_of(view) is not None:
        return _curve(view, language)
    if len(view.table.dimensions) == 1:
        return _largest(view, cells, language)
    return _shares(view, language)


def _means(view: View, cells: list[Point], language: Language) -> str:
    years = [point for point in cells if point.value is not None and str(point.codes[-1]).isdigit()]
    if len(years) < 2:
        return ""
    first, last = years[0], years[-1]
    return say(
        "sentence.means",
        language,
        first=cell_text(first, language, 1),
        start=first.codes[-1],
        last=cell_text(last, language, 1),
        end=last.codes[-1],
    )


def _trend(view: View, cells: list[Point], language: Language) -> str:
    """From the first to the last shown year, per series."""
    year = len(view.table.dimensions) - 1 if view.table.dimensions[-1] == "jaar" else 0
    series: dict[tuple[object, ...], list[Point]] = {}
    for point in cells:
        if point.value is not None:
            series.setdefault((*point.codes[:year], *point.codes[year + 1 :]), []).append(point)
    parts = []
    for codes, members in series.items():
        if len(members) < 2:
            continue
        names = [name for name in view.table.dimensions if name != view.table.dimensions[year]]
        words = " ".join(view.labels.category(name, code, language) for name, code in zip(names, codes, strict=True))
        prefix = say("sentence.trend_series", language, name=words) + " " if words else ""
        parts.append(_from_to(prefix, members, year, language))
    return _capital(" ".join(parts))


def _from_to(prefix: str, members: Sequence[Point], year: int, language: Language) -> str:
    first, last = members[0], members[-1]
    text = say(
        "sentence.trend",
        language,
        series=prefix,
        first=cell_text(first, language),
        start=first.codes[year],
        last=cell_text(last, language),
        end=last.codes[year],
    )
    return text if not prefix else _capital(text)


def _readings(view: View, language: Language) -> str:
    """How much the reading makes of a share at most, and how much the window, over all that is shown."""
    found = readings(view)
    told = (("sentence.by_reading", found.by_reading), ("sentence.by_window", found.by_window))
    return " ".join(
        say(key, language, points=number(100 * most, language, 1)) for key, most in told if most is not None
    )


def _curve(view: View, language: Language) -> str:
    """How far every outcome has come at the last step of the first window that has one, beside the report's share."""
    told = next((panel for panel in panels_of(view) if any(course.steps for course in panel.courses)), None)
    if told is None:
        return say("sentence.no_curve", language)
    outcome = view.table.dimensions[-2]
    window = "" if told.window is None else view.labels.category(view.table.dimensions[0], told.window, language)
    parts = "; ".join(
        say(
            "sentence.curve_part",
            language,
            name=view.labels.category(outcome, course.code, language),
            share=_course(course, language),
        )
        for course in told.courses
    )
    months = f"{told.courses[0].steps[-1].month:g}"
    return say("sentence.curve", language, months=months, window=f" ({window})" if window else "", parts=parts)


def _course(course: Course, language: Language) -> str:
    shown = step_text(course.steps[-1], language)
    if course.naive is None:
        return shown
    return f"{shown}, {say('chart.naive', language, share=percent(course.naive, language, 0))}"


def _largest(view: View, cells: list[Point], language: Language) -> str:
    shown = sorted((point for point in cells if point.value is not None), key=lambda point: -(point.value or 0))
    first = shown[0]
    name = _name(view, first, language)
    count = cell_text(first, language, decimals_of(view.table))
    total = group_total(cells, view.totals.get(()))
    share = view_shares(view).get(first.codes)
    if total is None or share is None or _blank_may_be_larger(cells, first, total):
        return say("sentence.largest_only", language, name=name, count=count)
    text = say(
        "sentence.largest",
        language,
        name=name,
        count=count,
        total=number(total, language),
        share=share_text(share, language),
    )
    if len(shown) > 1 and _overlap(first, shown[1]):
        text += " " + say("sentence.tied", language, other=_name(view, shown[1], language))
    return text


def _blank_may_be_larger(cells: list[Point], first: Point, total: float) -> bool:
    """Whether a cell that is not shown could exceed the largest shown one: a blank need not be small."""
    rest = total - sum(cell.value or 0 for cell in cells)
    ends = [rest if cell.high is None else cell.high for cell in cells if cell.value is None]
    return any(end >= (first.value or 0) for end in ends)


def _shares(view: View, language: Language) -> str:
    """The overall largest category of the last dimension, as a share of each group (of the first and last, if many)."""
    found = view_shares(view)
    if not found:
        return ""
    sums: dict[object, float] = {}
    for point in points(view.table).values():
        if not is_rest(view, point.codes[-1]):
            sums[point.codes[-1]] = sums.get(point.codes[-1], 0) + (point.value or 0)
    category = max(sums, key=lambda code: sums[code])
    listed = [(codes, share) for codes, share in found.items() if codes[-1] == category]
    if len(listed) > NAMED_GROUPS:
        listed = [listed[0], listed[-1]]
    parts = "; ".join(
        say("sentence.share_part", language, share=share_text(share, language), group=_groups(view, codes, language))
        for codes, share in listed
    )
    if not parts:
        return ""
    name = view.labels.category(view.table.dimensions[-1], category, language)
    return say("sentence.share_by", language, category=name, parts=parts)


def _groups(view: View, codes: tuple[object, ...], language: Language) -> str:
    pairs = zip(view.table.dimensions[:-1], codes[:-1], strict=True)
    return ", ".join(view.labels.category(name, code, language) for name, code in pairs)


def _name(view: View, point: Point, language: Language) -> str:
    return view.labels.category(view.table.dimensions[-1], point.codes[-1], language)


def _overlap(one: Point, other: Point) -> bool:
    return one.low is not None and other.high is not None and one.low <= other.high


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
