"""What a restricted note says of time: curves beside the reports' shares, days between steps, readings and windows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from disclosure.rules import quantile_of_few
from flows.publication.incidence import Course, panels
from flows.publication.labels import LANGUAGES, Labels
from flows.publication.words import say
from schemas.catalogue import Catalogue, Derived
from schemas.study import Text
from schemas.tables import COUNT, ProtectedTable
from tabulation.quantiles import Quantile, Taken, quantiles
from tabulation.spread import Spread
from tabulation.through_time import FEWEST, reaches

Tables = Mapping[str, ProtectedTable]
Row = tuple[Text, Text]
ASKED = (12, 24)  # months
NOT_SHOWN = Text(nl="volgt niet uit wat getoond wordt", en="does not follow from what is shown")


def told_of_time(tables: Tables, catalogue: Catalogue, spread: Mapping[str, Spread]) -> list[Row]:
    """(what, in words) for every curve, step and reading that the catalogue derives from these tables.

    spread  what linked tables would be in every draw of the links; it widens the intervals of days.
    """
    rows: list[Row] = []
    for item in catalogue.derived:
        if item.table not in tables:
            continue
        labels = Labels({}, {d.name: d.label for d in catalogue.entry(item.table).dimensions})
        if item.statistic == "quantiles":
            rows += _steps(item, tables, labels, spread[item.table].drawn if item.table in spread else None)
        elif item.statistic in _TELL:
            rows += _TELL[item.statistic](item, tables, labels)
    return rows


def _curves(item: Derived, tables: Tables, labels: Labels) -> Iterator[Row]:
    if item.late is None or item.late not in tables:
        return
    *groups, outcome, _ = tables[item.table].dimensions
    codes = [str(code) for code in tables[item.table].categories[outcome][:-1]]
    for panel in panels(item, tables):
        window = [] if panel.window is None else [(groups[0], panel.window)]
        courses = {course.code: course for course in panel.courses}
        for code in codes:
            name = _name(item, labels, [*window, (outcome, code)])
            yield name, _shares(courses[code], panel.thin_from) if code in courses else NOT_SHOWN


def _shares(course: Course, thin_from: float | None) -> Text:
    parts = [_none_or(course.naive, "zoals de rapporten rekenen {} %", "as the reports compute it {}%")]
    for step in course.steps:
        if step.month in ASKED:
            shown = [f"{100 * value:.0f}" for value in (step.least, step.most, step.low, step.high)]
            point = shown[0] if shown[0] == shown[1] else f"{shown[0]}–{shown[1]}"
            parts.append(
                Text(
                    nl=f"na {step.month:.0f} maanden {point} % (95 %: {shown[2]}–{shown[3]})",
                    en=f"after {step.month:.0f} months {point}% (95%: {shown[2]}–{shown[3]})",
                )
            )
    if thin_from is not None:
        months, fewest = f"{thin_from:.0f}", FEWEST
        parts.append(
            Text(**{language: say("chart.thin", language, months=months, fewest=fewest) for language in LANGUAGES})
        )
    return Text(nl="; ".join(part.nl for part in parts if part.nl), en="; ".join(part.en for part in parts if part.en))


def _none_or(value: float | None, nl: str, en: str) -> Text:
    shown = "" if value is None else f"{100 * value:.0f}"
    return Text(nl=nl.format(shown), en=en.format(shown)) if shown else Text(nl="", en="")


def _steps(item: Derived, tables: Tables, labels: Labels, drawn: np.ndarray | None) -> Iterator[Row]:
    table = tables[item.table]
    bands = [str(code) for code in table.categories[table.dimensions[-1]]]
    for step in steps_of(table, drawn):
        name = _name(item, labels, [] if step.code is None else [(table.dimensions[0], step.code)])
        yield name, _days(step, bands)


@dataclass(frozen=True)
class StepDays:
    """One step of a table by step (None without), taken and days: quartiles of those who took it, and had nobody been cut off.

    Quantiles with fewer than ten people on either side are left out of both. n: who took it, None where a blank is among them.
    """

    code: str | None
    shown: list[Quantile]
    later: list[Quantile]
    counts: np.ndarray
    n: int | None


def steps_of(table: ProtectedTable, drawn: np.ndarray | None = None) -> Iterator[StepDays]:
    """Every step of a table. drawn: (draws, rows of the frame), its counts under other ways to link; they widen the intervals."""
    *groups, taken, days = table.dimensions
    bands = [str(code) for code in table.categories[days]]
    frame = table.frame.reset_index(drop=True)
    for code in table.categories[groups[0]] if groups else [None]:
        mine = np.ones(len(frame), dtype=bool) if code is None else (frame[groups[0]] == code).to_numpy()
        ja, still_open = (
            _by_band(frame[mine & (frame[taken] == state).to_numpy()], days, bands, drawn) for state in ("ja", "open")
        )
        counts = [Taken(one, other) for one, other in zip(ja, still_open, strict=True)]
        shown, later = (quantiles(counts[0], bands, uncut=uncut, drawn=counts[1:]) for uncut in (False, True))
        yield StepDays(
            None if code is None else str(code), _enough(shown), _enough(later), ja[0], shown[0].n if shown else None
        )


def _enough(found: list[Quantile]) -> list[Quantile]:
    return [q for q in found if not quantile_of_few(q.n, q.share, FEWEST)]


def _by_band(frame: pd.DataFrame, days: str, bands: list[str], drawn: np.ndarray | None) -> list[np.ndarray]:
    """The counts by band as shown, and in every draw of the links."""
    places = pd.Series(frame.index, index=frame[days].astype(str)).reindex(bands)
    shown = frame[COUNT].astype("Float64").loc[places].to_numpy(dtype=np.float64, na_value=np.nan)
    draws = [] if drawn is None else np.maximum(drawn[:, places.to_numpy()], 0).astype(np.float64)
    return [shown, *draws]


def _days(step: StepDays, bands: list[str]) -> Text:
    if step.n is None:
        return NOT_SHOWN
    if not step.shown:
        return Text(nl="te weinig mensen voor een mediaan", en="too few people for a median")
    parts = [_told(step.shown, "van wie de stap zette", "of those who took the step")]
    if step.later:
        last = bands[-1].rstrip("+")
        parts.append(
            _told(
                step.later,
                f"als niemand door het einde van de periode was afgekapt, van wie hem binnen {last} dagen zet",
                f"had nobody been cut off by the end of the period, of those who take it within {last} days",
            )
        )
    if bands[0] == "0-1":
        day = 100 * step.counts[0] / step.n
        parts.append(Text(nl=f"binnen een dag: {day:.0f} %", en=f"within a day: {day:.0f}%"))
    return Text(nl="; ".join(part.nl for part in parts), en="; ".join(part.en for part in parts))


def _told(found: list[Quantile], nl: str, en: str) -> Text:
    """`quartiles of those who took the step: 31 (28–34) / 61 (57–65) / 74 (71–78) days (95%)`."""
    dutch, english = (" / ".join(_one(q, words) for q in found) for words in ("of meer", "or more"))
    which = ("mediaan", "median") if len(found) == 1 else ("kwartielen", "quartiles")
    return Text(nl=f"{which[0]} {nl}: {dutch} dagen (95 %)", en=f"{which[1]} {en}: {english} days (95%)")


def _one(q: Quantile, or_more: str) -> str:
    high = f"{q.high:.0f}" if np.isfinite(q.high) else or_more
    return f"{q.day:.0f} ({q.low:.0f}{'–' if np.isfinite(q.high) else ' '}{high})"


def _readings(item: Derived, tables: Tables, labels: Labels) -> Iterator[Row]:
    table = tables[item.table]
    for reach in reaches(table):
        if not np.isfinite(reach.shares).any():
            yield _name(item, labels, [(table.dimensions[-1], reach.route)]), NOT_SHOWN
            continue
        low, high = 100 * float(np.nanmin(reach.shares)), 100 * float(np.nanmax(reach.shares))
        parts_nl, parts_en = [f"{low:.0f}–{high:.0f} %".replace(".", ",")], [f"{low:.0f}–{high:.0f}%"]
        for value, nl, en in (
            (reach.definition, "door de lezing hooguit {} punt", "by the reading at most {} points"),
            (reach.window, "door het venster hooguit {} punt", "by the window at most {} points"),
        ):
            if np.isfinite(value):
                parts_nl.append(nl.format(f"{100 * value:.1f}".replace(".", ",")))
                parts_en.append(en.format(f"{100 * value:.1f}"))
        yield (
            _name(item, labels, [(table.dimensions[-1], reach.route)]),
            Text(nl="; ".join(parts_nl), en="; ".join(parts_en)),
        )


def _name(item: Derived, labels: Labels, codes: list[tuple[str, str]]) -> Text:
    said = {
        language: ", ".join(labels.category(name, code, language) for name, code in codes) for language in ("nl", "en")
    }  # type: dict[str, str]
    tail_nl, tail_en = (f": {said[language]}" if codes else "" for language in ("nl", "en"))
    return Text(nl=item.titles.nl + tail_nl, en=item.titles.en + tail_en)


_TELL: Mapping[str, Callable[[Derived, Tables, Labels], Iterator[Row]]] = {"curve": _curves, "readings": _readings}
