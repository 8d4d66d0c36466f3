"""What a restricted note says of time: curves beside the reports' shares, days between steps, readings and windows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from disclosure.rules import quantile_of_few
from flows.publication.incidence import Course, panels
from flows.publication.labels import LANGUAGES, Labels
from flows.publication.words import say
from schemas.catalogue import Catalogue, Derived
from schemas.study import Text
from schemas.tables import COUNT, ProtectedTable
from tabulation.through_time import FEWEST, Quantile, corrected, quantiles, reaches

Tables = Mapping[str, ProtectedTable]
Row = tuple[Text, Text]
ASKED = (12, 24)  # months
NOT_SHOWN = Text(nl="volgt niet uit wat getoond wordt", en="does not follow from what is shown")


def told_of_time(tables: Tables, catalogue: Catalogue) -> list[Row]:
    """(what, in words) for every curve, step and reading that the catalogue derives from these tables."""
    tell = {"curve": _curves, "quantiles": _steps, "readings": _readings}
    rows: list[Row] = []
    for item in catalogue.derived:
        if item.statistic in tell and item.table in tables:
            labels = Labels({}, {d.name: d.label for d in catalogue.entry(item.table).dimensions})
            rows += tell[item.statistic](item, tables, labels)
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


def _steps(item: Derived, tables: Tables, labels: Labels) -> Iterator[Row]:
    table = tables[item.table]
    *groups, taken, days = table.dimensions
    bands = [str(code) for code in table.categories[days]]
    for code in table.categories[groups[0]] if groups else [None]:
        frame = table.frame if code is None else table.frame[(table.frame[groups[0]] == code).to_numpy()]
        counts = [by_band(frame[(frame[taken] == state).to_numpy()], days, bands) for state in ("ja", "open")]
        name = _name(item, labels, [] if code is None else [(groups[0], str(code))])
        yield (
            name,
            _days(quantiles(counts[0], bands), quantiles(corrected(counts[0], counts[1]), bands), counts[0], bands),
        )


def by_band(frame: pd.DataFrame, days: str, bands: list[str]) -> list[float]:
    """The counts of one step by band; NaN where blank."""
    counts = frame.set_index(frame[days].astype(str))[COUNT].astype("Float64").reindex(bands)
    found: list[float] = counts.to_numpy(dtype=np.float64, na_value=np.nan).tolist()
    return found


def _days(naive: list[Quantile], later: list[Quantile], counts: list[float], bands: list[str]) -> Text:
    if not naive:
        return NOT_SHOWN
    n = naive[0].n
    if quantile_of_few(n, 0.5, FEWEST):
        return Text(nl="te weinig mensen voor een mediaan", en="too few people for a median")
    enough = [q for q in naive if not quantile_of_few(n, q.share, FEWEST)]
    shown = " / ".join(f"{q.day:.0f}" for q in enough)
    parts = [
        Text(
            nl=f"{_which(enough, 'nl')} van wie de stap zette: {shown} dagen",
            en=f"{_which(enough, 'en')} of those who took the step: {shown} days",
        )
    ]
    middle = next((q for q in later if q.share == 0.5), None)
    if middle is not None:
        parts.append(
            Text(
                nl=f"mediaan als niemand door het einde van de periode was afgekapt: {middle.day:.0f} dagen",
                en=f"median had nobody been cut off by the end of the period: {middle.day:.0f} days",
            )
        )
    if bands[0] == "0-1":
        day = 100 * counts[0] / n
        parts.append(Text(nl=f"binnen een dag: {day:.0f} %", en=f"within a day: {day:.0f}%"))
    return Text(nl="; ".join(part.nl for part in parts), en="; ".join(part.en for part in parts))


def _which(found: list[Quantile], language: str) -> str:
    if len(found) == 1:
        return "mediaan" if language == "nl" else "median"
    return "kwartielen" if language == "nl" else "quartiles"


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
