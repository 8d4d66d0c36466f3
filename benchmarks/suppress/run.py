"""All rows of `schakel bench suppress`."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from benchmarks.link.environments import Peer, PeerAbsent, ask, ask_ours
from benchmarks.noise.study import STUDIES, catalogue, exact
from benchmarks.rows import Row, targeted
from benchmarks.suppress.growth import make
from benchmarks.suppress.own import blanks_of, weigh
from disclosure.suppress import suppress_tables
from disclosure.suppress.instance import read_instance
from schemas.policy_suppression import SuppressionPolicy

INSTANCES = Path(__file__).parents[1] / "instances"
HERE = Path(__file__).parent / "peers"
TAU = Peer("Tau-Argus", str(HERE / "tauargus_protect.py"), ("pytauargus==0.6.0",))
GAUSS = "GaussSuppression (R) is not installed here, so it is not compared."
GAUSS_SECONDS = 600
COMMAND = 2.0  # seconds of a command's limit that are kept for starting, reading, and writing


@dataclass(frozen=True)
class Case:
    """An instance, what is to be least, against whom; `target` for that, and the seconds that the whole command may take."""

    name: str
    objective: Literal["value", "cells"]
    insider: Literal["none", "person"]
    target: float | None
    seconds: float

    @property
    def limit(self) -> float:
        """The --time-limit that is given."""
        return max(1.0, self.seconds - COMMAND)


QUICK = (
    Case("linked4", "value", "person", 11241, 10),
    Case("h3d", "value", "person", 6198, 15),
    Case("h3d", "value", "none", 5306, 15),
    Case("linked4", "value", "none", 11022, 10),
)
FULL = (
    *QUICK,
    Case("linked4", "cells", "person", 96, 10),
    Case("linked4", "cells", "none", 80, 10),
    Case("h3d", "cells", "person", 121, 15),
    Case("h3d", "cells", "none", 102, 15),
    Case("h2d", "value", "person", 2555, 45),
    Case("h2d", "cells", "person", 235, 45),
    Case("h2d", "cells", "none", 187, 45),
    Case("h3m", "value", "person", 14360, 120),
    Case("xl3", "value", "person", None, 300),
)
PEERS = ("linked4", "h3d", "h2d", "h3m")
METHODS = ("OPT(1)", "MOD(1)")
STUDIES_SECONDS, CERTIFY_SECONDS = 20.0, 60.0
CERTIFIED_SIZE, CERTIFIED_LIMIT = (
    6_400,
    20.0,
)  # people per cell of `growth.make` leave a good 5,000 of these cells not empty


def bench_rows(quick: bool) -> tuple[list[Row], list[str]]:
    """(rows, sentences about peers that did not run). `quick`: small instances, and nothing that the network is needed for."""
    rows = [row for case in (QUICK if quick else FULL) for row in own_rows(case)]
    if quick:
        return rows, ["Peers, the larger instances and the studies: leave --quick away."]
    rows += [*certified_rows(), _studies()]
    absent: list[str] = []
    for name in PEERS:
        for method in METHODS:
            try:
                rows += tau_rows(name, method)
            except PeerAbsent:
                absent.append(
                    f"Tau-Argus {method} on {name} was not installed or did not finish, so it is not compared."
                )
        found = gauss(name)
        rows += _peer_rows(name, "GaussSuppression", *found) if found else []
    return rows, absent if shutil.which("Rscript") else [*absent, GAUSS]


def own_rows(case: Case) -> Iterator[Row]:
    """Our own numbers for one case, each with its target where it has one."""
    told = f"{case.name}, least {case.objective}, insider {case.insider}"
    task = {"instance": str(INSTANCES / case.name), "objective": case.objective, "insider": case.insider}
    try:
        done = ask_ours("benchmarks.suppress.own", task | {"limit": case.limit})
    except PeerAbsent:
        yield Row(f"{told}: finished", "no", "", "yes", False)
        return
    yield targeted(f"{told}: the whole command", round(done["seconds"], 1), "s", "<=", case.seconds)
    if done["refused"]:
        yield Row(f"{told}: certified", "refused", "", "yes", False)
        return
    unit = "value" if case.objective == "value" else "cells"
    measured = done[case.objective]
    yield (
        Row(f"{told}: blanked besides primaries", measured, unit)
        if case.target is None
        else targeted(f"{told}: blanked besides primaries", measured, unit, "<=", case.target)
    )
    exposed = done["outsider"] + done["insiders"] + done["open"]
    yield targeted(f"{told}: exposed to the attacker", exposed, "cells", "<=", 0)
    yield Row(f"{told}: no safe pattern below", int(done["bound"]), unit)
    yield Row(f"{told}: gap", round(100 * done["gap"], 2), "%")
    other = "cells" if unit == "value" else "value"
    yield Row(f"{told}: blanked besides primaries", done[other], other)
    yield Row(f"{told}: processor", round(done["cpu_seconds"], 1), "s CPU")
    row = f"{told}: attack on the {done['primaries']} primaries of {done['size']} cells"
    yield targeted(row, round(done["attack_seconds"], 1), "s", "<=", CERTIFY_SECONDS)


def certified_rows() -> Iterator[Row]:
    """How long the attack on a table of 5,000 cells takes: every primary, against every person who is alone in a cell."""
    with tempfile.TemporaryDirectory() as work:
        make(Path(work), CERTIFIED_SIZE)
        task = {"instance": work, "objective": "value", "insider": "person", "limit": CERTIFIED_LIMIT}
        done = ask_ours("benchmarks.suppress.own", task)
    told = f"attack on the {done['primaries']} primaries of {done['size']} cells, every person"
    yield targeted(told, round(done["attack_seconds"], 1), "s", "<=", CERTIFY_SECONDS)
    yield targeted(f"{told}: exposed", done["outsider"] + done["insiders"] + done["open"], "cells", "<=", 0)


def tau_rows(name: str, method: str) -> list[Row]:
    """Tau-Argus on one instance, attacked like ourselves. PeerAbsent when it does not run."""
    folder = INSTANCES / name
    answer = ask(TAU, {"instance": str(folder), "method": method})
    ids = [table.id for table in read_instance(folder).tables]
    hidden = {i: {tuple(codes) for codes in blank} for i, blank in zip(ids, answer["tables"], strict=True)}
    return _peer_rows(name, f"Tau-Argus {method[:3]}", hidden, answer["seconds"])


def gauss(name: str) -> tuple[dict[str, set[tuple[str, ...]]], float] | None:
    """What GaussSuppression hides in each table, and in how many seconds; None where it is not installed."""
    rscript = shutil.which("Rscript")
    if rscript is None:
        return None
    instance = read_instance(INSTANCES / name)
    hidden: dict[str, set[tuple[str, ...]]] = {}
    started = time.monotonic()
    for table in instance.tables:
        order = [rscript, str(HERE / "gauss.R"), str(INSTANCES / name), str(instance.rule.threshold)]
        try:
            done = subprocess.run(
                [*order, ",".join(table.dimensions)], capture_output=True, text=True, timeout=GAUSS_SECONDS, check=True
            )
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
            return None
        lines = done.stdout.replace('"', "").splitlines()[1:]
        hidden[table.id] = {tuple(line.split(",")) for line in lines}
    return hidden, time.monotonic() - started


def _peer_rows(name: str, peer: str, hidden: dict[str, set[tuple[str, ...]]], seconds: float) -> list[Row]:
    instance = read_instance(INSTANCES / name)
    blank = blanks_of(instance, hidden) | instance.system.primary
    found: dict[str, Any] = weigh(instance, blank, "person", time.monotonic() + CERTIFY_SECONDS)
    primaries = int(instance.system.primary.sum())
    return [
        Row(f"{name}: blanked besides primaries", found["cells"], "cells", peer=peer),
        Row(f"{name}: blanked besides primaries", found["value"], "value", peer=peer),
        Row(f"{name}: time", round(seconds, 1), "s", peer=peer),
        Row(f"{name}: of {primaries} primaries known to an outsider", found["outsider"], "cells", peer=peer),
        Row(f"{name}: known to one person besides", found["insiders"], "pairs", peer=peer),
    ]


def _studies() -> Row:
    tables = {name: exact(name) for name in STUDIES}
    started = time.monotonic()
    for name in STUDIES:
        suppress_tables(tables[name], catalogue(name), SuppressionPolicy(time_limit=8.0), [], "restricted")
    count = " and ".join(str(len(tables[name])) for name in STUDIES)
    return targeted(f"both studies, {count} tables", round(time.monotonic() - started, 1), "s", "<=", STUDIES_SECONDS)
