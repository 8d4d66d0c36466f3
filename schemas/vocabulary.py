"""The words of a catalogue: units of count, variables, and lists that fold a variable into coarser categories.

`schemas/catalogue/variables.toml` is the shared vocabulary; a catalogue may add lists of its own. A variable's
categories are its **fine** level; a list maps every fine category to one coarse category, and a fine category that a
list does not name is an error of the list, never silently "other".
"""

from __future__ import annotations

import csv
import re
import tomllib
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError, model_validator

from schemas.codelists import codes, region
from schemas.errors import UsageError
from schemas.study import SHIPPED, Text
from schemas.toml import Strict

Code = str | int
Parsed = TypeVar("Parsed", bound=Strict)

VOCABULARY = SHIPPED / "catalogue" / "variables.toml"
KEY_COLUMN = "iso3"
_PLACEHOLDER = re.compile(r"\{(first|last)([+-]\d+)?\}")


class Unit(Strict):
    """What is counted. `window` names the variable over which one unit stands once per observation window."""

    label: Text
    registers: tuple[str, ...]
    variables: tuple[str, ...]
    window: str | None = None


class Variable(Strict):
    """A derived attribute and its fine categories: written out, the study's years, bands of an integer, or a code list.

    bands     inclusive bounds of completed years per category.
    codes     the id of a shipped code list (`schemas.codelists`).
    missing   the category of an absent value; without it an absent value has no category.
    observed  tables list only the categories that occur (the reports' nationality tables).
    linked    the value depends on linking registers.
    """

    label: Text
    categories: tuple[str, ...] = ()
    years: bool = False
    bands: dict[str, tuple[int, int]] | None = None
    codes: str | None = None
    missing: str | None = None
    observed: bool = False
    linked: bool = False

    @model_validator(mode="after")
    def _one_source(self) -> Variable:
        given = [bool(self.categories), self.years, self.bands is not None, self.codes is not None]
        if sum(given) != 1:
            raise ValueError("give exactly one of categories, years, bands and codes")
        return self


class Grouping(Strict):
    """Folds the fine categories of the variable `of`: by `groups`, a shipped `region` list, or an own `file`.

    `file` is a CSV beside the catalogue that names it: the codes in its column `iso3`, their groups in `column`.
    """

    of: str
    label: Text
    groups: dict[str, tuple[str, ...]] | None = None
    region: str | None = None
    file: str | None = None
    column: str | None = None
    categories: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _one_source(self) -> Grouping:
        if [self.groups, self.region, self.file].count(None) != 2:
            raise ValueError("give exactly one of groups, region and file")
        if (self.file is None) != (self.column is None) or (self.file is None) == bool(self.categories):
            raise ValueError("a file, and only a file, goes with column and categories (their order)")
        return self


class Vocabulary(Strict):
    """Units, variables and lists by name."""

    units: dict[str, Unit]
    variables: dict[str, Variable]
    lists: dict[str, Grouping]


def substitute(data: Any, first: int, last: int) -> Any:
    """`data` with `{first}`, `{last}`, `{first+1}`, `{last-2}` ... in its strings replaced by years of the study."""
    if isinstance(data, str):
        return _PLACEHOLDER.sub(lambda m: str((first if m[1] == "first" else last) + int(m[2] or 0)), data)
    if isinstance(data, list):
        return [substitute(item, first, last) for item in data]
    if isinstance(data, dict):
        return {key: substitute(value, first, last) for key, value in data.items()}
    return data


def parse_toml(path: Path) -> dict[str, Any]:
    """The file as a dict; UsageError when it is missing or not TOML."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(f"{path} does not exist; name a catalogue file that does.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not valid TOML: {error}.") from None


def validate(path: Path, data: dict[str, Any], model: type[Parsed]) -> Parsed:
    """`data` as `model`; UsageError names the file, the entry by its id (not by its number) and the key."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where: list[str] = []
        node: Any = data
        for part in first["loc"]:
            node = _child(node, part)
            named = isinstance(part, int) and isinstance(node, dict) and "id" in node
            where.append(str(node["id"]) if named else str(part))
        place = ": ".join(where) or "the top level"
        raise UsageError(f"{path}: {place}: {first['msg']} ({error.error_count()} problem(s) in this file).") from None


def _child(node: Any, part: int | str) -> Any:
    if isinstance(node, list) and isinstance(part, int) and part < len(node):
        return node[part]
    return node.get(part) if isinstance(node, dict) else None


def load_vocabulary(first: int, last: int) -> Vocabulary:
    """The shared vocabulary for a study of the years `first`..`last`."""
    return validate(VOCABULARY, substitute(parse_toml(VOCABULARY), first, last), Vocabulary)


def fine_categories(variable: Variable, years: tuple[int, ...]) -> tuple[Code, ...]:
    """The fine categories of a variable in order, the category of absent values last where it has one of its own."""
    if variable.years:
        return years
    names = variable.categories or tuple(variable.bands or ())
    if variable.codes is not None:
        names = codes(variable.codes)
    return names if variable.missing is None or variable.missing in names else (*names, variable.missing)


def fold_of(
    name: str, spec: Grouping, fine: tuple[Code, ...], folder: Path
) -> tuple[dict[Code, Code], tuple[Code, ...]]:
    """Fine category -> coarse category, and the coarse categories in order.

    UsageError when a region list or file leaves a code out, or when `groups` names a category that the variable does
    not have, or one twice. `groups` may leave fine categories out; a table that meets one of those is refused then.
    """
    if spec.region is not None:
        regions = region(spec.region)
        return {code: regions[str(code)] for code in fine}, codes(spec.region)
    if spec.file is not None:
        return _from_file(name, spec, fine, folder / spec.file), spec.categories
    fold: dict[Code, Code] = {}
    for coarse, members in (spec.groups or {}).items():
        for member in members:
            if member not in fine or member in fold:
                raise UsageError(f"List {name}: {coarse}: '{member}' is no category of {spec.of}, or is named twice.")
            fold[member] = coarse
    return fold, tuple(spec.groups or ())


def _from_file(name: str, spec: Grouping, fine: tuple[Code, ...], path: Path) -> dict[Code, Code]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as handle:
            rows = list(csv.DictReader(handle))
    except FileNotFoundError:
        raise UsageError(f"{path} does not exist; list {name} names it as its file.") from None
    if not rows or KEY_COLUMN not in rows[0] or spec.column not in rows[0]:
        raise UsageError(f"{path}: needs the columns {KEY_COLUMN} and {spec.column}, which list {name} names.")
    groups = {row[KEY_COLUMN]: row[str(spec.column)] for row in rows}
    wrong = [code for code in fine if groups.get(str(code)) not in spec.categories]
    if wrong:
        raise UsageError(f"{path}: list {name}: {len(wrong)} codes have no declared group, {wrong[0]} first; add them.")
    return {code: groups[str(code)] for code in fine}
