"""From pairs to persons: links first to last by certainty, contradictions cut, ids that never change.

A cluster is a person. Links are taken in order (by number first, then by weight); one is refused when it would put two
records of a register with one row per person together, join two persons that an earlier run told apart, or when the
pairs it would bring together speak against it in sum. Ties are broken by record pseudonyms, never by row order, so a
reordered delivery gives the same persons.

What is decided about a link depends on the links and records that hang together with it and on nothing else. So the
records may be resolved in any parts that no link crosses. The walk over the links is compiled; `linkage.resolve_plain`
is the plain twin.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numba import njit
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from linkage.views import Codes, Index
from schemas.engine import Engine, LocalEngine, Step, Tables

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

# A pair that no blocking rule proposed agrees on too little to be one person; bits, as strong as a clear difference.
NEVER_COMPARED = -20.0
# How an entity came to its person, by the code that `Persons.rule` has.
SINGLE, PROBABLE, BY_NUMBER = 0, 1, 2
NO_PERSON = -1
# Entity codes are below 2^31: two of them are one key, in order of the first.
_LEFT = 32
# Links of a part whose ways are contracted; fewer are one graph at once.
EDGES_PART = 1_000_000
LOCAL = LocalEngine()


def pair_keys(left: Codes, right: Codes) -> Index:
    """One number per pair of entities, in the order of the pairs."""
    keys: Index = left.astype(np.int64) << _LEFT | right
    return keys


def pair_ends(keys: Index) -> tuple[Index, Index]:
    """The entities of `pair_keys`."""
    return keys >> _LEFT, keys & ((1 << _LEFT) - 1)


def places_of(keys: Index, ordered: Index) -> Index:
    """The place of each key among `ordered` ones, that do not repeat; -1 where it is not there."""
    if not len(ordered):
        return np.full(len(keys), -1, dtype=np.int64)
    places = np.minimum(np.searchsorted(ordered, keys), len(ordered) - 1)
    return np.where(ordered[places] == keys, places, -1)


@dataclass(frozen=True)
class Edges:
    """n possible links of entities `left` < `right`: log2 odds `bits`, and whether a number makes them; each (n,)."""

    left: Index
    right: Index
    bits: Floats
    by_number: Flags


@dataclass(frozen=True)
class Entities:
    """Per entity (e,): `single` is a bit of its own for each register with one row per person, 0 for other registers;
    `rank` its place in the order of record pseudonyms; `known` its person of earlier runs, NO_PERSON without one.
    """

    single: Index
    rank: Index
    known: Index


@dataclass(frozen=True)
class Weights:
    """What pairs say: their keys, sorted and without repeats, and their weights in bits (n,); `absent` is that of others."""

    keys: Index
    bits: Floats
    absent: float = NEVER_COMPARED


@dataclass(frozen=True)
class Persons:
    """Per entity its cluster (smallest entity code in it), the code of its rule and the bits of its best link, each (e,);
    `cut` says which edges were refused (n,).
    """

    cluster: Index
    rule: NDArray[np.int8]
    bits: Floats
    cut: Flags


def components(entities: Entities, edges: Edges, engine: Engine = LOCAL) -> Index:
    """A number per entity (e,) that entities share which hang together, by links or as one person of earlier runs.

    Parts of the links are contracted where they are: of all ways between its entities a part keeps one.
    """
    earlier = np.flatnonzero(entities.known != NO_PERSON)
    _, first, person = np.unique(entities.known[earlier], return_index=True, return_inverse=True)
    left, right = np.concatenate([edges.left, earlier]), np.concatenate([edges.right, earlier[first][person]])
    size = len(entities.known)
    if len(left) > EDGES_PART:
        slices = (slice(first, first + EDGES_PART) for first in range(0, len(left), EDGES_PART))
        parts = engine.parts(_links(left[some], right[some]) for some in slices)
        kept = pa.concat_tables(engine.map(CONTRACT, parts))
        left, right = (kept.column(name).to_numpy() for name in ("left", "right"))
    found: Index = connected_components(_graph(left, right, size), directed=False)[1]
    return found


def contract(part: pa.Table, given: Tables) -> pa.Table:
    """The kernel: links -> as few as join the same entities, each to the smallest one that it hangs together with."""
    left, right = (part.column(name).to_numpy() for name in ("left", "right"))
    names, codes = np.unique(np.concatenate([left, right]), return_inverse=True)
    component = connected_components(_graph(codes[: len(left)], codes[len(left) :], len(names)), directed=False)[1]
    _, smallest = np.unique(component, return_index=True)
    own = names[smallest][component]
    return _links(own[own != names], names[own != names])


def _graph(left: Index, right: Index, size: int) -> coo_matrix:
    return coo_matrix((np.ones(len(left)), (left, right)), shape=(size, size))


def _links(left: Index, right: Index) -> pa.Table:
    return pa.table([pa.array(left), pa.array(right)], schema=LINKS)


LINKS = pa.schema([("left", pa.int64()), ("right", pa.int64())])
CONTRACT = Step("components", contract, LINKS)


def weights_of(
    entities: Entities, edges: Edges, left: Codes, right: Codes, bits: Floats, absent: float, engine: Engine = LOCAL
) -> Weights:
    """The weights of those of the pairs (left, right) that hang together, which are all that `resolve` asks for."""
    component = components(entities, edges, engine)
    # Two records that are linked to nobody else bring no other pair together.
    kept = np.flatnonzero((component[left] == component[right]) & (np.bincount(component) > 2)[component[left]])
    keys = pair_keys(left[kept], right[kept])
    order = np.argsort(keys)
    return Weights(keys[order], bits[kept][order], absent)


def resolve(edges: Edges, entities: Entities, weights: Weights) -> Persons:
    """Clusters of entities. Memory: some 60 bytes per entity and 30 per edge."""
    order = np.lexsort((entities.rank[edges.right], entities.rank[edges.left], -edges.bits, ~edges.by_number))
    cluster = np.arange(len(entities.rank))
    rule, bits = np.zeros(len(cluster), np.int8), np.zeros(len(cluster))
    cut = np.zeros(len(order), np.bool_)
    _, person = np.unique(entities.known, return_inverse=True)
    person = np.where(entities.known == NO_PERSON, NO_PERSON, person)
    _walk(
        order, edges.left, edges.right, edges.bits, edges.by_number, entities.single, person,
        weights.keys, weights.bits, weights.absent, cluster, rule, bits, cut,
    )  # fmt: skip
    return Persons(cluster, rule, bits, cut)


@njit(nogil=True, cache=True)
def _walk(
    order: Index, left: Index, right: Index, bits: Floats, by_number: Flags, single: Index, person: Index,
    keys: Index, weight: Floats, absent: float, cluster: Index, rule: NDArray[np.int8], best: Floats, cut: Flags,
) -> None:  # fmt: skip
    """Take the edges in their order; fills `cluster`, `rule`, `best` and `cut`."""
    # The members of a cluster are a list from its smallest entity on; `last` is kept of that one alone.
    following, last = np.full(len(cluster), -1), np.arange(len(cluster))
    registers, known = single.copy(), person.copy()
    first = np.full(person.max() + 1 if len(person) else 0, -1)
    for entity in range(len(person)):
        if person[entity] >= 0 and first[person[entity]] < 0:
            first[person[entity]] = entity
        elif person[entity] >= 0:
            _merge(cluster[first[person[entity]]], cluster[entity], cluster, following, last, registers, known)
    for edge in order:
        x, y = cluster[left[edge]], cluster[right[edge]]
        if x != y:
            contradicts = registers[x] & registers[y] != 0 or (known[x] >= 0 and known[y] >= 0 and known[x] != known[y])
            if contradicts or (
                not by_number[edge]
                and bits[edge] + _others(left[edge], right[edge], x, y, following, keys, weight, absent) < 0
            ):
                cut[edge] = True
                continue
            _merge(x, y, cluster, following, last, registers, known)
        for entity in (left[edge], right[edge]):
            if rule[entity] == SINGLE:
                rule[entity], best[entity] = BY_NUMBER if by_number[edge] else PROBABLE, bits[edge]


@njit(nogil=True, cache=True)
def _merge(
    x: int, y: int, cluster: Index, following: Index, last: Index, registers: Index, known: Index
) -> None:  # fmt: skip
    x, y = min(x, y), max(x, y)
    member = y
    while member >= 0:
        cluster[member] = x
        member = following[member]
    following[last[x]] = y
    last[x] = last[y]
    registers[x] |= registers[y]
    known[x] = max(known[x], known[y])


@njit(nogil=True, cache=True)
def _others(
    left: int, right: int, x: int, y: int, following: Index, keys: Index, weight: Floats, absent: float
) -> float:
    """What the other pairs that a link would bring together weigh, in bits."""
    total = 0.0
    i = x
    while i >= 0:
        j = y
        while j >= 0:
            low, high = min(i, j), max(i, j)
            if low != left or high != right:
                key = (low << _LEFT) | high
                place = np.searchsorted(keys, key)
                total += weight[place] if place < len(keys) and keys[place] == key else absent
            j = following[j]
        i = following[i]
    return total


def person_ids(cluster: Index, entities: Entities, highest: int) -> Index:
    """A person id per entity (e,): the earlier id of its cluster, else the next free one in order of record pseudonyms.

    `highest`: the largest id ever given, 0 before the first run.
    """
    ids = np.full(len(cluster), NO_PERSON, dtype=np.int64)
    earlier = entities.known != NO_PERSON
    ids[cluster[earlier]] = entities.known[earlier]
    order: Any = np.empty(len(cluster), dtype=np.int64)
    order[entities.rank] = np.arange(len(cluster))
    new = cluster[order]
    new = new[ids[new] == NO_PERSON]
    _, first = np.unique(new, return_index=True)
    new = new[np.sort(first)]
    ids[new] = highest + 1 + np.arange(len(new))
    return ids[cluster]
