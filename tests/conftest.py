"""What several rooms' tests share: the reference registers and a command line in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "schemas" / "examples"
REFERENCE = ROOT / "tests" / "reference"

Command = Callable[..., subprocess.CompletedProcess[str]]


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
