"""Every format read back by a program that is not ours."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pandas as pd
import pyarrow.parquet as pq
import pytest

from flows.publication.delimited import DUTCH, TIDY, csv_bytes
from flows.publication.ods import ods_bytes
from flows.publication.sheets import workbook_sheets
from flows.publication.views import make_views
from flows.publication.xlsx import xlsx_bytes
from schemas.tables import ProtectedTable
from tests.publication.conftest import STUDIES
from tests.publication.fabricate import protected, study_and_catalogue

Releases = Callable[[str], Path]


@pytest.mark.parametrize("study_id", STUDIES)
def test_csvw_validates(releases: Releases, study_id: str) -> None:
    csvw = pytest.importorskip("csvw")
    metadata = sorted((releases(study_id) / "public").glob("*-metadata.json"))
    assert metadata
    for path in metadata:
        described = csvw.CSVW(str(path), validate=True)
        assert described.is_valid, path.name


@pytest.mark.filterwarnings("default")
def test_csvw_finds_a_wrong_value(releases: Releases, tmp_path: Path) -> None:
    csvw = pytest.importorskip("csvw")
    source = releases("wodc2020") / "public"
    for name in ("wodc2020_f05.csv", "wodc2020_f05.csv-metadata.json"):
        (tmp_path / name).write_bytes((source / name).read_bytes().replace(b",noisy\n", b",primary\n"))
    assert not csvw.CSVW(str(tmp_path / "wodc2020_f05.csv-metadata.json"), validate=True).is_valid


@pytest.mark.parametrize("study_id", STUDIES)
def test_data_package_validates(releases: Releases, study_id: str) -> None:
    frictionless = pytest.importorskip("frictionless")
    report = frictionless.validate(str(releases(study_id) / "public" / "datapackage.json"))
    assert report.valid, report.flatten(["name", "type", "message"])[:3]
    assert len(report.tasks) == 2 * len(list((releases(study_id) / "public").glob("*.nl.csv")))


def test_dutch_csv_holds_the_tidy_ones_numbers(releases: Releases) -> None:
    folder = releases("nr2015") / "public"
    raw = (folder / "nr2015_f05.nl.csv").read_bytes()
    assert raw.startswith(b"\xef\xbb\xbfjaar;geslacht;")
    assert b"\r\n" in raw
    dutch = pd.read_csv(folder / "nr2015_f05.nl.csv", sep=";", decimal=",", encoding="utf-8-sig")
    pd.testing.assert_frame_equal(dutch, pd.read_csv(folder / "nr2015_f05.csv"))
    assert dutch["aantal_zuiver"].dtype == "float64"


def sheet_rows(path: Path, name: str) -> list[list[object]]:
    page = openpyxl.load_workbook(path)[name]
    return [list(row) for row in page.iter_rows(values_only=True)]


def table_in(rows: list[list[object]], first: str) -> pd.DataFrame:
    start = next(place for place, row in enumerate(rows) if row[0] == first)
    header = [name for name in rows[start] if name is not None]
    body = [row[: len(header)] for row in rows[start + 1 :] if row[0] is not None]
    return pd.DataFrame(body, columns=header)


@pytest.mark.parametrize("table", ["nr2015_f05", "nr2015_f06", "nr2015_t02"])
def test_both_workbooks_hold_the_csvs_numbers(releases: Releases, table: str) -> None:
    folder = releases("nr2015") / "public"
    tidy = pd.read_csv(folder / f"{table}.csv", dtype={"jaar": "int64"})
    excel = table_in(sheet_rows(folder / "tables.xlsx", table), "jaar")
    ods = pd.read_excel(folder / "tables.ods", engine="odf", sheet_name=table, header=None)
    ods = table_in(ods.astype(object).where(ods.notna(), None).to_numpy().tolist(), "jaar")
    for read in (excel, ods):
        assert list(read["status"]) == list(tidy["status"])
        for name in ("aantal", "aantal_zuiver", "ondergrens", "bovengrens"):
            pd.testing.assert_series_equal(read[name].astype("float64"), tidy[name].astype("float64"))


def test_workbook_starts_with_contents_and_marks_header_rows(releases: Releases) -> None:
    book = openpyxl.load_workbook(releases("wodc2020") / "public" / "tables.xlsx")
    _, catalogue = study_and_catalogue("wodc2020")
    assert book.sheetnames[0] == "Inhoud"
    assert set(book.sheetnames[2:]) == {entry.id for entry in catalogue.entries}
    assert all(len(page.tables) == 1 for page in book)
    assert book["Inhoud"]["A7"].hyperlink is not None
    words = [cell.value for row in book["wodc2020_regio"].iter_rows() for cell in row]
    assert "Azië" in words
    assert "Asia" in words


def test_archives_carry_no_clock(releases: Releases) -> None:
    for name in ("tables.xlsx", "tables.ods"):
        with zipfile.ZipFile(releases("wodc2020") / "public" / name) as archive:
            assert {info.date_time[:3] for info in archive.infolist()} == {(1980, 1, 1)}


def test_parquet_fields_explain_themselves(releases: Releases) -> None:
    table = pq.read_table(releases("nr2015") / "restricted" / "nr2015_f05.parquet")
    assert table.column_names == ["jaar", "geslacht", "aantal", "status"]
    metadata = table.schema.field("geslacht").metadata
    assert metadata[b"label_en"] == b"Sex"
    assert json.loads(metadata[b"categories_nl"])["V"] == "vrouw"
    assert table.schema.metadata[b"title_en"] == b"B8 grants by year and sex"
    assert table["aantal"].null_count == sum(status == "suppressed" for status in table["status"].to_pylist())


def hostile(codes: tuple[str, ...]) -> ProtectedTable:
    frame = pd.DataFrame({"regio": codes, "aantal": pd.array([1, 2, 3, 4], dtype="Int64")})
    frame["aantal_zuiver"] = [-1.5, 2.0, 3.0, 4.0]
    frame["ondergrens"] = pd.array([0, 0, 0, 0], dtype="Int64")
    frame["bovengrens"] = pd.array([9, 9, 9, 9], dtype="Int64")
    frame["status"] = "noisy"
    return ProtectedTable("wodc2020_f05", "public", "noisy", ("regio",), {"regio": codes}, frame)


def test_no_cell_is_run_as_a_formula(tmp_path: Path) -> None:
    codes = ("=1+1", "+31", "@SUM(A1)", "-2+3")
    table = hostile(codes)
    for dialect, decimal in ((TIDY, "."), (DUTCH, ",")):
        content = csv_bytes(table, dialect).decode(dialect.encoding)
        rows = list(csv.reader(io.StringIO(content), delimiter=dialect.delimiter))[1:]
        assert [row[0] for row in rows] == [f"'{code}" for code in codes]
        assert rows[0][2] == f"-1{decimal}5000"  # a negative number is a number
    study, catalogue = study_and_catalogue("wodc2020")
    sheets = workbook_sheets(study, make_views({table.id: table}, catalogue, {}))
    (tmp_path / "t.xlsx").write_bytes(xlsx_bytes(sheets, "t"))
    types = {
        cell.data_type for row in openpyxl.load_workbook(tmp_path / "t.xlsx")[table.id].iter_rows() for cell in row
    }
    assert "f" not in types
    assert b"table:formula" not in ods_bytes(sheets, "t")


def test_every_category_has_words_in_both_languages() -> None:
    for study_id in STUDIES:
        _, catalogue = study_and_catalogue(study_id)
        tables = protected(study_id, catalogue, "restricted", "suppressed")
        for view in make_views(tables, catalogue, {}):
            for name in view.table.dimensions:
                for code in view.table.categories[name]:
                    words = [view.labels.category(name, code, language) for language in ("nl", "en")]
                    assert str(code).isdigit() or words != [str(code)] * 2, (name, code)
