"""How fast: the Dice kernel and the encoder, each beside its peers and beside what the processor can do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time
from typing import Any

import numpy as np
from numba import njit

from benchmarks.link.environments import Peer, PeerAbsent, ask
from benchmarks.link.febrl import FEBRL, Files, cleartext, record_filters, texts
from benchmarks.rows import Row, targeted
from linkage.encode import encode_fields
from linkage.kernel import TILE, dice_pairs, popcount
from linkage.keys import StudyKeys

ANONLINK = Peer("anonlink", "anonlink_dice.py", ("anonlink==0.15.3",))
CLKHASH = Peer("clkhash", "clkhash_encode.py", ("clkhash==0.18.3",))
FAISS = Peer("faiss", "faiss_range.py", ("faiss-cpu==1.15.1", "numpy"))
THRESHOLD = 0.8
REPEAT = 5
COPIES = 2
KEYS = StudyKeys(b"benchmark, not a secret, 32 byte", "benchmark")


def _count(words: np.ndarray, rounds: int) -> int:
    """Population counts of a block that stays in the level-1 cache, and nothing else."""
    total = np.zeros(TILE, np.uint64)
    for turn in range(rounds):
        x = np.uint64(turn)
        for w in range(words.shape[0]):
            row = words[w]
            for j in range(TILE):
                total[j] += popcount(row[j] & x)
    return int(total.sum())


_popcounts = njit(nogil=True)(_count)


def ceiling() -> float:
    """Pairs of 1,024 bits per CPU second if counting bits were all there is to do."""
    words = np.random.Generator(np.random.PCG64(1)).integers(0, 2**63, (16, TILE)).astype(np.uint64)
    rounds = 200_000
    return TILE * rounds / best_of(lambda: _popcounts(words, rounds))


def best_of(work: Callable[[], object]) -> float:
    """The least CPU seconds of some runs, the first (which compiles) apart."""
    work()
    times = []
    for _ in range(REPEAT):
        before = process_time()
        work()
        times.append(process_time() - before)
    return min(times)


def kernel_rows(files: Files, absent: list[str], *, peers: bool) -> Iterator[Row]:
    """Pairs per second on FEBRL's record encodings; peers get the same filters and must find the same pairs."""
    left, right = (np.tile(side, (COPIES, 1)) for side in record_filters(files, KEYS))
    pairs = len(left) * len(right)
    mine = pairs / best_of(lambda: dice_pairs(left, right, THRESHOLD))
    found = list(zip(*(side.tolist() for side in dice_pairs(left, right, THRESHOLD)), strict=True))
    top = ceiling()
    yield Row("kernel on FEBRL4 encodings", mine / 1e6, "M pairs / CPU s")
    yield Row("popcount ceiling of this processor", top / 1e6, "M pairs / CPU s")
    yield targeted("kernel beside the popcount ceiling", mine / top, "share", ">=", 0.4)
    if not peers:
        return
    with TemporaryDirectory() as folder:
        task: dict[str, Any] = {"bytes": 128, "threshold": THRESHOLD, "repeat": 3}
        for name, side in (("left", left), ("right", right)):
            task[name] = str(Path(folder) / name)
            side.tofile(str(task[name]))
        for peer, target in ((ANONLINK, 3.0), (FAISS, None)):
            try:
                said = ask(peer, task)
            except PeerAbsent as error:
                absent.append(str(error))
                continue
            theirs = pairs / said["seconds"]
            who = f"{peer.name} {next(iter(said['versions'].values()))}"
            yield Row(f"{peer.name} on the same filters", theirs / 1e6, "M pairs / CPU s", peer=who)
            same = [tuple(pair) for pair in said["pairs"]] == found
            yield Row(f"{peer.name} finds the same {len(found)} pairs", float(same), "1 = yes", "== 1", same, who)
            if target is not None:
                yield targeted(f"kernel beside {peer.name}", mine / theirs, "times", ">=", target)


def large_row(folder: Path, people: int) -> Row:
    """All pairs of two registers of `people` invented people, without blocking."""
    from linkage.encode import encode_registers
    from linkage.views import words_of
    from schemas.intake import read_registers
    from schemas.study import load_study
    from schemas.synth import PRESETS, Population, synthesise

    population = Population(dtv=0.99, dtv_known=0.99)
    synthesise(folder, people=people, seed=1, dirt=PRESETS["reference"], population=population)
    encoded = encode_registers(read_registers(load_study("nr2015"), folder), KEYS, "single-site").linkage
    left, right = (words_of(encoded[bron].column("record_f"), 128) for bron in ("DTV", "IND"))
    left, right = left[:people], right[:people]
    dice_pairs(left[:10], right[:10], THRESHOLD)
    before = process_time()
    dice_pairs(left, right, THRESHOLD)
    used = process_time() - before
    # Rows a register happens to lack, or has more than once, change the number of pairs a little: say it per 10^10.
    scaled = used * 1e10 / (len(left) * len(right))
    return targeted(f"{len(left):,} x {len(right):,} without blocking, per 10^10 pairs", scaled, "CPU s", "<=", 15.0)


def encoding_rows(files: Files, absent: list[str], *, peers: bool) -> Iterator[Row]:
    """Records per second; ours makes field and record encodings, clkhash one record encoding of the same columns."""
    import pandas as pd

    frame = pd.concat([files.left, files.right])
    clear = cleartext(frame)
    seconds = best_of(lambda: encode_fields(clear, FEBRL, StudyKeys(b"benchmark, not a secret, 32 byte", "benchmark")))
    mine = len(frame) / seconds
    yield Row("encoding, field and record level", mine, "records / CPU s")
    if not peers:
        return
    columns = [[text or "" for text in texts(frame[name])] for name in frame.columns]
    rows = [list(row) for row in zip(*columns, strict=True)]
    try:
        said = ask(CLKHASH, {"rows": rows, "fields": list(frame.columns), "repeat": 3})
    except PeerAbsent as error:
        absent.append(str(error))
        return
    theirs = len(frame) / said["seconds"]
    yield Row("clkhash on the same records", theirs, "records / CPU s", peer=f"clkhash {said['versions']['clkhash']}")
    yield targeted("encoding beside clkhash", mine / theirs, "times", ">=", 10.0)
