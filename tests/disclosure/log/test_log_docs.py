"""docs/log.md says what the code does: every kind, and commands that work as they are printed."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from log_support import append_views, publish, write_public_key

from disclosure.log import export
from disclosure.log.leaves import KINDS

PAGE = (Path(__file__).parents[3] / "docs" / "log.md").read_text()


def test_every_kind_of_leaf_is_documented():
    assert {kind for kind in KINDS if f"`{kind}`" not in PAGE} == set()


@pytest.fixture
def release(embedded, tmp_path):
    append_views(embedded, 5, sign=True)
    folder = publish(embedded, tmp_path / "out" / "r1")
    write_public_key(embedded, folder / "public.pem")
    return folder


def test_the_openssl_commands_work_as_printed(release):
    block = re.search(r"### By openssl alone\n\n```\n(.*?)```", PAGE, re.DOTALL)[1]
    salt = re.search(r'"restricted/f01.csv":"([0-9a-f]{64})"', (release / "restricted/salts.json").read_text())[1]
    commands = block.replace("nr2015_f01", "f01").replace("SALT", salt)
    done = subprocess.run(["sh", "-ec", commands], cwd=release, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Verified Successfully") == 2
    manifest = (release / "manifest.json").read_text()
    digests = re.findall(r"= ([0-9a-f]{64})", done.stdout)
    assert len(digests) == 2
    assert all(digest in manifest for digest in digests)


def test_the_export_program_works_as_printed(embedded, tmp_path):
    append_views(embedded, 12, sign=True)
    with (tmp_path / "log.jsonl").open("w") as file, embedded.store.reading() as tx:
        note = export(embedded, tx, file)
    program = re.search(r"```python\n(import base64.*?)```", PAGE, re.DOTALL)[1]
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout.strip() == note.split("\n")[2]
