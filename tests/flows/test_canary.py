"""Nothing from a record reaches a log, a database, an error, a cache or a release: also when a step fails."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from tests.conftest import EXAMPLES, Command
from tests.flows import canaries

pytestmark = pytest.mark.prefect
SABOTAGE = Path(__file__).parent / "sabotage"


def _said(folder: Path, text: str) -> Path:
    path = folder / "terminal.txt"
    path.write_text(text)
    return path


def test_a_run_leaves_no_trace_of_a_person(command: Command, tmp_path: Path) -> None:
    data = canaries.plant(EXAMPLES, tmp_path / "data")
    left = tmp_path / "left"
    left.mkdir()
    done = command("run", "nr2015", "--data", data, "--out", left / "out", state=left / "state", TMPDIR=str(left))
    _said(left, done.stdout + done.stderr)
    assert list((left / "out" / "releases" / "nr2015").iterdir())
    assert list((left / "state").rglob("prefect.db"))
    assert canaries.found_in(left) == []


@pytest.mark.parametrize("step", [pytest.param("encode", marks=pytest.mark.slow), "tabulate"])
def test_a_failing_run_leaves_no_trace_either(command: Command, tmp_path: Path, step: str) -> None:
    data = canaries.plant(EXAMPLES, tmp_path / "data")
    left = tmp_path / "left"
    left.mkdir()
    done = command(
        "run", "nr2015", "--data", data, "--out", left / "out", state=left / "state", check=False,
        TMPDIR=str(left), PYTHONPATH=str(SABOTAGE), SABOTAGE=step,
    )  # fmt: skip
    _said(left, done.stdout + done.stderr)
    assert done.returncode == 1, done.stderr
    assert "KeyError in" in done.stderr
    assert len(done.stderr.strip().splitlines()[-1]) < 300
    assert canaries.found_in(left) == []
    assert not list((left / "out").rglob("manifest.json"))
    assert list(left.rglob("prefect.db"))
    assert [path for path in left.rglob("storage/*") if path.is_file()] == [], "Prefect pickles what a flow raises"


def test_the_search_finds_what_it_should(tmp_path: Path) -> None:
    for offset in range(3):
        folder = tmp_path / str(offset)
        folder.mkdir()
        (folder / "pickle").write_bytes(base64.b64encode(b"x" * offset + canaries.LAST.encode() + b"tail"))
        assert any(canaries.LAST in hit for hit in canaries.found_in(folder))
