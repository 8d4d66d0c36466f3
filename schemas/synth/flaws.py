"""Bad rows: one broken rule per row, so that what intake must set aside, and at which column, is known.

Two reasons of `schemas.quarantine` are not planted: `sleutel_dubbel`, because another row falls with it, and in Parquet
`rij_onleesbaar`, which only a text file can have.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from schemas.quarantine import WHOLE_ROW
from schemas.study import Dialect
from schemas.synth.dates import Parts

Columns = dict[str, np.ndarray]
IMPOSSIBLE, LONG_AGO, FUTURE = (2012, 2, 31), (1990, 1, 1), (2099, 1, 1)


@dataclass(frozen=True)
class Flaw:
    """`column` is where intake must find it; `cells` is what to write: text, or (year, month, day)."""

    column: str
    cells: dict[str, str | tuple[int, int, int]]


def _one(column: str, value: str | tuple[int, int, int]) -> Flaw:
    return Flaw(column, {column: value})


# A letter that no dialect may use for a sex; checked when it is written.
_NO_SEX = "X"
_RAGGED = Flaw(WHOLE_ROW, {})

FLAWS: dict[str, tuple[Flaw, ...]] = {
    "ind": (
        _one("vnummer", "12345"),
        _one("procedure", "B99"),
        _one("datum_aanvraag", IMPOSSIBLE),
        Flaw("datum_besluit", {"datum_besluit": LONG_AGO, "besluit": "INGEWILLIGD"}),
        _one("geslacht", _NO_SEX),
        _one("geboortedatum", FUTURE),
        _one("nationaliteit", "ZZZ"),
        _one("besluit", "MISSCHIEN"),
        _RAGGED,
        _one("vnummer", ""),
        _one("geboortedatum", IMPOSSIBLE),
        _one("grond", "GEEN"),
        Flaw("besluit_bezwaar", {"besluit_bezwaar": "MISSCHIEN", "datum_bezwaar": FUTURE}),
        Flaw("datum_bezwaar", {"datum_bezwaar": LONG_AGO, "besluit_bezwaar": "AFGEWEZEN"}),
        Flaw("datum_bezwaar", {"datum_bezwaar": "", "besluit_bezwaar": "AFGEWEZEN"}),
        Flaw("datum_besluit", {"datum_besluit": "", "besluit": "AFGEWEZEN"}),
        Flaw("besluit", {"datum_besluit": FUTURE, "besluit": ""}),
    ),
    "dtv": (
        _one("d9_start", IMPOSSIBLE),
        _one("uitstroom", "WEG"),
        _one("d9_einde", LONG_AGO),
        _one("aangifte", "X"),
        _one("geboortedatum", FUTURE),
        _one("nationaliteit", "ZZZ"),
        _one("vnummer", "12345"),
        _one("geslacht", _NO_SEX),
        _one("d9_nummer", ""),
        _RAGGED,
    ),
    "iom": (
        _one("vertrekdatum", (2012, 13, 0)),
        _one("bestemming", "ZZZ"),
        _one("verwijzers", "COMENSHA|BUURMAN"),
        _one("geboortedatum", FUTURE),
        _one("nationaliteit", "ZZZ"),
        _one("vnummer", "12345"),
        _one("geslacht", _NO_SEX),
        _one("iom_nummer", ""),
        _RAGGED,
    ),
}


def flaws_of(kind: str, *, text_file: bool) -> tuple[Flaw, ...]:
    """The flaws that a delivery of this kind can have, in the order in which they take turns."""
    return tuple(f for f in FLAWS[kind] if text_file or f is not _RAGGED)


def break_rows(columns: Columns, flaws: list[Flaw], dialect: Dialect) -> None:
    """Write flaw i into row i of `columns`, in place; the ragged row is the writer's work."""
    for row, flaw in enumerate(flaws):
        for column, value in flaw.cells.items():
            columns[column][row] = value if isinstance(value, str) else _date(value, dialect)
            if column == "geslacht" and value in dialect.sex:
                columns[column][row] = _NO_SEX * 2


def _date(parts: tuple[int, int, int], dialect: Dialect) -> str:
    text = Parts(*(np.array([part]) for part in parts)).text(dialect.date_format)
    return str(text[0])
