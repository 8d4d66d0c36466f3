"""Link configurations drawn from the posterior: what linked tables could have been, given the doubt of the links.

Each draw decides every uncertain pair anew: a row without a number picks one of its candidates in a register with one
row per person, or nobody, with their posteriors; other pairs are kept or dropped by theirs. Tables made of each draw
spread as far as linkage error moves them. The doubt is the model's: what it cannot see, no draw shows.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from linkage.link import Links
from linkage.resolve import Edge, resolve


def draw_links(links: Links, n: int, unique: frozenset[str], generator: np.random.Generator) -> Iterator[pa.Table]:
    """`n` tables token, bron, person_id (int64), one row per row of `links.persons`.

    Person ids are those of `links` where a person stays whole; who is split off gets a new one above them. `unique`:
    registers with one row per person, as given to `link`. The generator is the caller's: draws are no protection.
    """
    tokens = links.persons.column("token").to_pylist()
    bron = links.persons.column("bron").to_pylist()
    person = links.persons.column("person_id").to_pylist()
    entity, registers, records, of_entity = _entities(tokens, bron, person, unique)
    place = dict(zip(tokens, entity, strict=True))
    columns = (links.uncertain.column(name).to_pylist() for name in ("left", "right", "probability"))
    pairs = [(place[left], place[right], p) for left, right, p in zip(*columns, strict=True)]
    choices = _choices(pairs, registers, unique)
    nobody: list[int | None] = [None] * len(records)
    for _ in range(n):
        edges = [Edge(min(i, j), max(i, j), 0.0, p, "drawn") for i, j, p in _drawn(choices, generator)]
        cluster = resolve(edges, {}, registers, records, unique, nobody).cluster
        ids = _ids(cluster, of_entity)
        yield pa.table(
            {"token": tokens, "bron": bron, "person_id": [ids[cluster[e]] for e in entity]},
            schema=pa.schema([("token", pa.binary(16)), ("bron", pa.string()), ("person_id", pa.int64())]),
        )


def _entities(
    tokens: list[bytes], bron: list[str], person: list[int], unique: frozenset[str]
) -> tuple[list[int], list[str], list[bytes], list[int]]:
    """Entity per row; per entity its register, a name to break ties with, and its person.

    In a register with one row per person all rows of a person are one record; elsewhere every row is its own.
    """
    codes: dict[tuple[str, int | bytes], int] = {}
    entity = []
    registers, records, of_entity = [], [], []
    for token, source, who in zip(tokens, bron, person, strict=True):
        key = (source, who if source in unique else token)
        if key not in codes:
            codes[key] = len(codes)
            registers.append(source)
            records.append(token)
            of_entity.append(who)
        entity.append(codes[key])
    return entity, registers, records, of_entity


Choice = list[tuple[int, int, float]]


def _choices(pairs: Choice, registers: list[str], unique: frozenset[str]) -> list[Choice]:
    """Pairs among which at most one is true: those of one row with one register that has one row per person."""
    grouped: dict[tuple[int, str] | tuple[int, int], Choice] = {}
    for i, j, p in pairs:
        if registers[i] in unique:
            grouped.setdefault((j, registers[i]), []).append((i, j, p))
        elif registers[j] in unique:
            grouped.setdefault((i, registers[j]), []).append((i, j, p))
        else:
            grouped.setdefault((i, j), []).append((i, j, p))
    return list(grouped.values())


def _drawn(choices: list[Choice], generator: np.random.Generator) -> Choice:
    drawn = []
    for choice, u in zip(choices, generator.random(len(choices)), strict=True):
        edges = np.cumsum([p for _, _, p in choice])
        # Posteriors of one row sum to 1 at most, but for a link by number beside others: it then takes all.
        picked = int(np.searchsorted(edges / max(edges[-1], 1.0), u, side="right"))
        if picked < len(choice):
            drawn.append(choice[picked])
    return drawn


def _ids(cluster: list[int], of_entity: list[int]) -> dict[int, int]:
    """A person id per cluster: that of its first entity unless an earlier cluster has it, then a new one."""
    taken: set[int] = set()
    ids: dict[int, int] = {}
    following = max(of_entity, default=0)
    for entity, code in enumerate(cluster):
        if code in ids:
            continue
        if of_entity[entity] in taken:
            following += 1
            ids[code] = following
        else:
            ids[code] = of_entity[entity]
        taken.add(ids[code])
    return ids
