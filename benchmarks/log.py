"""How append and proofs grow with the log: `python -m benchmarks.log [--folder F] [--json FILE] [URL]` prints the
table of docs/log.md.

The log is grown in bulk (same bytes, hashes and tables as `Log.append` writes) and then measured through its own functions,
each append in a transaction of its own, durable when it returns. URL measures PostgreSQL; F puts the state elsewhere than the
temporary folder (in memory, so that the log is measured and not the disk).
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import sqlalchemy as sa

from benchmarks.rows import Row, table, targeted, write_rows
from disclosure.log import Log, set_up_log
from disclosure.log.tree import leaf_hash, node_hash, position
from disclosure.schema import leaves, nodes
from disclosure.store import open_store

SIZES = (1_000, 10_000, 100_000, 1_000_000)
REPETITIONS = 200
TARGETS = {"append": 2.0, "inclusion": 10.0}
LEAF = (
    '{"actor":"rosa","body":{"item":"page"},"kind":"viewed","release":null,"role":"rapporteur","seq":%d,'
    '"study":"nr2015","time":"2026-03-01T12:00:00Z","v":1}'
)
COLUMNS = {"time": "2026-03-01T12:00:00Z", "actor": "rosa", "kind": "viewed", "study": "nr2015", "release": None}


def grow(log: Log, size: int, stack: list[tuple[int, bytes]]) -> None:
    """Append harmless leaves until there are `size`; `stack` holds the right edge of the tree between calls."""
    with log.store.reading() as tx:
        start = log.size(tx)
    for first in range(start, size, 20_000):
        rows, hashes = [], []
        for seq in range(first, min(first + 20_000, size)):
            data = (LEAF % seq).encode()
            rows.append({"seq": seq, "data": data, **COLUMNS})
            level, current = 0, leaf_hash(data)
            hashes.append({"position": position(0, seq), "hash": current})
            while stack and stack[-1][0] == level:
                current = node_hash(stack.pop()[1], current)
                level += 1
                hashes.append({"position": position(level, seq >> level), "hash": current})
            stack.append((level, current))
        with log.store.transaction() as tx:
            tx.execute(sa.insert(leaves), rows)
            tx.execute(sa.insert(nodes), hashes)


def right_edge(log: Log) -> list[tuple[int, bytes]]:
    """The complete subtrees that the tree of a log now ends in."""
    with log.store.reading() as tx:
        size, stack, start = log.size(tx), [], 0
        while start < size:
            level = (size - start).bit_length() - 1
            key = position(level, start >> level)
            stack.append((level, tx.execute(sa.select(nodes.c.hash).where(nodes.c.position == key)).scalar_one()))
            start += 1 << level
    return stack


def milliseconds(action: Callable[[], object]) -> tuple[float, float, float]:
    """10th percentile, median and 95th percentile over REPETITIONS calls."""
    times = []
    for _ in range(REPETITIONS):
        begin = time.perf_counter()
        action()
        times.append((time.perf_counter() - begin) * 1e3)
    times.sort()
    return times[len(times) // 10], times[len(times) // 2], times[int(len(times) * 0.95)]


def measure(log: Log) -> dict[str, tuple[float, float, float]]:
    """Append, inclusion and consistency proof, and a signed checkpoint with its witness, at the log's present size."""
    chance = random.Random(1)
    with log.store.reading() as tx:
        size = log.size(tx)

    def append() -> None:
        with log.store.transaction() as tx:
            log.append(tx, "viewed", {"item": "page"}, "rosa", "rapporteur", "nr2015")

    def checkpoint() -> None:
        with log.store.transaction() as tx:
            log.append(tx, "viewed", {"item": "page"}, "rosa", "rapporteur", "nr2015")
            log.checkpoint(tx)

    return {
        "append": milliseconds(append),
        "inclusion": milliseconds(lambda: log.prove_inclusion(chance.randrange(size), size)),
        "consistency": milliseconds(lambda: log.prove_consistency(chance.randrange(1, size), size)),
        "append_and_checkpoint": milliseconds(checkpoint),
    }


def bare_sync(folder: str) -> tuple[float, float, float]:
    """What this disk takes to make 16 kB durable, which every append waits for."""
    descriptor = os.open(Path(folder) / "sync", os.O_WRONLY | os.O_CREAT)

    def write() -> None:
        os.write(descriptor, bytes(16_384))
        os.fdatasync(descriptor)

    times = milliseconds(write)
    os.close(descriptor)
    return times


def curve(folder: str, url: str | None) -> list[Row]:
    """Medians at each size; the targets (2 ms, 10 ms) are those of the largest."""
    rows = []
    store = open_store(Path(folder) / "state", url)
    log = set_up_log(store, actor="anna")
    for size in SIZES:
        grow(log, size, right_edge(log))
        for name, (_, median, high) in measure(log).items():
            metric, median = f"log.{name}.{size}", round(median, 3)
            bound = TARGETS.get(name) if size == SIZES[-1] else None
            rows.append(targeted(metric, median, "ms", "<=", bound) if bound else Row(metric, median, "ms"))
            rows.append(Row(f"{metric}.p95", round(high, 3), "ms"))
    rows.append(Row("log.bare_sync", round(bare_sync(folder)[1], 3), "ms"))
    store.close()
    if url is None:
        size = sum(path.stat().st_size for path in (Path(folder) / "state").glob("state.db*"))
        rows.append(Row("log.database", round(size / 1e6), "MB"))
    return rows


def main() -> None:
    """Print the curve, and write it where asked."""
    options = argparse.ArgumentParser()
    options.add_argument("url", nargs="?")
    options.add_argument("--folder")
    options.add_argument("--json", type=Path)
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
        rows = curve(folder, chosen.url)
    sys.stdout.write(table(rows) + "\n")
    if chosen.json:
        write_rows(rows, chosen.json)


if __name__ == "__main__":
    main()
