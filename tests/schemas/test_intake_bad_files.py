"""A file that is broken as a whole is refused before any work: one sentence, exit 3, never a value from a record."""

from __future__ import annotations

import io
from pathlib import Path

import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import Deliver
from intake_files import GOOD, HEADERS, lenient, line_of

from schemas.errors import InputRefused
from schemas.intake import read_registers
from schemas.quarantine import QuarantineLimit

VALUES = ("Zandstra", "ZANDSTRA", "Zo", "2930279489", "293.027", "D9-2012-0007", "IOM201200001", "1985", "SLE")
IND = (HEADERS["ind"] + "\r\n" + GOOD["ind"] + "\r\n").encode()
DTV = (HEADERS["dtv"] + "\r\n" + GOOD["dtv"] + "\r\n").encode("cp1252")

CASES = {
    "missing": ({"dtv": None}, ["DTV", "dtv.csv is missing", ".parquet"]),
    "empty": ({"ind": b""}, ["ind.csv is empty"]),
    "blank lines only": ({"ind": b"\r\n \r\n"}, ["ind.csv is empty"]),
    "byte-order mark only": ({"iom": b"\xef\xbb\xbf"}, ["iom.csv is empty"]),
    "header only": ({"ind": HEADERS["ind"] + "\r\n"}, ["ind.csv holds a header and no rows"]),
    "header without line end": ({"ind": HEADERS["ind"]}, ["ind.csv holds a header and no rows"]),
    "no header": (
        {"ind": GOOD["ind"] + "\r\n" + GOOD["ind"] + "\r\n"},
        ["ind.csv lacks the columns vnummer, voornamen"],
    ),
    "one column less": ({"dtv": DTV.replace(b"d9_einde", b"einde")}, ["dtv.csv lacks the column d9_einde"]),
    "one column twice": ({"ind": IND.replace(b"grond", b"besluit")}, ["ind.csv lacks the column grond"]),
    "needed column twice": (
        {"dtv": DTV.replace(b"uitstroom", b"uitstroom;vnummer")},
        ["dtv.csv has the column vnummer twice"],
    ),
    "separator": ({"ind": IND.replace(b";", b",")}, ["ind.csv lacks the columns", "not separated by ';'"]),
    "UTF-8 for cp1252": ({"dtv": DTV.decode("cp1252").encode()}, ["dtv.csv is not written in cp1252"]),
    "cp1252 for UTF-8": ({"ind": IND.decode().encode("cp1252")}, ["ind.csv is not written in utf-8"]),
    "undefined byte": ({"dtv": DTV.replace(b"Zo", b"\x81")}, ["dtv.csv is not written in cp1252"]),
    "UTF-16": ({"ind": IND.decode().encode("utf-16")}, ["ind.csv is not written in utf-8"]),
    "breaks off": ({"ind": IND + b"2930279489;Zo"}, ["ind.csv breaks off in line 3"]),
    "breaks off in the only row": ({"ind": IND[:-9]}, ["ind.csv"]),
    "open quotation mark": (
        {"iom": HEADERS["iom"] + '\r\nIOM201200001,,"ZANDSTRA,12/03/1985,F\r\n'},
        ["iom.csv", "line 2", "never closes"],
    ),
    "open quotation mark, long": ({"ind": IND + b'"Zandstra;' + IND * 1500}, ["ind.csv", "line 3", "never closes"]),
}


def refused(data_dir: Path, **study: object) -> str:
    """The error's text, after the promises that hold for every refusal."""
    with pytest.raises(InputRefused) as caught:
        read_registers(lenient(**study), data_dir)
    error = caught.value
    assert error.exit_code == 3
    assert error.__context__ is None, "a context would carry values along"
    assert not [value for value in VALUES if value in str(error)]
    assert str(error).endswith(".")
    assert "\n" not in str(error)
    return str(error)


@pytest.mark.parametrize("case", [name for name in CASES if name != "breaks off in the only row"])
def test_broken_file_is_refused(case: str, deliver: Deliver) -> None:
    registers, texts = CASES[case]
    message = refused(deliver(**registers))
    for text in texts:
        assert text in message


@pytest.mark.parametrize("lost", range(1, 60))
def test_a_cut_file_never_passes_for_a_whole_one(lost: int, deliver: Deliver) -> None:
    """Cut in the last row: refused, or that row set aside; only between two cells, or in the line end, it is invisible."""
    whole = IND + IND.split(b"\r\n")[1].replace(b"B8;", b"BEDENKTIJD;") + b"\r\n"
    data_dir = deliver(ind=whole[:-lost])
    if lost > len(b"AANGIFTE\r\n"):
        assert "breaks off in line 3" in refused(data_dir)
        return
    intake = read_registers(lenient(), data_dir)
    if lost not in (1, 2, len(b"AANGIFTE\r\n")):
        assert intake.quarantine.to_pylist() == [
            {"bron": "IND", "regel": 3, "kolom": "grond", "reden": "code_buiten_lijst"}
        ]


def test_two_files_of_one_register_are_refused(deliver: Deliver) -> None:
    folder = deliver()
    (folder / "dtv.xlsx").write_bytes(b"")
    assert "holds dtv.csv and dtv.xlsx" in refused(folder)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    assert "is not a folder" in refused(tmp_path / "nowhere")


def test_a_missing_file_is_noticed_before_another_is_read(deliver: Deliver) -> None:
    assert "iom.csv is missing" in refused(deliver(ind=b"", iom=None))


@pytest.mark.parametrize("content", [b"", b"PAR1", b"not parquet at all, Zandstra", b"PAR1" + b"\x00" * 40 + b"PAR1"])
def test_damaged_parquet_is_refused(content: bytes, deliver: Deliver) -> None:
    folder = deliver(ind=None)
    (folder / "ind.parquet").write_bytes(content)
    assert "ind.parquet cannot be read as Parquet" in refused(folder)


def test_cut_parquet_and_excel_are_refused(deliver: Deliver) -> None:
    folder = deliver(ind=None)
    frame = _frame()
    for name, write in (
        ("ind.parquet", frame.to_parquet),
        ("ind.xlsx", lambda target: frame.to_excel(target, index=False)),
    ):
        target = io.BytesIO()
        write(target)
        for share in (0.2, 0.5, 0.9, 0.99):
            (folder / name).write_bytes(target.getvalue()[: int(len(target.getvalue()) * share)])
            assert f"{name} cannot be read as" in refused(folder)
        (folder / name).unlink()


@pytest.mark.parametrize("content", [b"", b"PK", b"no workbook, Zandstra"])
def test_damaged_excel_is_refused(content: bytes, deliver: Deliver) -> None:
    folder = deliver(ind=None)
    (folder / "ind.xlsx").write_bytes(content)
    assert "ind.xlsx cannot be read as an Excel workbook" in refused(folder)


def test_excel_without_header_rows_or_columns_is_refused(deliver: Deliver) -> None:
    folder = deliver(ind=None)
    book = openpyxl.Workbook()
    book.save(folder / "ind.xlsx")
    assert "ind.xlsx is empty" in refused(folder)
    _frame().head(0).to_excel(folder / "ind.xlsx", index=False)
    assert "ind.xlsx holds a header and no rows" in refused(folder)
    _frame().drop(columns="besluit").to_excel(folder / "ind.xlsx", index=False)
    assert "ind.xlsx lacks the column besluit" in refused(folder)


def test_parquet_without_rows_or_columns_is_refused(deliver: Deliver) -> None:
    folder = deliver(ind=None)
    _frame().head(0).to_parquet(folder / "ind.parquet")
    assert "ind.parquet holds a header and no rows" in refused(folder)
    _frame().drop(columns=["besluit", "grond"]).to_parquet(folder / "ind.parquet")
    assert "ind.parquet lacks the columns besluit, grond" in refused(folder)


@pytest.mark.parametrize(
    "column",
    [
        pa.array([pd.Timestamp("1985-03-12", tz="UTC")]),
        pa.array([["Zandstra"]]),
        pa.array([b"Zandstra"]),
        pa.array([{"Zandstra": 1}]),
    ],
)
def test_parquet_types_that_are_no_text_date_or_number_are_refused(column: pa.Array, deliver: Deliver) -> None:
    folder = deliver(ind=None)
    table = pa.Table.from_pandas(_frame())
    pq.write_table(
        table.set_column(table.column_names.index("datum_besluit"), "datum_besluit", column), folder / "ind.parquet"
    )
    assert "ind.parquet: datum_besluit" in refused(folder)


def test_too_many_broken_rows_are_refused_with_counts_by_reason(deliver: Deliver) -> None:
    bad = [line_of("ind", vnummer="12"), line_of("ind", geslacht="X"), line_of("ind", geslacht="Y", vnummer="3")]
    folder = deliver(ind=[GOOD["ind"], *bad, "too;few"])
    message = refused(folder, limit=0.79)
    assert "IND 4 of 5 rows (code_buiten_lijst 2, v_nummer_ongeldig 2, rij_onleesbaar 1)" in message
    with pytest.raises(QuarantineLimit) as caught:
        read_registers(lenient(limit=0.79), folder)
    assert caught.value.quarantine["regel"].to_pylist() == [3, 4, 5, 5, 6]
    read_registers(lenient(limit=0.80), folder)


@pytest.mark.timeout(30)
def test_a_large_file_in_another_dialect_is_refused_within_seconds(deliver: Deliver) -> None:
    """Every row breaks in two columns: pandera's check of whole frames would take a minute to report that."""
    rows = [line_of("ind", datum_aanvraag="15/07/2011", datum_besluit="16/07/2011")] * 40_000
    assert "IND 40000 of 40000 rows (datum_ongeldig 80000)" in refused(deliver(ind=rows), limit=0.05)


def test_the_share_counts_delivered_rows_before_duplicates_are_dropped(deliver: Deliver) -> None:
    folder = deliver(ind=[GOOD["ind"]] * 19 + [line_of("ind", vnummer="12")])
    intake = read_registers(lenient(limit=0.05), folder)
    assert (intake.delivered["IND"], intake.duplicates["IND"], intake.registers["IND"].num_rows) == (20, 18, 1)


def test_every_register_over_the_limit_is_named(deliver: Deliver) -> None:
    folder = deliver(ind=[line_of("ind", vnummer="12")], iom=[line_of("iom", geslacht="V")])
    message = refused(folder, limit=0.05)
    assert "IND 1 of 1 rows" in message
    assert "IOM 1 of 1 rows" in message


def _frame() -> pd.DataFrame:
    return pd.DataFrame([GOOD["ind"].split(";")], columns=HEADERS["ind"].split(";"), dtype=object)
