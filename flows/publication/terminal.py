"""A protected table in a terminal: blanks as a dot with their legend, intervals beside their number."""

from __future__ import annotations

from collections.abc import Mapping

from rich.table import Table

from flows.publication.cells import cell_text, decimals_of, points
from flows.publication.labels import Language
from flows.publication.views import View, single_view
from flows.publication.words import BLANK, say
from schemas.catalogue import Entry
from schemas.study import Text
from schemas.tables import ProtectedTable


def render_table(table: ProtectedTable, entry: Entry, merged: Mapping[str, Text], language: Language) -> Table:
    """`table` as rich draws it; `merged` names the codes that its policy merged. Years run across where it has them."""
    view = single_view(table, entry, merged)
    cells = points(table)
    decimals = decimals_of(table)
    drawn = Table(
        title=view.title[language], caption=legend(table, language), caption_justify="left", title_justify="left"
    )
    across = across_dimension(table)
    down = [place for place, name in enumerate(table.dimensions) if name != across]
    for place in down:
        drawn.add_column(view.labels.dimension(table.dimensions[place], language))
    if across is None:
        drawn.add_column(
            say("column.aantal" if table.kind == "count" else "column.gemiddelde", language), justify="right"
        )
        for codes, point in cells.items():
            drawn.add_row(*_words(view, codes, down, language), cell_text(point, language, decimals))
        return drawn
    categories = table.categories[across]
    for code in categories:
        drawn.add_column(view.labels.category(across, code, language), justify="right")
    at = table.dimensions.index(across)
    for codes in dict.fromkeys((*key[:at], *key[at + 1 :]) for key in cells):
        row = [cells[(*codes[:at], code, *codes[at:])] for code in categories]
        words = _words(view, row[0].codes, down, language)
        drawn.add_row(*words, *(cell_text(point, language, decimals) for point in row))
    return drawn


def across_dimension(table: ProtectedTable) -> str | None:
    """The dimension whose categories become columns: `jaar`, else the shortest; none for one dimension."""
    if len(table.dimensions) < 2:
        return None
    if "jaar" in table.dimensions:
        return "jaar"
    return min(reversed(table.dimensions), key=lambda name: len(table.categories[name]))


def _words(view: View, codes: tuple[object, ...], places: list[int], language: Language) -> list[str]:
    return [view.labels.category(view.table.dimensions[place], codes[place], language) for place in places]


def legend(table: ProtectedTable, language: Language) -> str:
    """What the signs in this table mean; empty where it has none."""
    statuses = set(table.frame["status"].tolist())
    parts = [f"{BLANK} {say('status.suppressed', language)}"] if "suppressed" in statuses else []
    if table.regime == "noisy":
        parts.append(say("legend.interval", language))
    if "zero_structural" in statuses:
        parts.append(f"\u2013 {say('status.zero_structural', language)}")
    return "; ".join(parts)
