"""Code lists as versioned data (`schemas/codelists/`): codes, region groupings, labels.

The reports group countries differently per figure, so a region list belongs to the table that names it, and a code that
a list does not name is an error of the list, never silently "other".
"""

from __future__ import annotations

import csv
import hashlib
import json
from dataclasses import dataclass
from functools import cache
from typing import NoReturn

from schemas.errors import UsageError
from schemas.study import SHIPPED, Text
from schemas.toml import Strict, read_toml

_FOLDER = SHIPPED / "codelists"
_COUNTRIES = "countries.csv"
_REGIONS = "regions.csv"


class _Entry(Strict):
    version: str
    source: str
    codes: tuple[str, ...] = ()
    file: str | None = None


class _Lists(Strict):
    lists: dict[str, _Entry]


@dataclass(frozen=True)
class CodeList:
    """One list as a policy or manifest cites it; `digest` is the SHA-256 (hex) of its id, version and content."""

    id: str
    version: str
    source: str
    codes: tuple[str, ...]
    digest: str


class Regions(dict[str, str]):
    """Region by nationality of one list; a code that the list does not name is a UsageError, never a default."""

    def __init__(self, list_id: str, regions: dict[str, str]) -> None:
        super().__init__(regions)
        self.list_id = list_id

    def __missing__(self, code: str) -> NoReturn:
        raise UsageError(
            f"The region list '{self.list_id}' does not name every code it was asked for; add the code to regions.csv "
            "and raise the version of the list."
        )


def code_lists() -> dict[str, CodeList]:
    """Every shipped list by id, with version and digest."""
    return {list_id: code_list(list_id) for list_id in _entries()}


@cache
def code_list(list_id: str) -> CodeList:
    """One list by id; UsageError when there is none of that name."""
    entry = _entry(list_id)
    content: object = list(entry.codes)
    codes = entry.codes
    if entry.file == _COUNTRIES:
        codes = tuple(row["iso3"] for row in _rows(_COUNTRIES))
        content = list(codes)
    elif entry.file == _REGIONS:
        content = [list(codes), sorted(_grouping(list_id).items())]
    canonical = json.dumps([list_id, entry.version, content], ensure_ascii=False, separators=(",", ":"))
    return CodeList(list_id, entry.version, entry.source, codes, hashlib.sha256(canonical.encode()).hexdigest())


def codes(list_id: str) -> tuple[str, ...]:
    """The codes of a list in their order of presentation."""
    return code_list(list_id).codes


def nationalities() -> tuple[str, ...]:
    """The 251 nationality codes: ISO 3166-1 alpha-3, XKX and XXX, in alphabetical order."""
    return codes("nationaliteit")


@cache
def region(list_id: str) -> Regions:
    """Region by nationality code of one list (`nr2015_f08`, `nr2015_f12`, `nr2015_f20`, `wodc2020`).

    UsageError when there is no such list, or when it leaves a nationality out.
    """
    if _entry(list_id).file != _REGIONS:
        raise UsageError(f"'{list_id}' is not a region list; the region lists are {', '.join(region_lists())}.")
    grouping = _grouping(list_id)
    wrong = [code for code in nationalities() if grouping.get(code) not in codes(list_id)]
    if wrong:
        raise UsageError(
            f"The region list '{list_id}' gives no region of its own to {', '.join(wrong)}; correct regions.csv."
        )
    return Regions(list_id, grouping)


def region_lists() -> tuple[str, ...]:
    """Ids of the region lists."""
    return tuple(list_id for list_id, entry in _entries().items() if entry.file == _REGIONS)


@cache
def labels() -> dict[str, Text]:
    """Dutch and English labels of category codes."""
    return {row["code"]: Text(nl=row["nl"], en=row["en"]) for row in _rows("labels.csv")}


@cache
def country_names() -> dict[str, Text]:
    """Dutch and English names of the nationality codes (Unicode CLDR)."""
    return {row["iso3"]: Text(nl=row["nl"], en=row["en"]) for row in _rows(_COUNTRIES)}


def _entry(list_id: str) -> _Entry:
    try:
        return _entries()[list_id]
    except KeyError:
        raise UsageError(f"There is no code list '{list_id}'; the lists are {', '.join(_entries())}.") from None


@cache
def _entries() -> dict[str, _Entry]:
    return read_toml(_FOLDER / "lists.toml", _Lists).lists


def _grouping(list_id: str) -> dict[str, str]:
    return {row["iso3"]: row[list_id] for row in _rows(_REGIONS)}


@cache
def _rows(name: str) -> tuple[dict[str, str], ...]:
    with (_FOLDER / name).open(encoding="utf-8", newline="") as handle:
        return tuple(csv.DictReader(handle))
