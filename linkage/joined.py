"""What joining pairs to persons does to errors: pairs that nobody judged, and false links that make several false pairs.

Of a file with duplicates persons are published, not links: a - b and b - c make a - c one person's too. So what is estimated
is the precision of pairs within persons. A false link that alone holds two groups of records together makes every pair over
them false; one that other links go around makes one. Which links are false nobody knows, so each is thought so in
proportion to its own doubt.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import breadth_first_order, connected_components

from linkage.views import Index

Floats = NDArray[np.float64]
# The marks of links beside the tree protect nobody: they are equal by chance once in 2^63.
SEED = 20001961


def _one() -> Floats:
    return np.ones(1)


@dataclass(frozen=True)
class Joined:
    """Persons made of links. pairs: pairs of records within them; sizes (s,): how many of them a false link can make false,
    and shares (s,): of all false links how many make so many.
    """

    pairs: int
    sizes: Floats = field(default_factory=_one)
    shares: Floats = field(default_factory=_one)

    def spread(self, false_links: Index, generator: np.random.Generator) -> Index:
        """Draws (n,) of false pairs for draws of false links."""
        drawn: Index = (generator.multinomial(false_links, self.shares) @ self.sizes).astype(np.int64)
        return np.minimum(drawn, self.pairs)

    @property
    def per_link(self) -> float:
        """False pairs to expect of a false link."""
        return float(self.shares @ self.sizes)


def joined(left: Index, right: Index, bits: Floats, *, one_file: bool) -> tuple[Joined, Index]:
    """Persons made of links (left, right) (n,) with their log2 odds, and the person of each link (n,).

    one_file: both ends are records of one register, and every pair of a person's records counts; else pairs over the two.
    """
    if not len(left):
        return Joined(0), left
    names, codes = np.unique(np.concatenate([left, right]), return_inverse=True)
    a, b = codes[: len(left)], codes[len(left) :]
    person = connected_components(_graph(a, b, len(names)), directed=False)[1].astype(np.int64)
    side = np.zeros(len(names), dtype=np.int64)
    side[b] = 0 if one_file else 1
    people = int(person.max()) + 1
    held = np.stack([np.bincount(person[side == place], minlength=people) for place in (0, 1)], axis=1)
    if one_file:
        size = held[:, 0]
        pairs, several = int((size * (size - 1) // 2).sum()), size > 2
    else:
        pairs, several = int(held.prod(axis=1).sum()), np.min(held, axis=1) > 1
    made = np.ones(len(a))
    rows = np.flatnonzero(several[person[a]])
    if len(rows):
        beyond, cut = _cuts(a[rows], b[rows], side)
        rest = held[person[a[rows]]] - beyond
        over = beyond[:, 0] * rest[:, 0] if one_file else beyond[:, 0] * rest[:, 1] + beyond[:, 1] * rest[:, 0]
        made[rows] = np.where(cut, over, 1)
    sizes, which = np.unique(made, return_inverse=True)
    doubt = 1 / (1 + np.exp2(np.clip(bits, -60, 60)))
    shares = np.bincount(which, weights=doubt)
    return Joined(pairs, sizes, shares / shares.sum()), person[a]


def _graph(a: Index, b: Index, size: int) -> coo_matrix:
    return coo_matrix((np.ones(len(a)), (a, b)), shape=(size, size))


def _cuts(a: Index, b: Index, side: Index) -> tuple[Index, NDArray[np.bool_]]:
    """Per link how many records of either side (n, 2) are beyond it, and whether it alone leads there.

    Over a spanning tree of all persons: a link of the tree is the only way when no other link leads out of the part
    below it, that is, when the marks of the other links (each at both its ends) cancel out there.
    """
    records, ends = np.unique(np.concatenate([a, b]), return_inverse=True)
    a, b, size = ends[: len(a)], ends[len(a) :], len(records)
    _, person = connected_components(_graph(a, b, size), directed=False)
    _, first = np.unique(person, return_index=True)
    # One root above all persons makes one tree of them.
    roots = np.full(len(first), size)
    whole = _graph(np.concatenate([a, roots]), np.concatenate([b, first]), size + 1)
    order, above = breadth_first_order(whole.tocsr(), size, directed=False)
    tree = ((above[a] == b) | (above[b] == a)) & _first_of_each(a, b)
    marks = np.random.Generator(np.random.PCG64(SEED)).integers(1, 2**63, len(a))
    below = np.zeros((size + 1, 3), dtype=np.int64)
    below[np.arange(size), side[records]] = 1
    for ends in (a, b):
        np.bitwise_xor.at(below[:, 2], ends[~tree], marks[~tree])
    for record in order[:0:-1].tolist():
        onto = above[record]
        below[onto, :2] += below[record, :2]
        below[onto, 2] ^= below[record, 2]
    child = np.where(above[a] == b, a, b)
    return below[child, :2], tree & (below[child, 2] == 0)


def _first_of_each(a: Index, b: Index) -> NDArray[np.bool_]:
    """Of links given twice the first alone can be the tree's."""
    low, high = np.minimum(a, b), np.maximum(a, b)
    _, place = np.unique(low * (int(high.max(initial=0)) + 1) + high, return_index=True)
    first = np.zeros(len(a), dtype=bool)
    first[place] = True
    return first
