"""Sessions live on the server; a browser holds only a random name for one, and the store only the hash of that name."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from portal.users import NOBODY, ROLES, User

IDLE_SECONDS = 30 * 60
LIFETIME_SECONDS = 8 * 3600
TOUCH_SECONDS = 60  # how stale "last seen" may be: not every request is a write
TOKEN_BYTES = 32
_SCHEMA = """CREATE TABLE IF NOT EXISTS sessions (
    id TEXT PRIMARY KEY, csrf TEXT NOT NULL, actor TEXT NOT NULL, roles TEXT NOT NULL, data TEXT NOT NULL,
    created REAL NOT NULL, seen REAL NOT NULL)"""


@dataclass
class Session:
    """One browser's session. `token` is the cookie's value; `data` holds what a login in progress must remember."""

    token: str
    csrf: str
    user: User = NOBODY
    data: dict[str, Any] = field(default_factory=dict)


class Sessions:
    """The store of sessions: an SQLite file (0600) beside the state, safe for several processes and threads."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=10)
        self._lock = threading.Lock()
        self._clock = clock
        for statement in ("PRAGMA journal_mode=WAL", "PRAGMA synchronous=NORMAL", "PRAGMA secure_delete=ON", _SCHEMA):
            self._connection.execute(statement)

    def load(self, token: str) -> Session | None:
        """The session of a cookie, None where it is unknown, idle too long or too old."""
        now = self._clock()
        row = self._run("SELECT csrf, actor, roles, data, created, seen FROM sessions WHERE id = ?", _hash(token))
        if row is None:
            return None
        csrf, actor, roles, data, created, seen = row
        if now - seen > IDLE_SECONDS or now - created > LIFETIME_SECONDS:
            self.end(token)
            return None
        if now - seen > TOUCH_SECONDS:
            self._run("UPDATE sessions SET seen = ? WHERE id = ?", now, _hash(token))
        held = frozenset(role for role in ROLES if role in json.loads(roles))
        return Session(token, csrf, User(actor, held) if actor else NOBODY, json.loads(data))

    def start(self, user: User = NOBODY) -> Session:
        """A new session with a name nobody knew before; logging in always starts one."""
        now = self._clock()
        session = Session(secrets.token_urlsafe(TOKEN_BYTES), secrets.token_urlsafe(TOKEN_BYTES), user)
        self._run("DELETE FROM sessions WHERE seen < ? OR created < ?", now - IDLE_SECONDS, now - LIFETIME_SECONDS)
        self._run(
            "INSERT INTO sessions VALUES (?, ?, ?, ?, ?, ?, ?)",
            _hash(session.token), session.csrf, user.name, json.dumps(sorted(user.roles)), "{}", now, now,
        )  # fmt: skip
        return session

    def keep(self, session: Session) -> None:
        """Store what `data` holds now."""
        self._run("UPDATE sessions SET data = ? WHERE id = ?", json.dumps(session.data), _hash(session.token))

    def end(self, token: str) -> None:
        """Forget a session; its cookie means nothing any more."""
        self._run("DELETE FROM sessions WHERE id = ?", _hash(token))

    def close(self) -> None:
        """Give the file back."""
        self._connection.close()

    def _run(self, statement: str, *values: object) -> Any:
        with self._lock:
            return self._connection.execute(statement, values).fetchone()


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
