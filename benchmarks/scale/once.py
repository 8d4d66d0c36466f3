"""One size on one engine, step by step; run as `python -m benchmarks.scale.once PEOPLE ENGINE FOLDER`.

A process of its own, so that its memory is that of this size; the registers are made in another, as Parquet. They are read where
they lie, and dropped when they are encoded, as the desks of a run do; each step's numbers are a line of JSON on standard output.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.scale.processes import Sampler
from flows.engines import Place
from flows.job import PROFILE, make_job
from flows.protect import protect_public, protect_restricted
from flows.settings import Settings
from flows.state import open_state
from linkage.encode import encode_registers
from linkage.keys import StudyKeys
from linkage.link import LinkParameters, link
from schemas.engine import Engine
from schemas.intake import read_registers
from schemas.study import load_study
from tabulation.tabulate import tabulate

STUDY = "nr2015"
MAKE = ("-m", "flows", "synth", "--study", STUDY, "--format", "parquet")
KEYS = StudyKeys(b"benchmark, not a secret, 32 byte", STUDY)
SNAPSHOT, RELEASE = "0" * 64, "benchmark"


class Steps:
    """Runs steps and says what each took."""

    def __init__(self, engine: Engine) -> None:
        self._engine, self._sampler = engine, Sampler()

    def run(self, name: str, step: Callable[[], Any], rows: Callable[[Any], int]) -> Any:
        """The step's result; one line with seconds, CPU seconds, GiB, bytes shuffled, and the rows it gave."""
        cpu, _ = self._sampler.taken()
        shuffled, begun = _shuffled(self._engine), time.monotonic()
        result = step()
        seconds = time.monotonic() - begun
        used, peak = self._sampler.taken()
        said = {"step": name, "seconds": seconds, "cpu": used - cpu, "gib": peak, "rows": rows(result)}
        sys.stdout.write(json.dumps(said | {"shuffled": _shuffled(self._engine) - shuffled}) + "\n")
        sys.stdout.flush()
        return result


def _shuffled(engine: Engine) -> int:
    from schemas.engine import LocalEngine

    if isinstance(engine, LocalEngine):
        return 0
    from flows.spark.engine import SparkEngine

    assert isinstance(engine, SparkEngine)
    return engine.shuffled()


def carry_out(people: int, address: str, folder: Path) -> None:
    """Make registers of so many people and take them through every step."""
    study = load_study(STUDY)
    data, settings = folder / "data", Settings.from_environment(folder / "state", address)
    subprocess.run([sys.executable, *MAKE, "--people", str(people), "--out", str(data)], check=True, stdout=sys.stderr)
    job = make_job(STUDY, data, settings)
    with open_state(settings, create=True) as state, Place(address, str(folder / "spark")).engine() as engine:
        state.require_key(study.id)
        steps = Steps(engine)
        intake = steps.run("read", lambda: read_registers(study, data), lambda i: _rows(i.registers))
        holder = [intake]
        del intake
        encoded = steps.run(
            "encode", lambda: encode_registers(holder.pop(), KEYS, PROFILE, engine), lambda e: _rows(e.linkage)
        )
        links = steps.run(
            "link", lambda: link(encoded.linkage, LinkParameters(), None, engine=engine), lambda t: t.persons.num_rows
        )
        encoded.linkage.clear()
        exact = steps.run(
            "tabulate", lambda: tabulate(encoded.attributes, links.persons, study, job.catalogue, engine), len
        )
        steps.run("suppress", lambda: protect_restricted(job, state, exact, SNAPSHOT, RELEASE), lambda p: len(p.tables))
        steps.run("noise", lambda: protect_public(job, state, exact, SNAPSHOT, RELEASE), lambda p: len(p.tables))


def _rows(tables: dict[str, Any]) -> int:
    return sum(int(table.num_rows) for table in tables.values())


if __name__ == "__main__":
    carry_out(int(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
