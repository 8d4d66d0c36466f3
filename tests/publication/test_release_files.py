"""The files of a release: names, modes, columns, blanks, and the same bytes from another process."""

from __future__ import annotations

import csv
import hashlib
import io
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from flows.publication import write_public
from schemas.errors import DisclosureRefused
from tests.publication.conftest import STUDIES
from tests.publication.fabricate import facts, protected, study_and_catalogue

Releases = Callable[[str], Path]
ROOT = Path(__file__).parents[2]
SHARED = {"index.html", "tables.xlsx", "tables.ods", "datapackage.json"}
NOTES = {f"method.{language}.{kind}" for language in ("nl", "en") for kind in ("html", "pdf")}


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.mark.parametrize("study_id", STUDIES)
def test_public_holds_exactly_the_files_of_the_contract(releases: Releases, study_id: str) -> None:
    _, catalogue = study_and_catalogue(study_id)
    ids = [entry.id for entry in catalogue.entries]
    suffixes = (".csv", ".nl.csv", ".svg", ".csv-metadata.json")
    expected = SHARED | NOTES | {f"{table}{suffix}" for table in ids for suffix in suffixes}
    assert names(releases(study_id) / "public") == expected


@pytest.mark.parametrize("study_id", STUDIES)
def test_restricted_holds_exactly_the_files_of_the_contract(releases: Releases, study_id: str) -> None:
    _, catalogue = study_and_catalogue(study_id)
    tables = {f"{entry.id}{suffix}" for entry in catalogue.entries for suffix in (".csv", ".parquet")}
    assert names(releases(study_id) / "restricted") == tables | {"method.nl.html", "method.en.html"}


def test_restricted_files_are_for_their_owner_only(releases: Releases) -> None:
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (releases("wodc2020") / "restricted").iterdir()}
    assert modes == {0o600}


def header(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").split("\n", 1)[0].split(",")


def test_columns_are_the_contracts(releases: Releases) -> None:
    folder = releases("nr2015")
    noisy = ["aantal", "aantal_zuiver", "ondergrens", "bovengrens", "status"]
    assert header(folder / "public" / "nr2015_f05.csv") == ["jaar", "geslacht", *noisy]
    assert header(folder / "restricted" / "nr2015_f05.csv") == ["jaar", "geslacht", "aantal", "status"]
    assert header(folder / "restricted" / "nr2015_f06_gemiddelde.csv") == ["jaar", "n", "gemiddelde", "sd", "status"]


@pytest.mark.parametrize("study_id", STUDIES)
def test_a_blank_has_no_point_value_and_keeps_its_bounds(releases: Releases, study_id: str) -> None:
    blanks = 0
    for path in (releases(study_id) / "public").glob("*.csv"):
        if path.name.endswith(".nl.csv"):
            continue
        for row in csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))):
            points = [row[name] for name in ("aantal", "aantal_zuiver", "n", "gemiddelde") if name in row]
            if row["status"] == "suppressed":
                blanks += 1
                assert set(points) == {""}
                assert "ondergrens" not in row or (row["ondergrens"] and row["bovengrens"])
            else:
                assert "" not in points
    assert blanks > 20


WRITE_AGAIN = """
import sys
from pathlib import Path
from tests.publication.conftest import write_release
write_release(Path(sys.argv[1]), "wodc2020")
"""


def digests(folder: Path) -> dict[str, str]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_another_process_with_another_clock_writes_the_same_bytes(releases: Releases, tmp_path: Path) -> None:
    settings = {"PYTHONHASHSEED": "12345", "TZ": "Pacific/Auckland", "LANG": "nl_NL.UTF-8", "SOURCE_DATE_EPOCH": "1"}
    again = tmp_path / "again"
    again.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", WRITE_AGAIN, str(again)],
        cwd=ROOT, env=os.environ | settings, capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert digests(again) == digests(releases("wodc2020"))


def test_a_tidy_csv_does_not_change_by_accident(releases: Releases) -> None:
    content = (releases("nr2015") / "restricted" / "nr2015_f05.csv").read_bytes()
    assert content.startswith(b"jaar,geslacht,aantal,status\n2010,V,268,ok\n2010,M,72,ok\n2010,O,0,ok\n")
    assert hashlib.sha256(content).hexdigest() == "caea8bc2f274f9ad5aa0fe7c182b2f1a9bf5e42d39eaf2ce44c62d4b7d113752"


def tampered(change: Callable[[pd.DataFrame], pd.DataFrame], tmp_path: Path) -> None:
    study, catalogue = study_and_catalogue("wodc2020")
    tables = protected("wodc2020", catalogue, "public", "suppressed")
    table = tables["wodc2020_f04"]
    object.__setattr__(table, "frame", change(table.frame.copy()))
    write_public(tmp_path, tables, catalogue, study, facts())


def test_nothing_is_written_when_a_frame_carries_a_reason(tmp_path: Path) -> None:
    with pytest.raises(DisclosureRefused, match="reden"):
        tampered(lambda frame: frame.assign(reden="primary"), tmp_path)
    assert not list(tmp_path.iterdir())


def test_nothing_is_written_when_a_blank_still_has_its_value(tmp_path: Path) -> None:
    with pytest.raises(DisclosureRefused, match="blank"):
        tampered(lambda frame: frame.assign(status="suppressed"), tmp_path)
    assert not list(tmp_path.iterdir())


def test_nothing_is_written_when_a_status_says_more_than_the_contract(tmp_path: Path) -> None:
    with pytest.raises(DisclosureRefused, match="status"):
        tampered(lambda frame: frame.assign(status="secondary"), tmp_path)
    assert not list(tmp_path.iterdir())
