"""From pairs to persons: links first to last by certainty, contradictions cut, ids that never change.

A cluster is a person. Links are taken in order (by number first, then by weight); one is refused when it would put two
records of a register with one row per person together, join two persons that an earlier run told apart, or when the
pairs it would bring together speak against it in sum. Ties are broken by record pseudonyms, never by row order, so a
reordered delivery gives the same persons.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

# A pair that no blocking rule proposed agrees on too little to be one person; bits, as strong as a clear difference.
NEVER_COMPARED = -20.0


@dataclass(frozen=True)
class Edge:
    """A possible link of entities `left` < `right` (codes over all registers), its weight and posterior in bits."""

    left: int
    right: int
    weight: float
    bits: float
    rule: str


@dataclass(frozen=True)
class Persons:
    """Per entity its cluster (smallest entity code in it), the rule and the bits of its best link, and what was cut."""

    cluster: list[int]
    rule: list[str]
    bits: list[float]
    cut: list[Edge]


class _Clusters:
    def __init__(self, registers: list[str], unique: frozenset[str], known: list[int | None]) -> None:
        self._registers, self._unique, self._known = registers, unique, known
        self.of = list(range(len(registers)))
        self.members: dict[int, list[int]] = {entity: [entity] for entity in self.of}

    def ids(self, cluster: int) -> set[int]:
        """The person ids of earlier runs in a cluster: none or one."""
        return {known for e in self.members[cluster] if (known := self._known[e]) is not None}

    def contradicts(self, x: int, y: int) -> bool:
        """Two rows of one person in a register that has one, or two persons of an earlier run."""
        single = [{self._registers[e] for e in self.members[c]} & self._unique for c in (x, y)]
        return bool(single[0] & single[1]) or len(self.ids(x) | self.ids(y)) > 1

    def merge(self, x: int, y: int) -> None:
        """Make one cluster of two, named for its smallest entity."""
        x, y = min(x, y), max(x, y)
        for entity in self.members[y]:
            self.of[entity] = x
        self.members[x] += self.members.pop(y)


def resolve(
    edges: Iterable[Edge],
    pair_weight: dict[tuple[int, int], float],
    registers: list[str],
    records: list[bytes],
    unique: frozenset[str],
    known: list[int | None],
    absent: float = NEVER_COMPARED,
) -> Persons:
    """Clusters of entities. `registers`, `records`, `known`: per entity its register, pseudonym and earlier id.

    absent: the weight in bits of a pair that `pair_weight` does not have.
    """
    clusters = _Clusters(registers, unique, known)
    by_id: dict[int, int] = {}
    for entity, person in enumerate(known):
        if person is not None and by_id.setdefault(person, entity) != entity:
            clusters.merge(clusters.of[by_id[person]], clusters.of[entity])
    rule, bits = ["single"] * len(registers), [0.0] * len(registers)
    cut = []
    for edge in sorted(edges, key=lambda e: (e.rule != "deterministic", -e.bits, records[e.left], records[e.right])):
        x, y = clusters.of[edge.left], clusters.of[edge.right]
        if x != y:
            if clusters.contradicts(x, y) or _against(
                edge, clusters.members[x], clusters.members[y], pair_weight, absent
            ):
                cut.append(edge)
                continue
            clusters.merge(x, y)
        for entity in (edge.left, edge.right):
            if rule[entity] == "single":
                rule[entity], bits[entity] = edge.rule, edge.bits
    return Persons(clusters.of, rule, bits, cut)


def _against(edge: Edge, x: list[int], y: list[int], pair_weight: dict[tuple[int, int], float], absent: float) -> bool:
    """Whether the other pairs that a link would bring together outweigh it."""
    if edge.rule == "deterministic":
        return False
    others = 0.0
    for i in x:
        for j in y:
            pair = (min(i, j), max(i, j))
            if pair != (edge.left, edge.right):
                others += pair_weight.get(pair, absent)
    return edge.bits + others < 0


def person_ids(cluster: list[int], records: list[bytes], known: list[int | None], highest: int) -> list[int]:
    """A person id per entity: the earlier id of its cluster, else the next free one in order of record pseudonyms.

    `highest`: the largest id ever given, 0 before the first run.
    """
    ids: dict[int, int] = {}
    for entity, person in enumerate(known):
        if person is not None:
            ids[cluster[entity]] = person
    for entity in sorted(range(len(cluster)), key=lambda e: records[e]):
        if cluster[entity] not in ids:
            highest += 1
            ids[cluster[entity]] = highest
    return [ids[c] for c in cluster]
