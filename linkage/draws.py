"""Link configurations drawn from the posterior: what linked tables could have been, given the doubt of the links.

Each draw decides every uncertain pair anew: a row without a number picks one of its candidates in a register with one
row per person, or nobody, with their posteriors; other pairs are kept or dropped by theirs. Tables made of each draw
spread as far as linkage error moves them. The doubt is the model's: what it cannot see, no draw shows. Only people whom
an uncertain pair touches are resolved anew; everybody else is the same person in every draw.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from linkage.link import Links
from linkage.resolve import NO_PERSON, Edges, Entities, Weights, resolve
from linkage.views import in_order, words_of

Choice = list[tuple[int, int, float]]


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
    # Tokens are random per run; in order of people the same links give the same draws.
    pairs.sort(
        key=lambda pair: (of_entity[pair[0]], of_entity[pair[1]], registers[pair[0]], registers[pair[1]], pair[2])
    )
    touched = _touched(pairs, of_entity)
    code = {e: place for place, e in enumerate(touched)}
    within = [(code[i], code[j], p) for i, j, p in pairs if i in code]
    few = [registers[e] for e in touched], [records[e] for e in touched], [of_entity[e] for e in touched]
    choices = _choices(within, few[0], unique)
    entities = _as_resolved(few[0], few[1], unique)
    # A draw decides pairs; pairs it says nothing about are no argument against it.
    silent = Weights(np.zeros(0, np.int64), np.zeros(0), absent=0.0)
    schema = pa.schema([("token", pa.binary(16)), ("bron", pa.string()), ("person_id", pa.int64())])
    ids, rows = np.array(of_entity, dtype=np.int64), np.array(entity, dtype=np.int64)
    fixed = [pa.array(tokens, pa.binary(16)), pa.array(bron, pa.string())]
    for _ in range(n):
        picked = [(min(i, j), max(i, j), p) for i, j, p in _drawn(choices, generator)]
        drawn_pairs = np.array(picked, dtype=np.float64).reshape(-1, 3).T
        ends = drawn_pairs[:2].astype(np.int64)
        edges = Edges(ends[0], ends[1], drawn_pairs[2], np.zeros(len(picked), dtype=bool))
        cluster = resolve(edges, entities, silent).cluster.tolist()
        new = _ids(cluster, few[2], int(ids.max(initial=0)))
        drawn = ids.copy()
        drawn[touched] = [new[c] for c in cluster]
        yield pa.table([*fixed, pa.array(drawn[rows], pa.int64())], schema=schema)


def _as_resolved(registers: list[str], records: list[bytes], unique: frozenset[str]) -> Entities:
    bits = {register: 1 << place for place, register in enumerate(sorted(unique))}
    rank = np.empty(len(records), dtype=np.int64)
    rank[in_order(words_of(pa.array(records, pa.binary(16)), 16))] = np.arange(len(records))
    single = np.array([bits.get(register, 0) for register in registers], dtype=np.int64)
    return Entities(single, rank, np.full(len(records), NO_PERSON, dtype=np.int64))


def _touched(pairs: Choice, of_entity: list[int]) -> list[int]:
    """Entities that hang together, by a pair or as one person, with a pair that is not certain; in order."""
    if not pairs:
        return []
    _, people = np.unique(of_entity, return_inverse=True)
    ends = np.array([(people[i], people[j]) for i, j, _ in pairs]).T
    size = int(people.max()) + 1
    _, component = connected_components(coo_matrix((np.ones(len(pairs)), ends), shape=(size, size)), directed=False)
    doubtful = np.unique([component[people[i]] for i, _, p in pairs if p < 1])
    found: list[int] = np.flatnonzero(np.isin(component[people], doubtful)).tolist()
    return found


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


def _ids(cluster: list[int], of_entity: list[int], highest: int) -> dict[int, int]:
    """A person id per cluster: that of its first entity unless an earlier cluster has it, then one above `highest`."""
    taken: set[int] = set()
    ids: dict[int, int] = {}
    for entity, code in enumerate(cluster):
        if code in ids:
            continue
        if of_entity[entity] in taken:
            highest += 1
            ids[code] = highest
        else:
            ids[code] = of_entity[entity]
        taken.add(ids[code])
    return ids
