"""A delivery of last year, cut off between two rows, changed on its way, or delivered twice: refused, or the same."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest
from intake_files import EXAMPLES

from schemas.errors import InputRefused
from schemas.intake import read_registers, snapshot_digest
from schemas.study import load_study

STUDY = load_study("nr2015")


@pytest.fixture
def delivery(tmp_path: Path) -> Path:
    return Path(shutil.copytree(EXAMPLES / "nr2015", tmp_path / "delivery"))


def _sums(folder: Path, *names: str) -> None:
    lines = [f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}" for name in names]
    (folder / "SHA256SUMS").write_text("\n".join(lines) + "\n")


def _keep(folder: Path, name: str, wanted: str) -> None:
    """Only rows in which `wanted` does not stand: those of another year."""
    path = folder / name
    head, *rows = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([head, *(row for row in rows if wanted.encode() not in row)]))


def test_what_the_source_sent_is_read(delivery: Path) -> None:
    _sums(delivery, "ind.csv", "dtv.csv", "iom.csv")
    assert read_registers(STUDY, delivery).delivered["IND"] > 3000


@pytest.mark.parametrize("rows", [1, 700])
def test_a_file_cut_off_between_two_rows_is_refused_by_its_sum(delivery: Path, rows: int) -> None:
    _sums(delivery, "ind.csv", "dtv.csv", "iom.csv")
    path = delivery / "ind.csv"
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-rows]))
    with pytest.raises(InputRefused, match=r"ind\.csv is not the file .*; fetch it again"):
        read_registers(STUDY, delivery)


def test_a_file_without_a_sum_is_refused_where_others_have_one(delivery: Path) -> None:
    _sums(delivery, "ind.csv", "iom.csv")
    with pytest.raises(InputRefused, match=r"does not name dtv\.csv; ask the source"):
        read_registers(STUDY, delivery)


def test_last_years_file_is_refused(delivery: Path) -> None:
    _keep(delivery, "ind.csv", ";2014-")
    with pytest.raises(InputRefused, match=r"IND: ind holds nothing of 2014.*ask the source for the extract"):
        read_registers(STUDY, delivery)


def test_one_register_of_last_year_among_new_ones_is_named(delivery: Path) -> None:
    _keep(delivery, "iom.csv", "/2014")
    with pytest.raises(InputRefused, match="IOM: iom holds nothing of 2014"):
        read_registers(STUDY, delivery)


def test_a_small_register_may_have_a_quiet_year(delivery: Path) -> None:
    _keep(delivery, "iom.csv", "/2014")
    path = delivery / "iom.csv"
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:31]))
    assert read_registers(STUDY, delivery).delivered["IOM"] == 30


def test_delivered_twice_in_another_order_is_the_same_snapshot(delivery: Path) -> None:
    key = b"k" * 32
    first = snapshot_digest(read_registers(STUDY, delivery), key)
    path = delivery / "ind.csv"
    head, *rows = path.read_bytes().splitlines()
    path.write_bytes(b"\n".join([head, *reversed(rows)]) + b"\n")
    assert snapshot_digest(read_registers(STUDY, delivery), key) == first
