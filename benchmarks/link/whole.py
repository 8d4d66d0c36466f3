"""Registers from file to persons, and the worst a register can be; run as `python -m benchmarks.link.whole`.

Task: either `folder`, registers as they are delivered, or `zipf`, the number of rows of two registers of which everybody was
born on 1 January and bears one of few names, shared out in Zipf's manner. One process does the work of both desks, so its
peak memory is at least that of either.
"""

from __future__ import annotations

import secrets
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from benchmarks.link.environments import SCRIPTS
from linkage.bloom import mac
from linkage.encode import encode_fields, encode_registers
from linkage.fields import REGISTER
from linkage.keys import StudyKeys
from linkage.link import LinkParameters, link
from schemas.intake import read_registers
from schemas.study import load_study

KEYS = StudyKeys(b"benchmark, not a secret, 32 byte", "benchmark")
# Surnames, first names and nationalities of the skewed registers: the commonest of each is an eighth to a fifth of it.
NAMES = {"surname": 2000, "given": 500, "nationality": 100}


def work(task: dict[str, Any]) -> dict[str, Any]:
    """Encode and link; says rows, persons, and the CPU seconds of each step."""
    from common import cpu_clock  # type: ignore[import-not-found]

    clock = [cpu_clock()]
    if "folder" in task:
        intake = read_registers(load_study("nr2015"), Path(task["folder"]))
        clock.append(cpu_clock())
        files = [encode_registers(intake, KEYS, "single-site").linkage]
        # The link desk is a process of its own and holds no register.
        del intake
        unique = LinkParameters().unique
    else:
        clock.append(cpu_clock())
        files = [{name: skewed(task["zipf"], seed) for seed, name in enumerate(("LEFT", "RIGHT"))}]
        unique = frozenset(files[0])
    clock.append(cpu_clock())
    rows = {name: table.num_rows for name, table in files[0].items()}
    pa.default_memory_pool().release_unused()
    # Handed over, not kept: the link desk drops linkage files once it has read them.
    links = link(files.pop(), LinkParameters(unique=unique), None)
    clock.append(cpu_clock())
    steps = dict(zip(("intake", "encode", "link"), np.diff(clock).tolist(), strict=True))
    return {"rows": rows, "steps": steps, "persons": len(links.persons.column("person_id").unique())}


def skewed(rows: int, seed: int) -> pa.Table:
    """A linkage file of `rows` people without a number, all born on a 1 January."""
    generator = np.random.Generator(np.random.PCG64(seed))
    clear: dict[str, Any] = {}
    for name, size in NAMES.items():
        share = 1 / np.arange(1, size + 1)
        words = pa.array(
            [f"{name[0]}{chr(97 + k % 26)}{chr(97 + k // 26 % 26)}{chr(97 + k // 676)}" for k in range(size)]
        )
        clear[name] = words.take(pa.array(generator.choice(size, rows, p=share / share.sum())))
    clear["sex"] = pa.array(["V", "M"]).take(pa.array(generator.integers(0, 2, rows)))
    clear["year"] = pa.array([str(year) for year in range(1940, 2010)]).take(pa.array(generator.integers(0, 70, rows)))
    clear |= dict.fromkeys(("month", "day"), pa.array(["01"]).take(pa.array(np.zeros(rows, np.int64))))
    key = KEYS.derive("record", f"skewed {seed}")
    head = {
        "token": pa.FixedSizeBinaryArray.from_buffers(
            pa.binary(16), rows, [None, pa.py_buffer(secrets.token_bytes(16 * rows))]
        ),
        "subject": pa.nulls(rows, pa.binary(32)),
        "record": pa.array([mac(key, str(row)) for row in range(rows)], pa.binary(32)),
    }
    return pa.table(head | encode_fields(clear, REGISTER, KEYS))


if __name__ == "__main__":
    sys.path.insert(0, str(SCRIPTS))
    from common import answer

    answer(work, "schakel", "numba")
