"""The three raw extracts as data: which columns a register delivers, and what a row must satisfy (`docs/study.md`).

Columns are the headers of the files the registers deliver; which text a date or a code is written in is the dialect's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from schemas.study import Dialect

Reads = Literal["text", "vnummer", "date", "birth", "sex", "code", "codes"]
NAME_COLUMNS = ("achternaam", "voornamen")


@dataclass(frozen=True)
class Field:
    """One column. `codes` names its code list (`schemas.codelists`); `required` means an empty cell breaks the row."""

    name: str
    reads: Reads = "text"
    required: bool = False
    codes: str | None = None


@dataclass(frozen=True)
class Order:
    """`later` may not lie before `earlier`; if it does, the row breaks at `later` for `reason`."""

    later: str
    earlier: str
    reason: str


@dataclass(frozen=True)
class Need:
    """`column` may not be empty where `given` is filled, or holds one of `values`; else it breaks for `reason`."""

    column: str
    given: str
    reason: str
    values: tuple[str, ...] = ()


@dataclass(frozen=True)
class Extract:
    """One kind of register.

    key        the column that identifies a record ("sleutel").
    unique     whether one record is one row: two different rows with one key then contradict each other.
    reference  the date at which age is counted; a birth after it breaks the row.
    """

    kind: str
    key: str
    unique: bool
    reference: str
    fields: tuple[Field, ...]
    orders: tuple[Order, ...] = ()
    needs: tuple[Need, ...] = ()

    def delivered(self, dialect: Dialect) -> tuple[str, ...]:
        """The column names a file in this dialect must have."""
        names = [field.name for field in self.fields]
        if dialect.name_column is None:
            return tuple(names)
        return (*(name for name in names if name not in NAME_COLUMNS), dialect.name_column)

    @property
    def canonical(self) -> tuple[str, ...]:
        """The column names of the canonical events, `regel` first."""
        return ("regel", *(field.name for field in self.fields))


# Only these two are decisions on the merits (domain: residence scheme); the others may lack a date at the source.
MERITS = ("INGEWILLIGD", "AFGEWEZEN")

_PERSON = (
    Field("geboortedatum", "birth"),
    Field("geslacht", "sex", required=True, codes="geslacht"),
    Field("nationaliteit", "code", required=True, codes="nationaliteit"),
)

IND = Extract(
    kind="ind",
    key="vnummer",
    unique=False,
    reference="datum_aanvraag",
    fields=(
        Field("vnummer", "vnummer", required=True),
        Field("voornamen"),
        Field("achternaam"),
        *_PERSON,
        Field("procedure", "code", required=True, codes="procedure"),
        Field("datum_aanvraag", "date", required=True),
        Field("datum_besluit", "date"),
        Field("besluit", "code", codes="besluit"),
        Field("datum_bezwaar", "date"),
        Field("besluit_bezwaar", "code", codes="besluit"),
        Field("grond", "code", codes="grond"),
    ),
    orders=(
        Order("datum_besluit", "datum_aanvraag", "besluit_voor_aanvraag"),
        Order("datum_bezwaar", "datum_aanvraag", "bezwaar_voor_aanvraag"),
    ),
    needs=(
        Need("datum_besluit", "besluit", "datum_ontbreekt", MERITS),
        Need("besluit", "datum_besluit", "besluit_ontbreekt"),
        Need("datum_bezwaar", "besluit_bezwaar", "datum_ontbreekt"),
    ),
)

DTV = Extract(
    kind="dtv",
    key="d9_nummer",
    unique=True,
    reference="d9_start",
    fields=(
        Field("d9_nummer", required=True),
        Field("vnummer", "vnummer"),
        Field("achternaam"),
        Field("voornamen"),
        *_PERSON,
        Field("d9_start", "date", required=True),
        Field("d9_einde", "date"),
        Field("aangifte", "code", required=True, codes="aangifte"),
        Field("uitstroom", "code", required=True, codes="uitstroom"),
    ),
    orders=(Order("d9_einde", "d9_start", "einde_voor_start"),),
)

IOM = Extract(
    kind="iom",
    key="iom_nummer",
    unique=True,
    reference="vertrekdatum",
    fields=(
        Field("iom_nummer", required=True),
        Field("vnummer", "vnummer"),
        Field("achternaam"),
        Field("voornamen"),
        *_PERSON,
        Field("vertrekdatum", "date", required=True),
        Field("bestemming", "code", required=True, codes="nationaliteit"),
        Field("verwijzers", "codes", required=True, codes="verwijzer"),
    ),
)

EXTRACTS: dict[str, Extract] = {extract.kind: extract for extract in (IND, DTV, IOM)}
