"""`python -m benchmarks.portal`: table pages under load while a large file is fetched, by a public load tool (hey).

The portal runs as its users run it (`schakel portal`, one process), on a release of invented numbers with one file of 50 MB
among the public ones. hey asks for table pages at 12 requests a second on each of 20 connections, of which at least 200 a
second must be answered; meanwhile the large file is fetched again and again. Everything stays on 127.0.0.1, and stops by
itself. It runs from a checkout: the invented release is the tests'.
"""

from __future__ import annotations

import argparse
import csv
import io
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.rows import Row, table, targeted, write_rows
from schemas.errors import UsageError

RATE, WORKERS, PACE = (
    200,
    20,
    12,
)  # hey drops the beats that it is late for, so each worker is asked for more than its tenth
SECONDS, QUICK_SECONDS = 60, 15
LARGE_BYTES = 50 * 10**6
P95_MILLISECONDS = 150.0
RELEASE, LARGE = "nr2015-load", "large.xlsx"
TABLES = ("nr2015_f02", "nr2015_f04", "nr2015_f05", "nr2015_t02")


@dataclass(frozen=True)
class Load:
    """What hey saw: requests a second, the 95th percentile (ms), answers that were not 200; downloads finished meanwhile;
    and the processor time of the portal (ms per request), which does not depend on what else the machine does.
    """

    rate: float
    p95: float
    wrong: int
    downloads: int
    cpu: float


def load_rows(*, quick: bool = False) -> list[Row]:
    """Measure, and compare with the targets; UsageError where hey is not installed."""
    hey = shutil.which("hey")
    if hey is None:
        raise UsageError("The load tool hey is not installed; `apt-get install hey` does that.")
    with tempfile.TemporaryDirectory() as folder:
        address = prepare(Path(folder))
        with running(Path(folder) / "state", address) as portal:
            found = measure(hey, address, portal, QUICK_SECONDS if quick else SECONDS)
    what = "table pages while 50 MB downloads run"
    return [
        targeted(f"requests answered a second: {what}", found.rate, "1/s", ">=", RATE),
        targeted(f"95th percentile: {what}", found.p95, "ms", "<=", P95_MILLISECONDS),
        targeted("answers other than 200", found.wrong, "", "<=", 0),
        targeted("downloads of 50 MB finished meanwhile", found.downloads, "", ">=", 1),
        Row("processor time of the portal per request, downloads included", found.cpu, "ms"),
    ]


def prepare(folder: Path) -> str:
    """A state folder with one published release; gives the address where it will be served."""
    from tests.portal import premises

    made = premises.published_with(folder, RELEASE, {f"public/{LARGE}": secrets.token_bytes(LARGE_BYTES)})
    assert made.state == folder / "state"
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{found.getsockname()[1]}"


@contextmanager
def running(state: Path, address: str) -> Iterator[int]:
    """The portal in a process of its own; gives its number."""
    environment = {**os.environ, "SCHAKEL_STATE": str(state), "SCHAKEL_ACTOR": "olga"}
    command = [sys.executable, "-m", "flows", "portal", "--port", address.rpartition(":")[2]]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    try:
        _wait(f"http://{address}/health", process)
        yield process.pid
    finally:
        process.terminate()
        process.wait(20)


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError:
            if process.poll() is not None:
                break
            time.sleep(0.1)
    raise UsageError("The portal did not start; run `schakel portal` by hand to see why.")


def measure(hey: str, address: str, portal: int, seconds: int) -> Load:
    """Table pages by hey, one process per table, while another thread downloads."""
    stop, finished = threading.Event(), [0]
    large = f"http://{address}/files/{RELEASE}/public/{LARGE}"
    fetching = threading.Thread(target=_download, args=(large, stop, finished))
    share, before = WORKERS // len(TABLES), _processor_seconds(portal)
    fetching.start()
    pace = ["-z", f"{seconds}s", "-c", str(share), "-q", str(PACE), "-o", "csv"]
    pages = [f"http://{address}/en/releases/{RELEASE}/public/{name}" for name in TABLES]
    asked = [subprocess.Popen([hey, *pace, page], stdout=subprocess.PIPE, text=True) for page in pages]
    lines = [row for tool in asked for row in csv.DictReader(io.StringIO(tool.communicate()[0]))]
    # From the first request to the last answer, as hey wrote it down: starting hey is no part of it.
    taken = max(float(row["offset"]) + float(row["response-time"]) for row in lines)
    stop.set()
    fetching.join()
    times = sorted(float(row["response-time"]) for row in lines)
    wrong = sum(row["status-code"] != "200" for row in lines)
    cpu = 1_000 * (_processor_seconds(portal) - before) / len(times)
    return Load(len(times) / taken, 1_000 * times[int(0.95 * len(times))], wrong, finished[0], cpu)


def _processor_seconds(process: int) -> float:
    """Processor time that a process used (fields 14 and 15 of its stat file, in ticks)."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _download(url: str, stop: threading.Event, finished: list[int]) -> None:
    """Fetch the large file again and again, by curl: a reader in this process would compete with what is measured."""
    while not stop.is_set():
        done = subprocess.run(["curl", "-sf", "-o", os.devnull, url], check=False)
        finished[0] += done.returncode == 0


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="15 seconds instead of 60")
    parser.add_argument("--json", type=Path, default=None, metavar="FILE")
    chosen = parser.parse_args()
    rows = load_rows(quick=chosen.quick)
    if chosen.json is not None:
        write_rows(rows, chosen.json)
    sys.stdout.write(table(rows) + "\n")


if __name__ == "__main__":
    main()
