"""The Merkle tree of RFC 6962 (hashing) and RFC 9162, 2.1 (proofs), over stored hashes of complete subtrees.

A tree of n leaves stores at most 2n hashes; appending writes one leaf hash and as many parents as it completes (one on
average), a root or a proof reads O(log n) of them in one query.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import sqlalchemy as sa

from disclosure.schema import nodes
from disclosure.store import Transaction
from schemas.errors import IntegrityError

EMPTY_ROOT = hashlib.sha256(b"").digest()
_LEVEL_SHIFT = 48
_INSERT = sa.insert(nodes)
Range = tuple[int, int]


def leaf_hash(data: bytes) -> bytes:
    """SHA-256 of a zero byte and the leaf (32 bytes)."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256 of a one byte and both children (32 bytes)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def position(level: int, index: int) -> int:
    """Storage key of the complete subtree over leaves [index * 2**level, (index + 1) * 2**level)."""
    return level << _LEVEL_SHIFT | index


def append_hash(tx: Transaction, seq: int, leaf: bytes) -> None:
    """Store the hash of leaf number `seq` and every parent it completes."""
    completed = (~seq & (seq + 1)).bit_length() - 1  # trailing ones of seq: that many left siblings are waiting
    siblings = _read(tx, [position(level, (seq >> level) - 1) for level in range(completed)])
    rows = [{"position": position(0, seq), "hash": leaf}]
    current = leaf
    for level in range(completed):
        current = node_hash(siblings[position(level, (seq >> level) - 1)], current)
        rows.append({"position": position(level + 1, seq >> (level + 1)), "hash": current})
    tx.execute(_INSERT, rows)


def root(tx: Transaction, size: int) -> bytes:
    """Root hash of the first `size` leaves (32 bytes)."""
    return EMPTY_ROOT if size == 0 else subtrees(tx, [(0, size)])[0]


def inclusion_path(tx: Transaction, seq: int, size: int) -> list[bytes]:
    """Audit path of leaf `seq` in the tree of `size` leaves, from the leaf upwards."""
    return subtrees(tx, inclusion_ranges(seq, 0, size))


def consistency_path(tx: Transaction, old: int, new: int) -> list[bytes]:
    """Proof that the tree of `old` leaves (at least 1) is the beginning of the tree of `new` leaves."""
    return subtrees(tx, consistency_ranges(old, 0, new))


def inclusion_ranges(seq: int, start: int, end: int) -> list[Range]:
    """The subtrees whose hashes make the audit path of `seq` in leaves [start, end)."""
    if end - start == 1:
        return []
    middle = start + largest_power_below(end - start)
    if seq < middle:
        return [*inclusion_ranges(seq, start, middle), (middle, end)]
    return [*inclusion_ranges(seq, middle, end), (start, middle)]


def consistency_ranges(old: int, start: int, end: int, *, whole: bool = True) -> list[Range]:
    """The subtrees of a consistency proof; `whole` says that the old tree is the complete range (RFC's b)."""
    if old == end:
        return [] if whole else [(start, end)]
    middle = start + largest_power_below(end - start)
    if old <= middle:
        return [*consistency_ranges(old, start, middle, whole=whole), (middle, end)]
    return [*consistency_ranges(old, middle, end, whole=False), (start, middle)]


def largest_power_below(count: int) -> int:
    """The largest power of two smaller than `count` (at least 2)."""
    return 1 << ((count - 1).bit_length() - 1)


def subtrees(tx: Transaction, ranges: Iterable[Range]) -> list[bytes]:
    """The hashes of subtrees as RFC 6962 cuts them, each from its complete pieces; one query for all."""
    pieces = [_pieces(start, end) for start, end in ranges]
    stored = _read(tx, sorted({piece for group in pieces for piece in group}))
    hashes = []
    for group in pieces:
        current = stored[group[-1]]
        for piece in reversed(group[:-1]):
            current = node_hash(stored[piece], current)
        hashes.append(current)
    return hashes


def _pieces(start: int, end: int) -> list[int]:
    """Storage keys of the complete subtrees that make up [start, end), largest first."""
    keys = []
    while start < end:
        level = (end - start).bit_length() - 1
        keys.append(position(level, start >> level))
        start += 1 << level
    return keys


# SQLite binds at most 32,766 values in a statement, PostgreSQL 65,535.
_BATCH = 5_000


def _read(tx: Transaction, keys: list[int]) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    for first in range(0, len(keys), _BATCH):
        statement = sa.select(nodes.c.position, nodes.c.hash).where(nodes.c.position.in_(keys[first : first + _BATCH]))
        found.update((row.position, row.hash) for row in tx.execute(statement))
    if len(found) < len(keys):
        raise IntegrityError(
            "The log has lost hashes of its tree; run `schakel log verify` and restore the state store."
        )
    return found
