"""The plain twin of `linkage.resolve`: the same persons by lists and sets, slow, obvious, and the oracle of its tests."""

from __future__ import annotations

from linkage.resolve import NO_PERSON, Edges, Entities, Weights


class _Clusters:
    def __init__(self, entities: Entities) -> None:
        self._single, self._known = entities.single.tolist(), entities.known.tolist()
        self.of = list(range(len(self._single)))
        self.members = {entity: [entity] for entity in self.of}

    def contradicts(self, x: int, y: int) -> bool:
        """Two rows of one person in a register that has one, or two persons of an earlier run."""
        registers = [{self._single[e] for e in self.members[c]} - {0} for c in (x, y)]
        persons = {self._known[e] for c in (x, y) for e in self.members[c]} - {NO_PERSON}
        return bool(registers[0] & registers[1]) or len(persons) > 1

    def merge(self, x: int, y: int) -> None:
        """Make one cluster of two, named for its smallest entity."""
        x, y = min(x, y), max(x, y)
        for entity in self.members[y]:
            self.of[entity] = x
        self.members[x] += self.members.pop(y)


def clusters(edges: Edges, entities: Entities, weights: Weights) -> tuple[list[int], list[int]]:
    """The cluster of every entity, and the places of the edges that are cut, in the order in which they are tried."""
    found = _Clusters(entities)
    first: dict[int, int] = {}
    for entity, person in enumerate(entities.known.tolist()):
        if person != NO_PERSON and first.setdefault(person, entity) != entity:
            found.merge(found.of[first[person]], found.of[entity])
    rank, bits = entities.rank.tolist(), edges.bits.tolist()
    ends = list(zip(edges.left.tolist(), edges.right.tolist(), strict=True))
    weight = dict(zip(weights.keys.tolist(), weights.bits.tolist(), strict=True))
    cut = []
    for place in sorted(
        range(len(ends)),
        key=lambda e: (not edges.by_number[e], -bits[e], rank[ends[e][0]], rank[ends[e][1]]),
    ):
        x, y = (found.of[end] for end in ends[place])
        if x == y:
            continue
        others = [(min(i, j), max(i, j)) for i in found.members[x] for j in found.members[y]]
        against = sum(weight.get(i << 32 | j, weights.absent) for i, j in others if (i, j) != ends[place])
        if found.contradicts(x, y) or (not edges.by_number[place] and bits[place] + against < 0):
            cut.append(place)
        else:
            found.merge(x, y)
    return found.of, cut
