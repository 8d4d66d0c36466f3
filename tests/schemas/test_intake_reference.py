"""The reference extracts come out exactly, in every container and in any order."""

from __future__ import annotations

import csv
import json
import random
from datetime import date, datetime
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from intake_files import EXAMPLES, REFERENCE

from schemas.intake import Intake, read_registers, snapshot_digest
from schemas.study import Study, load_study

KEY = b"k" * 32
STUDY = load_study("nr2015")


@pytest.fixture(scope="module")
def reference() -> Intake:
    return read_registers(STUDY, EXAMPLES / "nr2015")


def test_quarantine_is_the_expected_one(reference: Intake) -> None:
    expected = json.loads((REFERENCE / "nr2015" / "expected_quarantine.json").read_text(encoding="utf-8"))
    assert reference.quarantine.select(["bron", "regel", "kolom"]).to_pylist() == expected


def test_duplicates_are_dropped_and_the_first_stays(reference: Intake) -> None:
    assert reference.duplicates == {"IND": 4, "DTV": 0, "IOM": 0}
    assert not set(range(3022, 3026)) & set(reference.registers["IND"]["regel"].to_pylist())
    assert {bron: events.num_rows for bron, events in reference.registers.items()} == {
        "IND": 3020,
        "DTV": 128,
        "IOM": 155,
    }


def test_nothing_of_wodc2020_is_set_aside() -> None:
    intake = read_registers(load_study("wodc2020"), EXAMPLES / "wodc2020")
    assert intake.quarantine.num_rows == 0
    assert intake.registers["IND"].num_rows == intake.delivered["IND"] == 3433


def test_every_cell_equals_a_plain_reading(reference: Intake) -> None:
    """Oracle: the csv module and strptime, row by row."""
    for register in STUDY.registers.values():
        dialect = register.dialect
        with (EXAMPLES / "nr2015" / f"{register.file}.csv").open(encoding=dialect.encoding, newline="") as handle:
            rows = dict(enumerate(csv.DictReader(handle, delimiter=dialect.separator), start=2))
        for event in reference.registers[register.bron].to_pylist():
            assert event == _plain(rows[event["regel"]], event["regel"], dialect.date_format, dict(dialect.sex))


def _plain(row: dict[str, str], line: int, date_format: str, sex: dict[str, str]) -> dict[str, object]:
    if "naam" in row:
        surname, first = row.pop("naam").split(", ")
        row |= {"achternaam": surname, "voornamen": first}
    event: dict[str, object] = {name: value or None for name, value in row.items()} | {"regel": line}
    for name, value in row.items():
        if name == "geboortedatum" and value:
            event[name] = datetime.strptime(value, date_format).date().isoformat()
        elif name in ("d9_start", "d9_einde", "vertrekdatum") or name.startswith("datum_"):
            event[name] = datetime.strptime(value, date_format).date() if value else None
    event["vnummer"] = row["vnummer"].replace(".", "") or None
    event["geslacht"] = sex[row["geslacht"]]
    return event


@pytest.mark.parametrize("style", ["text", "typed"])
@pytest.mark.parametrize("container", ["parquet", "xlsx"])
def test_parquet_and_excel_equal_csv(container: str, style: str, reference: Intake, tmp_path: Path) -> None:
    for register in STUDY.registers.values():
        table = _plain_table(register.file)
        if style == "typed":
            table = _typed(table, register.dialect.date_format)
        write = _write_parquet if container == "parquet" else _write_excel
        write(table, tmp_path / f"{register.file}.{container}")
    intake = read_registers(STUDY, tmp_path)
    assert intake.registers == reference.registers
    assert intake.quarantine.equals(reference.quarantine)
    assert (intake.delivered, intake.duplicates) == (reference.delivered, reference.duplicates)
    assert snapshot_digest(intake, KEY) == snapshot_digest(reference, KEY)


def _plain_table(stem: str) -> dict[str, list[object]]:
    dialect = STUDY.registers[stem].dialect
    with (EXAMPLES / "nr2015" / f"{stem}.csv").open(encoding=dialect.encoding, newline="") as handle:
        header, *rows = csv.reader(handle, delimiter=dialect.separator)
    return {name: [row[place] or None for row in rows] for place, name in enumerate(header)}


def _typed(table: dict[str, list[object]], date_format: str) -> dict[str, list[object]]:
    """As Excel or pandas would have it: real dates and numbers where a cell allows, text where it does not."""

    def convert(name: str, value: object) -> object:
        if not isinstance(value, str):
            return value
        if name == "vnummer":
            return int(value) if value.isdigit() else value
        if "datum" in name or (name.startswith("d9_") and name != "d9_nummer"):
            try:
                return datetime.strptime(value, date_format)
            except ValueError:
                return value
        return value

    return {name: [convert(name, value) for value in values] for name, values in table.items()}


def _write_parquet(table: dict[str, list[object]], path: Path) -> None:
    columns = {}
    for name, values in table.items():
        kinds = {type(value) for value in values if value is not None}
        if len(kinds) > 1:  # Parquet has one type per column: text it is, in the dialect's format
            fmt = STUDY.registers[path.stem].dialect.date_format
            values = [v.strftime(fmt) if isinstance(v, date) else v if v is None else str(v) for v in values]
        columns[name] = values
    pq.write_table(pa.table(columns), path)


def _write_excel(table: dict[str, list[object]], path: Path) -> None:
    pd.DataFrame(table, dtype=object).to_excel(path, index=False)


def test_parquet_numbers_and_dates_of_every_type_survive(reference: Intake, tmp_path: Path) -> None:
    good = reference.registers["IND"].drop_columns(["regel"])
    number = good["vnummer"].cast(pa.int64())
    day = good["datum_aanvraag"]
    for vnummer in (
        number,
        number.cast(pa.float64()),
        number.cast(pa.decimal128(19, 0)),
        number.cast(pa.decimal128(21, 2)),
    ):
        for moment in (
            day,
            day.cast(pa.date64()),
            day.cast(pa.timestamp("ns")),
            pc.dictionary_encode(day.cast(pa.string())),
        ):
            table = good.set_column(0, "vnummer", vnummer)
            table = table.set_column(table.column_names.index("datum_aanvraag"), "datum_aanvraag", moment)
            pq.write_table(table, tmp_path / "ind.parquet")
            study = STUDY.model_copy(update={"registers": {"ind": STUDY.registers["ind"]}})
            assert read_registers(study, tmp_path).registers["IND"].drop_columns(["regel"]) == good


def test_row_order_does_not_change_the_snapshot(reference: Intake, tmp_path: Path) -> None:
    for register in STUDY.registers.values():
        data = (EXAMPLES / "nr2015" / f"{register.file}.csv").read_bytes()
        header, *rows = data.splitlines(keepends=True)
        random.Random(7).shuffle(rows)
        (tmp_path / f"{register.file}.csv").write_bytes(header + b"".join(rows))
    shuffled = read_registers(STUDY, tmp_path)
    assert snapshot_digest(shuffled, KEY) == snapshot_digest(reference, KEY)
    assert shuffled.duplicates == reference.duplicates


def test_the_snapshot_depends_on_the_key_and_on_every_cell(reference: Intake) -> None:
    digest = snapshot_digest(reference, KEY)
    assert snapshot_digest(reference, b"l" * 32) != digest
    seen = {digest}
    for bron, events in reference.registers.items():
        for name in events.column_names:
            if name == "regel":
                continue
            column = events[name].to_pylist()
            column[5] = date(1999, 1, 1) if isinstance(column[5], date) else "other"
            if events.schema.field(name).type == pa.date32() and column[5] == "other":
                column[5] = date(1999, 1, 1)
            place = events.column_names.index(name)
            bent = events.set_column(place, events.schema.field(name), pa.array(column, events.schema.field(name).type))
            seen.add(snapshot_digest(_with(reference, bron, bent), KEY))
    assert len(seen) == 1 + sum(events.num_columns - 1 for events in reference.registers.values())


def test_shifting_text_between_cells_changes_the_snapshot(reference: Intake) -> None:
    iom = reference.registers["IOM"].slice(0, 1)
    names = (
        {"achternaam": "AB", "voornamen": "C"},
        {"achternaam": "A", "voornamen": "BC"},
        {"achternaam": "2:AB", "voornamen": "C"},
    )
    digests = {snapshot_digest(_with(reference, "IOM", _named(iom, cells)), KEY) for cells in names}
    assert len(digests) == 3


def _named(events: pa.Table, cells: dict[str, str]) -> pa.Table:
    for name, value in cells.items():
        events = events.set_column(events.column_names.index(name), name, pa.array([value], pa.string()))
    return events


def _with(intake: Intake, bron: str, events: pa.Table) -> Intake:
    return Intake({**intake.registers, bron: events}, intake.quarantine, intake.delivered, intake.duplicates)


def test_columns_in_any_order_and_extra_columns_change_nothing(reference: Intake, tmp_path: Path) -> None:
    rng = random.Random(3)
    for stem in ("ind", "dtv", "iom"):
        dialect = STUDY.registers[stem].dialect
        table = _plain_table(stem) | {
            "opmerking": ["nooit lezen"] * len(_plain_table(stem)["vnummer"]),
            "": None,
            " x": None,
        }
        names = list(table)
        rng.shuffle(names)
        rows = zip(*(table[name] or ["-"] * len(table["vnummer"]) for name in names), strict=True)
        with (tmp_path / f"{stem}.csv").open("w", encoding=dialect.encoding, newline="") as handle:
            csv.writer(handle, delimiter=dialect.separator).writerows([names, *rows])
    intake = read_registers(STUDY, tmp_path)
    assert intake.registers == reference.registers
    assert intake.quarantine.equals(reference.quarantine)


def test_a_study_is_data(reference: Intake, tmp_path: Path) -> None:
    """The IND extract in a dialect nobody ships gives the same events, with no code."""
    study = _other_dialect()
    table = _plain_table("ind")
    english = {"V": "female", "M": "male", "O": "?"}
    table["geslacht"] = [english.get(str(value), value) for value in table["geslacht"]]
    table["naam"] = [f"{last}, {first}" for last, first in zip(table["achternaam"], table["voornamen"], strict=True)]
    for name in table:
        if "datum" in name:
            table[name] = [value and "{2}.{1}.{0}".format(*str(value).split("-")) for value in table[name]]
    names = [name for name in table if name not in ("achternaam", "voornamen")]
    with (tmp_path / "sd.csv").open("w", encoding="utf-16", newline="") as handle:
        csv.writer(handle, delimiter="|").writerows([names, *zip(*(table[name] for name in names), strict=True)])
    assert read_registers(study, tmp_path).registers["IND"] == reference.registers["IND"]


def _other_dialect() -> Study:
    dialect = {
        "encoding": "utf-16",
        "separator": "|",
        "date_format": "%d.%m.%Y",
        "sex": {"female": "V", "male": "M", "?": "O"},
        "name_column": "naam",
    }
    register = {"bron": "IND", "kind": "ind", "file": "sd", "dialect": dialect}
    return Study.model_validate(STUDY.model_dump() | {"registers": {"own": register}})
