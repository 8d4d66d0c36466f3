"""What several rooms' tests share: the reference registers and a command line in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.postgresql import server  # noqa: F401  a fixture

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "schemas" / "examples"
REFERENCE = ROOT / "tests" / "reference"

Command = Callable[..., subprocess.CompletedProcess[str]]
Invoke = Callable[..., subprocess.CompletedProcess[str]]


def fewer_rows(folder: Path, study: str = "nr2015", every: int = 10) -> Path:
    """A new folder with every tenth row of a study's reference registers, all years among them."""
    folder.mkdir()
    for path in (EXAMPLES / study).glob("*.csv"):
        header, *rows = path.read_bytes().splitlines(keepends=True)
        (folder / path.name).write_bytes(b"".join([header, *rows[::every]]))
    return folder


@pytest.fixture(scope="session")
def command() -> Command:
    """`command("verify", folder, state=...)`: run `schakel` as a user would, in its own process."""

    def run(*arguments: object, state: Path, check: bool = True, **extra: str) -> subprocess.CompletedProcess[str]:
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("SCHAKEL_", "PREFECT_"))}
        environment |= {"SCHAKEL_STATE": str(state), "COLUMNS": "120", **extra}
        done = subprocess.run(
            [sys.executable, "-m", "flows", *map(str, arguments)],
            capture_output=True, text=True, env=environment, cwd=ROOT, timeout=280, check=False,
        )  # fmt: skip
        if check and done.returncode:
            raise AssertionError(f"exit {done.returncode}: {done.stderr}")
        return done

    return run


@pytest.fixture
def invoke(capfd: pytest.CaptureFixture[str]) -> Iterator[Invoke]:
    """`invoke("setup", state=...)`: the same in this process, for commands that need no flow; nothing of it stays behind."""
    from flows.cli import main

    before, mask = dict(os.environ), os.umask(0o077)

    def run(*arguments: object, state: Path, **extra: str) -> subprocess.CompletedProcess[str]:
        for name in [name for name in os.environ if name.startswith(("SCHAKEL_", "PREFECT_"))]:
            del os.environ[name]
        os.environ.update({"SCHAKEL_STATE": str(state), "COLUMNS": "120", **extra})
        with pytest.raises(SystemExit) as left:
            main([str(argument) for argument in arguments])
        said = capfd.readouterr()
        return subprocess.CompletedProcess(list(arguments), int(left.value.code or 0), said.out, said.err)

    yield run
    os.environ.clear()
    os.environ.update(before)
    os.umask(mask)
