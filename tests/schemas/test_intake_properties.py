"""Properties of any delivery, however broken: nothing is lost, nothing leaks, order does not matter."""

from __future__ import annotations

import tempfile
from datetime import date
from pathlib import Path
from random import Random

import pyarrow as pa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from intake_files import HEADERS, lenient
from intake_strategies import deliveries, good_cells, separator, write_csv

from schemas.dialects import parse_births, parse_dates
from schemas.intake import Intake, read_registers, snapshot_digest
from schemas.quarantine import QuarantineLimit

KEY = b"k" * 32
SETTINGS = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def _read(registers: dict[str, list[list[str]]]) -> Intake:
    with tempfile.TemporaryDirectory() as folder:
        return read_registers(lenient(), write_csv(Path(folder), registers))


@SETTINGS
@given(deliveries)
def test_every_delivered_row_is_canonical_duplicate_or_quarantined(registers: dict[str, list[list[str]]]) -> None:
    intake = _read(registers)
    for kind in registers:
        bron = kind.upper()
        kept = intake.registers[bron]["regel"].to_pylist()
        broken = {entry["regel"] for entry in intake.quarantine.to_pylist() if entry["bron"] == bron}
        assert not broken & set(kept)
        assert intake.delivered[bron] == len(kept) + intake.duplicates[bron] + len(broken)
        assert kept == sorted(set(kept))


@SETTINGS
@given(deliveries, st.randoms(use_true_random=False))
def test_row_order_changes_neither_snapshot_nor_counts(registers: dict[str, list[list[str]]], random: Random) -> None:
    shuffled = {kind: random.sample(rows, len(rows)) for kind, rows in registers.items()}
    first, second = _read(registers), _read(shuffled)
    assert snapshot_digest(first, KEY) == snapshot_digest(second, KEY)
    assert first.duplicates == second.duplicates
    assert _reasons(first) == _reasons(second)


def _reasons(intake: Intake) -> list[tuple[str, str, str]]:
    return sorted((entry["bron"], entry["kolom"], entry["reden"]) for entry in intake.quarantine.to_pylist())


@SETTINGS
@given(deliveries)
def test_no_value_reaches_an_error_or_the_quarantine(registers: dict[str, list[list[str]]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        refusal: QuarantineLimit | None = None
        try:
            said = str(read_registers(lenient(limit=0.0), write_csv(Path(folder), registers)).quarantine.to_pylist())
        except QuarantineLimit as error:
            refusal, said = error, f"{error} {error.args} {error.quarantine.to_pylist()}"
    assert refusal is None or refusal.__context__ is None
    cells = {cell for rows in registers.values() for row in rows for cell in row}
    # The quarantine speaks its own small language; short codes such as M or J are letters of it.
    assert not [cell for cell in cells if len(cell.strip()) > 3 and cell in said and cell not in HEADERS["ind"]]


@SETTINGS
@given(deliveries)
def test_the_fast_and_the_exact_reader_agree(registers: dict[str, list[list[str]]]) -> None:
    """A quoted line break in one more row sends the whole file through the slow reader."""
    slow = {kind: [*rows, [*_slow_row(kind)]] for kind, rows in registers.items()}
    first, second = _read(registers), _read(slow)
    for kind in registers:
        before, after = first.registers[kind.upper()], second.registers[kind.upper()]
        assert after.slice(0, before.num_rows) == before
        assert after.num_rows == before.num_rows + 1


def _slow_row(kind: str) -> list[str]:
    row = good_cells(kind)
    row[0] = "2000000000" if kind == "ind" else "slow"
    name = HEADERS[kind].split(separator(kind)).index("naam" if kind == "iom" else "achternaam")
    row[name] = "Zand\nstra"
    return row


FORMATS = st.sampled_from(["%Y-%m-%d", "%d-%m-%Y", "%d/%m/%Y", "%m.%d.%Y", "%Y%m%d"])


@given(st.lists(st.dates(), max_size=20), FORMATS)
def test_dates_of_every_format_come_back(dates: list[date], date_format: str) -> None:
    texts = pa.array([_written(day, date_format) for day in dates], pa.string())
    assert parse_dates(texts, date_format).to_pylist() == dates
    births = parse_births(texts, date_format)
    assert births.iso.to_pylist() == [day.isoformat() for day in dates]
    assert births.earliest.to_pylist() == dates


@given(st.integers(1, 9999), st.integers(0, 99), st.integers(0, 99), FORMATS)
def test_a_date_is_readable_exactly_if_python_has_it(year: int, month: int, day: int, date_format: str) -> None:
    text = date_format.replace("%Y", f"{year:04d}").replace("%m", f"{month:02d}").replace("%d", f"{day:02d}")
    try:
        expected = date(year, month, day)
    except ValueError:
        expected = None
    assert parse_dates(pa.array([text, None]), date_format).to_pylist() == [expected, None]
    partial = (month == 0 and day <= 31) or (day == 0 and month <= 12)
    births = parse_births(pa.array([text, None]), date_format)
    assert births.readable.to_pylist() == [expected is not None or partial, True]
    if partial:
        assert births.iso[0].as_py() == f"{year:04d}-{month:02d}-{day:02d}"


def _written(day: date, date_format: str) -> str:
    values = {"%Y": f"{day.year:04d}", "%m": f"{day.month:02d}", "%d": f"{day.day:02d}"}
    for directive, value in values.items():
        date_format = date_format.replace(directive, value)
    return date_format
