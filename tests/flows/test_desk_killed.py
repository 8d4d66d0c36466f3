"""The kernel takes a desk away for want of memory: one sentence, exit 2, nothing written, and the same command works again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import ROOT, Command, fewer_rows

HOLDER = "--i-am-the-data-holder"


def desk_of(parent: int, name: str, patience: float = 120) -> int:
    """The process id of a desk that `parent` started, as soon as it is there."""
    until = time.monotonic() + patience
    while time.monotonic() < until:
        for child in Path(f"/proc/{parent}/task/{parent}/children").read_text().split():
            if Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")[-2:-1] == [name.encode()]:
                return int(child)
        time.sleep(0.005)
    raise AssertionError(f"no desk {name}")


@pytest.mark.parametrize("desk", ["encode", "link"])
def test_a_desk_that_is_killed_is_said_and_leaves_nothing(desk: str, tmp_path: Path, command: Command) -> None:
    data = fewer_rows(tmp_path / "data")
    out = tmp_path / "links.parquet"
    arguments = ["link", "nr2015", "--data", str(data), "--out", str(out), HOLDER]
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("SCHAKEL_", "PREFECT_"))}
    environment["SCHAKEL_STATE"] = str(tmp_path / "state")
    with subprocess.Popen(
        [sys.executable, "-m", "flows", *arguments], stderr=subprocess.PIPE, text=True, env=environment, cwd=ROOT
    ) as running:
        os.kill(desk_of(running.pid, desk), signal.SIGKILL)
        _, said = running.communicate(timeout=120)
    last = said.splitlines()[-1]
    assert running.returncode == 2
    assert f"The {desk} desk ended before it answered" in last
    assert "memory" in last
    assert not out.exists()
    command(*arguments, state=tmp_path / "state")
    assert out.exists()


def test_a_kernel_that_gets_no_memory_is_said_and_leaves_nothing(tmp_path: Path, command: Command) -> None:
    """The comparing kernel asks for more than there is, inside the link desk; the sentence crosses to the run."""
    data, out, state = fewer_rows(tmp_path / "data"), tmp_path / "links.parquet", tmp_path / "state"
    arguments = ["link", "nr2015", "--data", str(data), "--out", str(out), HOLDER]
    sabotage = str(Path(__file__).parent / "sabotage")
    done = command(*arguments, state=state, check=False, PYTHONPATH=sabotage, SABOTAGE="memory")
    assert done.returncode == 2, done.stderr
    assert "The step 'link' ran out of memory; nothing was published" in done.stderr.splitlines()[-1]
    assert not out.exists()
    command(*arguments, state=state)
    assert out.exists()
