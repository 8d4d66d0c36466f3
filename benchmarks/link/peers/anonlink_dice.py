"""anonlink's compiled Dice over two sets of filters. Task: left, right (files of raw filters), bytes, threshold, repeat."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from anonlink.similarities import dice_coefficient_accelerated
from bitarray import bitarray
from common import answer, cpu_clock


def _filters(path: str, width: int) -> list[bitarray]:
    data = Path(path).read_bytes()
    out = []
    for start in range(0, len(data), width):
        bits = bitarray(endian="little")
        bits.frombytes(data[start : start + width])
        out.append(bits)
    return out


def work(task: dict[str, Any]) -> dict[str, Any]:
    left, right = (_filters(task[side], task["bytes"]) for side in ("left", "right"))
    times = []
    for _ in range(task["repeat"]):
        before = cpu_clock()
        similarities, (rows, columns) = dice_coefficient_accelerated((left, right), task["threshold"])
        times.append(cpu_clock() - before)
    return {"seconds": min(times), "pairs": sorted(zip(rows, columns, strict=True)), "found": len(similarities)}


answer(work, "anonlink")
