"""How fast: the Dice kernel and the encoder, each beside its peers and beside what the processor can do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time
from typing import Any

import numpy as np
import pandas as pd
from numba import njit

from benchmarks.link.environments import Peer, PeerAbsent, ask
from benchmarks.link.febrl import FEBRL, Files, cleartext, record_filters, texts
from benchmarks.rows import Row, targeted
from linkage.encode import encode_fields, encode_records, encode_registers
from linkage.fields import Field, Scheme
from linkage.kernel import TILE, compared_pairs, dice_pairs, popcount
from linkage.keys import StudyKeys
from linkage.views import words_of
from schemas.intake import read_registers
from schemas.study import load_study
from schemas.synth import PRESETS, Population, synthesise

ANONLINK = Peer("anonlink", "anonlink_dice.py", ("anonlink==0.15.3",))
CLKHASH = Peer("clkhash", "clkhash_encode.py", ("clkhash==0.18.3",))
FAISS = Peer("faiss", "faiss_range.py", ("faiss-cpu==1.15.1", "numpy"))
THRESHOLD = 0.8
REPEAT = 5
COPIES = 2
KEYS = StudyKeys(b"benchmark, not a secret, 32 byte", "benchmark")


def _by_word(words: np.ndarray, rounds: int) -> int:
    """Population counts of a tile that stays in the level-1 cache, and nothing else: word by word over all rows."""
    total = np.zeros(TILE, np.uint64)
    for turn in range(rounds):
        x = np.uint64(turn)
        for w in range(0, words.shape[0], 4):
            t0, t1, t2, t3 = words[w], words[w + 1], words[w + 2], words[w + 3]
            for j in range(TILE):
                total[j] += popcount(t0[j] & x) + popcount(t1[j] & x) + popcount(t2[j] & x) + popcount(t3[j] & x)
    return int(total.sum())


def _by_row(words: np.ndarray, rounds: int) -> int:
    """The same, row by row over all words, so that nothing but sixteen counts and their sum is left to do."""
    total = np.zeros(TILE, np.uint64)
    for turn in range(rounds):
        x = np.uint64(turn)
        for j in range(TILE):
            common = np.uint64(0)
            for w in range(16):
                common += popcount(words[w, j] & x)
            total[j] += common
    return int(total.sum())


def ceiling() -> float:
    """Pairs of 1,024 bits per CPU second if AND and counting bits were all there is to do: the better of two loops."""
    words = np.random.Generator(np.random.PCG64(1)).integers(0, 2**63, (16, TILE)).astype(np.uint64)
    rounds = 200_000
    return max(TILE * rounds / best_of(partial(njit(nogil=True)(loop), words, rounds)) for loop in (_by_word, _by_row))


def best_of(work: Callable[[], object]) -> float:
    """The least CPU seconds of some runs, the first (which compiles) apart."""
    work()
    times = []
    for _ in range(REPEAT):
        before = process_time()
        work()
        times.append(process_time() - before)
    return min(times)


def processor() -> str:
    """Which, and whether it counts the bits of a whole vector at once: what the kernel gains most from."""
    about = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    name = about.split("model name\t: ", 1)[-1].partition("\n")[0]
    return f"{name}, {'with' if 'avx512_vpopcntdq' in about else 'without'} AVX-512 VPOPCNTDQ"


def kernel_rows(files: Files, absent: list[str], *, peers: bool) -> Iterator[Row]:
    """Pairs per second on FEBRL's record encodings; peers get the same filters and must find the same pairs."""
    left, right = (np.tile(side, (COPIES, 1)) for side in record_filters(files, KEYS))
    pairs = len(left) * len(right)
    mine = pairs / best_of(lambda: dice_pairs(left, right, THRESHOLD))
    found = list(zip(*(side.tolist() for side in dice_pairs(left, right, THRESHOLD)), strict=True))
    top = ceiling()
    # Only pairs whose bits are counted are set against the ceiling; the popcount bound may skip others.
    counted = compared_pairs(left, right, THRESHOLD) / pairs
    yield Row("processor", processor(), "")
    yield Row("kernel on FEBRL4 encodings", mine / 1e6, "M pairs / CPU s")
    yield Row("pairs of them whose bits are counted", counted, "share")
    yield Row("popcount ceiling of this processor", top / 1e6, "M pairs / CPU s")
    yield targeted("kernel, pairs counted, beside the popcount ceiling", counted * mine / top, "share", ">=", 0.4)
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


# What clkhash is given, as a scheme: every column as text, so that both set 15 positions for each bigram in 1,024 bits.
def _clk(columns: Sequence[str]) -> Scheme:
    return Scheme("clk", ("record_f",), tuple(Field(name, "tokens", name) for name in columns), ())


def encoding_rows(files: Files, absent: list[str], *, peers: bool, people: int) -> Iterator[Row]:
    """Records per second on FEBRL and on an invented register of `people`, in one run with clkhash."""
    febrl = pd.concat([files.left, files.right])
    yield from _encoding("FEBRL4 half overlap", febrl, absent, peers=peers)
    clear = cleartext(febrl)
    mine = len(febrl) / best_of(lambda: encode_fields(clear, FEBRL, _fresh()))
    yield Row("encoding, FEBRL4 half overlap, all fields and the record", mine, "records / CPU s")
    with TemporaryDirectory() as folder:
        synthesise(Path(folder) / "data", people=people, seed=1, dirt=PRESETS["reference"])
        register = read_registers(load_study("nr2015"), Path(folder) / "data").registers["IND"]
    columns = ["achternaam", "voornamen", "geboortedatum", "geslacht", "nationaliteit"]
    yield from _encoding(f"register of {people:,} people", register.select(columns).to_pandas(), absent, peers=peers)


def _fresh() -> StudyKeys:
    """Keys that have derived and hashed nothing yet."""
    return StudyKeys(b"benchmark, not a secret, 32 byte", "benchmark")


def _encoding(name: str, frame: pd.DataFrame, absent: list[str], *, peers: bool) -> Iterator[Row]:
    """One record encoding of the same columns, bits and positions, nothing remembered from the run before."""
    clear = {str(column): texts(frame[column]) for column in frame.columns}
    scheme = _clk(list(clear))
    mine = len(frame) / best_of(lambda: encode_records(clear, scheme, _fresh()))
    yield Row(f"encoding, {name}, one CLK", mine, "records / CPU s")
    rows = [[text or "" for text in row] for row in zip(*clear.values(), strict=True)]
    for kind, target in (("doubleHash", 10.0), ("blakeHash", None)) if peers else ():
        try:
            said = ask(CLKHASH, {"rows": rows, "fields": list(clear), "hash": kind, "repeat": 3})
        except PeerAbsent as error:
            absent.append(str(error))
            continue
        theirs = len(frame) / said["seconds"]
        who = f"clkhash {said['versions']['clkhash']}"
        yield Row(f"clkhash {kind}, {name}, one CLK", theirs, "records / CPU s", peer=who)
        if target is None:
            yield Row(f"encoding beside clkhash {kind}, {name}", mine / theirs, "times", peer=who)
        else:
            yield targeted(f"encoding beside clkhash {kind}, {name}", mine / theirs, "times", ">=", target)
