"""A small delivery of all three registers that tests bend out of shape, and the shipped studies with another limit."""

from __future__ import annotations

import csv
from pathlib import Path

from schemas.study import Study, load_study

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "schemas" / "examples"
REFERENCE = ROOT / "tests" / "reference"

HEADERS = {
    "ind": "vnummer;voornamen;achternaam;geboortedatum;geslacht;nationaliteit;procedure;datum_aanvraag;datum_besluit;"
    "besluit;datum_bezwaar;besluit_bezwaar;grond",
    "dtv": "d9_nummer;vnummer;achternaam;voornamen;geboortedatum;geslacht;nationaliteit;d9_start;d9_einde;"
    "aangifte;uitstroom",
    "iom": "iom_nummer,vnummer,naam,geboortedatum,geslacht,nationaliteit,vertrekdatum,bestemming,verwijzers",
}
ENCODINGS = {"ind": "utf-8", "dtv": "cp1252", "iom": "utf-8-sig"}
GOOD = {
    "ind": "2930279489;Zoë;Zandstra;1985-03-12;V;SLE;B8;2011-07-15;2011-07-16;INGEWILLIGD;;;AANGIFTE",
    "dtv": "D9-2012-0007;293.027.9489;Zandstra;Zoë;12-03-1985;V;SLE;15-07-2012;16-08-2012;J;VERGUNNING",
    "iom": 'IOM201200001,,"ZANDSTRA, Zoë",12/03/1985,F,SLE,15/07/2013,SLE,OPVANG|POLITIE',
}


def lenient(study_id: str = "nr2015", limit: float = 1.0, **change: object) -> Study:
    """A shipped study that accepts any share of broken rows (a file of three rows passes 5 % at the first)."""
    return load_study(study_id).model_copy(update={"quarantine_limit": limit, **change})


def line_of(kind: str, **cells: str) -> str:
    """The good row of a register with some cells replaced; a cell with the separator in it must come quoted."""
    separator = "," if kind == "iom" else ";"
    names = HEADERS[kind].split(separator)
    values = dict(zip(names, next(csv.reader([GOOD[kind]], delimiter=separator)), strict=True)) | cells
    return separator.join(f'"{v}"' if separator in v and not v.startswith('"') else v for v in values.values())
