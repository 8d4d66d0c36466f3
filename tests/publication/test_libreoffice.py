"""The Dutch CSVs open in a Dutch spreadsheet with columns and numbers in place: LibreOffice itself converts them."""

from __future__ import annotations

import csv
import io
import os
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

Releases = Callable[[str], Path]
PACKAGE = "libreoffice-calc"
OFFICE = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
DUTCH = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    '<oor:items xmlns:oor="http://openoffice.org/2001/registry"><item oor:path="/org.openoffice.Setup/L10N">'
    '<prop oor:name="ooSetupSystemLocale" oor:op="fuse"><value>nl-NL</value></prop></item></oor:items>'
)
# Semicolon (59), double quote (34), UTF-8 (76), from line 1, columns as they are, Dutch (1043), numbers told apart by themselves.
AS_A_DUTCH_READER_OPENS_IT = "CSV:59,34,76,1,,1043,false,true"


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], Path]:
    """Convert a CSV to ODS with LibreOffice set to Dutch."""
    program = shutil.which("soffice")
    if program is None:
        assert not os.environ.get("CI"), f"CI must not skip this test: install the package {PACKAGE}"
        pytest.skip(f"LibreOffice is not installed; install the package {PACKAGE}")
    profile = tmp_path_factory.mktemp("profile")
    (profile / "user").mkdir()
    (profile / "user" / "registrymodifications.xcu").write_text(DUTCH)

    def convert(source: Path) -> Path:
        out = tmp_path_factory.mktemp("converted")
        command = [program, f"-env:UserInstallation={profile.as_uri()}", "--headless", "--convert-to", "ods"]
        command += [f"--infilter={AS_A_DUTCH_READER_OPENS_IT}", "--outdir", str(out), str(source)]
        subprocess.run(command, check=True, capture_output=True, timeout=180)
        return out / f"{source.stem}.ods"

    return convert


def sheet(path: Path) -> list[list[str | float | None]]:
    """The cells of the first sheet: numbers as numbers, text as text, empty as None."""
    content = ElementTree.fromstring(zipfile.ZipFile(path).read("content.xml"))
    rows = []
    for row in content.iter(f"{TABLE}table-row"):
        cells: list[str | float | None] = []
        for cell in row.iter(f"{TABLE}table-cell"):
            repeated = int(cell.get(f"{TABLE}number-columns-repeated", "1"))
            kind = cell.get(f"{OFFICE}value-type")
            value = float(cell.get(f"{OFFICE}value", "nan")) if kind == "float" else "".join(cell.itertext()) or None
            cells += [value] * min(repeated, 20)
        while cells and cells[-1] is None:
            cells.pop()
        if cells:
            rows.append(cells)
    return rows


@pytest.mark.slow
@pytest.mark.parametrize(("study_id", "table"), [("nr2015", "nr2015_f06"), ("wodc2020", "wodc2020_fb21")])
def test_libreoffice_in_dutch_reads_columns_and_numbers(
    releases: Releases, office: Callable[[Path], Path], study_id: str, table: str
) -> None:
    folder = releases(study_id) / "public"
    expected = list(csv.reader(io.StringIO((folder / f"{table}.csv").read_text())))
    found = sheet(office(folder / f"{table}.nl.csv"))
    assert [str(name) for name in found[0]] == expected[0]
    assert len(found) == len(expected)
    numbers = [
        place
        for place, name in enumerate(expected[0])
        if name in ("aantal", "aantal_zuiver", "ondergrens", "bovengrens")
    ]
    assert len(numbers) == 4
    for row, wanted in zip(found[1:], expected[1:], strict=True):
        for place in numbers:
            if wanted[place] == "":
                assert row[place] is None, "a blank stays empty, never zero"
            else:
                assert row[place] == pytest.approx(float(wanted[place]), abs=1e-9), (
                    "a decimal comma, not text or a date"
                )
        assert row[-1] == wanted[-1]


@pytest.mark.slow
def test_age_bands_do_not_become_dates(releases: Releases, office: Callable[[Path], Path]) -> None:
    found = sheet(office(releases("nr2015") / "public" / "nr2015_f06.nl.csv"))
    assert {"15-17", "18-23"} <= {row[1] for row in found}
