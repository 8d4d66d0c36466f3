"""Programs that some tests of the portal need: they are there, or the test says aloud which package is missing."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

NODE = Path(__file__).parent / "node"
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")


def missing(package: str) -> None:
    """Skip with a notice; continuous integration, which must not skip, fails instead."""
    if os.environ.get("CI"):
        pytest.fail(f"continuous integration needs {package}")
    pytest.skip(f"needs {package}; `make setup` installs it where it may")


def chromium() -> str:
    """The system's Chromium."""
    found = next((path for path in map(shutil.which, CHROMIUM) if path), None)
    if found is None:
        missing("the package chromium")
    return str(found)


def modules(name: str) -> Path:
    """The folder of an npm package, installed from the lock file where npm is there."""
    if not (NODE / "node_modules" / name).is_dir():
        npm = shutil.which("npm")
        if npm is None:
            missing("the packages nodejs and npm")
        done = subprocess.run(
            [str(npm), "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--silent"],
            cwd=NODE,
            capture_output=True,
            check=False,
        )
        if done.returncode or not (NODE / "node_modules" / name).is_dir():
            missing(f"the npm package {name} (npm ci in tests/portal/node)")
    return NODE / "node_modules" / name


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
    return port


@contextmanager
def provider(accounts: dict[str, dict[str, Any]], secret: str, redirect: str, *, thin: bool = False) -> Iterator[str]:
    """oidc-provider on loopback; gives its issuer."""
    modules("oidc-provider")
    node, port = shutil.which("node"), free_port()
    settings = {"port": port, "secret": secret, "redirect": redirect, "accounts": accounts, "thin": thin}
    process = subprocess.Popen(
        [str(node), "provider.mjs"], cwd=NODE, env={**os.environ, "SETTINGS": json.dumps(settings)}, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)
        if process.stdout is not None:
            process.stdout.close()
