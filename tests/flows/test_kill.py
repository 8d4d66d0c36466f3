"""SIGKILL at each step boundary, then the same command again: one release, one charge per query, nothing half."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import EXAMPLES, ROOT, Command

pytestmark = [pytest.mark.prefect, pytest.mark.slow]

STEPS = (
    "Reading and encoding",
    "Recognising people",
    "Computing exact",
    "Choosing blanks",
    "Drawing noise",
    "Writing the release",
)


def _start(state: Path, out: Path) -> subprocess.Popen[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("SCHAKEL_", "PREFECT_"))}
    environment |= {"SCHAKEL_STATE": str(state), "COLUMNS": "200"}
    return subprocess.Popen(
        [sys.executable, "-m", "flows", "run", "wodc2020", "--data", str(EXAMPLES / "wodc2020"), "--out", str(out)],
        stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, env=environment, cwd=ROOT, start_new_session=True,
    )  # fmt: skip


def _kill_when(process: subprocess.Popen[str], step: str, *, ended: bool) -> None:
    """Kill the whole process group when the step's first line (it starts) or second line (it is done) is shown."""
    assert process.stderr is not None
    seen = 0
    for line in process.stderr:
        seen += line.strip().startswith(step)
        if seen == 1 + ended:
            os.killpg(process.pid, signal.SIGKILL)
            break
    process.stderr.close()
    process.wait()


BOUNDARIES = [*((step, False) for step in STEPS), (STEPS[-1], True)]


@pytest.mark.parametrize(
    ("step", "ended"), BOUNDARIES, ids=[f"{'after' if e else 'before'} {s}" for s, e in BOUNDARIES]
)
def test_a_killed_run_can_be_run_again(command: Command, tmp_path: Path, step: str, ended: bool) -> None:
    state, out = tmp_path / "state", tmp_path / "out"
    _kill_when(_start(state, out), step, ended=ended)
    command("run", "wodc2020", "--data", EXAMPLES / "wodc2020", "--out", out, state=state)
    folders = list((out / "releases" / "wodc2020").iterdir())
    assert len(folders) == 1
    assert "proposed" in command("verify", folders[0], state=state).stdout
    command("log", "verify", state=state)
    with sqlite3.connect(state / "state.db") as database:
        charges = database.execute("select count(*), count(distinct key), count(result) from charges").fetchone()
        releases = database.execute("select count(*) from releases").fetchone()[0]
        intents = database.execute("select count(*) from intents").fetchone()[0]
    assert charges[0] == charges[1] == charges[2]
    assert (releases, intents) == (1, 0)
