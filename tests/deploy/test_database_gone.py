"""PostgreSQL is gone in the middle of a run, as in a power cut: nothing half, nothing twice, and a sentence of help."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.rehearsal.services import Database, Services, postgresql
from tests.conftest import EXAMPLES, ROOT

pytestmark = [pytest.mark.prefect, pytest.mark.slow]
NO_POSTGRESQL = "no PostgreSQL server found: install the Debian package 'postgresql'"


@pytest.fixture
def services() -> Iterator[Services]:
    folder = Path(tempfile.mkdtemp(prefix="schakel-gone-"))
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("SCHAKEL_", "PREFECT_", "PG"))}
    made = Services(folder, inherited | {"SCHAKEL_STATE": str(folder / "state"), "COLUMNS": "200"})
    yield made
    made.close()


@pytest.fixture
def database(services: Services) -> Database:
    if not (list(Path("/usr/lib/postgresql").glob("*/bin/initdb")) or shutil.which("initdb")):
        pytest.skip(NO_POSTGRESQL)
    return postgresql(services)


def _run(services: Services) -> subprocess.Popen[str]:
    """A run with its state in PostgreSQL; the Prefect that it brings along keeps to its own file."""
    out = services.folder / "out"
    environment = {k: v for k, v in services.environment.items() if not k.startswith("PREFECT_")}
    return subprocess.Popen(
        [sys.executable, "-m", "flows", "run", "wodc2020", "--data", str(EXAMPLES / "wodc2020"), "--out", str(out)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, cwd=ROOT,
    )  # fmt: skip


def _counts(database: Database) -> list[int]:
    """[releases, intents left, charges, different query keys, drawn results]"""
    statement = (
        "SELECT (SELECT count(*) FROM releases), (SELECT count(*) FROM intents), count(*), count(DISTINCT key), count(result) "
        "FROM charges"
    )
    return [int(cell) for cell in database.query("schakel", statement)[0]]


@pytest.mark.parametrize("step", ["Recognising people", "Drawing noise", "Writing the release"])
def test_the_next_run_completes_with_one_release_and_one_charge(
    services: Services, database: Database, step: str
) -> None:
    run = _run(services)
    assert run.stderr is not None
    for line in run.stderr:
        if line.strip().startswith(step):
            database.stop()
            break
    rest = run.communicate(timeout=280)[1]
    assert run.returncode == 2, rest
    assert rest.strip().splitlines()[-1].startswith("schakel: The state database cannot be reached"), rest
    # What was staged lies hidden until the next start takes it away; a release is what has its name.
    assert not [path for path in (services.folder / "out").rglob("manifest.json") if ".partial" not in str(path)]
    database.start()
    said, error = _run(services).communicate(timeout=280)
    assert said.startswith("Proposed wodc2020-"), error
    releases, intents, charges, keys, drawn = _counts(database)
    assert (releases, intents) == (1, 0)
    assert charges == keys == drawn > 0
    assert len(list((services.folder / "out" / "releases" / "wodc2020").iterdir())) == 1
    assert services.run(sys.executable, "-m", "flows", "log", "verify")
