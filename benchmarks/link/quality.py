"""How well: F1 at the linker's own threshold and at the one that the truth would choose, on files with known truth."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.link.environments import Peer, PeerAbsent, ask, ask_ours
from benchmarks.link.febrl import Files
from benchmarks.rows import Row, targeted

PEERS = (
    Peer("Splink", "splink_link.py", ("splink==5.0.0", "pandas==2.3.3")),
    Peer("recordlinkage", "recordlinkage_link.py", ("recordlinkage==0.16", "pandas==2.3.3")),
)
Scored = list[tuple[str, str, float]]


@dataclass(frozen=True)
class Marks:
    """F1 at a posterior of one half, the best F1 over all thresholds, and precision at one half."""

    f1: float
    oracle: float
    precision: float


def marks(pairs: Scored, true: frozenset[tuple[str, str]]) -> Marks:
    """Pairs taken from the surest on, each record once (both files have one row per person)."""
    seen: set[tuple[str, str]] = set()
    right = total = 0
    oracle = f1 = 0.0
    precision = 1.0
    for left, other, score in sorted(pairs, key=lambda pair: (-pair[2], pair[0], pair[1])):
        if ("l", left) in seen or ("r", other) in seen:
            continue
        seen |= {("l", left), ("r", other)}
        total += 1
        right += (left, other) in true
        now = 2 * right / (total + len(true))
        oracle = max(oracle, now)
        if score >= 0.5:
            f1, precision = now, right / total
    return Marks(f1, oracle, precision)


def quality_rows(files: Files, absent: list[str], *, peers: bool) -> Iterator[Row]:
    """Schakel and its peers on the same two files: quality, CPU seconds, peak memory, versions."""
    with TemporaryDirectory() as folder:
        task: dict[str, Any] = {"pairs": str(Path(folder) / "pairs.csv")}
        for name, frame in (("left", files.left), ("right", files.right)):
            task[name] = str(Path(folder) / f"{name}.csv")
            frame.rename_axis("unique_id").to_csv(task[name])
        said = ask_ours("benchmarks.link.own", task)
        ours = marks(_read(task["pairs"]), files.true)
        yield targeted(f"{files.name}: F1, truth-free less oracle threshold", ours.f1 - ours.oracle, "F1", ">=", -0.01)
        estimate = said["quality"]["registers"]["left+right"]["precision"]["estimate"]
        yield targeted(f"{files.name}: estimated less true precision", abs(estimate - ours.precision), "", "<=", 0.02)
        yield from _numbers(files.name, ours, said, None)
        for peer in PEERS if peers else ():
            try:
                said = ask(peer, task)
            except PeerAbsent as error:
                absent.append(str(error))
                continue
            theirs = marks(_read(task["pairs"]), files.true)
            who = " ".join(f"{package} {number}" for package, number in said["versions"].items())
            yield from _numbers(files.name, theirs, said, who)
            yield targeted(
                f"{files.name}: F1, encoded, less {peer.name} in clear", ours.f1 - theirs.f1, "F1", ">=", 0.0
            )


def _numbers(name: str, got: Marks, said: dict[str, Any], who: str | None) -> Iterator[Row]:
    yield Row(f"{name}: F1 at its own threshold", got.f1, "F1", peer=who)
    yield Row(f"{name}: F1 at the best threshold", got.oracle, "F1", peer=who)
    yield Row(f"{name}: time", said["cpu_seconds"], "CPU s", peer=who)
    yield Row(f"{name}: peak memory", said["peak_mb"], "MB", peer=who)


def _read(path: str) -> Scored:
    with open(path, newline="", encoding="utf-8") as file:
        return [(left, right, float(score)) for left, right, score in csv.reader(file)]
