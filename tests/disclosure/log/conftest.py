"""Both databases for real, and a log on each."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from log_support import TurnedClock

from disclosure.log import Log, set_up_log
from disclosure.store import Store, open_store
from tests.postgresql import Server, quick_folder


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
