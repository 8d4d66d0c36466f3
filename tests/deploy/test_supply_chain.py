"""What is installed is what was locked: hashes for every package, no address, licences written down for every one."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
ROW = re.compile(r"^\| ([A-Za-z0-9_.-]+) \| (\d\S*) \|", re.MULTILINE)
ELSEWHERE = {"async-timeout", "brotlicffi", "pywin32", "whenever"}
"""Locked for other systems, other interpreters or later versions of Python; not installed here, so they state no licence."""
PACKAGE = re.compile(r"^([A-Za-z0-9_.-]+)==([^ ;\\]+)", re.MULTILINE)


def _locked(path: Path) -> dict[str, str]:
    return {_normal(name): version for name, version in PACKAGE.findall(path.read_text())}


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_every_package_has_hashes_and_no_lock_names_an_address(lock: Path) -> None:
    text = lock.read_text()
    assert "://" not in text
    assert "--index" not in text
    entries = re.split(r"\n(?=[A-Za-z0-9])", text.strip())
    assert len(entries) >= 1
    assert [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry or "==" not in entry] == []


def test_the_lock_holds_every_declared_dependency() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    names = {_normal(re.match(r"[A-Za-z0-9._-]+", line)[0]) for line in declared}  # type: ignore[index]
    assert names - set(_locked(ROOT / "requirements" / "run.txt")) == set()


def test_prefects_server_does_not_get_the_sqlalchemy_that_breaks_its_scheduler() -> None:
    server = _locked(ROOT / "requirements" / "server.txt")
    assert server["sqlalchemy"].startswith("2.0.")
    assert server["prefect"] == _locked(ROOT / "requirements" / "run.txt")["prefect"]
    assert tuple(map(int, server["fastapi"].split(".")[:2])) < (0, 151)


def test_licences_are_those_of_the_lock() -> None:
    locked = _locked(ROOT / "requirements" / "run.txt")
    written = {_normal(name): version for name, version in ROW.findall((ROOT / "docs" / "licences.md").read_text())}
    assert {name: version for name, version in written.items() if locked.get(name) != version} == {}
    assert set(locked) - set(written) == ELSEWHERE, "run `make audit`: it writes docs/licences.md"
