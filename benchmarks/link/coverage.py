"""Whether the intervals of precision and recall hold the truth, over many seeds, and how wide they are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from benchmarks.link.febrl import FEBRL, Files, cleartext
from benchmarks.link.files import Duplicates, table_of
from benchmarks.link.registers import REGISTER_PAIRS, linked_registers, pairs_by
from benchmarks.link.speed import KEYS
from benchmarks.rows import Row, targeted
from linkage.link import LinkParameters, Links, link

SEEDS = range(1, 51)
PEOPLE = 2200
# People of FEBRL4 per seed: 500 in both files and 250 in one alone; records of RLdata10000 per seed.
BOTH, ALONE = 300, 150
RECORDS = 2000


@dataclass(frozen=True)
class Tally:
    """Per estimate whether its interval held the truth, its width, and how far off it was."""

    held: list[bool] = field(default_factory=list)
    width: list[float] = field(default_factory=list)
    off: list[float] = field(default_factory=list)

    def add(self, part: dict[str, float], truth: float) -> None:
        """One more estimate; counts are whole, so a truth that rounds to the end of an interval is inside."""
        self.held.append(part["low"] - 1e-9 <= truth <= part["high"] + 1e-9)
        self.width.append(part["high"] - part["low"])
        self.off.append(abs(part["estimate"] - truth))


def coverage_rows(files: Files, duplicates: Duplicates | None, seeds: Sequence[int] = SEEDS) -> Iterator[Row]:
    """Recall and precision intervals on registers, on halves of two files, and on a file with duplicates."""
    found = [*_registers(seeds), *_halves(files, seeds)]
    if duplicates is not None:
        found += _parts(duplicates, seeds)
    for name in dict.fromkeys(one.name for one in found):
        yield from _rows(name, [one for one in found if one.name == name])


@dataclass(frozen=True)
class Found:
    """One linked pair of registers: its estimates, and the true precision and recall."""

    name: str
    estimates: Any
    precision: float
    recall: float


def _found(name: str, links: Links, pair: str, linked: set[Any], true: set[Any]) -> Found:
    registers: Any = links.quality["registers"]
    right = len(linked & true)
    return Found(name, registers[pair], right / max(len(linked), 1), right / max(len(true), 1))


def _rows(name: str, found: list[Found]) -> Iterator[Row]:
    for what in ("precision", "recall"):
        tally = Tally()
        for one in found:
            tally.add(one.estimates[what], one.precision if what == "precision" else one.recall)
        held = float(np.mean(tally.held))
        yield targeted(f"{name}: {what} interval holds the truth, {len(found)} seeds", held, "share", ">=", 0.9)
        yield Row(f"{name}: width of the {what} interval, mean", float(np.mean(tally.width)), "")
        if what == "precision":
            metric = f"{name}: estimated less true precision, mean over seeds"
            yield targeted(metric, float(np.mean(tally.off)), "", "<=", 0.02)


def _registers(seeds: Sequence[int]) -> Iterator[Found]:
    with TemporaryDirectory() as folder:
        for seed in seeds:
            links, joined = linked_registers(Path(folder) / f"{seed}", "hard", "single-site", PEOPLE, seed)
            for pair in REGISTER_PAIRS:
                linked, true = (pairs_by(joined, *pair, column) for column in ("person_id", "persoon"))
                name = f"synthetic hard, {PEOPLE:,} people, {'-'.join(pair)}"
                yield _found(name, links, "+".join(pair), linked, true)


def _halves(files: Files, seeds: Sequence[int]) -> Iterator[Found]:
    partner = dict(sorted(files.true))
    for seed in seeds:
        drawn = np.random.Generator(np.random.PCG64(seed)).permutation(sorted(partner))
        left, right = drawn[: BOTH + ALONE], [partner[name] for name in drawn[ALONE : BOTH + 2 * ALONE]]
        sides = {"left": files.left.loc[left], "right": files.right.loc[right]}
        tables = {name: table_of(cleartext(side), side.index, FEBRL, KEYS) for name, side in sides.items()}
        links = link(tables, LinkParameters(unique=frozenset(tables), scheme=FEBRL), None)
        names = {
            token: row
            for side, table in tables.items()
            for token, row in zip(table.column("token").to_pylist(), sides[side].index, strict=True)
        }
        linked = {(a, b) for a, b in _together(links, names) if a in partner}
        true = {(a, b) for a, b in files.true if a in set(left) and b in set(right)}
        yield _found(f"{files.name} in parts of {BOTH + ALONE}", links, "left+right", linked, true)


def _parts(file: Duplicates, seeds: Sequence[int]) -> Iterator[Found]:
    names = list(file.frame.index)
    people = _people(names, file.true)
    for seed in seeds:
        drawn = np.random.Generator(np.random.PCG64(seed)).permutation(len(people))
        kept: list[str] = []
        for place in drawn:
            if len(kept) >= RECORDS:
                break
            kept += people[place]
        place_of = {name: place for place, name in enumerate(names)}
        clear = {column: [values[place_of[name]] for name in kept] for column, values in file.clear.items()}
        table = table_of(clear, kept, file.scheme, KEYS)
        links = link({"A": table}, LinkParameters(unique=frozenset(), scheme=file.scheme, within=frozenset("A")), None)
        named = dict(zip(table.column("token").to_pylist(), kept, strict=True))
        inside = set(kept)
        linked = {frozenset(pair) for pair in _together(links, named)}
        true = {pair for pair in file.true if pair <= inside}
        yield _found(f"{file.name} in parts of {RECORDS:,}", links, "A+A", linked, true)


def _people(names: list[str], true: frozenset[frozenset[str]]) -> list[list[str]]:
    """The records of each person."""
    links = pd.DataFrame([sorted(pair) for pair in true], columns=["a", "b"])
    code = {name: place for place, name in enumerate(names)}
    ends = (links["a"].map(code), links["b"].map(code))
    matrix = coo_matrix((np.ones(len(links)), ends), shape=(len(names), len(names)))
    groups: dict[int, list[str]] = {}
    for name, person in zip(names, connected_components(matrix, directed=False)[1].tolist(), strict=True):
        groups.setdefault(person, []).append(name)
    return list(groups.values())


def _together(links: Links, names: dict[bytes, str]) -> Iterator[tuple[str, str]]:
    """Pairs of records that became one person, in order of their registers."""
    people: dict[int, list[tuple[str, str]]] = {}
    columns = (links.persons.column(name).to_pylist() for name in ("token", "bron", "person_id"))
    for token, bron, person in zip(*columns, strict=True):
        people.setdefault(person, []).append((bron, names[token]))
    for rows in people.values():
        for (_, a), (_, b) in combinations(sorted(rows), 2):
            yield a, b
