"""Where things lie, and the environment that keeps Prefect from becoming a leak.

Everything comes from the environment of the process manager; nothing here is ever a secret.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from schemas.errors import UsageError

SAFE_ENVIRONMENT = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    "PREFECT_RESULTS_PERSIST_BY_DEFAULT": "false",
    "PREFECT_TASKS_REFRESH_CACHE": "true",
    "PREFECT_LOGGING_LOG_PRINTS": "false",
    "PREFECT_FLOWS_DEFAULT_RETRIES": "0",
    "PREFECT_TASKS_DEFAULT_RETRIES": "0",
}
"""Forced, whatever the user has set: each of these, set otherwise, writes data or calls out."""

DEFAULT_ENVIRONMENT = {
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
    "PREFECT_CLI_PROMPT": "false",
}
"""Set unless the user set them: comfort, not protection."""


@dataclass(frozen=True)
class Settings:
    """The folders and addresses of one installation.

    state         `SCHAKEL_STATE`, default the user's XDG state folder; holds the log, ledger, keys, certificates.
    database_url  `SCHAKEL_DATABASE_URL`, or the content of `SCHAKEL_DATABASE_URL_FILE`; empty for the embedded SQLite.
    key_file      `SCHAKEL_KEY_FILE`, empty for `<study>.key` in the keys folder.
    actor         `SCHAKEL_ACTOR`, default the login name: who the log says did it.
    keys          `SCHAKEL_KEYS`, else None: `<state>/keys`.
    engine        where steps run: `local`, or the address of a Spark cluster; from the command, never the environment.
    """

    state: Path
    database_url: str
    key_file: Path | None
    actor: str
    keys: Path | None = None
    engine: str = "local"

    @property
    def keys_folder(self) -> Path:
        """Where the signing key, the study secrets and the backup key lie."""
        return self.keys or self.state / "keys"

    @property
    def signing_key(self) -> Path | None:
        """The signing key where it is kept outside the state folder."""
        return self.keys / "signing.pem" if self.keys is not None else None

    @classmethod
    def from_environment(cls, state: Path | None = None, engine: str = "local") -> Settings:
        """Read the environment; `state` overrides `SCHAKEL_STATE`."""
        home = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
        folder = state or Path(os.environ.get("SCHAKEL_STATE") or Path(home) / "schakel")
        key, keys = os.environ.get("SCHAKEL_KEY_FILE"), os.environ.get("SCHAKEL_KEYS")
        return cls(
            state=folder.absolute(),
            database_url=_database_url(),
            key_file=Path(key) if key else None,
            actor=os.environ.get("SCHAKEL_ACTOR") or os.environ.get("USER") or f"uid{os.getuid()}",
            keys=Path(keys).absolute() if keys else None,
            engine=engine,
        )


def _database_url() -> str:
    """The address holds a password where the server asks for one: then it comes from a file or a credential."""
    path = os.environ.get("SCHAKEL_DATABASE_URL_FILE")
    if not path:
        return os.environ.get("SCHAKEL_DATABASE_URL", "")
    try:
        if Path(path).stat().st_mode & 0o077:
            raise UsageError(f"{path} can be read by others than its owner; run `chmod 600` on it.")
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        why = os.strerror(error.errno or 0)
        raise UsageError(f"SCHAKEL_DATABASE_URL_FILE names {path}, which cannot be read ({why}).") from None


def secure_process(settings: Settings) -> None:
    """Make this process and its children safe, before Prefect is imported: umask 077 and the settings above."""
    os.umask(0o077)
    os.environ.update(SAFE_ENVIRONMENT)
    for name, value in DEFAULT_ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    os.environ.setdefault("PREFECT_HOME", str(settings.state / "prefect"))
    Path(os.environ["PREFECT_HOME"]).mkdir(mode=0o700, parents=True, exist_ok=True)
