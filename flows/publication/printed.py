"""Published tables read back as claims: the CSVs of a release, and tables that somebody typed over from a report."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, reduce
from pathlib import Path

from schemas.catalogue import Catalogue, Dimension, Entry, load_catalogue
from schemas.errors import InputRefused, UsageError
from schemas.policy import load_policy
from schemas.policy_noise import NoisePolicy, Piece, Population
from schemas.study import load_study, resource, shipped_studies
from schemas.tables import COUNT, LOWER, MEAN_COLUMNS, STATUS, UPPER
from schemas.vocabulary import Code
from tabulation.consistency import Claim
from tabulation.equations import Grid

Row = dict[str, str]
MEASURES = (COUNT, "aantal_zuiver", *MEAN_COLUMNS, LOWER, UPPER, STATUS)
DUTCH = ".nl"


@dataclass(frozen=True)
class Merging:
    """What a study's public policy merged: codes per table and dimension, and the code for "all that are blank"."""

    groups: Mapping[tuple[str, str], Mapping[str, frozenset[str]]]
    rest: Mapping[str, str]


@dataclass(frozen=True)
class StudyTables:
    """A shipped study's catalogue, and the merged codes that its releases use."""

    id: str
    catalogue: Catalogue
    merging: Merging


@cache
def study_tables(study_id: str) -> StudyTables:
    """The catalogue and merged codes of a shipped study."""
    study = load_study(study_id)
    catalogue = load_catalogue(resource(study_id, "catalogue", study.catalogue), study.years)
    policy, _ = load_policy(resource(study_id, "policies", study.policy))
    return StudyTables(study_id, catalogue, _merging(policy.public.noise))


def study_of(table: str) -> StudyTables | None:
    """The shipped study whose catalogue has a table."""
    for name in shipped_studies():
        found = study_tables(name)
        if any(entry.id == table for entry in found.catalogue.entries):
            return found
    return None


def _merging(noise: NoisePolicy | None) -> Merging:
    groups: dict[tuple[str, str], dict[str, frozenset[str]]] = {}
    rest: dict[str, str] = {}
    for population in noise.populations if noise else ():
        for table in population.tables:
            if table.rest is not None:
                rest[table.id] = table.rest
            for piece in table.pieces:
                for name in piece.dims:
                    groups.setdefault((table.id, name), {}).update(_groups(population, piece, name))
    return Merging(groups, rest)


def _groups(population: Population, piece: Piece, name: str) -> dict[str, frozenset[str]]:
    """Published code -> codes of the catalogue that it merges, through the attribute's own groups."""
    dimension = piece.dims[name]
    merged = {
        str(code): frozenset(str(item) for item in codes)
        for code, codes in population.attributes[dimension.attribute].groups.items()
    }
    folded = {
        str(code): frozenset().union(*(merged.get(str(item), frozenset({str(item)})) for item in items))
        for code, items in dimension.groups.items()
    }
    return merged | folded


def released_study(path: Path) -> StudyTables:
    """The shipped study of a released file, by its name. UsageError where there is none."""
    table = path.stem.removesuffix(DUTCH)
    study = study_of(table)
    if study is None:
        raise UsageError(f"No shipped study has a table '{table}'; keep the file names of the release ({path}).")
    return study


def release_claims(path: Path, study: StudyTables, position: int) -> tuple[Grid, list[Claim]]:
    """The claims of one released table, which is grid number `position`. InputRefused where it is not as released."""
    table = path.stem.removesuffix(DUTCH)
    entry = study.catalogue.entry(table)
    names = [dimension.name for dimension in entry.dimensions]
    rows = _rows(path)
    if not rows or not {*names, STATUS} <= set(rows[0]):
        raise InputRefused(f"{path} lacks a column of table {table}; give the file as it was released.")
    rest = study.merging.rest.get(table)
    plain = [row for row in rows if rest not in [row[name] for name in names]]
    axes = tuple(_axis(study, entry, place, plain) for place in range(len(names)))
    grid = Grid(str(path.parent), table, tuple(names), axes)
    if len(plain) != math.prod(len(axis) for axis in axes):
        raise InputRefused(f"{path} is not the complete cross of its categories; give the file as it was released.")
    return grid, _table_claims(path, entry, grid, rows, plain, position)


def _rows(path: Path) -> list[Row]:
    """The rows of a CSV in either dialect, numbers with a decimal point."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        raise UsageError(f"{path} cannot be read as UTF-8 text; name CSV files.") from None
    lines = text.splitlines()
    dutch = bool(lines) and ";" in lines[0]
    rows = list(csv.DictReader(lines, delimiter=";" if dutch else ","))
    if any(None in row or None in row.values() for row in rows):
        raise InputRefused(f"{path} has a row with more or fewer fields than its header; correct that row.")
    if dutch:
        rows = [{name: _dotted(name, value) for name, value in row.items()} for row in rows]
    return rows


def _dotted(name: str, value: str) -> str:
    return value.replace(",", ".") if name in MEASURES else value


def _axis(study: StudyTables, entry: Entry, place: int, rows: list[Row]) -> dict[Code, frozenset[Code]]:
    """Printed code -> fine categories: of the catalogue's own codes, of merged ones, or everything."""
    dimension = entry.dimensions[place]
    merged = study.merging.groups.get((entry.id, dimension.name), {})
    printed = dict.fromkeys(row[dimension.name] for row in rows)
    return {code: _fine(entry, dimension, code, merged) for code in printed}


def _fine(entry: Entry, dimension: Dimension, code: str, merged: Mapping[str, frozenset[str]]) -> frozenset[Code]:
    if entry.kind == "mean":
        return frozenset({code})
    own = frozenset(fine for fine, folded in dimension.fold.items() if str(folded) == code)
    if own:
        return own
    if code in merged:
        return frozenset(fine for fine, folded in dimension.fold.items() if str(folded) in merged[code])
    return frozenset(dimension.fold)  # one code for the whole dimension: "2010-2014", "alle_deelname"


def _table_claims(
    path: Path, entry: Entry, grid: Grid, rows: list[Row], plain: list[Row], position: int
) -> list[Claim]:
    step = _rounding(rows)
    claims = []
    blank = tuple(_cell(grid, row) for row in plain if not row.get(COUNT, ""))
    listed = {id(row) for row in plain}
    for number, row in enumerate(rows, 2):
        found = _bounds(entry, row, step)
        if found is None:
            continue
        words = f"{path.name} line {number}, {' '.join(row[name] for name in grid.dimensions)}: {found[2]}"
        part = (_cell(grid, row),) if id(row) in listed else blank
        claims.append(Claim(words, position, part, *found[:2]))
        value = row.get(COUNT, "")
        if row.get(LOWER) and value and not float(row[LOWER]) <= float(value) <= float(row[UPPER]):
            claims.append(Claim(f"{words}: outside its own interval", position, part, *found[:2], reachable=False))
    return claims


def _cell(grid: Grid, row: Row) -> tuple[Code, ...]:
    return tuple(row[name] for name in grid.dimensions)


def _bounds(entry: Entry, row: Row, step: int) -> tuple[float, float, str] | None:
    """What a row says about its count: low, high, and the words for it; None where it says nothing."""
    try:
        if row[STATUS] == "zero_structural":
            return 0.0, 0.0, "cannot occur"
        if row.get(LOWER) and entry.kind == "count":
            return float(row[LOWER]), float(row[UPPER]), f"{row[LOWER]} to {row[UPPER]}"
        value = row.get(COUNT if entry.kind == "count" else MEAN_COLUMNS[0], "")
        if not value or row[STATUS] == "noisy":
            return None
        count = float(value)
    except ValueError:
        raise InputRefused(
            f"Table {entry.id} has a count that is no number; give the file as it was released."
        ) from None
    if row[STATUS] == "rounded":
        return max(0.0, count - step + 1), count + step - 1, f"{value}, rounded"
    return count, count, value


def _rounding(rows: list[Row]) -> int:
    """The base of a rounded table: the largest that all its numbers are multiples of."""
    rounded = [int(float(row[COUNT])) for row in rows if row[STATUS] == "rounded" and row.get(COUNT)]
    return max(1, reduce(math.gcd, rounded, 0))
