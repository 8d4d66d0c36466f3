"""faiss range search as a cross-check: inner products of filters scaled so that distance says Dice is not needed.

Task: left, right (raw filters), bytes, threshold, repeat. Binary range search by Hamming distance: Dice d of filters with
x and y bits means x + y - 2 c <= (1 - d)(x + y), so a radius over the largest sum holds every pair; the rest is filtered.
"""

from __future__ import annotations

from typing import Any

import faiss
import numpy as np
from common import answer, cpu_clock


def work(task: dict[str, Any]) -> dict[str, Any]:
    faiss.omp_set_num_threads(1)
    left, right = (np.fromfile(task[side], dtype=np.uint8).reshape(-1, task["bytes"]) for side in ("left", "right"))
    count = [np.unpackbits(side, axis=1).sum(axis=1, dtype=np.int64) for side in (left, right)]
    radius = int(np.floor((1 - task["threshold"]) * (count[0].max() + count[1].max()))) + 1
    times = []
    for _ in range(task["repeat"]):
        before = cpu_clock()
        index = faiss.IndexBinaryFlat(8 * task["bytes"])
        index.add(right)
        limits, distances, columns = index.range_search(left, radius)
        rows = np.repeat(np.arange(len(left)), np.diff(limits.astype(np.int64)))
        total = count[0][rows] + count[1][columns]
        common = (total - distances.astype(np.int64)) // 2
        keep = np.flatnonzero(2 * common >= task["threshold"] * total - 1e-9)
        times.append(cpu_clock() - before)
    pairs = sorted(zip(rows[keep].tolist(), columns[keep].tolist(), strict=True))
    return {"seconds": min(times), "pairs": pairs, "found": len(pairs)}


answer(work, "faiss-cpu")
