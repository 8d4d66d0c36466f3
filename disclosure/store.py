"""The state store: one database (SQLite in a private folder, or PostgreSQL by URL) and the files beside it.

Writers take turns: SQLite by `BEGIN IMMEDIATE`, PostgreSQL by one advisory lock taken first in the transaction, so that
log, ledger and releases change together or not at all, in the same order for everybody.

SQLite runs in WAL mode with `synchronous=FULL`: a commit is on the disk when it returns (a charge that a power cut
could forget would be spent twice), readers such as the portal never block the writer, and one commit costs one fsync.
WAL needs a local disk; network file systems are what PostgreSQL is for.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL, make_url

from disclosure.faults import file_fault, store_fault
from disclosure.migrations import HEAD, migrate
from schemas.errors import UsageError

DATABASE = "state.db"
LOCK_WAIT_SECONDS = 60
# Any constant does, as long as nothing else in the same database uses it: the first 7 bytes of SHA-256("schakel").
ADVISORY_LOCK = 0xA8BB2EAAC4000D


class Transaction:
    """One write (or read) transaction; everything executed through it commits or vanishes together."""

    def __init__(self, connection: sa.Connection) -> None:
        self.connection = connection
        self._after: list[Callable[[], None]] = []

    def execute(self, statement: sa.Executable, parameters: Any = None) -> sa.CursorResult[Any]:
        """Run one statement; `parameters` is a mapping, or a list of mappings for many rows."""
        return self.connection.execute(statement, parameters)

    def after_commit(self, action: Callable[[], None]) -> None:
        """Run `action` once the transaction is durable, in order of registration."""
        self._after.append(action)

    def committed(self) -> None:
        """Called by the store, once."""
        for action in self._after:
            action()


class Store:
    """An open state store. `directory` holds keys, certificates and witnesses, also when the database is a server."""

    def __init__(self, engine: sa.Engine, directory: Path) -> None:
        self.engine = engine
        self.directory = directory

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """A write transaction: commits at the end of the block, rolls back on any exception.

        Transactions do not nest (the inner one would wait for the outer): hand the open one on.

        Raises UsageError (2) where the disk or server refuses, IntegrityError (6) where the database is damaged.
        """
        with self._connected(write=True) as tx:
            yield tx
        try:
            tx.committed()
        except OSError as error:
            raise file_fault(error, "the state folder") from None

    @contextmanager
    def reading(self) -> Iterator[Transaction]:
        """A read transaction: one consistent view, which blocks nobody."""
        with self._connected(write=False) as tx:
            yield tx

    @contextmanager
    def _connected(self, *, write: bool) -> Iterator[Transaction]:
        try:
            with self.engine.connect().execution_options(schakel_write=write) as connection, connection.begin():
                yield Transaction(connection)
        except (sa.exc.DBAPIError, sqlite3.Error) as error:
            raise store_fault(error) from None

    @property
    def embedded(self) -> bool:
        """Whether the database is the SQLite file of this state folder, hence used from one machine only."""
        return self.engine.dialect.name == "sqlite"

    def folder(self, name: str) -> Path:
        """A private folder (0700) inside the state folder, made where missing."""
        path = self.directory / name
        private_folder(path)
        return path

    def close(self) -> None:
        """Give back all connections; SQLite then folds its WAL into the database file."""
        self.engine.dispose()


def default_directory() -> Path:
    """`SCHAKEL_STATE`, else `schakel` in the user's XDG state folder."""
    chosen = os.environ.get("SCHAKEL_STATE")
    if chosen:
        return Path(chosen)
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "schakel"


def open_store(state_dir: Path | None = None, url: str | None = None) -> Store:
    """Open the store, creating folder, database and tables where they are missing and migrating older ones.

    state_dir  the state folder; None is `default_directory()`.
    url        an SQLAlchemy URL of a PostgreSQL database (`postgresql+psycopg://...`); None or empty is SQLite in the folder.

    Raises UsageError (2) for an unusable folder or URL, IntegrityError (6) for a damaged database. Rollback is checked
    when the log is opened (`Log.open`), which has the keys to do it.
    """
    directory = (state_dir or default_directory()).absolute()
    private_folder(directory)
    engine = _sqlite(directory / DATABASE) if not url else _postgresql(url)
    store = Store(engine, directory)
    try:
        _bring_up_to_date(store)
    except BaseException:
        store.close()
        raise
    return store


def private_folder(path: Path) -> None:
    """Make `path` a folder that only its owner can enter (0700)."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if path.stat().st_mode & 0o077:
            path.chmod(0o700)
    except OSError as error:
        raise file_fault(error, "the state folder") from None


def write_private(path: Path, data: bytes) -> None:
    """Write a file of mode 0600 so that a reader sees the old content or the new, also after a crash."""
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
    try:
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise file_fault(error, str(path.parent)) from None


def sync_folder(path: Path) -> None:
    """Make the entries of a folder durable: a rename survives a power cut only after this."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sqlite(path: Path) -> sa.Engine:
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise file_fault(error, "the state folder") from None
    engine = sa.create_engine(
        URL.create("sqlite", database=str(path)), connect_args={"timeout": LOCK_WAIT_SECONDS}, hide_parameters=True
    )
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # The driver must not open transactions by itself: it would begin them deferred, and two writers could deadlock.
    connection.isolation_level = None
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "secure_delete=ON",
        "trusted_schema=OFF",
        "cell_size_check=ON",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: sa.Connection) -> None:
    write = connection.get_execution_options().get("schakel_write", True)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


def _postgresql(url: str) -> sa.Engine:
    try:
        parsed = make_url(url)
    except sa.exc.ArgumentError:
        parsed = None
    if parsed is None or parsed.get_backend_name() != "postgresql":
        raise UsageError("The state URL is not a PostgreSQL one; write postgresql+psycopg://user@host/database.")
    engine = sa.create_engine(parsed.set(drivername="postgresql+psycopg"), pool_pre_ping=True, hide_parameters=True)
    event.listen(engine, "begin", _begin_postgresql)
    return engine


def _begin_postgresql(connection: sa.Connection) -> None:
    if connection.get_execution_options().get("schakel_write", True):
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({ADVISORY_LOCK})")
    else:
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")


def _bring_up_to_date(store: Store) -> None:
    with store.reading() as tx:
        current = _version(tx)
    if current == HEAD:
        return
    with store.transaction() as tx:
        current = _version(tx)
        if current is not None and current > HEAD:
            raise UsageError(
                f"The state store has version {current}, this program knows {HEAD}; install the newer one."
            )
        if current != HEAD:
            migrate(tx.connection)


def _version(tx: Transaction) -> str | None:
    if not sa.inspect(tx.connection).has_table("alembic_version"):
        return None
    value = tx.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
    return None if value is None else str(value)
