"""Each peer in an environment of its own, made by the benchmark under the user's cache folder and used again."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import venv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SCRIPTS = Path(__file__).parent / "peers"
INSTALL_SECONDS = 600
RUN_SECONDS = 1800


@dataclass(frozen=True)
class Peer:
    """A peer: the script that runs it and what pip installs for it."""

    name: str
    script: str
    requirements: tuple[str, ...]


class PeerAbsent(Exception):
    """A peer that cannot be installed or run here; the sentence says why."""


def cache_folder() -> Path:
    """Where environments are kept: the user's cache folder."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "schakel" / "peers"


def interpreter(peer: Peer) -> Path:
    """The peer's Python, installed if it is not there yet. PeerAbsent when that fails."""
    digest = hashlib.sha256("\n".join(peer.requirements).encode()).hexdigest()[:8]
    folder = cache_folder() / f"{peer.requirements[0].split('=')[0].split('<')[0].rstrip('>')}-{digest}"
    python = folder / "bin" / "python"
    done = folder / "installed"
    if done.exists():
        return python
    folder.parent.mkdir(parents=True, exist_ok=True)
    venv.create(folder, clear=True, with_pip=True)
    order = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *peer.requirements]
    try:
        subprocess.run(order, check=True, capture_output=True, timeout=INSTALL_SECONDS)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        raise PeerAbsent(f"{peer.name} could not be installed here, so it is not compared.") from None
    done.touch()
    return python


def ask(peer: Peer, task: dict[str, Any]) -> dict[str, Any]:
    """What the peer answers to a task, always with `cpu_seconds`, `peak_mb` and `versions`. PeerAbsent if it fails."""
    return _run([str(interpreter(peer)), str(SCRIPTS / peer.script)], peer.name, task)


def ask_ours(module: str, task: dict[str, Any]) -> dict[str, Any]:
    """The same of a module of this project, in a process of its own."""
    import sys

    return _run([sys.executable, "-m", module], "Schakel", task)


def _run(order: list[str], name: str, task: dict[str, Any]) -> dict[str, Any]:
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    try:
        done = subprocess.run(
            order,
            input=json.dumps(task),
            capture_output=True,
            text=True,
            timeout=RUN_SECONDS,
            env=environment,
            check=True,
        )
        answer = json.loads(done.stdout.strip().splitlines()[-1])
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired, ValueError, IndexError):
        raise PeerAbsent(f"{name} did not finish this task here, so it is not compared.") from None
    if not isinstance(answer, dict):
        raise PeerAbsent(f"{name} answered something else than asked.")
    return answer
