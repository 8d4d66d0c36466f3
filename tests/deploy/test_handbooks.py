"""What the handbooks tell readers to type is typed: the auditor's page on a release, the analyst's on invented people."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, Command, Invoke
from tests.flows.invented_release import propose, tables

BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)


def _blocks(page: str) -> list[str]:
    return BLOCK.findall((ROOT / "docs" / page).read_text(encoding="utf-8"))


def _type(blocks: list[str], where: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """All blocks as one script that stops at the first command that fails."""
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", "\n".join(blocks)], cwd=where, env={**os.environ, **environment},
        capture_output=True, text=True, timeout=280, check=False,
    )  # fmt: skip


@pytest.fixture
def premises(tmp_path: Path, invoke: Invoke) -> dict[str, Path]:
    """A release, the auditor's own things (key, script, last year's checkpoint), and an export of the log."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl on this machine: install the Debian package 'openssl'")
    state, mine = tmp_path / "state", tmp_path / "mine"
    mine.mkdir()
    first = propose(state, tmp_path / "out", "nr2015-1", tables())
    shutil.copy(first / "checkpoint.txt", mine)
    release = propose(state, tmp_path / "out", "nr2015-2", tables(), snapshot="b")
    shutil.copy(release / "verify.py", mine)
    invoke("setup", state=state)
    shutil.copy(state / "keys" / "signing.pub.pem", mine / "key.pem")
    invoke("log", "export", "--out", mine / "log.jsonl", state=state)
    return {"release": release, "mine": mine}


def _audit(premises: dict[str, Path]) -> subprocess.CompletedProcess[str]:
    mine = premises["mine"]
    blocks = [block.replace("public/index.html", "public/nr2015_f05.csv") for block in _blocks("auditor.md")]
    return _type(blocks, premises["release"], KEY=str(mine / "key.pem"), MINE=str(mine), EXPORT=str(mine / "log.jsonl"))


def test_the_auditors_page_works_as_it_is_written(premises: dict[str, Path]) -> None:
    done = _audit(premises)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("Signature Verified Successfully") == 2
    assert "the log is whole" in done.stdout
    manifest = (premises["release"] / "manifest.json").read_text()
    digest = re.search(r"SHA2-256\(public/nr2015_f05\.csv\)= ([0-9a-f]{64})", done.stdout)
    assert digest
    assert digest[1] in manifest


@pytest.mark.parametrize("changed", ["public/nr2015_f05.csv", "manifest.json", "checkpoint.txt"])
def test_it_stops_where_something_was_changed(premises: dict[str, Path], changed: str) -> None:
    path = premises["release"] / changed
    path.chmod(0o600)
    text = path.read_text()
    path.write_text(text.replace("1", "2", 1))
    done = _audit(premises)
    assert done.returncode == 6, done.stdout + done.stderr


def test_an_export_without_one_entry_is_noticed(premises: dict[str, Path]) -> None:
    export = premises["mine"] / "log.jsonl"
    lines = export.read_text().splitlines(keepends=True)
    export.write_text("".join(lines[:1] + lines[2:]))
    assert "THE LOG IS NOT WHAT WAS SIGNED" in _audit(premises).stdout


@pytest.mark.slow
def test_the_analysts_page_works_as_it_is_written(tmp_path: Path, command: Command) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    program = programs / "schakel"
    program.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -m flows "$@"\n')
    program.chmod(0o755)
    work = tmp_path / "work"
    work.mkdir()
    done = _type(
        _blocks("analyst.md"), work, PATH=f"{programs}:{os.environ['PATH']}", SCHAKEL_SOURCE=str(ROOT), COLUMNS="120",
        SCHAKEL_STATE=str(tmp_path / "state"),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    row = next(line for line in done.stdout.splitlines() if "eigen_route_kust" in line)
    assert [cell.strip() for cell in row.split("│")[2:5:2]] == ["12", "restricted only"]
    assert "regelingg" in done.stderr, "the mistake is named"
    assert not (tmp_path / "state").exists() or not list((tmp_path / "state").rglob("state.db")), "nothing was spent"
