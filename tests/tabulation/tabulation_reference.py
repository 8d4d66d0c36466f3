"""The reference extracts as attribute tables and true person ids, without intake, encoding or linking.

A study of the same people as another (`people_of`, its head) is counted on the extracts of that one. A plain loader of
its own, so that what it shows about `tabulation` does not depend on another room.
"""

from __future__ import annotations

import csv
import json
from datetime import date, datetime
from functools import cache
from pathlib import Path

import pyarrow as pa

from schemas.catalogue import Catalogue, load_catalogue, together
from schemas.study import SHIPPED, Register, Study, load_study
from schemas.tables import ExactTable
from tabulation.tabulate import tabulate

REFERENCE = Path(__file__).parents[1] / "reference"
REPORTS = ("nr2015", "wodc2020")
FOLLOWERS = ("keten2015", "routes2020")
STUDIES = (*REPORTS, *FOLLOWERS)
KEYS = {"ind": "vnummer", "dtv": "d9_nummer", "iom": "iom_nummer"}
AGE_AT = {"ind": "datum_aanvraag", "dtv": "d9_start", "iom": "vertrekdatum"}
DATES = ("datum_aanvraag", "datum_besluit", "datum_bezwaar", "d9_start", "d9_einde", "vertrekdatum")
DROPPED = ("vnummer", "voornamen", "achternaam", "naam", "geboortedatum", "d9_nummer", "iom_nummer")


@cache
def study_and_catalogue(name: str) -> tuple[Study, Catalogue]:
    return load_study(name), load_catalogue(SHIPPED / "catalogue" / f"{name}.toml")


@cache
def expected(name: str) -> dict[str, list[dict[str, object]]]:
    tables: dict[str, list[dict[str, object]]] = json.loads(
        (REFERENCE / name / "expected_tables.json").read_text(encoding="utf-8")
    )
    return tables


@cache
def reference_input(name: str) -> tuple[dict[str, pa.Table], pa.Table]:
    """(attributes by bron, persons) of a reference study, with the true links."""
    study, _ = study_and_catalogue(name)
    if study.people_of is not None:
        return reference_input(study.people_of)
    attributes: dict[str, pa.Table] = {}
    tokens: list[int] = []
    people: list[int] = []
    numbers: dict[tuple[str, str], int] = {}
    truth = _truth(name)
    for register in study.registers.values():
        rows = _rows(name, register)
        keys = [(register.bron, row[KEYS[register.kind]].replace(".", "").strip()) for row in rows]
        own = [len(tokens) + i for i in range(len(rows))]
        tokens += own
        people += [truth[key] if truth else numbers.setdefault(key, len(numbers)) for key in keys]
        attributes[register.bron] = _attributes(register, rows, own)
    token = pa.array([number.to_bytes(16, "big") for number in tokens], pa.binary(16))
    return attributes, pa.table({"token": token, "person_id": pa.array(people, pa.int64())})


@cache
def reference_tables(name: str) -> dict[str, ExactTable]:
    study, catalogue = study_and_catalogue(name)
    return tabulate(*reference_input(name), study, catalogue)


@cache
def with_head(name: str) -> Catalogue:
    """The catalogue of a study with that of its head, whose tables its relations may name."""
    study, catalogue = study_and_catalogue(name)
    if study.people_of is None:
        return catalogue
    return together([catalogue, study_and_catalogue(study.people_of)[1]])


def _truth(name: str) -> dict[tuple[str, str], int]:
    path = REFERENCE / name / "true_links.csv"
    if not path.exists():
        return {}
    with path.open(encoding="utf-8", newline="") as handle:
        return {(row["bron"], row["sleutel"]): int(row["persoon"]) for row in csv.DictReader(handle)}


def _rows(name: str, register: Register) -> list[dict[str, str]]:
    dialect = register.dialect
    with (SHIPPED / "examples" / name / f"{register.file}.csv").open(encoding=dialect.encoding, newline="") as handle:
        rows = list(csv.DictReader(handle, delimiter=dialect.separator))
    quarantined = REFERENCE / name / "expected_quarantine.json"
    if quarantined.exists():
        lines = {e["regel"] for e in json.loads(quarantined.read_text()) if e["bron"] == register.bron}
        rows = [row for line, row in enumerate(rows, start=2) if line not in lines]
    return [dict(row) for row in {tuple(row.items()): row for row in rows}.values()]


def _attributes(register: Register, rows: list[dict[str, str]], tokens: list[int]) -> pa.Table:
    columns: dict[str, pa.Array] = {"token": pa.array([t.to_bytes(16, "big") for t in tokens], pa.binary(16))}
    form = register.dialect.date_format
    for column in rows[0]:
        values = [row[column] or None for row in rows]
        if column in DATES:
            columns[column] = pa.array([_date(v, form) for v in values], pa.date32())
        elif column == "geslacht":
            columns[column] = pa.array([register.dialect.sex[row[column]] for row in rows])
        elif column not in DROPPED:
            columns[column] = pa.array(values, pa.string())
    ages = [_age(row["geboortedatum"], _date(row[AGE_AT[register.kind]], form), form) for row in rows]
    columns["leeftijd"] = pa.array(ages, pa.int16())
    return pa.table(columns)


def _date(text: str | None, form: str) -> date | None:
    return datetime.strptime(text, form).date() if text else None


def _age(birth: str, at: date | None, form: str) -> int | None:
    """Completed years; None when the birth date is absent or partial (the reference's partial dates need more)."""
    try:
        born = _date(birth, form)
    except ValueError:
        return None
    if born is None or at is None:
        return None
    return at.year - born.year - ((at.month, at.day) < (born.month, born.day))
