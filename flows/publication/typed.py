"""Tables that somebody typed over from a report: `table, cell, kind, value, n`, and if need be `source` (docs/publication.md).

A cell is named by words: codes of the catalogue or their labels, `2010-2014` for years, the name of a yes-or-no dimension
for its yes; `part / whole` names what a percentage is of. Words that only repeat the table's title mean all of it.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from flows.publication.labels import LANGUAGES, Labels
from flows.publication.printed import StudyTables, study_of, study_tables
from schemas.catalogue import Dimension, Entry
from schemas.errors import InputRefused
from schemas.study import shipped_studies
from schemas.vocabulary import Code
from tabulation.consistency import Claim, percent_claim
from tabulation.equations import Grid

COLUMNS = ("table", "cell", "kind", "value", "n")
TABLE_NAME = re.compile(r"(figure|figuur|table|tabel)\s+(b?)([\d.]+)\s*(.*)", re.IGNORECASE)
PERIOD = re.compile(r"(\d{4})-(\d{4})")
ALL = frozenset({"totaal", "total", "alles", "all"})
# What the reports call the countries that a table does not name.
OTHERS = {"overig": ("anders", "onbekend"), "other": ("anders", "onbekend")}
YES = "ja"

Selection = dict[str, frozenset[Code]]


@dataclass(frozen=True)
class TypedRow:
    """One typed number: `value` as printed (its decimals say how it was rounded), `n` the total it is a part of."""

    words: str
    source: str
    table: str
    cell: str
    kind: str
    value: float
    decimals: int
    n: int | None


def is_typed(path: Path) -> bool:
    """Whether a CSV has the columns of typed tables."""
    with path.open(encoding="utf-8-sig", newline="") as source:
        header = next(csv.reader(source), [])
    return set(COLUMNS) <= set(header)


def typed_rows(path: Path) -> list[TypedRow]:
    """The rows of a typed file. InputRefused names the line that cannot be read."""
    with path.open(encoding="utf-8-sig", newline="") as source:
        return [_typed(path, number, row) for number, row in enumerate(csv.DictReader(source), 2)]


def _typed(path: Path, number: int, row: dict[str, str]) -> TypedRow:
    try:
        kind, value = row["kind"].strip(), row["value"].strip()
        if kind not in ("count", "percent"):
            raise ValueError(kind)
        n = int(row["n"]) if (row["n"] or "").strip() else None
        decimals = len(value.partition(".")[2])
        read = float(value)
        if not 0 <= read < float("inf") or (n is not None and n < 0):
            raise ValueError(value)
    except (ValueError, TypeError, AttributeError):
        raise InputRefused(
            f"{path} line {number} needs kind count or percent, a number as value and a whole number or nothing as n."
        ) from None
    shown = f"{value} %" if kind == "percent" else value
    words = f"{row['table']}, {row['cell']}: {shown}" + (f" of {n}" if n is not None and kind == "percent" else "")
    return TypedRow(words, row.get("source") or "", row["table"], row["cell"], kind, read, decimals, n)


def candidates(row: TypedRow) -> tuple[StudyTables | None, list[Entry]]:
    """The study of a row and the catalogue entries that its table can be: by id, or by `figure 8` and the source."""
    study = study_of(row.table)
    if study is not None:
        return study, [study.catalogue.entry(row.table)]
    named = TABLE_NAME.fullmatch(row.table.strip())
    if row.source not in shipped_studies() or named is None:
        return None, []
    study = study_tables(row.source)
    letter = "f" if named[1].lower().startswith("fig") else "t"
    digits = named[3].replace(".", "")
    stem = f"{study.id}_{letter}{named[2].lower()}{digits if named[2] else digits.zfill(2)}"
    exact = "_".join([stem, *named[4].lower().split()])
    entries = [entry for entry in study.catalogue.entries if entry.kind == "count"]
    found = [entry for entry in entries if entry.id == exact]
    return study, found or [entry for entry in entries if entry.id.startswith(f"{exact}_")]


def typed_grid(study: StudyTables, entry: Entry, source: str) -> Grid:
    """The table in full: typed rows say something about sums of its cells. Lists of nationalities hold every code."""
    axes = tuple(_axis(dimension) for dimension in entry.dimensions)
    return Grid(f"typed {source or study.id}", entry.id, tuple(item.name for item in entry.dimensions), axes)


def _axis(dimension: Dimension) -> dict[Code, frozenset[Code]]:
    codes = dimension.categories or tuple(dict.fromkeys(dimension.fold.values()))
    return {code: frozenset(fine for fine, to in dimension.fold.items() if to == code) for code in codes}


def row_claims(row: TypedRow, entry: Entry, grid: Grid, position: int) -> list[Claim] | None:
    """What a row says about an entry; None where its words do not fit the entry."""
    part_words, slash, whole_words = (text.strip() for text in row.cell.partition("/"))
    part = _selection(entry, part_words, _title(entry))
    if part is None:
        return None
    whole = _selection(entry, whole_words, frozenset()) if slash else dict(list(part.items())[:-1])
    cells = _cells(grid, part)
    if row.kind == "count":
        claims = [Claim(row.words, position, cells, row.value, row.value)]
    elif row.n is not None:
        claims = [percentage_claim(row, position, cells)]
    else:
        half = 0.5 * 10.0**-row.decimals
        low, high = max(0.0, row.value - half) / 100, (row.value + half) / 100
        claims = [Claim(row.words, position, cells, low, high, whole=_cells(grid, whole or {}))]
    if row.n is not None and whole is not None:
        claims.append(Claim(f"{row.words} (n = {row.n})", position, _cells(grid, whole), row.n, row.n, stated=True))
    return claims


def percentage_claim(row: TypedRow, position: int, cells: tuple[tuple[Code, ...], ...]) -> Claim:
    """The claim of a percentage of a stated total, in counts."""
    assert row.n is not None
    low, high, reachable = percent_claim(row.value, row.decimals, row.n)
    if not reachable:
        counts = f"between {low:.2f} and {high:.2f}: no whole number"
    else:
        counts = f"{low:g}" if low == high else f"{low:g} to {high:g}"
    return Claim(f"{row.words} ({counts})", position, cells, low, high, reachable=reachable)


def _cells(grid: Grid, selection: Selection) -> tuple[tuple[Code, ...], ...]:
    wanted = [selection.get(name, frozenset(axis)) for name, axis in zip(grid.dimensions, grid.axes, strict=True)]
    return tuple(
        product(*([code for code in axis if code in want] for axis, want in zip(grid.axes, wanted, strict=True)))
    )


def _selection(entry: Entry, words: str, idle: frozenset[str]) -> Selection | None:
    """The codes that the words name, per dimension, in the order of the words; None where a word fits nothing.

    idle: words that mean all of it.
    """
    found: Selection = {}
    for word in words.split():
        named = {} if word.lower() in ALL else _named(entry, word)
        if named is None and word.lower() not in idle:
            return None
        found |= named or {}
    return found


def _title(entry: Entry) -> frozenset[str]:
    return frozenset(f"{entry.titles.nl} {entry.titles.en}".lower().split())


def _named(entry: Entry, word: str) -> Selection | None:
    """One word: a restriction of one dimension, nothing (all of it), or None."""
    labels = Labels()
    for dimension in entry.dimensions:
        for code in _axis(dimension):
            if word == str(code) or word.lower() in _spoken(labels, dimension.name, code):
                return {dimension.name: frozenset({code})}
    for dimension in entry.dimensions:
        codes = _axis(dimension)
        if word == dimension.name and YES in codes:
            return {dimension.name: frozenset({YES})}
        if word.lower() in OTHERS and set(OTHERS[word.lower()]) <= set(codes):
            return {dimension.name: frozenset(OTHERS[word.lower()])}
        period = PERIOD.fullmatch(word)
        years = [code for code in codes if isinstance(code, int)]
        if period and years:
            meant = frozenset(year for year in years if int(period[1]) <= year <= int(period[2]))
            return {} if meant == frozenset(years) else {dimension.name: meant}
    return None


def _spoken(labels: Labels, dimension: str, code: Code) -> Iterator[str]:
    return (labels.category(dimension, code, language).lower().replace(" ", "_") for language in LANGUAGES)
