"""Who is attacked: people in clear, and which of them the attacker's list and the encoded register hold."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Index = NDArray[np.int64]
COLUMNS = ("surname", "given", "birth", "sex", "nationality")
SOURCES = {"surname": "achternaam", "given": "voornamen", "birth": "geboortedatum"}
SOURCES |= {"sex": "geslacht", "nationality": "nationaliteit"}


@dataclass(frozen=True)
class People:
    """n people; per column n texts (empty where absent)."""

    columns: dict[str, list[str]]

    def __len__(self) -> int:
        return len(self.columns["surname"])

    def take(self, rows: Index) -> People:
        """Some of them, in the given order."""
        return People({name: [texts[row] for row in rows] for name, texts in self.columns.items()})

    def clear(self) -> list[tuple[str, ...]]:
        """What some files leave in clear beside an encoding: nationality, sex and year of birth."""
        births = (birth[:4] for birth in self.columns["birth"])
        return list(zip(self.columns["nationality"], self.columns["sex"], births, strict=True))


def people_of(events: pa.Table, key: str) -> People:
    """The people of one register's canonical events: the first row of every `key`."""
    first: dict[str, int] = {}
    for row, value in enumerate(events.column(key).to_pylist()):
        first.setdefault(value, row)
    chosen = events.take(pa.array(list(first.values()), pa.int64()))
    return People(
        {name: [text or "" for text in chosen.column(source).to_pylist()] for name, source in SOURCES.items()}
    )


def synthetic(folder: Path, people: int, seed: int, first_january: float = 0.0) -> People:
    """Invented people of the first study's IND register, written to the new folder `folder` on the way.

    first_january: the share whom every register has as born on 1 January.
    """
    from schemas.intake import read_registers
    from schemas.study import load_study
    from schemas.synth import PRESETS, Population, synthesise

    synthesise(
        folder, people=people, seed=seed, dirt=PRESETS["reference"], population=Population(first_january=first_january)
    )
    return people_of(read_registers(load_study("nr2015"), folder).registers["IND"], "vnummer")


@dataclass(frozen=True)
class Scene:
    """What the attacker has. truth (r,): place in the list of each register row, -1 where it is not on the list."""

    name: str
    listed: People
    register: People
    truth: Index


def scene(name: str, people: People, size: int, seed: int) -> Scene:
    """`equal`: list and register hold the same `size` people; `containing`: the register is 60 % of the list;
    `overlapping`: half of the register is on the list. Values are those of the list to the letter: the worst case.
    """
    generator = np.random.Generator(np.random.PCG64(seed))
    order = generator.permutation(len(people))
    shared = {"equal": size, "containing": int(0.6 * size), "overlapping": size // 2}[name]
    foreign = size - shared if name == "overlapping" else 0
    if len(people) < size + foreign:
        raise ValueError("a scene needs as many people as its list and the strangers of its register")
    listed = order[:size]
    rows = generator.permutation(np.r_[listed[:shared], order[size : size + foreign]])
    place = {int(person): spot for spot, person in enumerate(listed)}
    truth = np.array([place.get(int(person), -1) for person in rows], dtype=np.int64)
    return Scene(name, people.take(listed), people.take(rows), truth)
