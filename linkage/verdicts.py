"""What a clerk decided about pairs in doubt: links made and unmade, and how often the doubt was right.

A verdict names its pair by a mark, a digest of the two record pseudonyms: the same next year, and nothing without the key.
It is given to one linking; from then on the map of person ids keeps it, because two persons that are told apart stay
apart and one person stays one. So a verdict may change the map, which nothing else does: records that an earlier run
joined are parted, and two persons become one, under the smaller id.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import blake2b

import numpy as np
import pyarrow as pa

from linkage.evaluate import as_dict, share
from linkage.judged import Judged
from linkage.resolve import NO_PERSON, Entities, pair_ends, pair_keys
from linkage.views import Index
from schemas.errors import InputRefused

MARK = 16
VERDICTS = pa.schema([("pair", pa.binary(MARK)), ("same", pa.bool_())])
# Bits of a clerk's word (the weight of such a link): more than the pairs that it would bring together or tear apart can say
# against it.
CLERK_BITS = 1000.0
# Pairs below this posterior were in no clerk's file, unless the model has changed a great deal since.
LEAST = 1e-4


def marks(left: Index, right: Index, records: pa.Array) -> pa.Array:
    """The marks (n,) of pairs of entities; the order of a pair does not matter."""
    ends = (records.take(pa.array(side)).to_pylist() for side in (left, right))
    return pa.array([_mark(a, b) for a, b in zip(*ends, strict=True)], pa.binary(MARK))


def _mark(a: bytes, b: bytes) -> bytes:
    return blake2b(min(a, b) + max(a, b), digest_size=MARK, person=b"pair in doubt").digest()


@dataclass(frozen=True)
class Decided:
    """What was judged and known, after the clerk; `quality`: what to say of it."""

    judged: Judged
    entities: Entities
    quality: dict[str, object]


def decided(
    verdicts: pa.Table, judged: Judged, conflicts: Index, records: pa.Array, entities: Entities, threshold: float
) -> Decided:
    """Verdicts laid over posteriors, weights and the persons of before. `conflicts`: keys of pairs whose equal numbers
    contradict each other. InputRefused where the verdicts have another layout.
    """
    if not verdicts.schema.equals(VERDICTS):
        raise InputRefused("The verdicts have another layout than this version reads; take the file of this version.")
    said = dict(zip(*(verdicts.column(name).to_pylist() for name in VERDICTS.names), strict=True))
    rows = np.flatnonzero(judged.posterior >= LEAST)
    judged, rows = _with_conflicts(judged, rows, conflicts)
    names = marks(judged.left[rows], judged.right[rows], records).to_pylist()
    found = [(int(row), said[name]) for row, name in zip(rows, names, strict=True) if name in said]
    asked = np.array([row for row, _ in found], dtype=np.int64)
    same = np.array([yes for _, yes in found], dtype=bool)
    posterior, bits, weight = (values.copy() for values in (judged.posterior, judged.bits, judged.weight))
    linked = posterior[asked] >= threshold
    posterior[asked] = same
    bits[asked] = weight[asked] = np.where(same, CLERK_BITS, -CLERK_BITS)
    quality = {
        "asked": len(said),
        "not_found": len(said) - len(found),
        "linked_and_same": as_dict(share(int(same[linked].sum()), int(linked.sum()))) if linked.any() else None,
        "not_linked_but_same": as_dict(share(int(same[~linked].sum()), int((~linked).sum())))
        if (~linked).any()
        else None,
    }
    after = replace(judged, posterior=posterior, bits=bits, weight=weight)
    known = _known(entities, judged.left[asked], judged.right[asked], same)
    return Decided(after, replace(entities, known=known), {"clerical": quality})


def _with_conflicts(judged: Judged, rows: Index, conflicts: Index) -> tuple[Judged, Index]:
    """Conflicts are in the clerk's file whether they were worth a comparison or not; those that were not are added."""
    keys = pair_keys(judged.left, judged.right)
    new = np.setdiff1d(conflicts, keys)
    left, right = pair_ends(new)
    none = np.zeros(len(new))
    whole = replace(
        judged,
        left=np.concatenate([judged.left, left]),
        right=np.concatenate([judged.right, right]),
        posterior=np.concatenate([judged.posterior, none]),
        bits=np.concatenate([judged.bits, none + judged.absent]),
        weight=np.concatenate([judged.weight, none + judged.absent]),
    )
    return whole, np.union1d(rows, np.flatnonzero(np.isin(pair_keys(whole.left, whole.right), conflicts)))


def _known(entities: Entities, left: Index, right: Index, same: np.ndarray) -> Index:
    """The persons of before, as the clerk corrects them."""
    known = entities.known.copy()
    for a, b in zip(left[~same].tolist(), right[~same].tolist(), strict=True):
        if known[a] == known[b] != NO_PERSON:
            # The record of a register with one row per person keeps the id; the other is somebody new.
            known[a if entities.single[b] and not entities.single[a] else b] = NO_PERSON
    for a, b in zip(left[same].tolist(), right[same].tolist(), strict=True):
        one, other = sorted((int(known[a]), int(known[b])))
        if NO_PERSON != one != other:
            known[known == other] = one
    return known
