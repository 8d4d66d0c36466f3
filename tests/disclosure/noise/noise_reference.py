"""Exact tables of the reference studies under deterministic person ids (by V-number), and a ledger in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from functools import cache

import pyarrow as pa

from disclosure.ledger import Charge as Reservation
from disclosure.noise.rows import Rows, read_tables
from schemas.catalogue import Catalogue, load_catalogue
from schemas.errors import BudgetExhausted
from schemas.intake import read_registers
from schemas.policy_noise import NoisePolicy, Population
from schemas.study import SHIPPED, Study, load_study
from schemas.tables import ExactTable
from tabulation.tabulate import tabulate

STUDIES = ("nr2015", "wodc2020")
SECRET = b"s" * 32
IDENTITY = ("regel", "vnummer", "d9_nummer", "iom_nummer", "voornamen", "achternaam", "geboortedatum")
KEYS = {"IND": "vnummer", "DTV": "d9_nummer", "IOM": "iom_nummer"}
AGE_AT = {"IND": "datum_aanvraag", "DTV": "d9_start", "IOM": "vertrekdatum"}


@cache
def policy(name: str) -> NoisePolicy:
    import tomllib

    data = tomllib.loads((SHIPPED / "policies" / f"{name}.toml").read_text(encoding="utf-8"))
    return NoisePolicy.model_validate(data["public"]["noise"])


@cache
def catalogue(name: str) -> Catalogue:
    return load_catalogue(SHIPPED / "catalogue" / f"{name}.toml")


@cache
def registers(name: str) -> tuple[Study, dict[str, pa.Table], pa.Table]:
    """(study, attributes by bron, persons): a person is a V-number, or a row without one."""
    study = load_study(name)
    attributes, tokens, people = {}, [], []
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
    study, attributes, persons = registers(name)
    return tabulate(attributes, persons, study, catalogue(name))


@cache
def rows(name: str, population: str) -> dict[str, Rows]:
    """The microdata that a population reads."""
    return read_tables(member(name, population), exact(name))


def member(name: str, population: str) -> Population:
    """A population of a study's policy, by id."""
    return next(found for found in policy(name).populations if found.id == population)


def _age(born: str | None, at: date | None) -> int | None:
    if born is None or at is None or "-00" in born:
        return None
    birth = date.fromisoformat(born)
    return at.year - birth.year - ((at.month, at.day) < (birth.month, birth.day))


class MemoryLedger:
    """The protocol in memory, with a limit per population and an optional crash before or after a named step."""

    def __init__(self, limit: float = 1e9, crash: Callable[[str, str], None] | None = None) -> None:
        self.limit, self.crash = limit, crash or (lambda step, key: None)
        self.charges: dict[str, tuple[str, float]] = {}
        self.results: dict[str, bytes] = {}

    def reserve_all(self, wanted: Sequence[Reservation]) -> None:
        self.crash("before reserve", wanted[0].key)
        new = {charge.key: (charge.population, charge.rho) for charge in wanted if charge.key not in self.charges}
        for population in {name for name, _ in new.values()}:
            asked = sum(rho for name, rho in new.values() if name == population)
            if self.spent(population) + asked > self.limit * (1 + 1e-9):
                raise BudgetExhausted(
                    "The budget does not cover this charge; wait for another edition or lower the price."
                )
        self.charges |= new
        self.crash("after reserve", wanted[0].key)

    def result(self, key: str) -> bytes | None:
        return self.results.get(key)

    def mark_drawn(self, key: str, result: bytes) -> None:
        self.crash("before mark", key)
        assert key in self.charges
        self.results.setdefault(key, result)
        self.crash("after mark", key)

    def spent(self, population: str) -> float:
        return sum(rho for name, rho in self.charges.values() if name == population)
