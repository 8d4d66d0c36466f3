"""Secrets come from files that the process manager hands over, never from configuration; rotating them works there too."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest

from tests.conftest import Invoke
from tests.postgresql import Server


@pytest.fixture
def elsewhere(tmp_path: Path, invoke: Invoke) -> dict[str, str]:
    """An installation whose keys were never in its state folder."""
    keys = {"SCHAKEL_KEYS": str(tmp_path / "safe" / "keys"), "SCHAKEL_ACTOR": "anna"}
    done = invoke("setup", state=tmp_path / "state", **keys)
    assert done.returncode == 0, done.stderr
    return keys


def private(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.rglob("*") if p.suffix in (".key", ".pem") and not p.name.endswith(".pub.pem"))


def test_no_secret_lies_in_the_state_folder(tmp_path: Path, elsewhere: dict[str, str]) -> None:
    assert private(tmp_path / "state") == []
    assert private(tmp_path / "safe") == ["nr2015.key", "signing.pem", "wodc2020.key"]


def test_keys_that_are_handed_over_are_never_written(tmp_path: Path, invoke: Invoke, elsewhere: dict[str, str]) -> None:
    given = Path(elsewhere["SCHAKEL_KEYS"])
    before = {p.name: p.read_bytes() for p in given.iterdir()}
    assert invoke("setup", state=tmp_path / "state", **elsewhere).returncode == 0
    assert invoke("log", "verify", state=tmp_path / "state", **elsewhere).returncode == 0
    assert {p.name: p.read_bytes() for p in given.iterdir()} == before
    assert private(tmp_path / "state") == []


def test_the_signing_key_rotates_where_it_lies(tmp_path: Path, invoke: Invoke, elsewhere: dict[str, str]) -> None:
    before = (tmp_path / "safe/keys/signing.pem").read_bytes()
    done = invoke("keys", "rotate", "--reason", "the yearly change", state=tmp_path / "state", **elsewhere)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "safe/keys/signing.pem").read_bytes() != before
    assert invoke("log", "verify", state=tmp_path / "state", **elsewhere).returncode == 0
    assert private(tmp_path / "state") == []


def test_backup_and_restore_find_the_keys(tmp_path: Path, invoke: Invoke, elsewhere: dict[str, str]) -> None:
    done = invoke("backup", tmp_path / "b", "--keys", tmp_path / "k", state=tmp_path / "state", **elsewhere)
    assert done.returncode == 0, done.stderr
    newest = max((tmp_path / "state/checkpoints").iterdir())
    other = elsewhere | {"SCHAKEL_KEYS": str(tmp_path / "other")}
    done = invoke(
        "restore", tmp_path / "b", "--keys", tmp_path / "k", "--checkpoint", newest, state=tmp_path / "new", **other
    )
    assert done.returncode == 0, done.stderr
    assert private(tmp_path / "other") == private(tmp_path / "safe")
    assert private(tmp_path / "new") == []


def test_the_database_password_comes_from_a_file(tmp_path: Path, invoke: Invoke, server: Server) -> None:
    name = f"t{secrets.token_hex(6)}"
    server.sql(f"CREATE DATABASE {name} TEMPLATE template_schakel")
    path = tmp_path / "database-url"
    path.write_text(server.url(name) + "\n")
    path.chmod(0o600)
    done = invoke("setup", state=tmp_path / "state", SCHAKEL_DATABASE_URL_FILE=str(path))
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "state/state.db").exists()
    path.chmod(0o644)
    done = invoke("setup", state=tmp_path / "state", SCHAKEL_DATABASE_URL_FILE=str(path))
    assert (done.returncode, "chmod 600" in done.stderr) == (2, True)
    done = invoke("setup", state=tmp_path / "state", SCHAKEL_DATABASE_URL_FILE=str(tmp_path / "none"))
    assert (done.returncode, "cannot be read" in done.stderr) == (2, True)
    server.sql(f"DROP DATABASE {name} WITH (FORCE)")


def test_a_lost_file_says_which(tmp_path: Path, invoke: Invoke, elsewhere: dict[str, str]) -> None:
    propose_keys = Path(elsewhere["SCHAKEL_KEYS"])
    (propose_keys / "signing.pem").unlink()
    done = invoke("log", "verify", state=tmp_path / "state", **elsewhere)
    done = invoke("setup", state=tmp_path / "state", **elsewhere)
    assert (done.returncode, str(propose_keys / "signing.pem") in done.stderr) == (2, True)
