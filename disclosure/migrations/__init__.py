"""Alembic migrations of the state store; `migrate` brings a database to the newest version."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection

HERE = Path(__file__).parent
HEAD = "0001"


def migrate(connection: Connection) -> None:
    """Bring the database behind `connection` to `HEAD`, inside the caller's transaction."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(HERE).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, HEAD)
