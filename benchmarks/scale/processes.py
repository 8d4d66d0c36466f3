"""CPU seconds and memory of this process with all it started: Java and its Python workers are children of children."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
EVERY_SECONDS = 0.2


@dataclass(frozen=True)
class _Process:
    pid: int
    parent: int
    ticks: int
    pages: int


def _processes() -> dict[int, _Process]:
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "stat").read_text().rsplit(")", 1)[1].split()
        except OSError:  # it ended meanwhile
            continue
        # Fields 4, 14, 15 and 24 of proc(5), of which the first two are before the bracket.
        found[int(entry.name)] = _Process(
            int(entry.name), int(words[1]), int(words[11]) + int(words[12]), int(words[21])
        )
    return found


class Sampler:
    """Looks every fifth of a second. What a process used between the last look and its end is not seen."""

    def __init__(self) -> None:
        self._ticks: dict[int, int] = {}
        self._peak = 0
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.wait(EVERY_SECONDS):
            self._look()

    def _look(self) -> None:
        there = _processes()
        ours = {os.getpid()}
        while more := {p.pid for p in there.values() if p.parent in ours} - ours:
            ours |= more
        mine = [there[pid] for pid in ours if pid in there]
        with self._lock:
            self._ticks |= {process.pid: process.ticks for process in mine}
            self._peak = max(self._peak, sum(process.pages for process in mine) * _PAGE)

    def taken(self) -> tuple[float, float]:
        """(CPU seconds since the start, GiB at the highest since the last call); shared pages count in each process."""
        self._look()
        with self._lock:
            peak, self._peak = self._peak, 0
            return sum(self._ticks.values()) / _TICK, peak / (1 << 30)

    def stop(self) -> None:
        """Look no more."""
        self._stop.set()
        self._thread.join()
