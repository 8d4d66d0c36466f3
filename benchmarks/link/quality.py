"""How well: F1 at the linker's own threshold and at the one that the truth would choose, on files with known truth."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from benchmarks.link.environments import Peer, PeerAbsent, ask, ask_ours
from benchmarks.link.febrl import Files
from benchmarks.link.files import Duplicates
from benchmarks.rows import Row, targeted

PEERS = (
    Peer("Splink", "splink_link.py", ("splink==5.0.0", "pandas==2.3.3")),
    Peer("recordlinkage", "recordlinkage_link.py", ("recordlinkage==0.16", "pandas==2.3.3")),
)
Scored = list[tuple[str, str, float]]


@dataclass(frozen=True)
class Marks:
    """F1 at a posterior of one half, the best F1 over all thresholds, and precision and recall at one half."""

    f1: float
    oracle: float
    precision: float
    recall: float


@dataclass(frozen=True)
class Task:
    """What every linker gets: one or two files in clear, which columns they have, and the pairs that are one person."""

    name: str
    kind: str
    frames: tuple[pd.DataFrame, ...]
    true: frozenset[frozenset[str]]


def two_files(files: Files) -> Task:
    """A task of two files with one row per person."""
    return Task(files.name, "address", (files.left, files.right), frozenset(map(frozenset, files.true)))


def one_file(file: Duplicates) -> Task:
    """A task of one file with duplicates."""
    return Task(file.name, file.kind, (file.frame,), file.true)


def marks(pairs: Scored, true: frozenset[frozenset[str]], *, once: bool) -> Marks:
    """Pairs taken from the surest on; `once`: each record has one partner at most, for every linker alike."""
    seen: set[str] = set()
    right = total = 0
    oracle = f1 = recall = 0.0
    precision = 1.0
    for left, other, score in sorted(pairs, key=lambda pair: (-pair[2], pair[0], pair[1])):
        if once and (left in seen or other in seen):
            continue
        seen |= {left, other}
        total += 1
        right += frozenset((left, other)) in true
        now = 2 * right / (total + len(true))
        oracle = max(oracle, now)
        if score >= 0.5:
            f1, precision, recall = now, right / total, right / len(true)
    return Marks(f1, oracle, precision, recall)


def quality_rows(asked: Task, absent: list[str], *, peers: bool) -> Iterator[Row]:
    """Schakel, the same model on clear text, and the peers on the same files: quality, CPU seconds, memory, versions."""
    name, once = asked.name, len(asked.frames) == 2
    with TemporaryDirectory() as folder:
        pairs = Path(folder) / "pairs.csv"
        paths = [str(Path(folder) / f"{place}.csv") for place in range(len(asked.frames))]
        for path, frame in zip(paths, asked.frames, strict=True):
            frame.rename_axis("unique_id").to_csv(path)
        task: dict[str, Any] = {"files": paths, "kind": asked.kind, "pairs": str(pairs)}
        said = ask_ours("benchmarks.link.own", task)
        ours = marks(_read(pairs), asked.true, once=once)
        yield targeted(f"{name}: F1, truth-free less oracle threshold", ours.f1 - ours.oracle, "F1", ">=", -0.01)
        yield from _estimates(
            name, said["estimates"], *(ours.precision, ours.recall) if once else _persons(pairs, asked)
        )
        yield from _numbers(name, ours, said, None)
        ask_ours("benchmarks.link.own", task | {"clear": True})
        clear = marks(_read(pairs), asked.true, once=once)
        yield Row(f"{name}: F1 of the same model on clear text", clear.f1, "F1")
        yield targeted(f"{name}: F1, encoded less clear text, same model", ours.f1 - clear.f1, "F1", ">=", -0.005)
        for peer in PEERS if peers else ():
            try:
                said = ask(peer, task)
            except PeerAbsent as error:
                absent.append(str(error))
                continue
            theirs = marks(_read(pairs), asked.true, once=once)
            who = " ".join(f"{package} {number}" for package, number in said["versions"].items())
            yield from _numbers(name, theirs, said, who)
            yield targeted(f"{name}: F1, encoded, less {peer.name} in clear", ours.f1 - theirs.f1, "F1", ">=", 0.0)


def _persons(pairs: Path, asked: Task) -> tuple[float, float]:
    """True precision and recall of the pairs within persons, which is what estimates are of: links joined."""
    links = pd.DataFrame([pair[:2] for pair in _read(pairs) if pair[2] >= 0.5], columns=["a", "b"])
    codes, names = pd.factorize(pd.concat([links["a"], links["b"]]))
    ends = codes[: len(links)], codes[len(links) :]
    person = connected_components(coo_matrix((np.ones(len(links)), ends), shape=(len(names),) * 2), directed=False)[1]
    whole = pd.Series(names).groupby(person)
    found = {frozenset(pair) for _, records in whole for pair in combinations(records, 2)}
    right = len(found & asked.true)
    return right / max(len(found), 1), right / len(asked.true)


def _estimates(name: str, estimates: dict[str, dict[str, float]], *true: float) -> Iterator[Row]:
    precision, recall = estimates["precision"], estimates["recall"]
    yield targeted(f"{name}: estimated less true precision", abs(precision["estimate"] - true[0]), "", "<=", 0.02)
    for what, part, truth in (("precision", precision, true[0]), ("recall", recall, true[1])):
        yield Row(f"{name}: true {what}", truth, "share")
        yield Row(f"{name}: estimated {what}, 95 % interval", f"{part['low']:.4f} to {part['high']:.4f}", "share")


def _numbers(name: str, got: Marks, said: dict[str, Any], who: str | None) -> Iterator[Row]:
    yield Row(f"{name}: F1 at its own threshold", got.f1, "F1", peer=who)
    yield Row(f"{name}: F1 at the best threshold", got.oracle, "F1", peer=who)
    yield Row(f"{name}: time", said["cpu_seconds"], "CPU s", peer=who)
    yield Row(f"{name}: peak memory", said["peak_mb"], "MB", peer=who)


def _read(path: Path) -> Scored:
    with open(path, newline="", encoding="utf-8") as file:
        return [(left, right, float(score)) for left, right, score in csv.reader(file)]
