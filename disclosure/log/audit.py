"""Reading the log: search it, recompute it, hand it to somebody who trusts nobody."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TextIO

import sqlalchemy as sa

from disclosure.log.log import Log, entries
from disclosure.log.tree import EMPTY_ROOT, leaf_hash, node_hash, position
from disclosure.log.witness import witness_folders
from disclosure.schema import checkpoints, leaves, nodes
from disclosure.store import Transaction
from schemas.errors import IntegrityError

# What completes a prefix such as 2026-03; texts of one form compare alike under every database's collation.
_EARLIEST, _LATEST = "0000-00-00T00:00:00Z", "9999-99-99T99:99:99Z"


@dataclass(frozen=True)
class Filter:
    """What to show; None does not filter. `since` and `until` are ISO times or prefixes of one, both inclusive."""

    study: str | None = None
    release: str | None = None
    kind: str | None = None
    table: str | None = None
    rule: str | None = None
    actor: str | None = None
    since: str | None = None
    until: str | None = None


def show(tx: Transaction, wanted: Filter) -> Iterator[dict[str, Any]]:
    """The matching leaves, oldest first, as parsed envelopes. `rule` matches the name of a parameter or a regime."""
    conditions = [
        leaves.c[column] == getattr(wanted, column)
        for column in ("study", "release", "kind", "actor")
        if getattr(wanted, column) is not None
    ]
    if wanted.since is not None:
        conditions.append(leaves.c.time >= wanted.since + _EARLIEST[len(wanted.since) :])
    if wanted.until is not None:
        conditions.append(leaves.c.time <= wanted.until + _LATEST[len(wanted.until) :])
    for row in entries(tx, None, *conditions):
        leaf = json.loads(row.data)
        if _concerns(leaf["body"], wanted):
            yield leaf


def _concerns(body: dict[str, Any], wanted: Filter) -> bool:
    if wanted.table is not None and wanted.table != body.get("table") and wanted.table not in body.get("tables", []):
        return False
    return wanted.rule is None or wanted.rule in body.get("rules", {}) or wanted.rule == body.get("regime")


def export(log: Log, tx: Transaction, out: TextIO) -> str:
    """Write every leaf as one line of canonical JSON and return the checkpoint (signed before) that covers most of
    them.

    Leaf number i of the tree is line i (from 0) without its newline; docs/log.md shows how to recompute the root.
    """
    last = log.last_checkpoint(tx)
    if last is None:
        raise IntegrityError("The log has no checkpoint of its own setup; restore the state store.")
    for row in entries(tx, last[0]):
        out.write(row.data.decode() + "\n")
    return last[1]


def verify_log(log: Log) -> int:
    """Recompute everything from the leaves alone and return their number.

    Checks the database's own pages, the numbering, the columns beside each leaf, times that never decrease, every
    stored hash, every checkpoint's root and signature, and every witness. Raises IntegrityError (6) at the first
    fault.
    """
    # Read before the transaction begins, as in `Log.open`.
    files = [file for folder in witness_folders(log.store, log.origin) for file in sorted(folder.glob("[0-9]*.txt"))]
    kept = [(file, file.read_text(encoding="utf-8", errors="replace")) for file in files]
    with log.store.reading() as tx:
        _check_pages(log, tx)
        points = {row.size: row.note for row in tx.execute(sa.select(checkpoints))}
        roots = _recompute(tx, set(points))
        size = log.size(tx)
        for at, note in points.items():
            point = log.extends(tx, note, f"its checkpoint at {at}")
            if point.size != at or roots.get(at) != point.root:
                raise IntegrityError(f"The log's checkpoint at {at} does not fit its entries; restore the state store.")
        for file, note in kept:
            log.extends(tx, note, f"the checkpoint {file}")
    return size


def _check_pages(log: Log, tx: Transaction) -> None:
    if not log.store.embedded:
        return
    if tx.execute(sa.text("PRAGMA integrity_check(1)")).scalar() != "ok":
        raise IntegrityError("The state database is damaged; restore it together with its checkpoints.")


def _recompute(tx: Transaction, sizes: set[int]) -> dict[int, bytes]:
    """Roots at the given sizes, from leaf bytes; compares every stored subtree hash on the way."""
    stack: list[tuple[int, bytes]] = []
    roots = {0: EMPTY_ROOT}
    expected, last_time = 0, ""
    stored = _StoredNodes(tx)
    for row in entries(tx):
        _check_row(row, expected, last_time)
        level, current = 0, leaf_hash(row.data)
        stored.compare(position(0, row.seq), current)
        while stack and stack[-1][0] == level:
            current = node_hash(stack.pop()[1], current)
            level += 1
            stored.compare(position(level, row.seq >> level), current)
        stack.append((level, current))
        expected, last_time = expected + 1, row.time
        if expected in sizes:
            roots[expected] = _fold(stack)
    stored.finish(expected)
    return roots


def _fold(stack: list[tuple[int, bytes]]) -> bytes:
    current = stack[-1][1]
    for _, left in reversed(stack[:-1]):
        current = node_hash(left, current)
    return current


def _check_row(row: sa.Row[Any], expected: int, last_time: str) -> None:
    try:
        leaf = json.loads(row.data)
        same = all(leaf[name] == getattr(row, name) for name in ("seq", "time", "actor", "kind", "study", "release"))
    except (ValueError, KeyError, TypeError):
        same = False
    if row.seq != expected or not same or row.time < last_time:
        raise IntegrityError(f"Entry {expected} of the log is missing, moved or changed; restore the state store.")


class _StoredNodes:
    """Streams the stored hashes of one level at a time past the recomputed ones."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx
        self._buffers: dict[int, dict[int, bytes]] = {}
        self._seen = 0

    def compare(self, key: int, value: bytes) -> None:
        level = key >> 48
        buffer = self._buffers.setdefault(level, {})
        if key not in buffer:
            statement = sa.select(nodes).where(nodes.c.position >= key, nodes.c.position < position(level + 1, 0))
            rows = self._tx.execute(statement.order_by(nodes.c.position).limit(2_000)).all()
            buffer.clear()
            buffer.update((row.position, row.hash) for row in rows)
        if buffer.pop(key, None) != value:
            raise IntegrityError("A stored hash does not fit the log's entries; restore the state store.")
        self._seen += 1

    def finish(self, size: int) -> None:
        count = self._tx.execute(sa.select(sa.func.count()).select_from(nodes)).scalar_one()
        if count != self._seen:
            raise IntegrityError(f"The log holds hashes of more than its {size} entries: its end was cut off.")
