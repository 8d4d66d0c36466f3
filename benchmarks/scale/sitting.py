"""A whole run in one sitting: `python -m benchmarks.scale.sitting [--people N | --data FOLDER] [--json FILE]`.

Not steps in one process, as `schakel bench scale` measures them, but `schakel run` itself with its desks, its database and
its release, on Parquet. Memory is that of all its processes together, shared pages counted in each.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pyarrow.parquet as pq

from benchmarks.rows import Row, table, targeted, write_rows
from benchmarks.scale.processes import Sampler
from benchmarks.scale.run import GIB, ROWS_IN_ONE_SITTING

STUDY = "nr2015"
PEOPLE = 6_200_000


def sitting(data: Path, folder: Path) -> list[Row]:
    """Set up and run the study on `data` with everything else under `folder`; RuntimeError where a command fails."""
    rows = sum(pq.ParquetFile(path).metadata.num_rows for path in sorted(data.glob("*.parquet")))
    schakel = [sys.executable, "-m", "flows"]
    environment = os.environ | {"SCHAKEL_STATE": str(folder / "state")}
    command = [*schakel, "run", STUDY, "--data", str(data), "--out", str(folder / "out")]
    sampler, begun = Sampler(), time.monotonic()
    before, _ = sampler.taken()
    done = subprocess.run(command, env=environment, stdout=sys.stderr, check=False)
    seconds = time.monotonic() - begun
    cpu, gib = sampler.taken()
    sampler.stop()
    if done.returncode:
        raise RuntimeError(f"schakel run ended with {done.returncode}")
    return [
        targeted("rows of three registers in one sitting", rows, "rows", ">=", ROWS_IN_ONE_SITTING),
        targeted("memory of all processes at most", round(gib, 2), "GiB", "<=", GIB),
        Row("time", round(seconds), "s"),
        Row("CPU", round(cpu - before), "s"),
    ]


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=PEOPLE)
    parser.add_argument("--data", type=Path, help="Parquet registers that are there already")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="schakel-sitting-") as name:
        folder, data = Path(name), asked.data
        if data is None:
            data = folder / "data"
            making = ["synth", "--people", str(asked.people), "--out", str(data), "--format", "parquet"]
            subprocess.run([sys.executable, "-m", "flows", *making], check=True, stdout=sys.stderr)
        rows = sitting(data, folder)
    sys.stdout.write(table(rows) + "\n")
    if asked.json is not None:
        write_rows(rows, asked.json)


if __name__ == "__main__":
    main()
