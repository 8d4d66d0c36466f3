"""Exact tables, links and packages go when their time is up, also copies, and nothing else does; a scan of bytes confirms it."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.conftest import Command, Invoke, fewer_rows

HOLDER = "--i-am-the-data-holder"
DAY = 86_400


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tenth of the reference registers: what is written matters here, not how much."""
    return fewer_rows(tmp_path_factory.mktemp("some") / "data")


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory, data: Path, command: Command) -> Path:
    """A folder with state, exact tables, links and packages, made as a data holder makes them."""
    base = tmp_path_factory.mktemp("written")
    for name, out, more in (
        ("tabulate", "exact", [HOLDER]), ("link", "links.parquet", [HOLDER]), ("encode", "packages", []),
    ):  # fmt: skip
        command(name, "nr2015", "--data", data, "--out", base / out, *more, state=base / "state")
    return base


@pytest.fixture
def made(tmp_path: Path, written: Path, data: Path) -> Path:
    """The same as a folder of this test's own, and copies that somebody made of one of each."""
    here = tmp_path / "here"
    shutil.copytree(written, here)
    noted = here / "state" / "outputs.jsonl"
    noted.write_text(noted.read_text().replace(str(written), str(here)))
    (here / "copies").mkdir()
    shutil.copy(here / "exact/nr2015_f01.parquet", here / "copies/renamed.parquet")
    shutil.copy(here / "links.parquet", here / "copies/who.parquet")
    shutil.copytree(here / "packages/dtv", here / "copies/dtv")
    shutil.copy(data / "ind.csv", here / "copies/ind.csv")
    (here / "copies/manifest.json").write_text('{"name": "something else"}')
    pq.write_table(pq.read_table(here / "links.parquet").replace_schema_metadata(None), here / "copies/other.parquet")
    return here


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_what_is_young_stays(made: Path, invoke: Invoke) -> None:
    before = files(made) - {"state/state.db-wal"}
    assert invoke("purge", made / "copies", state=made / "state").returncode == 0
    assert files(made / "exact") == {name.removeprefix("exact/") for name in before if name.startswith("exact/")}


def test_what_is_past_its_time_goes_with_its_copies_and_nothing_else(made: Path, invoke: Invoke) -> None:
    keys = files(made / "state/keys")
    done = invoke("purge", made / "copies", "--older-than", "0", state=made / "state")
    assert done.returncode == 0, done.stderr
    assert "nothing older is left" in done.stdout
    assert files(made / "copies") == {"ind.csv", "manifest.json", "other.parquet"}
    assert not (made / "packages" / "dtv").exists()
    assert files(made / "exact") == files(made / "packages") == set()
    assert not (made / "links.parquet").exists()
    assert files(made / "state/keys") == keys
    said = invoke("log", "show", "--kind", "purged", state=made / "state").stdout
    assert all(kind in said for kind in ("exact_tables", "links", "packages", "quarantine"))
    assert invoke("log", "verify", state=made / "state").returncode == 0


def test_age_is_that_of_the_file(made: Path, invoke: Invoke) -> None:
    past = time.time() - 31 * DAY
    os.utime(made / "links.parquet", (past, past))
    done = invoke("purge", state=made / "state")
    assert "links: 1 file(s) removed" in done.stdout
    assert "exact_tables: 0 file(s) removed" in done.stdout
    assert not (made / "links.parquet").exists()


def test_a_person_keeps_her_number_after_a_purge(made: Path, data: Path, invoke: Invoke) -> None:
    before = pq.read_table(made / "links.parquet").sort_by([("bron", "ascending"), ("sleutel", "ascending")])
    invoke("purge", "--older-than", "0", state=made / "state")
    invoke("link", "nr2015", "--data", data, "--out", made / "again.parquet", HOLDER, state=made / "state")
    again = pq.read_table(made / "again.parquet").sort_by([("bron", "ascending"), ("sleutel", "ascending")])
    assert again["person_id"].equals(before["person_id"])


def test_a_folder_that_is_not_there_is_said(made: Path, invoke: Invoke) -> None:
    done = invoke("purge", made / "nowhere", state=made / "state")
    assert (done.returncode, "nowhere" in done.stderr) == (2, True)
    assert (made / "links.parquet").exists()
