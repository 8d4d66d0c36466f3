"""A real PostgreSQL server for tests, on a socket of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from disclosure.store import open_store

NO_POSTGRESQL = (
    "no PostgreSQL server found in PATH or /usr/lib/postgresql/*/bin: install the Debian package 'postgresql'"
)


def postgresql_program(name: str) -> str | None:
    """Path of a server program: Debian keeps them out of PATH, one folder per version."""
    found = shutil.which(name)
    installed = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: float(path.parts[-3]))
    return found or (str(installed[-1]) if installed else None)


def _server_user() -> list[str]:
    """The server refuses to run as root; then it runs as somebody without rights."""
    if os.getuid() != 0:
        return []
    try:
        shutil.chown("/nonexistent", "postgres")
    except LookupError:
        return ["runuser", "-u", "nobody", "--"]
    except FileNotFoundError:
        return ["runuser", "-u", "postgres", "--"]
    raise AssertionError


def quick_folder() -> str | None:
    """A folder in memory, where there is plenty: a server's database is 300 files, and each test has its own."""
    memory = Path("/dev/shm")
    return str(memory) if memory.is_dir() and shutil.disk_usage(memory).free > 2 * 10**9 else None


@dataclass(frozen=True)
class Server:
    """A running PostgreSQL that listens on a socket in `folder` only."""

    folder: str

    def url(self, database: str) -> str:
        return f"postgresql+psycopg://schakel@/{database}?host={self.folder}"

    def sql(self, statement: str, database: str = "postgres") -> None:
        with psycopg.connect(host=self.folder, user="schakel", dbname=database, autocommit=True) as connection:
            connection.execute(statement)


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """One server for the session, with a migrated template database."""
    initdb, pg_ctl = postgresql_program("initdb"), postgresql_program("pg_ctl")
    if initdb is None or pg_ctl is None:
        pytest.skip(NO_POSTGRESQL)
    folder = tempfile.mkdtemp(prefix="schakel-pg-", dir=quick_folder())
    user = _server_user()
    if user:
        shutil.chown(folder, user[2])
    data = f"{folder}/data"
    options = f"-k {folder} -c listen_addresses= -c fsync=off -c full_page_writes=off"
    run = {"check": True, "capture_output": True, "cwd": folder}
    try:
        subprocess.run([*user, initdb, "-D", data, "-U", "schakel", "-A", "trust", "-E", "UTF8", "--no-sync"], **run)
        subprocess.run([*user, pg_ctl, "-D", data, "-w", "-l", f"{folder}/server.log", "-o", options, "start"], **run)
        server = Server(folder)
        server.sql("CREATE DATABASE template_schakel")
        with tempfile.TemporaryDirectory() as state:
            open_store(Path(state), server.url("template_schakel")).close()
        yield server
    finally:
        subprocess.run(
            [*user, pg_ctl, "-D", data, "-m", "immediate", "stop"], check=False, capture_output=True, cwd=folder
        )
        shutil.rmtree(folder, ignore_errors=True)
