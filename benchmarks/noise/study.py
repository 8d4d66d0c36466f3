"""Exact tables of a shipped study's synthetic registers, under deterministic person ids (by V-number)."""

from __future__ import annotations

import tomllib
from datetime import date
from functools import cache

import pyarrow as pa

from schemas.catalogue import Catalogue, load_catalogue
from schemas.intake import read_registers
from schemas.policy_noise import NoisePolicy
from schemas.study import SHIPPED, Study, load_study
from schemas.tables import ExactTable
from tabulation.tabulate import tabulate

STUDIES = ("nr2015", "wodc2020")
IDENTITY = ("regel", "vnummer", "d9_nummer", "iom_nummer", "voornamen", "achternaam", "geboortedatum")
KEYS = {"IND": "vnummer", "DTV": "d9_nummer", "IOM": "iom_nummer"}
AGE_AT = {"IND": "datum_aanvraag", "DTV": "d9_start", "IOM": "vertrekdatum"}


@cache
def policy(name: str) -> NoisePolicy:
    """The public noise policy of a study."""
    data = tomllib.loads((SHIPPED / "policies" / f"{name}.toml").read_text(encoding="utf-8"))
    return NoisePolicy.model_validate(data["public"]["noise"])


@cache
def catalogue(name: str) -> Catalogue:
    """The catalogue of a study."""
    return load_catalogue(SHIPPED / "catalogue" / f"{name}.toml")


@cache
def registers(name: str) -> tuple[Study, dict[str, pa.Table], pa.Table]:
    """(study, attributes by bron, persons): a person is a V-number, or a row without one."""
    study = load_study(name)
    attributes: dict[str, pa.Table] = {}
    tokens: list[bytes] = []
    people: list[int] = []
    numbers: dict[str, int] = {}
    for bron, table in read_registers(study, SHIPPED / "examples" / name).registers.items():
        own = [(len(tokens) + i).to_bytes(16, "big") for i in range(len(table))]
        rows = table.to_pylist()
        ages = [_age(row["geboortedatum"], row[AGE_AT[bron]]) for row in rows]
        kept = table.drop_columns([column for column in IDENTITY if column in table.column_names])
        kept = kept.append_column("leeftijd", pa.array(ages, pa.int16()))
        attributes[bron] = kept.append_column("token", pa.array(own, pa.binary(16)))
        for token, row in zip(own, rows, strict=True):
            key = row["vnummer"] or f"{bron} {row[KEYS[bron]]}"
            people.append(numbers.setdefault(key, len(numbers)))
            tokens.append(token)
    persons = pa.table({"token": pa.array(tokens, pa.binary(16)), "person_id": pa.array(people, pa.int64())})
    return study, attributes, persons


@cache
def exact(name: str) -> dict[str, ExactTable]:
    """The exact tables of a study."""
    study, attributes, persons = registers(name)
    return tabulate(attributes, persons, study, catalogue(name))


def _age(born: str | None, at: date | None) -> int | None:
    if born is None or at is None or "-00" in born:
        return None
    birth = date.fromisoformat(born)
    return at.year - birth.year - ((at.month, at.day) < (birth.month, birth.day))
