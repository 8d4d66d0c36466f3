"""Study files: which registers, in which dialect, over which years, with which catalogue and policy.

Another year or another set of registers is a new TOML file, no code (`docs/study.md`).
"""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator, model_validator

from schemas.errors import UsageError
from schemas.toml import Strict, read_toml

SHIPPED = Path(str(files("schemas")))
_DATE_PARTS = {"%Y": "(?P<year>[0-9]{4})", "%m": "(?P<month>[0-9]{2})", "%d": "(?P<day>[0-9]{2})"}


def date_pattern(date_format: str) -> str:
    """The anchored regular expression of a date format; ValueError unless %Y, %m and %d each occur exactly once."""
    pieces = re.split("(%.)", date_format)
    directives = sorted(piece for piece in pieces if piece.startswith("%"))
    if directives != sorted(_DATE_PARTS):
        raise ValueError("date_format must hold %Y, %m and %d, each once, and no other directive")
    return "^" + "".join(_DATE_PARTS.get(piece, re.escape(piece)) for piece in pieces) + "$"


class Text(Strict):
    """The same text in the two languages of the publications."""

    nl: str
    en: str


class Dialect(Strict):
    """How a source writes its file. In Parquet and Excel deliveries only `date_format`, `sex` and `name_column` matter.

    `sex` maps the source's codes to V, M, O. `name_column`, where set, holds `SURNAME, First names` in one column.
    """

    encoding: str = "utf-8"
    separator: str = Field(default=";", pattern=r'^[^"\r\n\x00]$')
    date_format: str = "%Y-%m-%d"
    sex: dict[str, Literal["V", "M", "O"]] = Field(default={"V": "V", "M": "M", "O": "O"}, min_length=1)
    name_column: str | None = Field(default=None, min_length=1)

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, value: str) -> str:
        try:
            "".encode(value)
        except LookupError:
            raise ValueError("no such text encoding; examples are utf-8, utf-8-sig and cp1252") from None
        return value

    @field_validator("date_format")
    @classmethod
    def _whole_date(cls, value: str) -> str:
        date_pattern(value)
        return value


class Register(Strict):
    """One delivered register: `bron` in outputs, `kind` decides the columns, `file` is the stem under --data."""

    bron: str = Field(pattern=r"^[A-Z][A-Z0-9_]*$")
    kind: Literal["ind", "dtv", "iom"]
    file: str = Field(pattern=r"^[A-Za-z0-9_-]+$")
    dialect: Dialect


class Study(Strict):
    """One study. `first_year`..`last_year` is the reporting period, both inclusive.

    people_of  id of the study whose people these are: the same registers over the same years, counted in further tables.
               It keeps that study's secret, person ids, blanks and budgets, and each is judged beside the other.
    beside     files of studies of the same people that do not ship with the package.
    """

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")
    version: str
    title: Text
    first_year: int
    last_year: int
    registers: dict[str, Register]
    catalogue: str
    policy: str
    quarantine_limit: float = Field(default=0.05, ge=0, le=1)
    people_of: str | None = None
    beside: tuple[str, ...] = ()
    contact: Text = Text(
        nl="de gegevenshouder die deze cijfers publiceert", en="the data holder who publishes these figures"
    )

    @model_validator(mode="after")
    def _period(self) -> Study:
        if self.last_year < self.first_year:
            raise ValueError("last_year lies before first_year")
        return self

    @model_validator(mode="after")
    def _distinct_registers(self) -> Study:
        if not self.registers:
            raise ValueError("a study reads at least one register")
        for name in ("bron", "file"):
            values = [getattr(register, name) for register in self.registers.values()]
            if len(set(values)) < len(values):
                raise ValueError(f"two registers have the same {name}")
        return self

    @property
    def family(self) -> str:
        """The study whose people are counted: under its name lie secret, person ids, blanks and budgets."""
        return self.people_of or self.id

    @property
    def years(self) -> tuple[int, ...]:
        """The reporting years in order."""
        return tuple(range(self.first_year, self.last_year + 1))


def shipped_studies() -> list[str]:
    """Ids of the studies that come with the package."""
    return sorted(p.stem for p in (SHIPPED / "studies").glob("*.toml"))


def head_studies() -> list[str]:
    """The shipped studies that stand on their own people: what a demo, a schedule and a set-up begin with."""
    return [name for name in shipped_studies() if load_study(name).people_of is None]


def load_study(id_or_path: str) -> Study:
    """A study by id (shipped) or by the path of its TOML file; UsageError (exit 2) says what is wrong and where."""
    if id_or_path in shipped_studies():
        return read_toml(SHIPPED / "studies" / f"{id_or_path}.toml", Study)
    path = Path(id_or_path)
    if path.suffix != ".toml":
        raise UsageError(
            f"There is no study '{id_or_path}'; the shipped ones are {', '.join(shipped_studies())}, "
            "or give the path of a .toml file."
        )
    return read_toml(path, Study)


def resource(study_path: str | None, folder: str, name: str) -> Path:
    """Where a study's catalogue or policy lies: beside the study file when named there with .toml, else shipped."""
    if name.endswith(".toml") and study_path is not None:
        return Path(study_path).parent / name
    return SHIPPED / folder / f"{name}.toml"
