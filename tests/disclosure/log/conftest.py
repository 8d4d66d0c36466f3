"""Both databases for real, and a log on each."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from log_support import TurnedClock, quick_folder

from disclosure.log import Log, set_up_log
from disclosure.store import Store, open_store

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


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> Iterator[str | None]:
    """Where the database is: in the state folder, or a fresh one on the server."""
    if request.param == "sqlite":
        yield None
        return
    server: Server = request.getfixturevalue("server")
    name = f"t{secrets.token_hex(6)}"
    server.sql(f"CREATE DATABASE {name} TEMPLATE template_schakel")
    yield server.url(name)
    server.sql(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def state() -> Iterator[Path]:
    """Where a state folder may be made, in memory where there is some: a disk would be synced thousands of times."""
    with tempfile.TemporaryDirectory(prefix="schakel-state-", dir=quick_folder()) as folder:
        yield Path(folder) / "state"


@pytest.fixture
def opened() -> Iterator[Callable[..., Store]]:
    """Open stores that are closed after the test."""
    stores = []

    def opener(*arguments: object) -> Store:
        stores.append(open_store(*arguments))
        return stores[-1]

    yield opener
    for store in stores:
        store.close()


@pytest.fixture
def clock() -> TurnedClock:
    return TurnedClock()


@pytest.fixture
def log(state: Path, url: str | None, opened: Callable[..., Store], clock: TurnedClock) -> Log:
    """A log that was set up, on either database."""
    return set_up_log(opened(state, url), actor="anna", clock=clock)


@pytest.fixture
def embedded(state: Path, opened: Callable[..., Store], clock: TurnedClock) -> Log:
    """A log that was set up, on SQLite only."""
    return set_up_log(opened(state), actor="anna", clock=clock)
